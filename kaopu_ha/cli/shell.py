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

"""The command ``kaopu-ha``: its commands, its options, and the store that they share."""

from __future__ import annotations

import argparse
import functools
import importlib.metadata
import logging
import sys
from typing import TYPE_CHECKING, Any, TextIO

from cliff import app, commandmanager

from kaopu_ha import version

if TYPE_CHECKING:
    from oslo_config import cfg

    from kaopu_ha import ports
    from kaopu_ha.core.rules import Rules

_CONFIG_FILE = '/etc/kaopu-ha/kaopu-ha.conf'

# Loaded when they are asked for: the command must answer at once.
COMMANDS = {
    'status': 'status:Status',
    'host list': 'host.show:HostList',
    'host rank': 'host.rank:HostRank',
    'host show': 'host.show:HostShow',
    'host hold': 'host.hold:HostHold',
    'host release': 'host.hold:HostRelease',
    'host wave-off': 'host.wave_off:HostWaveOff',
    'host forget': 'host.forget:HostForget',
    'host admit': 'host.admit:HostAdmit',
    'brake release': 'brake:BrakeRelease',
    'tool add': 'tool:ToolAdd',
    'tool list': 'tool:ToolList',
    'tool remove': 'tool:ToolRemove',
    'case list': 'case:CaseList',
    'case show': 'case:CaseShow',
    'recovery list': 'recovery.show:RecoveryList',
    'recovery show': 'recovery.show:RecoveryShow',
    'recovery retry': 'recovery.ask:RecoveryRetry',
    'recovery give-up': 'recovery.ask:RecoveryGiveUp',
    'recovery end': 'recovery.ask:RecoveryEnd',
    'recovery go-on': 'recovery.ask:RecoveryGoOn',
    'protection': 'protection:Protection',
    'explain': 'explain:Explain',
    'watch': 'watch:Watch',
    'doctor': 'doctor:Doctor',
    'drivers': 'drivers:Drivers',
    'secure etcd': 'secure:SecureEtcd',
    'secure ceph': 'secure:SecureCeph',
    'simulate': 'simulate:Simulate',
}


class Commands(commandmanager.CommandManager):
    """The commands of this program, in code: looking for entry points would be slow."""

    def __init__(self) -> None:
        super().__init__(None)
        for name, place in COMMANDS.items():
            self.commands[name] = importlib.metadata.EntryPoint(
                name, f'kaopu_ha.cli.{place}', 'kaopu_ha.cli')


class Shell(app.App):
    """The program.  Opens the store when a command first needs it, and closes it in the end."""

    NAME = 'kaopu-ha'
    LOG = logging.getLogger('kaopu_ha.cli')

    def __init__(self, stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        super().__init__('What Kaopu HA knows and does, and what a person may tell it.',
                         version.installed(), Commands(), stdout=stdout, stderr=stderr,
                         deferred_help=True)
        self.sections: tuple[str, ...] = ()
        self.misconfigured = False

    def build_option_parser(self, description: str | None, version: str | None,
                            argparse_kwargs: dict[str, Any] | None = None
                            ) -> argparse.ArgumentParser:
        """The options of all commands; they may stand before a command or behind it."""
        parser = argparse.ArgumentParser(prog=self.NAME, description=description, add_help=False,
                                         allow_abbrev=False, **(argparse_kwargs or {}))
        parser.add_argument('--config-file', metavar='FILE', action='append',
                            help=f'read this file; may be repeated (default: {_CONFIG_FILE})')
        parser.add_argument('--config-dir', metavar='DIR', action='append',
                            help='read the *.conf files of this folder after the files')
        parser.add_argument('--endpoints', metavar='HOST:PORT[,...]',
                            help='members of etcd, instead of the configured ones')
        parser.add_argument('--json', action='store_true', help='answer with JSON')
        parser.add_argument('-v', '--verbose', action='store_true', help='tell more')
        parser.add_argument('--debug', action='store_true', help='show tracebacks and all logs')
        parser.add_argument('--version', action='version', version=f'{self.NAME} {version}')
        parser.add_argument('-h', '--help', dest='deferred_help', action='store_true',
                            help='show what there is, or the options of a command')
        return parser

    def configure_logging(self) -> None:
        """Failures go to the error stream; the libraries' logs only with --debug."""
        handler = logging.StreamHandler(self.stderr)
        handler.setFormatter(logging.Formatter('%(message)s'))
        self.LOG.handlers = [handler]
        self.LOG.propagate = False
        if self.options.debug:
            logging.basicConfig(stream=self.stderr, level=logging.DEBUG)
        else:
            logging.basicConfig(handlers=[logging.NullHandler()])

    def interact(self) -> None:
        """There is no dialogue: without a command, say which there are.  Wrong usage."""
        self.parser.print_usage(self.stderr)
        self.stderr.write('Commands: ' + ', '.join(COMMANDS) + '\n')
        raise SystemExit(2)

    def get_fuzzy_matches(self, cmd: str) -> list[str]:
        """The commands that begin with this word; else those that are spelled alike."""
        begun = [name for name in COMMANDS if name.partition(' ')[0] == cmd]
        return begun or super().get_fuzzy_matches(cmd)

    def prepare_to_run_command(self, cmd: Any) -> None:
        """Keep what it reads of the configuration."""
        self.sections = getattr(cmd, 'sections', ())

    def clean_up(self, cmd: Any, result: int, err: BaseException | None) -> None:
        """Close the store, if it was opened; keep what kind of failure there was."""
        if 'store' in self.__dict__:
            self.store.close()
        from kaopu_ha.cli.command import Misconfigured
        from kaopu_ha.conf.errors import ConfigError
        self.misconfigured = isinstance(err, Misconfigured | ConfigError)

    def run(self, argv: list[str]) -> int:
        """Run a command; 2 if it can't be run like this, as for a wrong word."""
        result = super().run(argv)
        return 2 if self.misconfigured else result

    # ------------------------------------------------------------ what the commands share

    @functools.cached_property
    def conf(self) -> cfg.ConfigOpts:
        """The configuration.  Raises Trouble if its files can't be read."""
        from kaopu_ha.cli import settings
        return settings.conf(self.options, _CONFIG_FILE, self.sections)

    @functools.cached_property
    def store(self) -> ports.Store:
        """The configured store."""
        from kaopu_ha import wiring
        return wiring.store(self.conf)

    @functools.cached_property
    def rules(self) -> Rules:
        """The waits and the storm of this configuration, which the controllers have too."""
        from kaopu_ha.cli import settings
        return settings.rules(self.conf)

    def endpoints(self) -> str:
        """Where the store is looked for, for people."""
        from kaopu_ha.cli import settings
        return ', '.join(settings.endpoints(self.conf))


def main(argv: list[str] | None = None) -> int:
    """Run one command; its exit code: 0 done, 1 failed, 2 wrong usage."""
    return Shell().run(sys.argv[1:] if argv is None else argv)


if __name__ == '__main__':
    sys.exit(main())
