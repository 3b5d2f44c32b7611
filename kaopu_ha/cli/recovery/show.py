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

"""``kaopu-ha recovery list`` and ``recovery show``: what is done about confirmed hosts."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from kaopu_ha.cli import layout
from kaopu_ha.cli.command import plain
from kaopu_ha.cli.listing import Listing, Showing, or_dash
from kaopu_ha.core import left, texts
from kaopu_ha.core.model import Evacuation, Phase, Priority, Recovery
from kaopu_ha.core.wishes import Wish
from kaopu_ha.telling import named, picture, recovered
from kaopu_ha.telling.picture import Picture

PHASE_LEVELS = {Phase.DONE: 'good', Phase.FAILED: 'error', Phase.NOT_RECOVERABLE: 'error',
                Phase.REFUSED: 'warning', Phase.WAITING: 'warning'}


class RecoveryList(Listing):
    """List the recoveries, newest last."""

    heading = ('recovery', 'host', 'stage', 'ended', 'began', 'waits for')
    nothing = 'There is no recovery.'

    def records(self, args: argparse.Namespace) -> Any:
        """The recoveries whole."""
        return [plain(item) for item in recovered.in_order(self.look())]

    def rows(self, args: argparse.Namespace) -> list[list[Any]]:
        """One row for each."""
        found = self.look()
        return [_row(found, item) for item in recovered.in_order(found)]


class RecoveryShow(Showing):
    """Show a recovery: its fences with their proof, and each of its instances."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Which one."""
        parser.add_argument('recovery', metavar='ID|HOST',
                            help='the recovery, or a host: its newest one')

    def subject(self, args: argparse.Namespace) -> tuple[Picture, Recovery]:
        """The recovery, and what else the store has."""
        found = self.look()
        return found, named.recovery(found, args.recovery)

    def record(self, subject: tuple[Picture, Recovery]) -> dict[str, Any]:
        """Its records."""
        found, item = subject
        return recovered.everything(found, item)

    def facts(self, subject: tuple[Picture, Recovery]) -> list[tuple[str, str]]:
        """How it stands."""
        found, item = subject
        ended, all_of_them = picture.progress(found, item)
        return [('recovery', item.id), ('host', item.host),
                ('began', layout.date_and_clock(item.history[0].at) if item.history else ''),
                ('note', _later(found, item)), ('stage', item.stage.value),
                ('instances', f'{ended} of {all_of_them} ended'),
                (_took(item), layout.seconds(_span(item))), ('waits for', item.waiting_for),
                *_by_policy(found.evacuations(item.id)),
                ('forced down', 'by us' if item.forced_by_us else ''),
                ('proof', _proof(found, item))]

    def page(self, subject: tuple[Picture, Recovery]) -> list[str]:
        """Its fences, its instances, its history, and what people asked."""
        found, item = subject
        evacuations = found.evacuations(item.id)
        return [*self._fences(item), *(['', *self._instances(evacuations)] if evacuations else []),
                '', *layout.table(('at', 'by', 'stage', 'because'), [
                    (layout.date_and_clock(step.at), step.by, step.stage, step.reason)
                    for step in item.history]),
                *self._wishes(found.asked(item.id))]

    def _wishes(self, asked: tuple[Wish, ...]) -> list[str]:
        if not asked:
            return []
        rows = [(layout.date_and_clock(wish.at), wish.who,
                 f'{wish.verb.value} {wish.name}'.strip(), wish.why,
                 wish.state.value, wish.answer or '-') for wish in asked]
        return ['', *layout.table(('at', 'who', 'asked', 'why', 'state', 'answer'), rows)]

    def _fences(self, item: Recovery) -> list[str]:
        rows = [(order.fence, order.cluster, ', '.join(order.addresses) or 'nothing',
                 str(len(order.clients))) for order in item.orders]
        refused = [self.ink('error', f'not fenced: {reason}') for reason in item.refused]
        heading = ('fence', 'cluster', 'addresses', 'known clients')
        return ['', *layout.table(heading, rows), *refused]

    def _instances(self, evacuations: tuple[Evacuation, ...]) -> list[str]:
        rows = [(item.name, item.instance,
                 self.ink(PHASE_LEVELS.get(item.phase, ''), item.phase.value), item.source,
                 item.target or '-', str(len(item.attempts)), _whole(recovered.span(item)),
                 item.reason or '-') for item in evacuations]
        return layout.table(('instance', 'uuid', 'phase', 'from', 'to', 'attempts', 'seconds',
                             'reason'), rows)


def _later(found: Picture, item: Recovery) -> str:
    """That the host is in another case by now, of which this recovery is not."""
    case = found.cases.get(item.host)
    if case is None or case.recovery == item.id:
        return ''
    return (f'of a former death: {item.host} is {case.stage.value} again now (kaopu-ha explain '
            f'{item.host})')


def _row(found: Picture, item: Recovery) -> list[Any]:
    ended, all_of_them = picture.progress(found, item)
    return [item.id, item.host, item.stage.value, f'{ended}/{all_of_them}',
            or_dash(layout.date_and_clock(item.history[0].at) if item.history else ''),
            or_dash(item.waiting_for)]


def _by_policy(evacuations: Sequence[Evacuation]) -> Iterator[tuple[str, str]]:
    """What the operator's policy said of them, where it said anything."""
    for priority in (Priority.HIGH, Priority.LOW):
        yield f'{priority.value} priority', texts.few(
            item.name for item in evacuations if item.priority is priority)
    yield 'left by policy', texts.few(item.name for item in left.by_policy(evacuations))
    yield 'not understood', texts.few(left.wrong_marks(evacuations))


def _whole(seconds: float | None) -> str:
    return '-' if seconds is None else f'{seconds:.0f}'


def _took(item: Recovery) -> str:
    return 'took' if item.stage.finished else 'goes on for'


def _span(item: Recovery) -> float | None:
    if not item.history:
        return None
    end = item.history[-1].at if item.stage.finished else layout.now()
    return layout.between(item.history[0].at, end)


def _proof(found: Picture, item: Recovery) -> str:
    mark = found.proofs.get(item.id)
    if mark is None:
        return 'none within the last seconds'
    if mark.word:
        return f'none is asked for: {mark.word}'
    return f'the fence was read back within the last seconds (by {mark.by})'
