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

"""A case that only counts on is written now and then, and nothing of it is lost meanwhile."""

import unittest

from kaopu_ha import ports, records
from kaopu_ha.controller.casebook import Casebook
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import detection, model
from tests.core import values
from tests.unit.controller import scene


class Written(unittest.TestCase):
    """A leader that looks at c1, whose agent is lost; ``revision`` is that of its record."""

    def setUp(self):
        self.clock = scene.Clock()
        self.book = Casebook(scene.an_env(self.clock, rules=model.Rules()))
        self.stored, self.revision, self.writes = values.a_case(), 1, 0

    def world(self):
        key = records.CASE + 'c1'
        entry = ports.Entry(key, records.encode(self.stored), 1, self.revision)
        return CloudView(ports.Snapshot(self.revision, {key: entry}), lambda news: None)

    def look(self, found=None, seconds=1.5):
        self.clock.now += seconds
        world = self.world()
        case = self.book.newest(world, world.cases['c1'])
        decision = detection.advance(case, values.a_look(found or values.alive()),
                                     values.fast_rules())
        if not self.book.may_wait(world, decision):
            self.stored, self.revision = decision.case, self.revision + 1
            self.writes += 1
        return decision.case

    def test_a_lost_agent_costs_a_write_in_half_a_minute(self):
        for _ in range(400):
            case = self.look()
        self.assertEqual(400, sum(item.count for item in case.rounds))
        self.assertLessEqual(self.writes, 400 * 1.5 / model.Rules().case_written_seconds + 2)
        self.assertGreaterEqual(self.writes, 400 * 1.5 / (model.Rules().case_written_seconds + 1.5))

    def test_seconds_that_were_waited_are_written_at_once(self):
        self.look(values.silent())
        before, waited = self.writes, self.stored.waited
        world = self.world()
        later = detection.advance(world.cases['c1'], values.a_look(
            values.silent(), since_last=1.0, death=True), values.fast_rules(death_seconds=60.0))
        self.assertGreater(later.case.waited, waited)
        self.assertFalse(self.book.may_wait(world, later))
        self.assertEqual(before, self.writes)

    def test_what_was_not_written_comes_with_what_is(self):
        for _ in range(5):
            self.look()
        self.assertLess(sum(item.count for item in self.stored.rounds), 5)
        self.look(values.silent())
        self.assertEqual(6, sum(item.count for item in self.stored.rounds))

    def test_what_somebody_else_wrote_counts(self):
        for _ in range(5):
            self.look()
        self.revision += 1
        world = self.world()
        self.assertEqual(self.stored, self.book.newest(world, world.cases['c1']))

    def test_a_new_term_begins_with_what_is_written(self):
        for _ in range(5):
            self.look()
        self.book.forget()
        world = self.world()
        self.assertEqual(self.stored, self.book.newest(world, world.cases['c1']))

    def test_closed_cases_leave_nothing(self):
        for _ in range(5):
            self.look()
        self.book.forget_closed(CloudView(ports.Snapshot(9, {}), lambda news: None))
        world = self.world()
        self.assertEqual(self.stored, self.book.newest(world, world.cases['c1']))

    def test_a_step_is_always_written(self):
        for _ in range(3):
            self.look()
        self.assertIs(model.Stage.DYING, self.look(values.silent()).stage)
        self.assertIs(model.Stage.DYING, self.stored.stage)
