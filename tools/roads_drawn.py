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

"""The roads and the rows of the core, as the documentation shows them.

Nothing here is known beside what the tables say: a stage is a box, a change that is allowed an arc;
those that go on lie above, those that go back below.
"""

from collections.abc import Iterator, Mapping
import enum

from kaopu_ha.core import attempt, restart, roads
from kaopu_ha.core.rows import Condition
from tools.sheet import BACK, CALM, FAINT, INK, Sheet

_WIDTH, _BOX, _STEP, _LEFT = 1000, 92, 107, 24
# How far an arc rises for each stage that it passes over, and half of the distance between two.
_RISE, _APART = 13, 7
ROADS: Mapping[str, Mapping[enum.Enum, frozenset[enum.Enum]]] = {
    'The case: is the host dead?  May it come back?': roads.CASE,
    'The recovery: what is done about a confirmed host': roads.RECOVERY,
    'The evacuation: the move of one instance': roads.EVACUATION,
    'The taking of a reserved host': roads.TAKING,
    'The start in place: of an instance whose host came back by itself': restart.ROADS,
}


def picture() -> str:
    """All roads, each in a band of its own."""
    bands = [(title, road, _heights(road)) for title, road in ROADS.items()]
    sheet = Sheet(_WIDTH, sum(60 + 30 + over + under for _, _, (over, under) in bands) + 20,
                  'The roads', 'From which stage to which a record may go.')
    top = 10.0
    for title, road, (over, under) in bands:
        _band(sheet, title, road, top, over)
        top += 60 + 30 + over + under
    return sheet.svg()


def _heights(road: Mapping[enum.Enum, frozenset[enum.Enum]]) -> tuple[int, int]:
    """How much room the arcs above and below the boxes need."""
    places = {stage: index for index, stage in enumerate(road)}
    far = [places[after] - places[before] for before, afters in road.items() for after in afters]
    return 20 + _RISE * max(far), 20 + _RISE * max(0, -min(far))


def _band(sheet: Sheet, title: str, road: Mapping[enum.Enum, frozenset[enum.Enum]], top: float,
          over: float) -> None:
    sheet.text(_LEFT, top + 20, title, 14, weight='bold')
    y = top + 30 + over
    places = {stage: index for index, stage in enumerate(road)}
    for before, after in arcs(road):
        _arc(sheet, places[before], places[after], y)
    for stage, index in places.items():
        x = _LEFT + index * _STEP
        sheet.box(x, y, _BOX, 30, fill=CALM if road[stage] else '#ffffff')
        sheet.text(x + _BOX / 2, y + 19, str(stage.value), 11.5, INK, 'middle')


def arcs(road: Mapping[enum.Enum, frozenset[enum.Enum]]) -> Iterator[tuple[enum.Enum, enum.Enum]]:
    """The changes that are allowed, in the order of the table."""
    order = list(road)
    for before, afters in road.items():
        for after in sorted(afters, key=order.index):
            yield before, after


def _arc(sheet: Sheet, before: int, after: int, y: float) -> None:
    """From the right part of a box to the left part of one behind it, or back below."""
    center = _LEFT + _BOX / 2
    if before == after:
        x = center + before * _STEP
        sheet.curve(x - 6, y, x + 6, y, y - 22, FAINT)
        return
    way = 1 if after > before else -1
    edge = y if way > 0 else y + 30
    far = abs(after - before)
    first = center + before * _STEP + way * (10 + _APART * min(far, 4))
    last = center + after * _STEP - way * (10 + _APART * min(far, 4))
    sheet.curve(first, edge, last, edge, edge - way * (12 + _RISE * far * 4 / 3),
                INK if way > 0 else BACK)


# ------------------------------------------------------------ the rows


_HEAD = '''\
==================
The rows of a move
==================

..  Made from kaopu_ha/core/attempt.py: python -m tools.pictures

What a worker does next with an evacuation that it has claimed.  The rows of a table are tried in
their order; the first of which all is so decides, and ``kaopu-ha explain`` names it.  *Source* is
the host that died, *target* the one that was chosen.'''
_TITLES = {'ELSEWHERE': 'Nova shows it on a third host',
           'FIRST': 'No attempt with this target is committed yet',
           'UNDER_WAY': 'The attempt is committed'}


def page() -> str:
    """The tables of an attempt as a page of the documentation."""
    lines = [_HEAD]
    for name, title in _TITLES.items():
        lines += ['', title, '=' * len(title), '']
        for number, row in enumerate(getattr(attempt, name), 1):
            lines += [f'{number}. **{row.name}**: {row.act.value}', '']
            lines += [f'   * {_said(one)}' for one in row.when] or ['   * whatever is not above']
            lines.append('')
    return '\n'.join(lines).rstrip() + '\n'


def _said(one: Condition[attempt.Facts]) -> str:
    return one.text.format(source='the source', target='the target')
