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

"""Which driver is loaded is configuration; how a built-in one is made from it stands in
``_ARGUMENTS``, a line for each.

A driver from outside (an entry point in the namespace ``kaopu_ha.<port>``) is made with the whole
configuration as its only argument: ``Driver(conf)``.  Options of its own stand in its attribute
``options``, by group; they are registered before it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
import importlib.metadata
import logging
import time
from typing import Any

from oslo_config import cfg
from stevedore import driver as stevedore_driver
from stevedore import exception as stevedore_errors

from kaopu_ha import ports
from kaopu_ha.conf import ceph, libvirt, notifier, store
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.drivers.libvirt import uri as libvirt_uri
from kaopu_ha.worker.queue import CarriedQueue, RecordQueue

# A driver that is missing is told by ``load``, once.  DriverManager does not hand on the parameter
# that would have it say nothing itself (read in stevedore 5.10).
logging.getLogger('stevedore.named').addFilter(lambda record: False)
# The options that name drivers, where one is not called "driver".
_OPTIONS = {'fence': 'drivers', 'notifier': 'drivers', 'probe': 'management or storage'}


def load(port: str, name: str) -> Any:
    """The class of a driver.  Raises ConfigError."""
    namespace = f'kaopu_ha.{port}'
    try:
        return stevedore_driver.DriverManager(namespace, name, invoke_on_load=False,
                                              on_missing_entrypoints_callback=None).driver
    except stevedore_errors.NoMatches as failure:
        known = sorted(entry.name for entry in importlib.metadata.entry_points(group=namespace))
        raise ConfigError(f'[{port}] {_OPTIONS.get(port, "driver")}: there is no {port} driver '
                          f'"{name}"; there is: '
                          f'{", ".join(known) or "none (is kaopu-ha installed?)"}') from failure
    except stevedore_errors.MultipleMatches as failure:
        raise ConfigError(f'more than one package has a {port} driver "{name}": remove one or '
                          f'rename it') from failure
    except Exception as failure:
        raise ConfigError(f'the {port} driver "{name}" can\'t be loaded: '
                          f'{_told(failure)}') from failure


def make(conf: cfg.ConfigOpts, port: str, name: str) -> Any:
    """The driver, made as the configuration says.  Raises ConfigError."""
    kind = load(port, name)
    known = _ARGUMENTS.get((port, name))
    arguments = known(conf) if known else None
    try:
        for group, its in own_options(kind).items():
            conf.register_opts(its, group)
        return kind(conf) if arguments is None else kind(**arguments)
    except ConfigError:
        raise
    except (OSError, ValueError, cfg.Error, ports.PortError) as failure:
        raise ConfigError(f'the {port} driver "{name}" can\'t be made: '
                          f'{_told(failure)}') from failure


def own_options(kind: Any) -> dict[str, list[cfg.Opt]]:
    """The options that a driver from outside brings, by group."""
    return {group: list(its) for group, its in getattr(kind, 'options', {}).items()}


def local_libvirt() -> Any:
    """The class that an agent asks its own host by.  Raises ConfigError."""
    try:
        from kaopu_ha.drivers.libvirt.local import LocalLibvirt
    except ImportError as failure:
        raise ConfigError(f'an agent asks its host\'s libvirt: {failure}') from failure
    return LocalLibvirt


def queue(conf: cfg.ConfigOpts, kv: ports.Store) -> ports.Queue:
    """The queue: the records themselves, or what carries tasks with the records behind it."""
    recorded = RecordQueue(kv)
    if conf.queue.driver == 'etcd':
        return recorded
    return CarriedQueue(make(conf, 'queue', conf.queue.driver), recorded, conf.queue.lost_after,
                        time.monotonic)


def events(conf: cfg.ConfigOpts) -> Any:
    """What tells of Nova's events; None where none is configured.  Raises ConfigError."""
    return make(conf, 'events', conf.events.driver) if conf.events.driver else None


def joined(conf: cfg.ConfigOpts, port: str, name: str, kv: ports.Store) -> Any:
    """The driver; one whose truth is in the store is handed the process's own."""
    arguments = _ON_STORE.get((port, name))
    if arguments is None:
        return make(conf, port, name)
    return load(port, name)(kv, **arguments(conf, kv))


def _etcd(conf: cfg.ConfigOpts) -> dict[str, Any]:
    return store.access(conf)


def _libvirt(conf: cfg.ConfigOpts) -> dict[str, Any]:
    return {'anchors': conf.libvirt.anchors, 'eye': conf.host,
            'pki_path': conf.libvirt.pki_path, 'reach': _reach(conf)}


def _reach(conf: cfg.ConfigOpts) -> libvirt_uri.Reach:
    return libvirt_uri.Reach(*libvirt.reach(conf))


def _ceph(conf: cfg.ConfigOpts) -> dict[str, Any]:
    return {'clusters': ceph.access(conf), 'eye': conf.host}


def _ceph_blocklist(conf: cfg.ConfigOpts) -> dict[str, Any]:
    return {'clusters': ceph.access(conf, fence=True),
            'client_networks': ceph.client_networks(conf)}


def _auth(conf: cfg.ConfigOpts) -> dict[str, str]:
    # Loaded when needed only: a process without OpenStack has none of it.
    from kaopu_ha.conf import nova
    given = nova.auth(conf)
    if 'cloud' not in given:
        return given
    from kaopu_ha.drivers.openstack import clouds as openstack_clouds
    try:
        return openstack_clouds.expanded(given)
    except ports.PortError as failure:
        raise ConfigError(f'[nova] cloud: {failure}') from failure


def _nova(conf: cfg.ConfigOpts) -> dict[str, Any]:
    return {'auth': _auth(conf), 'limit': conf.nova.timeout,
            'children': conf.worker.concurrency}


def _placement(conf: cfg.ConfigOpts) -> dict[str, Any]:
    if conf.cloud.driver == 'libvirt':
        raise ConfigError('[usage] driver is placement, but [cloud] driver is libvirt: without '
                          'OpenStack set [usage] driver = inventory')
    return {'auth': _auth(conf), 'limit': conf.nova.timeout}


def _oslo_messaging(conf: cfg.ConfigOpts) -> dict[str, Any]:
    return {'conf': conf, 'url': _needed(conf, 'transport_url'), 'name': conf.queue.name}


def _rq(conf: cfg.ConfigOpts) -> dict[str, Any]:
    return {'url': _needed(conf, 'redis_url'), 'name': conf.queue.name}


def _needed(conf: cfg.ConfigOpts, name: str) -> str:
    value: str = conf.queue[name]
    if not value:
        raise ConfigError(f'[queue] {name} is not set: the queue driver "{conf.queue.driver}" '
                          f'reaches its broker by it')
    return value


def _nova_events(conf: cfg.ConfigOpts) -> dict[str, Any]:
    group = conf.events
    if not group.transport_url:
        raise ConfigError('[events] transport_url is not set: the events driver "nova" listens at '
                          'the broker that it names')
    return {'conf': conf, 'url': group.transport_url, 'exchange': group.exchange,
            'topic': group.topic, 'pool': group.pool}


def _libvirt_cloud(conf: cfg.ConfigOpts) -> dict[str, Any]:
    return {'pki_path': conf.libvirt.pki_path, 'children': conf.worker.concurrency,
            'reach': _reach(conf), 'networks': tuple(conf.cloud.networks)}


def _agent_usage(conf: cfg.ConfigOpts, kv: ports.Store) -> dict[str, Any]:
    room = 'inventory' if conf.cloud.driver == 'libvirt' else 'placement'
    return {'room': joined(conf, 'usage', room, kv), 'weight': conf['usage'].live_weight}


def _inventory(conf: cfg.ConfigOpts) -> dict[str, Any]:
    return {'core_ratio': conf['usage'].core_ratio,
            'reserved_memory_mb': conf['usage'].reserved_memory_mb}


_ARGUMENTS: Mapping[tuple[str, str], Callable[[cfg.ConfigOpts], dict[str, Any]]] = {
    ('store', 'etcd'): _etcd,
    ('store', 'etcd3'): _etcd,
    ('probe', 'libvirt'): _libvirt,
    ('probe', 'ceph'): _ceph,
    ('fence', 'ceph_blocklist'): _ceph_blocklist,
    ('cloud', 'nova'): _nova,
    ('usage', 'placement'): _placement,
    ('queue', 'oslo_messaging'): _oslo_messaging,
    ('queue', 'rq'): _rq,
    ('notifier', 'log'): lambda conf: {},
    ('notifier', 'oslo_messaging'): notifier.oslo_messaging,
    ('notifier', 'webhook'): notifier.webhook,
    ('events', 'nova'): _nova_events,
}
_ON_STORE: Mapping[tuple[str, str], Callable[[cfg.ConfigOpts, ports.Store], dict[str, Any]]] = {
    ('cloud', 'libvirt'): lambda conf, kv: _libvirt_cloud(conf),
    ('usage', 'inventory'): lambda conf, kv: _inventory(conf),
    ('usage', 'agent'): _agent_usage,
}


def _told(failure: Exception) -> str:
    return ' '.join(f'{type(failure).__name__}: {failure}'.split())
