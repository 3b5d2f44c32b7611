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

"""``kaopu-ha host rank``: which host would be taken next, by which figures, and who would not."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from kaopu_ha import ports, records
from kaopu_ha.cli import layout
from kaopu_ha.cli.command import CommandError, Misconfigured, plain
from kaopu_ha.cli.listing import Cell, Listing
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.core import model, ranking
from kaopu_ha.core.live import LiveUse
from kaopu_ha.core.ranking import Ranked
from kaopu_ha.telling.picture import Picture


class HostRank(Listing):
    """Rank the hosts as targets: what is set aside, what is used, and why one is no target.

    It asks Nova and the usage driver, as a leader does that plans.  Live use is told if it is
    measured, whether it counts or not.
    """

    sections = ()
    heading = ('rank', 'host', 'use', 'cores set aside', 'memory MB set aside', 'live cores',
               'live memory', 'about so since', 'why no target')
    nothing = 'No host is known: does an agent run anywhere?'

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """For which instance."""
        parser.add_argument('--for', dest='instance', metavar='INSTANCE', default='',
                            help='an instance, by name or uuid: where could it go if its host died '
                                 'now?  Without it: of an instance that takes no room')

    def records(self, args: argparse.Namespace) -> list[dict[str, Any]]:
        """Each host with all its figures."""
        found = self.look(records.USE)
        return [_record(each, found.live) for each in self._ranked(found, args.instance)]

    def rows(self, args: argparse.Namespace) -> list[list[Any]]:
        """One row for each host: the targets first, in their order."""
        return [self._row(each) for each in self.records(args)]

    # ------------------------------------------------------------ private

    def _ranked(self, found: Picture, instance: str) -> tuple[Ranked, ...]:
        from kaopu_ha.wiring import ranking as asking
        wanted = _evacuation(found, instance) if instance else None
        try:
            candidates = asking.candidates(self.app.conf, self.store, self.app.rules)
        except ConfigError as failure:
            raise Misconfigured(str(failure)) from failure
        except ports.StoreError:
            raise
        except ports.PortError as failure:
            raise CommandError(f'The rank is not known now: {failure}. It takes Nova, and the '
                               'usage '
                               'driver of [usage] in the configuration.') from failure
        return ranking.ranked(candidates, wanted)

    def _row(self, each: dict[str, Any]) -> list[Any]:
        aside, live = each['set_aside'], each['live']
        return [Cell(each['rank'], str(each['rank'] or '-')), each['host'],
                Cell(each['use'], '-' if each['use'] is None else f'{each["use"]:.0%}'),
                Cell(aside and aside['cores_used'], aside and _of(aside, 'cores') or '-'),
                Cell(aside and aside['memory_mb_used'], aside and _of(aside, 'memory_mb') or '-'),
                Cell(live and live['cores_percent'], f'{live["cores_percent"]} %' if live else '-'),
                Cell(live and live['memory_percent'],
                     f'{live["memory_percent"]} %' if live else '-'),
                Cell(live and live['at'], layout.date_and_clock(live['at']) if live else '-'),
                Cell(each['why_not'], self.ink('warning', each['why_not']) or '-')]


def _record(each: Ranked, live: Mapping[str, LiveUse]) -> dict[str, Any]:
    usage = each.usage
    return {'rank': each.place, 'host': each.host,
            'use': None if each.use is None else round(each.use, 4),
            'live_weight': usage.live_weight if usage else None,
            'set_aside': usage and {name: getattr(usage, name) for name in (
                'cores', 'cores_used', 'memory_mb', 'memory_mb_used')},
            'live': plain(live.get(each.host)), 'why_not': each.why_not}


def _of(usage: Mapping[str, float], what: str) -> str:
    return f'{usage[what + "_used"]:g} of {usage[what]:g}'


def _evacuation(found: Picture, name: str) -> model.Evacuation:
    """The move of the instance that is under way, or the one that it would be."""
    going = [item for item in found.every_evacuation
             if name in (item.instance, item.name) and not item.phase.ended]
    if going:
        return going[0]
    named = {uuid for uuid, known in found.names.items() if known == name} | {name}
    told = [(host, instance) for host, inventory in sorted(found.inventories.items())
            for instance in inventory.instances
            if instance.uuid in named or instance.name == name]
    if not told:
        raise CommandError(f'No host tells of an instance {name}. See kaopu-ha host show HOST for '
                           'what '
                           'each has.')
    if len({instance.uuid for _, instance in told}) > 1:
        raise CommandError(f'{name} is the name of {len(told)} instances: say which one by its '
                           'uuid.')
    # Where it runs, if several hosts have it defined.
    host, instance = min(told, key=lambda one: one[1].power is model.Power.OFF)
    return ranking.would_move(instance, host)
