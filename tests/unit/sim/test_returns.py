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

"""Hosts that die again while they are taken back: after each step, with and without a return."""

import dataclasses
import unittest

import fixtures

from kaopu_ha import records
from kaopu_ha.core.admission import Did
from kaopu_ha.core.model import Stage
from kaopu_ha.core.news import Fact
from kaopu_ha.core.restart import Restart
from kaopu_ha.sim import libvirt, scenarios, story, words
from kaopu_ha.sim.healed import for_people, unhealed

TEXT = """
title: c1 dies again while it is taken back
pace: fast
instances: {web: c1, local: 'c1, on local disk', db: c2}
story:
  - 20 power off c1
  - 70 power on c1
  - 80 admit c1
  - 160 end
"""


class DiesAfter(unittest.TestCase):

    def play(self, did, then=()):
        """Play it; the power goes when this step was noted, ``then`` things happen."""
        def prepare(world):
            def look():
                case = world.case('c1')
                if case is not None and case.admit is not None and did.value in case.admit.steps:
                    words.happen(world, 'power off c1')
                else:
                    world.kernel.after(0.05, look)
            world.kernel.at(80.0, look)
            for at, sentence in then:
                world.kernel.at(at, lambda sentence=sentence: words.happen(world, sentence))
        played = story.play(story.read(TEXT), prepare)
        self.assertEqual((), played.wrong, did)
        return played.world

    def steps(self):
        """But the last one: with it the admission has ended."""
        return tuple(Did)[:-1]

    def test_it_is_told_and_does_not_stay_admitting(self):
        for did in self.steps():
            world = self.play(did)
            case = world.case('c1')
            # Without its fence it is judged like any other: nothing was on, nothing can be asked.
            self.assertIn(case.stage, (Stage.CONFIRMED, Stage.SUSPECTED), did)
            # Taken back whole while its last beat lasted, it has a case of its own.
            self.assertTrue(any(news.fact in (Fact.ADMIT_ENDED, Fact.CASE_OPENED)
                                for at, news in world.told if at > 80.0), did)

    def test_one_that_returns_is_taken_back_after_all(self):
        for did in self.steps():
            world = self.play(did, [(140.0, 'power on c1'), (150.0, 'admit every confirmed host')])
            world.run(300.0)
            self.assertIsNone(world.case('c1'), did)
            self.assertNotIn('c1', world.nova.forced, did)
            self.assertEqual([], unhealed(world), did)


class WhatAStartWaitsFor(unittest.TestCase):

    def test_it_says_what_the_move_waits_for_and_is_excused_while_that_is_for_people(self):
        told = story.read(scenarios.text('start-in-place-waits-for-a-half-done-move'))
        events = tuple(event for event in told.events if event.at < 340.0)
        world = story.play(dataclasses.replace(told, end=340.0, events=events)).world
        self.addCleanup(world.kernel.close)
        start, = world.record(Restart, f'{records.RESTART}c2').starts
        self.assertIn('it is under way from c1: waiting: every other host was tried; last: c2 has '
                      'its domain, off, to be undefined by hand', start.reason)
        self.assertEqual(['web'], [item.name for item in for_people(world)])
        self.assertEqual([], unhealed(world))


class ByTheNamesOfPeople(unittest.TestCase):

    def test_what_is_started_again_is_called_as_nova_calls_it_and_not_as_libvirt_does(self):
        real = libvirt.SimLocal.instances

        def instances(local, limit):
            return tuple(dataclasses.replace(domain, name=f'instance-{number:08x}')
                         for number, domain in enumerate(real(local, limit)))
        patch = fixtures.MonkeyPatch('kaopu_ha.sim.libvirt.SimLocal.instances', instances)
        patch.setUp()
        self.addCleanup(patch.cleanUp)
        for away in ((), ('20 Nova goes away', '60 Nova comes back')):
            lines = ''.join(f'  - {line}\n' for line in (
                *away, '20 power off c1', '23 power on c1', '200 expect web runs on c1', '200 end'))
            played = story.play(story.read(
                f'title: a boot\npace: fast\ninstances: {{web: c1}}\nstory:\n{lines}'))
            self.assertEqual((), played.wrong)
            record, = played.world.every(Restart, records.RESTART)
            self.assertEqual(['web'], [start.name for start in record.starts], away)
            began = [news.text for _, news in played.world.told if news.fact is Fact.RESTART]
            self.assertTrue(away or began[0].endswith(': web'), began)
