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

"""Which driver is loaded is configuration; how one is made it knows itself::

    class Switch(ports.Fence):
        options = {'switch': [cfg.StrOpt('address')]}     # registered before it is made

        @classmethod
        def from_conf(cls, conf, store): ...              # the whole configuration, our own store

Ours and those from outside are made alike: an entry point in the namespace ``kaopu_ha.<port>``.
"""

from __future__ import annotations

import importlib.metadata
import logging
import time
from typing import Any

from oslo_config import cfg
from stevedore import driver as stevedore_driver
from stevedore import exception as stevedore_errors

from kaopu_ha import ports
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.worker.queue import CarriedQueue, RecordQueue

LOG = logging.getLogger(__name__)

# A driver that is missing is told by ``load``, once.  DriverManager does not hand on the parameter
# that would have it say nothing itself (read in stevedore 5.10).
logging.getLogger('stevedore.named').addFilter(lambda record: False)
# The ports that drivers are loaded for, and the options that choose them.
CHOSEN_BY = {'store': ('driver',), 'probe': ('management', 'storage'), 'fence': ('drivers',),
             'cloud': ('driver',), 'usage': ('driver',), 'queue': ('driver',),
             'events': ('driver',), 'notifier': ('drivers',)}


def load(port: str, name: str) -> Any:
    """The class of a driver.  Raises ConfigError."""
    namespace = f'kaopu_ha.{port}'
    try:
        return stevedore_driver.DriverManager(namespace, name, invoke_on_load=False,
                                              on_missing_entrypoints_callback=None).driver
    except stevedore_errors.NoMatches as failure:
        known = sorted(entry.name for entry in importlib.metadata.entry_points(group=namespace))
        raise ConfigError(f'[{port}] {" or ".join(CHOSEN_BY[port])}: there is no {port} driver '
                          f'"{name}"; there is: '
                          f'{", ".join(known) or "none (is kaopu-ha installed?)"}') from failure
    except stevedore_errors.MultipleMatches as failure:
        raise ConfigError(f'more than one package has a {port} driver "{name}": remove one or '
                          f'rename it') from failure
    except Exception as failure:
        raise ConfigError(f'the {port} driver "{name}" can\'t be loaded: '
                          f'{_told(failure)}') from failure


def make(conf: cfg.ConfigOpts, port: str, name: str, kv: ports.Store | None) -> Any:
    """The driver, made as the configuration says; ``kv``: the process's own store.

    Raises ConfigError.
    """
    kind = load(port, name)
    try:
        for group, its in own_options(kind).items():
            conf.register_opts(its, group)
        return kind.from_conf(conf, kv) if hasattr(kind, 'from_conf') else _made_as_once(
            kind, conf, port, name)
    except ConfigError:
        raise
    except (OSError, ValueError, cfg.Error, ports.PortError) as failure:
        raise ConfigError(f'the {port} driver "{name}" can\'t be made: '
                          f'{_told(failure)}') from failure


def own_options(kind: Any) -> dict[str, list[cfg.Opt]]:
    """The options that a driver reads, by group."""
    return {group: list(its) for group, its in getattr(kind, 'options', {}).items()}


def local(conf: cfg.ConfigOpts, kv: ports.Store) -> ports.LocalHost:
    """What an agent asks its own host by.  Raises ConfigError."""
    try:
        from kaopu_ha.drivers.libvirt.local import LocalLibvirt
    except ImportError as failure:
        raise ConfigError(f'an agent asks its host\'s libvirt: {failure}') from failure
    return LocalLibvirt.from_conf(conf, kv)


def queue(conf: cfg.ConfigOpts, kv: ports.Store) -> ports.Queue:
    """The queue: the records themselves, or what carries tasks with the records behind it."""
    made: ports.Queue = make(conf, 'queue', conf.queue.driver, kv)
    if isinstance(made, RecordQueue):
        return made
    return CarriedQueue(made, RecordQueue(kv), conf.queue.lost_after, time.monotonic)


def _made_as_once(kind: Any, conf: cfg.ConfigOpts, port: str, name: str) -> Any:
    """A driver from outside of before ``from_conf``, for one release."""
    LOG.warning('the %s driver "%s" is made in a way that the next release does not know: give it '
                'from_conf(conf, store)', port, name)
    return kind(conf)


def _told(failure: Exception) -> str:
    return ' '.join(f'{type(failure).__name__}: {failure}'.split())
