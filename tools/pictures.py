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
and the rules that are made of them, roads and rows from the tables of the core, who may import whom
from the test that holds it.  ``tests/unit/test_pictures.py`` says when to draw again.
"""

from collections.abc import Callable, Sequence
import dataclasses
import math
import pathlib

from oslo_config import cfg

from kaopu_ha import conf as options
from kaopu_ha.conf import rules as conf_rules
from kaopu_ha.core.model import RecoveryStage, Stage
from tools import house_drawn, roads_drawn
from tools.sheet import CALM, FAINT, INK, PAPER, Sheet

FOLDER = pathlib.Path(__file__).resolve().parents[1] / 'doc/source/pictures'

_ETCD, _MANAGEMENT, _STORAGE, _DEAD = '#1f6fb2', '#b36b00', '#2f855a', '#b83232'


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
    for name, write in PAGES.items():
        (FOLDER.parent / name).write_text(write())


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
            (_STORAGE, 'third network: storage'), (INK, 'orders and news'))):
        x = 30 + 245 * index
        sheet.line(x, 576, x + 34, 576, color, 3)
        sheet.text(x + 42, 580, words, 12)
    return sheet.svg()


def _hosts(sheet: Sheet, conf: cfg.ConfigOpts) -> None:
    sheet.box(44, 34, 230, 506, fill=CALM)
    sheet.box(30, 20, 230, 506, fill=CALM)
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
        INK)
    sheet.titled(420, 396, 220, 104, 'Ceph', (
        'who has which disk open;', f'fence: {", ".join(conf.fence.drivers)},',
        'read back as the proof'), _STORAGE)
    sheet.titled(770, 60, 200, 104, 'kaopu-ha-worker', (
        'any number; each move is', f'one task (queue: {conf.queue.driver}),',
        'claimed by one worker'), INK)
    sheet.titled(770, 224, 200, 104, f'{conf.cloud.driver.capitalize()}, Placement', (
        'evacuates to the host that', 'was chosen by use', f'({usage})'), FAINT)
    sheet.titled(770, 396, 200, 104, 'people', (
        'kaopu-ha status, explain,', 'host hold, admit; news:',
        f'{", ".join(conf.notifier.drivers)}, metrics'), FAINT)


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
        Stage.DYING, Stage.LOCKED, Stage.LAST_LOOK)))
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
               '(not drawn to scale)', 12, FAINT)
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
        'waits.'), fill=FAINT)


def _clock(sheet: Sheet, way: Sequence[Part], y: float) -> None:
    passed = 0.0
    for part in way:
        sheet.line(part.left, y + 6, part.left, y + 200, '#d5dbe1', 1)
        sheet.text(part.left, y, f'{passed:g} s', 12, FAINT, 'middle')
        sheet.text((part.left + part.right) / 2, y, f'+ {part.seconds:g}', 12, INK, 'middle')
        passed += part.seconds
    last = way[-1].right
    sheet.line(last, y + 6, last, y + 200, _DEAD, 1.6)
    sheet.text(last, y, f'{passed:g} s', 12, _DEAD, 'middle', 'bold')


def _stages(sheet: Sheet, way: Sequence[Part], y: float) -> None:
    sheet.text(_LEFT - 98, y + 23, 'stage', 13)
    shades = (0.0, 0.15, 0.3, 0.5, 0.7)
    for part, shade in zip(way, shades, strict=True):
        if part.stage:
            sheet.bar(part.left, y, part.right - part.left, 34, _DEAD, shade)
            sheet.text((part.left + part.right) / 2, y + 22, part.stage, 12, anchor='middle')
    sheet.bar(way[-1].right, y, _END - way[-1].right, 34, _DEAD)
    sheet.text(way[-1].right + 8, y + 22, Stage.CONFIRMED.value.upper(), 13, PAPER,
               weight='bold')
    sheet.text(way[0].left + 8, y + 15, 'power cut:', 12, _DEAD)
    sheet.text(way[0].left + 8, y + 30, 'no more beats', 12, _DEAD)
    sheet.text(way[1].left + 8, y + 15, 'a lost beat may be late', 12)
    sheet.text(way[1].right - 6, y + 30, Stage.SUSPECTED.value.upper(), 12, anchor='end')


def _keys(sheet: Sheet, way: Sequence[Part], y: float) -> None:
    """The keys in etcd: the beat's last lease, and the clocks of the patent."""
    sheet.text(_LEFT - 98, y + 18, 'etcd', 13, _ETCD, weight='bold')
    for part, name in ((way[0], 'alive/HOST'), (way[2], 'death/HOST'), (way[3], 'lock/HOST')):
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
    # The first round ends when a lost beat is late no more.
    first, last = (way[1].left + way[1].right) / 2, way[-1].right
    sheet.line(first, y, last, y, color, 1, '2 3')
    steps = 18
    for index in range(steps + 1):
        sheet.cross(first + 10 + (last - first - 20) * index / steps, y, color)


PICTURES: dict[str, Callable[[], str]] = {'architecture': architecture, 'death': death,
                                       'house': house_drawn.picture,
                                       'roads': roads_drawn.picture}
PAGES: dict[str, Callable[[], str]] = {'reference/rows.rst': roads_drawn.page}

if __name__ == '__main__':
    main()
