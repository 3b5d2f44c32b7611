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

"""Situations in which an earlier release failed, each with the right value.

Those of which a story tells are there (``kaopu_ha/sim/scenarios``); these need a sweep, a count, or
something for which no sentence is worth while.
"""

import dataclasses
import logging
import tracemalloc
import unittest

import fixtures

from kaopu_ha import ports, records
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import model
from kaopu_ha.core.facts import Facts
from kaopu_ha.core.model import Evacuation, Power
from kaopu_ha.sim import libvirt, scenarios, story
from kaopu_ha.sim.store import REQUEST_BYTES_MAX
from tests.core import values
from tests.unit.sim import virtual_address
from tests.unit.sim.mutants import put


def setUpModule():
    # What the program logs of a world in trouble is no news here.
    logging.disable(logging.CRITICAL)


def tearDownModule():
    logging.disable(logging.NOTSET)


def play(instances, *lines, hosts='c1 c2 c3', seed=0, prepare=lambda world: None):
    """What came of a story at the fast pace."""
    text = (f'title: a case\npace: fast\nseed: {seed}\nhosts: {hosts}\n'
            f'instances: {{{instances}}}\nstory:\n' + ''.join(f'  - {line}\n' for line in lines))
    return story.play(story.read(text), prepare)


class AGuestThatCameToAHostWithoutAgent(unittest.TestCase):
    """A live migration to a host that only Nova knows; the source dies at any moment of it."""

    def test_wherever_it_was_when_its_source_died_it_runs_once_and_there(self):
        places = set()
        for seed in range(3):
            for half in range(2 * 20, 2 * 33):
                places.add(self.play(seed, half / 2))
        # Its guest had not come over, had come and was not written down, and was.
        self.assertEqual({(False, 'c3'), (True, 'c2')}, places)

    def play(self, seed, dies):
        came = []

        def prepare(world):
            def look():
                guests = [guest for uuid, guest in world.machines['c2'].guests.items()
                          if world.machines['c2'].runs(uuid) and not guest.incoming]
                came.append(bool(guests))
            world.kernel.at(dies + 0.01, look)
        played = play('web: c1', '0 kill agent-c2', '20 migrate web to c2',
                      f'{dies} power off c1', '120 end', seed=seed, prepare=prepare)
        self.assertEqual((), played.wrong, (seed, dies))
        runs = [name for name, machine in played.world.machines.items()
                if any(machine.runs(uuid) for uuid in machine.guests)]
        self.assertEqual(1, len(runs), (seed, dies))
        return came[0], runs[0]


class AVirtualAddressThatMovesWhenItsHolderDies(unittest.TestCase):

    def test_its_holder_is_recovered_and_taken_back(self):
        virtual_address.moves(self)
        played = play('web: c1', '20 power off c1', '120 expect web runs elsewhere',
                      '120 power on c1', '180 admit c1', '400 expect c1 beats', '400 end')
        self.assertEqual((), played.wrong)
        left = [entry for cluster in played.world.clusters.values() for entry in cluster.blocklist
                if entry.endswith(':0/0')]
        self.assertEqual([], left)


class ATargetThatIsRebootedBeforeItTakesTheCall(unittest.TestCase):
    """Mutants that its story finds; lives hardly ever come to it."""

    STORY = 'target-rebooted-before-it-takes-the-call'

    def test_a_domain_that_the_new_nova_compute_made_counts_as_left(self):
        self.finds(put(libvirt, 'is_left', lambda power, made, began: power is Power.OFF))

    def test_a_restart_alone_says_that_nothing_is_left_there(self):
        self.finds(put(Facts, 'left_there', property(lambda facts: True)))

    def finds(self, mutant):
        with mutant:
            wrong = story.play(story.read(scenarios.text(self.STORY))).wrong
        self.assertIn('no second target: web to c2: it may still come up on c3', ''.join(wrong))


class NovaThatHoldsEachCall(unittest.TestCase):

    def test_each_instance_is_called_once_and_comes(self):
        asked = []

        def prepare(world):
            real = world.nova.asked

            def heard(row, target):
                asked.append(row.name)
                real(row, target)
            world.nova.asked = heard
        played = play('web: c1, db: c1', '8 Nova takes 25 s more for each act', '10 power off c1',
                      '400 expect the recovery of c1 is finished', '400 expect web runs elsewhere',
                      '400 expect db runs elsewhere', '400 end', prepare=prepare)
        self.assertEqual((), played.wrong)
        self.assertEqual(['db', 'web'], sorted(asked))
        self.assertEqual([1, 1], [len(item.attempts) for item in played.world.every(
            Evacuation, records.EVACUATION)])


class ATargetWhereSomebodyElseHasTheDiskOpen(unittest.TestCase):

    def test_nova_fails_there_and_the_instance_goes_on_and_the_source_is_taken_back(self):
        played = play('web: c1', '15 a tool on c2 opens web', '20 power off c1',
                      '20 guests do not start on c2', '400 expect web runs on c3',
                      '400 power on c1', '460 admit c1', '800 expect c1 beats', '800 end')
        self.assertEqual((), played.wrong)


class MovesThatWaitHoldNoPlaces(unittest.TestCase):

    def test_while_a_dozen_wait_those_of_another_host_are_moved(self):
        waiting = ', '.join(f'v{number}: c1' for number in range(12))
        filled = ', '.join(f'f{number}: c{4 + number % 2}' for number in range(10))
        played = play(f'{waiting}, {filled}, x1: c6, x2: c6', '15 libvirtd of c2 freezes',
                      '15 libvirtd of c3 freezes', '20 power off c1', '200 power off c6',
                      '500 expect x1 runs elsewhere', '500 expect x2 runs elsewhere', '500 end',
                      hosts='c1 c2 c3 c4 c5 c6')
        self.assertEqual((), played.wrong)


class WhatGrows(unittest.TestCase):
    """A host with many instances, and a cloud with many hosts, looked at again and again."""

    def instances(self, number, name='web'):
        return tuple(values.an_instance(f'i{one}', name=name, images=(model.Image(
            'ceph-1', 'volumes', f'volume-{one:036}', f'rbd_header.{one:014x}'),))
            for one in range(number))

    def test_the_longest_names_of_three_hundred_instances_can_be_confirmed(self):
        named = self.instances(300, name='\U0001f600' * 255)
        recovery = model.Recovery('r', 'c1', model.RecoveryStage.FENCING, instances=named)
        self.assertLess(len(records.encode(recovery)), REQUEST_BYTES_MAX * 0.75)

    def test_what_was_read_once_is_not_kept_beside_what_is_there_now(self):
        texts = [records.encode(values.an_inventory('c1', boot_id=f'boot-{number}',
                                                    instances=self.instances(50)))
                 for number in range(200)]
        for text in texts[:20]:
            records.decode(model.Inventory, text)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before = tracemalloc.get_traced_memory()[0]
        for text in texts[20:]:
            records.decode(model.Inventory, text)
        grown = tracemalloc.get_traced_memory()[0] - before
        # One of them with what it became takes eight times its text, 180 would take 1,440 times.
        self.assertLess(grown, 40 * len(texts[0]))

    def test_of_thousands_of_records_none_is_decoded_twice_while_it_stands(self):
        entries = {key: ports.Entry(key, records.encode(value), 1, 1) for key, value in (
            (f'{records.INVENTORY}c{number}', dataclasses.replace(
                values.an_inventory(f'c{number}'), instances=())) for number in range(5000))}
        snapshot, decoded, real = ports.Snapshot(1, entries), [], records.decode

        def counted(kind, text, key=''):
            decoded.append(key)
            return real(kind, text, key)
        patch = fixtures.MonkeyPatch('kaopu_ha.records.view.decode', counted)
        patch.setUp()
        self.addCleanup(patch.cleanUp)
        for _ in range(3):
            self.assertEqual(5000, len(CloudView(snapshot, lambda news: None).inventories))
        self.assertEqual(len(entries), len(decoded))
