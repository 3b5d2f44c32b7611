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

"""The house as the documentation shows it: which room may import which.

The table is that of the test which holds it.
"""

from collections.abc import Collection, Mapping

from tests.unit.test_house import MAY_IMPORT
from tools.sheet import CALM, FAINT, Sheet

_OF_CORE, _OF_OTHERS = '#2f855a', '#1f6fb2'
# Where the squares begin: left of them stand the rooms' names.
_ROWS = 118


def levels(table: Mapping[str, Collection[str]]) -> dict[str, int]:
    """How high each room lies: above every one that it may import."""
    found: dict[str, int] = {}
    while len(found) < len(table):
        ready = [room for room, others in table.items()
                 if room not in found and set(others) <= found.keys()]
        assert ready, 'a circle of rooms'
        found |= {room: 1 + max((found[other] for other in table[room]), default=-1)
                  for room in ready}
    return found


def picture() -> str:
    """Which room may import which: a row may import what its squares stand under."""
    height = levels(MAY_IMPORT)
    rooms = sorted(MAY_IMPORT, key=lambda room: (height[room], room))
    size = _ROWS + 26 * len(rooms)
    sheet = Sheet(size + 40, size + 60, 'The house of Kaopu HA',
                  'A row for each room: it may import the rooms under whose names it has a square.')
    places = {room: _ROWS + 26 * index for index, room in enumerate(rooms)}
    for room, y in places.items():
        if height[room] % 2 == 0:
            sheet.bar(16, y, size, 26, CALM)
    for room, y in places.items():
        sheet.text(_ROWS - 12, y + 18, room, 13, anchor='end', weight=_weight(room))
        sheet.upright(y + 18, _ROWS - 12, room, weight=_weight(room))
        sheet.line(y + 13, _ROWS, y + 13, size, '#d5dbe1', 1)
        sheet.bar(y + 9, y + 9, 8, 8, FAINT, 0.5)
        for other in sorted(MAY_IMPORT[room]):
            sheet.bar(places[other] + 5, y + 5, 16, 16, _OF_CORE if other == 'core' else _OF_OTHERS)
    sheet.text(24, size + 30, 'A row may import what its squares stand under.  No square lies '
               'right of the diagonal: no two rooms know each other.', 12, FAINT)
    return sheet.svg()


def _weight(room: str) -> str:
    return 'bold' if room in ('core', 'ports', 'wiring') else 'normal'
