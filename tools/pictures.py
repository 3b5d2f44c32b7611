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

"""The documentation's pictures, drawn from the program: ``python -m tools.pictures``.

What can be known is not drawn by hand: times, stages, and drivers by default come from the options
and the rules that are made of them, who may import whom from the test that holds it.
``tests/unit/test_pictures.py`` says when to draw again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
import dataclasses
import math
import pathlib

import drawsvg
from oslo_config import cfg

from kaopu_ha import conf as options
from kaopu_ha.conf import rules as conf_rules
from kaopu_ha.core.model import RecoveryStage, Stage
from tests.unit.test_house import MAY_IMPORT

FOLDER = pathlib.Path(__file__).resolve().parents[1] / 'doc/source/pictures'

_INK, _FAINT, _PAPER = '#1f2933', '#7b8794', '#ffffff'
_ETCD, _MANAGEMENT, _STORAGE = '#1f6fb2', '#b36b00', '#2f855a'
_DEAD, _CALM = '#b83232', '#eef2f6'
_FONT = 'Helvetica, Arial, sans-serif'
# Half of an arrow's head, and how far it reaches back.
_HEAD = 4.5


def configuration(pace: str = 'patent') -> cfg.ConfigOpts:
    """The options as they are by default, at this pace."""
    conf = cfg.ConfigOpts()
    options.register(conf)
    conf([], project='kaopu-ha', default_config_files=[], default_config_dirs=[])
    conf.set_override('pace', pace, group='detection')
    conf.set_override('client_networks', ['192.0.2.0/24'], group='ceph')
    return conf


def main() -> None:
    """Draw every picture into its file."""
    FOLDER.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        (FOLDER / f'{name}.svg').write_text(draw())


# ------------------------------------------------------------ a sheet


class Sheet:
    """A drawing, and the few strokes that the pictures are made of."""

    def __init__(self, width: float, height: float, title: str, told: str) -> None:
        self._drawing = drawsvg.Drawing(width, height, font_family=_FONT)
        self._drawing.append(drawsvg.Title(title))
        self._drawing.append(drawsvg.Raw(f'<desc>{told}</desc>'))
        self._drawing.append(drawsvg.Rectangle(0, 0, width, height, fill=_PAPER))

    def text(self, x: float, y: float, words: str, size: float = 13, fill: str = _INK,
             anchor: str = 'start', weight: str = 'normal') -> None:
        """Write one line whose base is at ``y``."""
        self._drawing.append(drawsvg.Text(words, size, x, y, fill=fill, text_anchor=anchor,
                                          font_weight=weight))

    def upright(self, x: float, y: float, words: str, size: float = 13,
                weight: str = 'normal') -> None:
        """Write one line from here upwards."""
        self._drawing.append(drawsvg.Text(words, size, x, y, fill=_INK, font_weight=weight,
                                          transform=f'rotate(-90 {x} {y})'))

    def lines(self, x: float, y: float, words: Sequence[str], size: float = 12,
              fill: str = _INK, anchor: str = 'start') -> None:
        """Write lines below each other."""
        for index, line in enumerate(words):
            self.text(x, y + index * size * 1.35, line, size, fill, anchor)

    def box(self, x: float, y: float, width: float, height: float, *, fill: str = _CALM,
            stroke: str = _FAINT) -> None:
        """Draw a box with round corners."""
        self._drawing.append(drawsvg.Rectangle(x, y, width, height, rx=6, fill=fill, stroke=stroke,
                                               stroke_width=1.3))

    def titled(self, x: float, y: float, width: float, height: float, title: str,
               words: Sequence[str], stroke: str = _FAINT) -> None:
        """Draw a box with a title and lines in it."""
        self.box(x, y, width, height, fill=_PAPER, stroke=stroke)
        self.text(x + 12, y + 22, title, 14, weight='bold')
        self.lines(x + 12, y + 41, words, fill=_INK)

    def bar(self, x: float, y: float, width: float, height: float, fill: str,
            opacity: float = 1.0) -> None:
        """Draw a filled bar."""
        self._drawing.append(drawsvg.Rectangle(x, y, width, height, fill=fill,
                                               fill_opacity=opacity))

    def line(self, x1: float, y1: float, x2: float, y2: float, stroke: str = _INK,
             width: float = 1.6, dashes: str = '') -> None:
        """Draw a straight line."""
        more = {'stroke_dasharray': dashes} if dashes else {}
        self._drawing.append(drawsvg.Line(x1, y1, x2, y2, stroke=stroke, stroke_width=width,
                                          **more))

    def arrow(self, x1: float, y1: float, x2: float, y2: float, stroke: str = _INK,
              dashes: str = '') -> None:
        """Draw an arrow to the second point."""
        length = math.hypot(x2 - x1, y2 - y1)
        along, across = (x2 - x1) / length, (y2 - y1) / length
        x, y = x2 - 2 * _HEAD * along, y2 - 2 * _HEAD * across
        self.line(x1, y1, x, y, stroke, 1.8, dashes)
        self._drawing.append(drawsvg.Lines(
            x2, y2, round(x - _HEAD * across, 2), round(y + _HEAD * along, 2),
            round(x + _HEAD * across, 2), round(y - _HEAD * along, 2), close=True, fill=stroke))

    def cross(self, x: float, y: float, stroke: str) -> None:
        """Draw the mark of an ask that nobody answered."""
        for slope in (1, -1):
            self.line(x - 3.5, y - 3.5 * slope, x + 3.5, y + 3.5 * slope, stroke, 1.6)

    def svg(self) -> str:
        """The picture as a text."""
        return f'{self._drawing.as_svg()}\n'


# ------------------------------------------------------------ the architecture


def architecture() -> str:
    """Who talks to whom, over which network."""
    conf = configuration()
    sheet = Sheet(1000, 600, 'The architecture of Kaopu HA',
                  'Agents beat in etcd; controllers judge by three networks; workers move '
                  'instances.')
    _hosts(sheet, conf)
    _services(sheet, conf)
    _arrows(sheet)
    for index, (color, words) in enumerate((
            (_ETCD, 'first network: etcd'), (_MANAGEMENT, 'second network: management'),
            (_STORAGE, 'third network: storage'), (_INK, 'orders and news'))):
        x = 30 + 245 * index
        sheet.line(x, 576, x + 34, 576, color, 3)
        sheet.text(x + 42, 580, words, 12)
    return sheet.svg()


def _hosts(sheet: Sheet, conf: cfg.ConfigOpts) -> None:
    sheet.box(44, 34, 230, 506, fill=_CALM)
    sheet.box(30, 20, 230, 506, fill=_CALM)
    sheet.text(44, 46, 'compute hosts', 15, weight='bold')
    sheet.titled(46, 66, 198, 104, 'kaopu-ha-agent', (
        f'beat every {conf_rules.times(conf).beat_interval:g} s: alive/HOST',
        f'inventory every {conf.agent.inventory_interval:g} s:',
        'instances, disks, addresses'), _ETCD)
    sheet.titled(46, 228, 198, 86, conf.probe.management, (
        'answers, with the UUID', 'of the host: it lives'), _MANAGEMENT)
    sheet.titled(46, 396, 198, 104, 'instances, in QEMU', (
        'acknowledge for each disk', 'that they have open:', 'the host lives'), _STORAGE)


def _services(sheet: Sheet, conf: cfg.ConfigOpts) -> None:
    usage = conf['usage'].driver    # conf.usage is the text of --help
    sheet.titled(420, 60, 220, 104, f'{conf.store.driver}, three members', (
        'beats and inventories;', 'cases, recoveries, claims:', 'written before anybody acts'),
        _ETCD)
    sheet.titled(420, 224, 220, 104, 'kaopu-ha-controller', (
        'two or three; one leads:', 'judges, fences, ranks the', 'other hosts, plans, takes back'),
        _INK)
    sheet.titled(420, 396, 220, 104, 'Ceph', (
        'who has which disk open;', f'fence: {", ".join(conf.fence.drivers)},',
        'read back as the proof'), _STORAGE)
    sheet.titled(770, 60, 200, 104, 'kaopu-ha-worker', (
        'any number; each move is', f'one task (queue: {conf.queue.driver}),',
        'claimed by one worker'), _INK)
    sheet.titled(770, 224, 200, 104, f'{conf.cloud.driver.capitalize()}, Placement', (
        'evacuates to the host that', 'was chosen by use', f'({usage})'), _FAINT)
    sheet.titled(770, 396, 200, 104, 'people', (
        'kaopu-ha status, explain,', 'host hold, admit; news:',
        f'{", ".join(conf.notifier.drivers)}, metrics'), _FAINT)


def _arrows(sheet: Sheet) -> None:
    sheet.arrow(244, 112, 420, 112, _ETCD)
    sheet.text(332, 104, 'beat, inventory', 12, _ETCD, 'middle')
    sheet.arrow(420, 271, 244, 271, _MANAGEMENT)
    sheet.text(332, 263, 'do you live?', 12, _MANAGEMENT, 'middle')
    sheet.arrow(244, 448, 420, 448, _STORAGE)
    sheet.text(332, 440, 'their disks', 12, _STORAGE, 'middle')
    sheet.arrow(505, 224, 505, 164, _ETCD)
    sheet.arrow(555, 164, 555, 224, _ETCD)
    sheet.text(494, 199, 'verdicts, plans', 12, _ETCD, 'end')
    sheet.text(566, 199, 'what is so', 12, _ETCD)
    sheet.arrow(505, 328, 505, 396, _STORAGE)
    sheet.text(494, 367, 'does a client live?', 12, _STORAGE, 'end')
    sheet.arrow(555, 328, 555, 396, _STORAGE)
    sheet.text(566, 367, 'fence, proof', 12, _STORAGE)
    sheet.arrow(770, 112, 640, 112, _ETCD)
    sheet.text(705, 104, 'tasks, attempts', 12, _ETCD, 'middle')
    sheet.arrow(870, 164, 870, 224)
    sheet.text(860, 199, 'evacuate', 12, anchor='end')
    sheet.arrow(640, 276, 770, 276)
    sheet.lines(705, 251, ('servers, room,', 'forced down'), anchor='middle')
    sheet.arrow(640, 310, 790, 396)
    sheet.text(724, 350, 'news', 12)


# ------------------------------------------------------------ a host's death


@dataclasses.dataclass(frozen=True)
class Part:
    """A stretch of the way to CONFIRMED on the paper: not to scale, or 4 s were a hair."""

    stage: str
    seconds: float
    left: float
    right: float


def death() -> str:
    """What is asked, kept and done from the power cut on, at both paces."""
    sheet = Sheet(1000, 650, 'The death of a host in time',
                  'Stages, keys and asks from the power cut to the evacuation, with the times by '
                  'default.')
    for index, pace in enumerate(conf_rules.PACES):
        _panel(sheet, pace, 20 + 320 * index)
    return sheet.svg()


def parts(pace: str) -> tuple[list[Part], float]:
    """The way to CONFIRMED on the paper, and the seconds between two looks."""
    given = conf_rules.rules(configuration(pace), fence_proves=True)
    terms = conf_rules.seconds_to_confirmed(given)
    stages = ('', '', *(stage.value.upper() for stage in (
        Stage.SUSPECTED, Stage.DYING, Stage.LOCKED, Stage.LAST_LOOK)))
    weights = [60 + 22 * math.log2(1 + term.seconds) for term in terms]
    scale, found, left = _ROOM / sum(weights), [], float(_LEFT)
    for stage, term, weight in zip(stages, terms, weights, strict=True):
        found.append(Part(stage, term.seconds, round(left, 1), round(left + weight * scale, 1)))
        left += weight * scale
    return found, given.look_interval


_LEFT, _ROOM, _END = 118, 634, 985


def _panel(sheet: Sheet, pace: str, top: float) -> None:
    way, interval = parts(pace)
    sheet.text(_LEFT - 98, top + 18, f'pace = {pace}', 15, weight='bold')
    total = sum(part.seconds for part in way)
    sheet.text(_LEFT + 40, top + 18, f'confirmed up to about {total:g} s after the power was cut '
               '(not drawn to scale)', 12, _FAINT)
    _clock(sheet, way, top + 44)
    _stages(sheet, way, top + 64)
    _keys(sheet, way, top + 118)
    for index, (network, color) in enumerate((('management', _MANAGEMENT),
                                              ('storage', _STORAGE))):
        _asks(sheet, way, top + 186 + 40 * index, network, color)
    sheet.lines(_LEFT, top + 262, (
        f'x: asked, and silent; again every {interval:g} s.  A single sign of life, '
        'over any network, and nobody is condemned;',
        'a network that could not be asked is UNKNOWN, which condemns nobody either: the case '
        'waits.'), fill=_FAINT)


def _clock(sheet: Sheet, way: Sequence[Part], y: float) -> None:
    passed = 0.0
    for part in way:
        sheet.line(part.left, y + 6, part.left, y + 200, '#d5dbe1', 1)
        sheet.text(part.left, y, f'{passed:g} s', 12, _FAINT, 'middle')
        sheet.text((part.left + part.right) / 2, y, f'+ {part.seconds:g}', 12, _INK, 'middle')
        passed += part.seconds
    last = way[-1].right
    sheet.line(last, y + 6, last, y + 200, _DEAD, 1.6)
    sheet.text(last, y, f'{passed:g} s', 12, _DEAD, 'middle', 'bold')


def _stages(sheet: Sheet, way: Sequence[Part], y: float) -> None:
    sheet.text(_LEFT - 98, y + 23, 'stage', 13)
    shades = (0.0, 0.0, 0.15, 0.3, 0.5, 0.7)
    for part, shade in zip(way, shades, strict=True):
        if part.stage:
            sheet.bar(part.left, y, part.right - part.left, 34, _DEAD, shade)
            sheet.text((part.left + part.right) / 2, y + 22, part.stage, 12, anchor='middle')
    sheet.bar(way[-1].right, y, _END - way[-1].right, 34, _DEAD)
    sheet.text(way[-1].right + 8, y + 22, Stage.CONFIRMED.value.upper(), 13, _PAPER,
               weight='bold')
    sheet.text(way[0].left + 8, y + 15, 'power cut:', 12, _DEAD)
    sheet.text(way[0].left + 8, y + 30, 'no more beats', 12, _DEAD)
    sheet.text(way[1].left + 8, y + 15, 'a lost beat', 12)
    sheet.text(way[1].left + 8, y + 30, 'may be late', 12)


def _keys(sheet: Sheet, way: Sequence[Part], y: float) -> None:
    """The keys in etcd: the beat's last lease, and the clocks of the patent."""
    sheet.text(_LEFT - 98, y + 18, 'etcd', 13, _ETCD, weight='bold')
    for part, name in ((way[0], 'alive/HOST'), (way[3], 'death/HOST'), (way[4], 'lock/HOST')):
        sheet.bar(part.left, y, part.right - part.left, 26, _ETCD, 0.25)
        sheet.text((part.left + part.right) / 2, y + 18, name, 12, _ETCD, 'middle')
    sheet.bar(way[-1].right, y, _END - way[-1].right, 26, _ETCD, 0.45)
    sheet.text(way[-1].right + 8, y + 18, 'lock/HOST, until admitted', 12)
    words = [stage.value for stage in RecoveryStage]
    sheet.lines(way[-1].right + 8, y + 56, (
        f'1. {words[0]}: Ceph, read back', f'2. {words[1]}; Nova forced down',
        f'3. {words[2]}: targets by rank', f'4. {words[3]}, by workers', f'5. {words[4]}'))


def _asks(sheet: Sheet, way: Sequence[Part], y: float, network: str, color: str) -> None:
    sheet.text(_LEFT - 98, y + 5, network, 13, color, weight='bold')
    first, last = way[2], way[-1]
    sheet.line(first.left, y, last.right, y, color, 1, '2 3')
    steps = 18
    for index in range(steps + 1):
        sheet.cross(first.left + 10 + (last.right - first.left - 20) * index / steps, y, color)


# ------------------------------------------------------------ the house


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


def house() -> str:
    """Which room may import which: a row may import what its squares stand under."""
    height = levels(MAY_IMPORT)
    rooms = sorted(MAY_IMPORT, key=lambda room: (height[room], room))
    size = _ROWS + 26 * len(rooms)
    sheet = Sheet(size + 40, size + 60, 'The house of Kaopu HA',
                  'A row for each room: it may import the rooms under whose names it has a square.')
    places = {room: _ROWS + 26 * index for index, room in enumerate(rooms)}
    for room, y in places.items():
        if height[room] % 2 == 0:
            sheet.bar(16, y, size, 26, _CALM)
    for room, y in places.items():
        sheet.text(_ROWS - 12, y + 18, room, 13, anchor='end', weight=_weight(room))
        sheet.upright(y + 18, _ROWS - 12, room, weight=_weight(room))
        sheet.line(y + 13, _ROWS, y + 13, size, '#d5dbe1', 1)
        sheet.bar(y + 9, y + 9, 8, 8, _FAINT, 0.5)
        for other in sorted(MAY_IMPORT[room]):
            sheet.bar(places[other] + 5, y + 5, 16, 16, _STORAGE if other == 'core' else _ETCD)
    sheet.text(24, size + 30, 'A row may import what its squares stand under.  No square lies '
               'right of the diagonal: no two rooms know each other.', 12, _FAINT)
    return sheet.svg()


_ROWS = 118


def _weight(room: str) -> str:
    return 'bold' if room in ('core', 'ports', 'wiring') else 'normal'


PICTURES: dict[str, Callable[[], str]] = {
    'architecture': architecture, 'death': death, 'house': house}

if __name__ == '__main__':
    main()
