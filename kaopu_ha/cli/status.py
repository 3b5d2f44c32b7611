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

"""``kaopu-ha status``: the whole on one screen."""

from __future__ import annotations

import argparse
from typing import Any

from kaopu_ha.cli import attention, layout
from kaopu_ha.cli.command import Command, plain
from kaopu_ha.core import left, protection, texts
from kaopu_ha.core.model import Stage
from kaopu_ha.core.restart import Restart, StartPhase
from kaopu_ha.telling import picture
from kaopu_ha.telling import stormy as brakes


class Status(Command):
    """Show who leads, the hosts, the open cases, the brake, and what to look at first."""

    def answer(self, args: argparse.Namespace) -> int:
        """Exit code 0 whatever the state is: the store answered."""
        found = picture.glance(self.store)
        brake = brakes.storm(found, self.app.rules)
        points = attention.points(found, brake)
        if self.as_json:
            self.say_json(_as_json(found, brake, points))
            return 0
        self.say(layout.facts([
            ('leader', _leader(found)), ('hosts', _hosts(found)), ('cases', _cases(found)),
            ('brake', self.ink('error' if brake.braked else '', brake.sentence())),
            ('recoveries', _recoveries(found))]))
        self.say(_under_way(found))
        if points:
            self.say([self.ink('bold', 'Look at first:'),
                      *(f'  {self.ink(level, "*")} {text}' for level, text in points)])
        elif _restarts(found):
            self.say('Nothing has stood for long: what is under way is shown above.')
        else:
            self.say(self.ink('good', 'All is well.'))
        return 0


def _leader(found: picture.Picture) -> str:
    if found.leader is None:
        return 'nobody'
    span = layout.between(found.leader.since, layout.now())
    since = f' for {layout.seconds(span)}' if span is not None else ''
    return f'{found.leader.name}{since} (epoch {found.epoch})'


def _numbers(found: picture.Picture) -> dict[str, int]:
    return {'known': len(found.known), 'beating': len(found.beats),
            'locked': len(found.locks), 'on_hold': len(found.held)}


def _hosts(found: picture.Picture) -> str:
    told = [f'{count} {name.replace("_", " ")}' for name, count in _numbers(found).items()
            if count or name in ('known', 'beating')]
    return ', '.join(told)


def _by_stage(found: picture.Picture) -> dict[str, list[str]]:
    return {stage.value: sorted(case.host for case in found.cases.values() if case.stage is stage)
            for stage in Stage if any(case.stage is stage for case in found.cases.values())}


def _cases(found: picture.Picture) -> str:
    told = '; '.join(f'{stage}: {", ".join(hosts)}' for stage, hosts in _by_stage(found).items())
    return told or 'none open'


def _recoveries(found: picture.Picture) -> str:
    count = len(_restarts(found)) + sum(
        not item.stage.finished for item in found.recoveries.values())
    return f'{count} under way' if count else 'none under way'


def _restarts(found: picture.Picture) -> list[Restart]:
    """The hosts whose instances are being started again where they were."""
    return [item for _, item in sorted(found.restarts.items()) if any(
        start.phase is not StartPhase.FAILED for start in item.unsettled)]


def _under_way(found: picture.Picture) -> list[str]:
    rows = [(f'  {item.host}, in place', 'restart', f'{len(item.starts) - len(item.unsettled)}/'
             f'{len(item.starts)} instances', '') for item in _restarts(found)]
    for item in found.recoveries.values():
        if not item.stage.finished:
            ended, all_of_them = picture.progress(found, item)
            rows.append((f'  {item.id}', item.stage.value,
                         f'{ended}/{all_of_them} instances', item.waiting_for))
    left_to_others = [
        f'  {item.id}: left by the policy: {texts.few(one.name for one in named)}'
        for item in found.recoveries.values() if not item.stage.finished
        and (named := left.by_policy(found.evacuations(item.id)))]
    return ['', *layout.table(('  recovery', 'stage', 'ended', 'waits for'), rows),
            *left_to_others, ''] if rows else ['']


def _as_json(found: picture.Picture, brake: brakes.StormShown,
             points: list[tuple[str, str]]) -> dict[str, Any]:
    leader = plain(found.leader)
    recoveries = []
    for item in found.recoveries.values():
        if not item.stage.finished:
            ended, all_of_them = picture.progress(found, item)
            recoveries.append({'id': item.id, 'host': item.host, 'stage': item.stage.value,
                               'ended': ended, 'instances': all_of_them,
                               'waiting_for': item.waiting_for})
    recoveries += [{'id': f'restart/{item.host}', 'host': item.host, 'stage': 'restart',
                    'ended': len(item.starts) - len(item.unsettled),
                    'instances': len(item.starts), 'waiting_for': ''}
                   for item in _restarts(found)]
    return {'revision': found.snapshot.revision,
            'leader': leader and {**leader, 'epoch': found.epoch}, 'hosts': _numbers(found),
            'cases': _by_stage(found), 'brake': brakes.as_json(brake, found),
            'recoveries': recoveries,
            'unprotected': [plain(item) for item in protection.still_to_be_judged(
                found.unprotected.items, found.cases)]
            if found.unprotected else [],
            'look_first': [{'level': level, 'text': text} for level, text in points]}
