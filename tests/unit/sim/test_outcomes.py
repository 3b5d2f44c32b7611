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

"""What projects are told, when the real program moves their instances in the false world."""

import unittest

from kaopu_ha.core.notice import Audience
from kaopu_ha.sim import scenarios, story
from kaopu_ha.telling import notices

PROJECT = 'the-project'


class TestOutcomes(unittest.TestCase):
    """A host dies: two instances are moved, one on local disk can not be."""

    @classmethod
    def setUpClass(cls):
        def ask(world):
            for row in world.nova.rows.values():
                row.project, row.opted_in = PROJECT, row.name != 'web'
        told = story.read(scenarios.text('paused-and-local'))
        cls.world = story.play(told, ask).world
        cls.outcomes = {item.name: item for _, news in cls.world.told for item in news.outcomes}

    def test_each_instance_that_ran_is_told_once(self):
        told = [item.name for _, news in self.world.told for item in news.outcomes]
        self.assertEqual(['cache', 'db', 'web'], told)

    def test_how_it_ended(self):
        self.assertEqual(
            {'cache': ('not recoverable', ''), 'db': ('done', 'c2'), 'web': ('done', 'c3')},
            {name: (item.result, item.target) for name, item in self.outcomes.items()})

    def test_how_long_it_was_down(self):
        ended = {name: at for at, news in self.world.told for item in news.outcomes
                 for name in [item.name]}
        for name, item in self.outcomes.items():
            down = notices.seconds_down(item)
            if item.result == 'done':
                # From the first silent look at second 15 until it was told.
                self.assertAlmostEqual(ended[name] - 15.0, down, delta=0.2)
            else:
                self.assertIsNone(down)

    def test_when_the_host_fell_silent_and_was_confirmed(self):
        for item in self.outcomes.values():
            self.assertEqual(('2026-01-01T00:00:15', '2026-01-01T00:00:21'),
                             (item.silent_since[:19], item.confirmed_at[:19]))

    def test_the_project_is_told_of_those_for_which_it_asked(self):
        told = [(notice.event_type, notice.payload['kaopu_ha_object.data'])
                for _, news in self.world.told
                for notice in notices.made(news, publisher='p', at='now', new_id=str,
                                           projects=[PROJECT])
                if notice.audience is Audience.PROJECTS]
        self.assertEqual([
            ('instance.not_evacuated', 'cache', 'not_recoverable'), ('instance.dead', 'db', None),
            ('instance.evacuated', 'db', 'moved')],
            [(event, data['name'], data.get('result')) for event, data in told])
        self.assertEqual({PROJECT}, {data['project_id'] for _, data in told})
