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

"""What is asked: the checks of every driver that is configured, and those of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
import contextlib
import datetime
import functools
from typing import Any, TypeVar

from oslo_config import cfg

from kaopu_ha import ports, records
from kaopu_ha.checkup import Check, Checkable
from kaopu_ha.conf import ceph, files
from kaopu_ha.conf import rules as conf_rules
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.core import checkup_ceph, checkup_hosts, model, protection
from kaopu_ha.core.checkup import Seen, unasked
from kaopu_ha.core.checkup_hosts import Certificate
from kaopu_ha.doctor.round import Asked
from kaopu_ha.wiring import drivers

T = TypeVar('T')

_RANGES = (records.LEADER, records.ALIVE, records.INVENTORY, records.CASE, records.RECOVERY,
           records.PROCESS, records.UNPROTECTED)
# Files with certificates that the configuration names.
_FILES = (('store', 'ca'), ('store', 'cert'), ('nova', 'cafile'), ('nova', 'certfile'),
          ('notifier', 'webhook_ca'))


def known(conf: cfg.ConfigOpts, snapshot: ports.Snapshot | None) -> Seen:
    """What the store and the configuration say; of what can't be read, nothing."""
    pools: Mapping[str, tuple[str, ...]] = {}
    with contextlib.suppress(ConfigError):
        pools = {each.fsid: each.pools for each in ceph.clusters(conf)}
    ttl = 0
    with contextlib.suppress(ConfigError):
        ttl = conf_rules.times(conf).beat_ttl
    if snapshot is None:
        return Seen(pools=pools, beat_ttl=ttl)

    def all_of(kind: type[T], prefix: str) -> dict[str, T]:
        return records.readable(kind, snapshot.under(prefix))

    return Seen(inventories=all_of(model.Inventory, records.INVENTORY),
                beats={host: entry.lease for host, entry in snapshot.under(records.ALIVE).items()},
                cases=all_of(model.Case, records.CASE),
                recoveries=all_of(model.Recovery, records.RECOVERY), pools=pools, beat_ttl=ttl)


def read(kv: ports.Store) -> ports.Snapshot:
    """What is known of hosts, cases and recoveries.  Raises PortError."""
    return kv.read(*_RANGES)


def wanted(conf: cfg.ConfigOpts, kv: ports.Store, snapshot: ports.Snapshot | None,
           held: contextlib.ExitStack) -> list[Asked]:
    """Every check; ``held`` closes the drivers that were made for them."""
    seen = known(conf, snapshot)
    found = [*_of_driver('store', lambda: kv, seen, held),
             *(Asked('hosts', check) for check in _own(conf, seen, snapshot))]
    for side, make in _drivers(conf, kv):
        found += _of_driver(side, make, seen, held)
    return found


# ---------------------------------------------------------------- drivers


def _drivers(conf: cfg.ConfigOpts, kv: ports.Store) -> Iterator[tuple[str, Callable[[], Any]]]:
    # First, as in a controller: its exchange is the default of the library from then on.
    if conf.queue.driver != 'etcd':
        yield 'queue', functools.partial(drivers.make, conf, 'queue', conf.queue.driver, kv)
    for side, port, names in (
            ('management', 'probe', [conf.probe.management]),
            ('storage', 'probe', [conf.probe.storage]),
            ('fence', 'fence', conf.fence.drivers), ('cloud', 'cloud', [conf.cloud.driver]),
            ('usage', 'usage', [conf['usage'].driver]), ('events', 'events', [conf.events.driver]),
            ('notifier', 'notifier', conf.notifier.drivers)):
        for name in filter(None, names):
            yield side, functools.partial(drivers.make, conf, port, name, kv)


def _of_driver(side: str, make: Callable[[], Any], seen: Seen,
               held: contextlib.ExitStack) -> list[Asked]:
    """Its checks; if it can't be made, that.  A driver without checks has none."""
    try:
        made = make()
        if side != 'store' and hasattr(made, 'close'):
            held.callback(made.close)
        checks = made.checks(seen) if isinstance(made, Checkable) else ()
    except Exception as failure:  # noqa: BLE001  one that can't be made is a finding
        why = ' '.join(str(failure).split())
        return [Asked(side, Check('driver', lambda _: [unasked(
            f'the {side} driver', why, 'no process starts that needs it',
            'kaopu-ha-status upgrade check')]))]
    return [Asked(side, check) for check in checks]


# ---------------------------------------------------------------- of this machine and the records


def _own(conf: cfg.ConfigOpts, seen: Seen, snapshot: ports.Snapshot | None) -> Iterable[Check]:
    yield Check('certificates of the configuration',
                lambda _: checkup_hosts.certificates(list(_certificates(conf))))
    yield Check('fences', lambda _: checkup_hosts.fences(conf.fence.drivers))
    yield Check('what notifications may do',
                lambda _: checkup_hosts.trusted(conf.detection.trust_notifications))
    if snapshot is None:
        return
    entry = snapshot.get(records.LEADER)
    leads = records.readable(records.Leader, {} if entry is None else {'': entry})
    leader = leads[''].name if leads else ''
    yield Check('agents and leader', lambda _: checkup_hosts.agents(seen, leader))
    for role in ('controller', 'worker'):
        names = list(snapshot.under(f'{records.PROCESS}{role}/'))
        yield Check(f'{role}s that run', functools.partial(
            lambda role, names, _: checkup_hosts.processes(role, names), role, names))
    told = snapshot.get(records.UNPROTECTED)
    lists = records.readable(records.UnprotectedList, {} if told is None else {'': told})
    yield Check('what the leader told', lambda _: checkup_hosts.unprotected(
        list(protection.still_to_be_judged(lists[''].items, seen.cases)) if lists else ()))
    yield Check('disks that agents read', lambda _: checkup_ceph.unread(seen))


def _certificates(conf: cfg.ConfigOpts) -> Iterator[Certificate]:
    now = datetime.datetime.now(datetime.UTC)
    for group, name in _FILES:
        path = conf[group].get(name)
        if not path:
            continue
        with contextlib.suppress(ConfigError):    # The configuration's own check tells of it.
            ends = min(each.not_valid_after_utc
                       for each in files.certificates(f'[{group}] {name}', path))
            yield Certificate(f'[{group}] {name} ({path})', (ends - now).total_seconds() / 86400)

