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

"""What ``kaopu-ha-status upgrade check`` looks at, and ``kaopu-ha doctor`` too, of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
import functools
import json

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck
from oslo_upgradecheck.upgradecheck import Code, Result

from kaopu_ha import ports, records, wiring
from kaopu_ha.conf import ceph, sound
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.telling import picture
from kaopu_ha.wiring import catalogue, drivers, spelling

# What a process writes of itself and lives as long as it does.
_PROCESSES = {'agent': records.ALIVE, 'leader': records.LEADER, 'claim': records.CLAIM}
_SHOWN_MAX = 5


class Checks(upgradecheck.UpgradeCommands):
    """What is looked at, in this order; each check ends by the limits of the configuration."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf

    def configuration(self) -> Result:
        """Every value is allowed, and the rules that are made of them hold."""
        try:
            for name in ('controller', 'worker', 'agent'):
                sound.check(self._conf, name)
            spelling.check(self._conf)
            wiring.rules(self._conf)
            ceph.clusters(self._conf)
            ceph.client_networks(self._conf)
        except (ConfigError, cfg.Error, OSError) as failure:
            return _failure(f'{_one_line(failure).rstrip(".")}. No process of this release '
                            f'would start like this.')
        return _success()

    def drivers(self) -> Result:
        """Each driver that is named is there and can be loaded."""
        troubles = []
        for port, names in catalogue.chosen(self._conf).items():
            for name in names:
                try:
                    drivers.load(port, name)
                except ConfigError as failure:
                    troubles.append(_one_line(failure))
        return _failure('; '.join(troubles)) if troubles else _success()

    def api(self) -> Result:
        """Where the API's own section is there, it could be served; its packages may be elsewhere.
        """
        if not spelling.names_section(self._conf, 'keystone_authtoken'):
            return Result(Code.SUCCESS, 'not configured here')
        try:
            # Here, and not above: Keystone's middleware need not be installed.
            from kaopu_ha.wiring import api
        except ImportError as failure:
            return Result(Code.WARNING, f'{_one_line(failure)}: if the API is to be served on this '
                                        f'machine, pip install "kaopu-ha[api]".')
        try:
            api.application(self._conf)
        except (ConfigError, cfg.Error) as failure:
            return _failure(f'{_one_line(failure).rstrip(".")}. The API of this release would not '
                            f'start like this.')
        return _success()

    def store(self) -> Result:
        """The store answers."""
        try:
            count = len(self._snapshot.entries)
        except (ConfigError, ports.PortError) as failure:
            return _failure(f'{_one_line(failure)}. Check [store], and that etcd has a '
                            f'majority: no process does anything without it.')
        return Result(Code.SUCCESS, f'{count} records')

    def records(self) -> Result:
        """Every record can be read by this release."""
        return self._looked_at(_records)

    def processes(self) -> Result:
        """No process is at work whose release can't read what this one writes."""
        return self._looked_at(_processes)

    def recoveries(self) -> Result:
        """No recovery is under way."""
        return self._looked_at(_recoveries)

    _upgrade_checks = (('Configuration', configuration), ('Drivers', drivers), ('API', api),
                       ('Store', store), ('Records', records), ('Processes', processes),
                       ('Recoveries', recoveries))

    # ------------------------------------------------------------ private

    @functools.cached_property
    def _snapshot(self) -> ports.Snapshot:
        kv = wiring.store(self._conf)
        try:
            return kv.read(records.PREFIX)
        finally:
            kv.close()

    def _looked_at(self, look: Callable[[ports.Snapshot], Result]) -> Result:
        if '_snapshot' not in self.__dict__:
            return Result(Code.WARNING, 'Not looked at: the store was not read.')
        return look(self._snapshot)


def _records(snapshot: ports.Snapshot) -> Result:
    unreadable = picture.Picture(snapshot).unreadable
    if not unreadable:
        return _success()
    newer = any(_schema(snapshot.entries[key]) > records.SCHEMA for key in unreadable)
    advice = ('A newer release wrote here: install that one, this is a step back.' if newer else
              'Have these records looked at: what they say is not acted upon.')
    return _failure(f'{len(unreadable)} can\'t be read: {_some(unreadable.values())}. {advice}')


def _processes(snapshot: ports.Snapshot) -> Result:
    older = [f'{kind} {name}'.strip() for kind, place in _PROCESSES.items()
             for name, entry in snapshot.under(place).items()
             if 0 < _schema(entry) < records.SCHEMA]
    if not older:
        return _success()
    return _failure(f'{len(older)} of a release with older records are at work: {_some(older)}. '
                    f'They can\'t read what this release writes: stop all controllers and workers '
                    f'before the first of this release starts, then restart the agents.')


def _recoveries(snapshot: ports.Snapshot) -> Result:
    under_way = [recovery.host for recovery in picture.Picture(snapshot).recoveries.values()
                 if not recovery.stage.finished]
    if not under_way:
        return _success()
    return Result(Code.WARNING, f'Under way for {_some(under_way)}. A controller of this release '
                                f'goes on with it; if it can wait, wait until "kaopu-ha status" '
                                f'shows none.')


# ---------------------------------------------------------------- leaves


def _schema(entry: ports.Entry) -> int:
    """The schema that a record names; 0 if it names none."""
    try:
        return int(json.loads(entry.value)['schema'])
    except (KeyError, TypeError, ValueError):
        return 0


def _some(told: Iterable[str]) -> str:
    items = sorted(told)
    more = f' and {len(items) - _SHOWN_MAX} more' if len(items) > _SHOWN_MAX else ''
    return ', '.join(items[:_SHOWN_MAX]) + more


def _success() -> Result:
    return Result(Code.SUCCESS)


def _failure(why: str) -> Result:
    return Result(Code.FAILURE, why)


def _one_line(failure: object) -> str:
    return ' '.join(str(failure).split())
