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

"""``kaopu-ha host list`` and ``host show``: the hosts, as they and the leader told of them."""

from __future__ import annotations

import argparse
from typing import Any

from kaopu_ha import records
from kaopu_ha.cli import layout
from kaopu_ha.cli.listing import Cell, Listing, Showing
from kaopu_ha.core import model
from kaopu_ha.core.live import LiveUse
from kaopu_ha.core.model import Power, Sign
from kaopu_ha.telling import hosts
from kaopu_ha.telling.picture import Picture


class HostList(Listing):
    """List the hosts: beat, case, hold, storage, and their instances."""

    heading = ('host', 'beat', 'case', 'hold', 'storage', 'on', 'paused', 'off')
    nothing = 'No host is known: does an agent run anywhere?'

    def records(self, args: argparse.Namespace) -> list[dict[str, Any]]:
        """What each host is in short."""
        found = self.look()
        return [hosts.summary(found, host) for host in found.hosts]

    def rows(self, args: argparse.Namespace) -> list[list[Any]]:
        """One row for each host that the store knows."""
        return [self._row(host) for host in self.records(args)]

    def _row(self, host: dict[str, Any]) -> list[Any]:
        life = host['storage'] in (Sign.LIFE.value, '')
        return [host['host'],
                Cell(host['beat'], self.ink('good', 'yes') if host['beat']
                     else self.ink('error', 'NO')),
                Cell(host['case'], self.ink('warning', host['case']) or '-'),
                Cell(host['hold'], self.ink('warning', 'hold') if host['hold'] else '-'),
                Cell(host['storage'],
                     self.ink('' if life else 'warning', host['storage']) or '-'),
                *(host['instances'][power.value] for power in Power)]


class HostShow(Showing):
    """Show all that is known of one host."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The host."""
        parser.add_argument('host', metavar='HOST')

    def subject(self, args: argparse.Namespace) -> tuple[Picture, str]:
        """The host, and what is known of all of them."""
        found, host = self.look(records.USE), args.host
        if host not in found.hosts:
            self.known(found, host)
        return found, host

    def record(self, subject: tuple[Picture, str]) -> dict[str, Any]:
        """Its records."""
        return hosts.everything(*subject)

    def facts(self, subject: tuple[Picture, str]) -> list[tuple[str, str]]:
        """Its inventory, what people set, and its case in short."""
        return [*_facts(*subject), *(_boots(*subject) if self.verbose else [])]

    def page(self, subject: tuple[Picture, str]) -> list[str]:
        """Its instances."""
        found, host = subject
        inventory = found.inventories.get(host)
        if inventory is None or not inventory.instances:
            return []
        return ['', *_instances(found, inventory)]


# ---------------------------------------------------------------- private


def _facts(found: Picture, host: str) -> list[tuple[str, str]]:
    beat, inventory, case = (found.beats.get(host), found.inventories.get(host),
                             found.cases.get(host))
    return [('host', host),
            ('beat', _beat(found, host)),
            ('agent', beat.agent if beat else ''),
            *(_of_inventory(found, inventory) if inventory else []),
            ('live use', _live(found.live.get(host))),
            ('hold', _hold(found, host)),
            ('came back', _returns(found, host)),
            ('case', _case(case) if case else 'none open'),
            ('death', _lock(found, found.deaths.get(host))),
            ('lock', _lock(found, found.locks.get(host)))]


def _beat(found: Picture, host: str) -> str:
    beat = found.beats.get(host)
    if beat is None:
        return 'there, but it can\'t be read' if found.beats_now(host) else 'NO'
    return 'there'


def _of_inventory(found: Picture, inventory: model.Inventory) -> list[tuple[str, str]]:
    mine = {item.uuid for item in inventory.instances}
    names = found.names
    others = [names.get(uuid, uuid) for uuid in inventory.domains if uuid not in mine]
    signs = ', '.join(f'{cluster}: {sign.value}'
                      for cluster, sign in sorted(inventory.storage.items()))
    if signs and not found.beats_now(inventory.host):
        signs += ' (told before its beat went)'
    return [('host uuid', inventory.host_uuid),
            ('management', inventory.management_uri),
            ('storage addresses', ', '.join(inventory.storage_addresses)),
            ('storage', signs or 'no cluster told'),
            ('cores', str(inventory.cores or '')), ('memory MB', str(inventory.memory_mb or '')),
            ('note', inventory.note),
            ('other domains', ', '.join(others))]


def _live(told: LiveUse | None) -> str:
    """How busy it is, as its agent measures it."""
    if told is None:
        return ''
    return (f'{told.cores_percent} % of {told.cores} cores, {told.memory_percent} % of '
            f'{told.memory_mb} MB; about so since {layout.date_and_clock(told.at)}')


def _hold(found: Picture, host: str) -> str:
    setting = found.settings.get(host)
    if host not in found.held:
        return 'no'
    if setting is None:
        return 'yes: the setting can\'t be read'
    why = f': {setting.why}' if setting.why else ''
    return f'by {setting.who} since {layout.date_and_clock(setting.at)}{why}'


def _returns(found: Picture, host: str) -> str:
    """How often it came back lately, and whether that keeps instances away."""
    mine = [one for name, one in sorted(found.returns.items()) if name.partition('/')[0] == host]
    if not mine and host not in found.fresh:
        return ''
    times = layout.number(len(mine), 'time')
    last = layout.date_and_clock((found.fresh.get(host) or mine[-1]).at)
    until = '; no target yet: it has to stay for a while' if host in found.fresh else ''
    return f'{times} lately, last at {last}{until}'


def _case(case: model.Case) -> str:
    last = case.history[-1] if case.history else None
    told = f' since {layout.date_and_clock(last.at)}: {last.reason}' if last else ''
    return f'{case.stage.value}{told}'


def _lock(found: Picture, lock: Any) -> str:
    if lock is None:
        return ''
    kind = 'permanent, ' if lock.permanent else ''
    return f'{kind}by {lock.by} since {layout.date_and_clock(lock.at)}'


def _boots(found: Picture, host: str) -> list[tuple[str, str]]:
    """Which boot its records speak of: what the leader compares, and people seldom need."""
    beat, inventory = found.beats.get(host), found.inventories.get(host)
    return [('boot of the beat', beat.boot_id if beat else ''),
            ('boot it told of', inventory.boot_id if inventory else ''),
            ('nova-compute', f'process {inventory.compute_started}'
             if inventory and inventory.compute_started else '')]


def _instances(found: Picture, inventory: model.Inventory) -> list[str]:
    names = found.names
    rows = [(names.get(item.uuid, item.name), item.uuid, item.power.value,
             ', '.join([f'{image.pool}/{image.name}' for image in item.images]
                       + [f'local {disk}' for disk in item.local_disks]) or '-')
            for item in inventory.instances]
    return layout.table(('instance', 'uuid', 'power', 'disks'), rows)
