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

"""The timeline of a case: its lanes, from what ``explain`` tells."""

import dataclasses
import datetime
import itertools
import pathlib
import re
import unittest

import hypothesis
from hypothesis import strategies
import kaopu_ha_dashboard
from kaopu_ha_dashboard import picture

from kaopu_ha import ports, records
from kaopu_ha.core.model import Phase, RecoveryStage, Stage, Step
from kaopu_ha.telling import explained
from kaopu_ha.telling.picture import Picture
from tests.unit.cli import scene as told

NOW = datetime.datetime.fromisoformat(told.at(7))
_STAGES = ('suspected', 'dying', 'locked', 'last look', 'confirmed', 'admitting', 'closed')


def explain(case, *others):
    """What is told of it, as the API gives it."""
    things = {records.CASE + case.host: case, **{told._key(one): one for one in others}}
    entries = {key: ports.Entry(key, records.encode(one), 1, 1) for key, one in things.items()}
    return records.plain(explained.explained(Picture(ports.Snapshot(1, entries)), case))


def drawn(case, *others, beat_at='', now=NOW):
    """Its picture."""
    return picture.timeline(explain(case, *others), beat_at, now)


def spans(lane):
    """The bars of a lane in whole seconds."""
    return [(bar.kind, round(bar.start), round(bar.end)) for bar in lane.bars]


class TestTimeline(unittest.TestCase):

    def test_each_stage_lasts_until_the_next_one(self):
        found = drawn(told.a_case(stage=Stage.CONFIRMED), told.a_recovery(), beat_at=told.at(1))
        end = round(found.seconds)
        self.assertEqual([('suspected', 2, 8), ('dying', 8, 309), ('locked', 309, 340),
                          ('last look', 340, 345), ('confirmed', 345, end)],
                         spans(found.lanes[0]))

    def test_it_begins_with_the_last_beat(self):
        found = drawn(told.a_case(), beat_at=told.at(0, 50))
        self.assertEqual([('beat', 0.0)], [(mark.kind, mark.at) for mark in found.lanes[0].marks])
        self.assertEqual(12.0, found.lanes[0].bars[0].start)

    def test_where_nobody_saw_the_beat_it_begins_with_the_case(self):
        found = drawn(told.a_case())
        self.assertEqual(((), 0.0), (found.lanes[0].marks, found.lanes[0].bars[0].start))

    def test_a_round_is_a_mark_with_its_verdict(self):
        found = drawn(told.a_case(), beat_at=told.at(1))
        self.assertEqual([('dead', 8.0)],
                         [(mark.kind, mark.at) for mark in found.lanes[1].marks])

    def test_fence_and_recovery_are_a_lane_that_ends_with_a_mark(self):
        found = drawn(told.a_case(stage=Stage.CONFIRMED),
                      told.a_recovery(stage=RecoveryStage.FINISHED), beat_at=told.at(1))
        lane = found.lanes[2]
        self.assertEqual(['fencing', 'proven', 'planned', 'evacuating'],
                         [kind for kind, _, _ in spans(lane)])
        self.assertEqual([('finished', 353.0)], [(one.kind, one.at) for one in lane.marks])

    def test_an_instance_has_its_phases_and_how_it_ended(self):
        found = drawn(told.a_case(stage=Stage.CONFIRMED), told.a_recovery(), told.an_evacuation(),
                      told.an_evacuation(told.DB, 'db-1', Phase.FAILED, reason='none took it'),
                      beat_at=told.at(1))
        db, web = found.lanes[3:]
        self.assertEqual(('db-1', [], 'failed'), (db.name, spans(db), db.marks[0].kind))
        self.assertEqual(['waiting', 'queued', 'calling', 'moving'],
                         [kind for kind, _, _ in spans(web)])
        self.assertEqual(('done', 353.0), (web.marks[0].kind, web.marks[0].at))

    def test_an_admission_days_later_does_not_stretch_it(self):
        later = Step('2026-11-27T00:00:00+00:00', 'ctl-1', 'admitting', 'joe asked')
        found = drawn(told.a_case(stage=Stage.CONFIRMED, more=(later,)),
                      told.a_recovery(stage=RecoveryStage.FINISHED))
        self.assertLess(found.seconds, 400)
        self.assertNotIn('admitting', [bar.kind for bar in found.lanes[0].bars])

    def test_a_host_that_was_spared_ends_with_its_close(self):
        spared = Step(told.at(1, 30), 'ctl-1', 'closed', 'its beat is back')
        case = dataclasses.replace(told.a_case(more=(spared,)), stage=Stage.CLOSED)
        found = drawn(case, beat_at=told.at(1))
        self.assertEqual('closed', found.lanes[0].bars[-1].kind)
        self.assertLess(found.seconds, 60)

    def test_while_it_goes_on_it_grows_to_now_and_not_for_ever(self):
        case = told.a_case(stage=Stage.DYING)
        soon, late = (drawn(case, beat_at=told.at(1), now=datetime.datetime.fromisoformat(at))
                      for at in (told.at(1, 40), '2026-11-30T00:00:00+00:00'))
        self.assertEqual((40, 68), (round(soon.seconds), round(late.seconds)))

    def test_a_time_that_cant_be_read_is_left_out(self):
        bad = Step('yesterday', 'ctl-1', 'locked', 'x')
        found = drawn(told.a_case(more=(bad,)))
        self.assertEqual(['suspected', 'dying'], [bar.kind for bar in found.lanes[0].bars])
        self.assertIsNone(picture.timeline({'steps': [{'at': 'x', 'kind': 'stage'}]}, '?', NOW))

    def test_of_many_instances_the_first_have_a_lane(self):
        many = [told.an_evacuation(f'0000000{n:04}-aaaa-4000-8000-000000000000', f'web-{n}')
                for n in range(picture.LANES_MAX + 2)]
        found = drawn(told.a_case(stage=Stage.CONFIRMED), told.a_recovery(), *many)
        self.assertEqual((picture.LANES_MAX + 3, 2), (len(found.lanes), found.more))

    @hypothesis.settings(deadline=None)
    @hypothesis.given(strategies.lists(strategies.tuples(
        strategies.integers(0, 10**6), strategies.sampled_from(_STAGES)), max_size=12),
        strategies.integers(-10**6, 10**8))
    def test_whatever_is_told_lies_within_it(self, steps, later):
        start = datetime.datetime.fromisoformat(told.at(1))
        case = told.a_case(stage=Stage.SUSPECTED, more=tuple(
            Step((start + datetime.timedelta(seconds=at)).isoformat(), 'x', stage, 'y')
            for at, stage in steps))
        found = drawn(case, now=start + datetime.timedelta(seconds=later))
        self.assertLessEqual(len(found.ticks), 11)
        self.assertTrue(all(0 <= tick <= found.seconds for tick in found.ticks))
        for lane in found.lanes:
            for bar in lane.bars:
                self.assertTrue(0 <= bar.start <= bar.end <= found.seconds, bar)
            for one, other in itertools.pairwise(lane.bars):
                self.assertEqual(one.end, other.start)


class TestColours(unittest.TestCase):

    def test_no_two_bars_look_alike_and_white_is_read_on_each(self):
        sheet = (pathlib.Path(kaopu_ha_dashboard.__file__).parent / 'static' / 'kaopu_ha_dashboard'
                 / 'kaopu_ha.scss').read_text()
        plain = re.search(r'[.]bar [{] fill: #(.*);', sheet)[1]
        bars = [str(one.value) for one in (*Stage, *RecoveryStage, *Phase)
                if one.value not in (*picture._ENDED, *picture._OVER, 'finished')]
        found = {kind: re.search(rf'[.]bar-{kind.replace(" ", "-")} [{{] fill: #(.*);', sheet)[1]
                 for kind in bars}
        self.assertEqual(len(bars) + 1, len({*found.values(), plain}), found)
        for kind, colour in found.items():
            self.assertGreaterEqual(1.05 / (_luminance(colour) + 0.05), 4.5, kind)


def _luminance(colour):
    """As WCAG 2.1 defines it."""
    red, green, blue = (share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4
                        for share in (int(colour[at:at + 2], 16) / 255 for at in (0, 2, 4)))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
