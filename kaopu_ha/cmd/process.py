#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""What the processes share: command line and configuration, start, signals, end.

SIGTERM ends a process within two seconds, with exit code 0 however busy the machine is; SIGINT
ends it at once, with 130; SIGHUP reads again those options that may change while a process runs
(of logging).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import copy
import logging
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

from kaopu_ha import threads  # noqa: F401  before anything of oslo is imported

# isort: split

from oslo_config import cfg
from oslo_log import formatters, log
from oslo_service import opts as service_options
from oslo_service import service

from kaopu_ha import conf as options
from kaopu_ha import version
from kaopu_ha.cmd import interrupts, logs, loops
from kaopu_ha.conf import reading, secrecy, sound
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.wiring import spelling
from kaopu_ha.wiring.parts import Program

LOG = logging.getLogger(__name__)

CONFIG_FILE = '/etc/kaopu-ha/kaopu-ha.conf'

# Together less than two seconds; what did not end by then is ended with the process.
_TURNS_SECONDS = 1.2
_CLOSE_SECONDS = 0.6
_EXIT_SECONDS = 2
# For the last lines of a log, which take no time unless it takes nothing.
_LOG_SECONDS = 1.0
# The service says itself when it starts and ends; libraries speak at length of their own.
_LIBRARIES = ['oslo_service=ERROR', 'cotyledon=ERROR', 'stevedore=WARNING', 'urllib3=WARNING',
              'requests=WARNING', 'keystoneauth=WARNING', 'openstack=WARNING', 'grpc=WARNING',
              'amqp=WARNING', 'kombu=WARNING', 'oslo.messaging=WARNING',
              'oslo_messaging=WARNING', 'rq=WARNING']


class ServiceProcess(service.ServiceBase):  # type: ignore[misc]
    """A program as a service of oslo.service, in the main process."""

    def __init__(self, name: str, program: Program, conf: cfg.ConfigOpts) -> None:
        self._name, self._program, self._conf = name, program, conf
        self._runner = loops.Runner(program.loops)

    def start(self) -> None:
        """Start the loops, with handlers of our own in place of three of oslo.service's.

        Its handler of SIGHUP would end the main thread, those of SIGALRM (its end took too long)
        and SIGINT the process as a failure.
        """
        signal.signal(signal.SIGINT, self._interrupted)
        signal.signal(signal.SIGHUP, self._reload)
        signal.signal(signal.SIGALRM, self._out_of_time)
        LOG.info('%s %s starts on %s', self._name, version.installed(), self._conf.host)
        self._runner.start()

    def wait(self) -> None:
        """Wait until a signal ends the process, or a loop is lost.

        In sleeps: the signal handlers run in this thread, and must not meet a lock that it holds.
        """
        while not self._runner.lost():
            time.sleep(0.5)
        LOG.critical('%s ends: its loop %s was lost', self._name, self._runner.lost())
        logs.drained(_LOG_SECONDS)
        os._exit(1)

    def stop(self, graceful: bool = False) -> None:
        """End the turns, then close.  While a turn is under way its leases are left to lapse."""
        ended = self._runner.stop(_TURNS_SECONDS)
        if ended:
            closing = threading.Thread(target=self._close, name='close', daemon=True)
            closing.start()
            closing.join(_CLOSE_SECONDS)
        LOG.info('%s ends%s', self._name, '' if ended else ' with turns under way')
        if not logs.drained(_LOG_SECONDS):
            # Python would wait for the thread that writes, or for its lock, at its end.
            os._exit(0)

    def reset(self) -> None:
        """Nothing is kept that a reload would reset."""

    def _close(self) -> None:
        try:
            self._program.close()
        except Exception as failure:  # noqa: BLE001  the process ends now in any case
            LOG.debug('not closed: %r', failure)

    def _out_of_time(self, number: int, frame: FrameType | None) -> None:
        """End now: it was told to end, and its end took too long.

        That is no failure: what did not end is left to lapse, as after a loss of power.  With
        another code a service manager would call a unit failed that a person has stopped.
        """
        self._end_now('its time to end has run out', 0)

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        """End now; what did not end is left to lapse."""
        self._end_now('interrupted', interrupts.EXIT)

    def _end_now(self, why: str, code: int) -> None:
        # What fails in other threads only because the process ends is no news.
        logs.only_from_here()
        LOG.info('%s ends: %s', self._name, why)
        logs.drained(_LOG_SECONDS)
        os._exit(code)

    def _reload(self, number: int, frame: FrameType | None) -> None:
        try:
            changed = self._conf.mutate_config_files()
            wrong = list(spelling.misspelled(self._conf))
        except Exception as failure:  # noqa: BLE001  a bad file must not end a running process
            LOG.error('the configuration was not read again: %s', one_line(failure))
            return
        # Another log may be named in it.
        logs.hand_over()
        LOG.info('the configuration was read again: %d options changed', len(changed))
        for word in wrong:
            LOG.warning('the next start would be refused: %s', word)


def main(name: str, make: Callable[[cfg.ConfigOpts], Program],
         argv: Sequence[str] | None = None) -> int:
    """Run a program until a signal ends it; 2 if its configuration does not allow to start."""
    try:
        conf = configure(name, sys.argv[1:] if argv is None else argv)
        program = make(conf)
    except (ConfigError, cfg.Error, OSError) as failure:
        print(f'{name}: {one_line(failure)}', file=sys.stderr)
        return 2
    logs.hand_over()
    service.launch(conf, ServiceProcess(name, program, conf), workers=1, no_fork=True,
                   restart_method='mutate')
    return 0


def configure(name: str, argv: Sequence[str]) -> cfg.ConfigOpts:
    """The options of the command line and its files, every value checked; sets up logging.

    Raises ConfigError or cfg.Error; argparse's own exits for --help and --version.
    """
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    log.set_defaults(default_log_levels=_LIBRARIES)
    service_options.register_service_opts(conf)
    conf.set_default('graceful_shutdown_timeout', _EXIT_SECONDS)
    options.register(conf)
    with reading.in_words():
        conf(list(argv), project='kaopu-ha', prog=name, version=version.installed(),
             default_config_files=default_files(argv))
    sound.check(conf, name.rpartition('-')[2])
    spelling.check(conf)
    _set_up_log(conf)
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, formatters.ContextFormatter):
            handler.setFormatter(_Sentences(handler.formatter))
    for warning in secrecy.exposed(conf, options.list_opts()):
        LOG.warning('%s', warning)
    return conf


def _set_up_log(conf: cfg.ConfigOpts) -> None:
    """Begin to log.  Raises ConfigError where the configuration names no place for it."""
    try:
        log.setup(conf, 'kaopu-ha', version.installed())
    except (log.LogConfigError, OSError) as failure:
        raise ConfigError(f'the log can\'t be written: {one_line(failure)}.  Look at log_file, '
                          f'log_dir and log_config_append in [DEFAULT]') from failure


class _Sentences(logging.Formatter):
    """Leaves out the exception that oslo.log adds to every warning told where one is handled.

    Our messages have its reason in words; what is logged with a traceback keeps it.
    """

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Format as the inner one does; it adds the exception from the level of warnings on."""
        if not record.exc_info:
            record = copy.copy(record)
            record.levelno = min(record.levelno, logging.INFO)
        return self._inner.format(record)


def one_line(failure: Any) -> str:
    """What a failure says, without its line breaks."""
    return ' '.join(str(failure).split())


def default_files(argv: Sequence[str]) -> list[str]:
    """The default file must be there, unless a folder is named in its stead."""
    named = any(word.startswith('--config-dir') for word in argv)
    return [] if named and not os.path.exists(CONFIG_FILE) else [CONFIG_FILE]
