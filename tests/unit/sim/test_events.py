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

"""What events may change and what they may not, with the real program in the false world."""

import logging
import random
import unittest

from kaopu_ha import records
from kaopu_ha.core.events import Hint, NovaEvent
from kaopu_ha.core.model import Case, Evacuation, Phase, Power, Recovery, Stage
from kaopu_ha.sim.checkers import Checkers
from kaopu_ha.sim.libvirt import SimLibvirt
from kaopu_ha.sim.world import PACES, Setup, Vm, World

ON, OFF = Power.ON, Power.OFF
INSTANCES = (Vm('web', 'c1'), Vm('off', 'c1', 'off'), Vm('db', 'c2'), Vm('mail', 'c3'))


def setUpModule():
    logging.disable(logging.CRITICAL)


def tearDownModule():
    logging.disable(logging.NOTSET)


def a_world(events=True, instances=INSTANCES):
    world = World(Setup(instances=instances, events=events), seed=1)
    world.checkers = Checkers(world)
    return world


def storm(world, begin, end, seed):
    """Whatever a stranger may write who knows every name, forty times a second."""
    chance = random.Random(seed)
    uuids = [*world.nova.rows, 'nobody-9']
    hosts = [*world.machines, 'nowhere']

    def say():
        instance = chance.choice(['', *uuids])
        world.bus.say(NovaEvent(chance.choice(hosts), 'forged', instance,
                                chance.choice([ON, OFF]) if instance else None))
        if world.kernel.now < end:
            world.kernel.after(0.025, say)
    world.kernel.at(begin, say)


def phase_of(world, name):
    row = world.row(name)
    return next((each.phase for each in world.every(Evacuation, records.EVACUATION)
                 if each.instance == row.uuid), None)


def decisions(world):
    """What was told, but for the time of day: the leader may look a little earlier."""
    return [(news.fact, news.host, news.text) for _, news in world.told if news.host]


class AStormOfForgedEvents(unittest.TestCase):

    def test_it_confirms_nobody(self):
        world = a_world()
        storm(world, 2.0, 120.0, seed=7)
        world.run(120.0)
        self.assertEqual([], world.checkers.found)
        self.assertEqual([], world.every(Case, records.CASE))
        self.assertEqual([], world.every(Recovery, records.RECOVERY))
        self.assertEqual(decisions(a_quiet_one(120.0)), decisions(world))
        hints = world.every(Hint, records.EVENT)
        # One for each instance and host that is known, at most.
        self.assertTrue(0 < len(hints) <= len(INSTANCES) + len(world.machines))

    def test_it_neither_keeps_the_dead_from_their_recovery_nor_starts_what_is_off(self):
        for nova_away in (False, True):
            with self.subTest(nova_away=nova_away):
                world = a_world()
                storm(world, 2.0, 80.0, seed=8)
                world.run(10.0)
                world.nova.away = nova_away
                world.machines['c1'].power_off()
                world.changed()
                world.run(40.0)
                self.assertTrue(world.confirmed('c1'))
                world.nova.away = False
                world.run(100.0)
                self.assertEqual([], world.checkers.found)
                web, off = world.row('web'), world.row('off')
                self.assertNotEqual('c1', web.host)
                self.assertEqual([web.host], world.running_on(web.uuid))
                self.assertEqual([], world.running_on(off.uuid))
                self.assertEqual(['c1'], [each.host for each in
                                          world.every(Recovery, records.RECOVERY)])


def a_quiet_one(until):
    world = a_world(events=False)
    world.run(until)
    return world


class WhatNovaToldLast(unittest.TestCase):
    """An instance is switched just before its host dies, and Nova is away when it is confirmed."""

    def lived(self, events, name, on):
        world = a_world(events)
        # Right after a look of the agent's: it does not live to see it.
        world.run(10.0)
        row, compute = world.row(name), world.computes['c1']

        def switch():
            if on:
                world.machines['c1'].start(row.uuid)
            else:
                world.machines['c1'].stop(row.uuid)
            row.wanted = on
            world.note('world', f'{name} is switched {"on" if on else "off"}')
            row.asked_for('start' if on else 'stop')
            row.vm_state, row.power_state = ('active', 1) if on else ('stopped', 4)
            world.bus.say(NovaEvent(compute.machine.name, 'said', row.uuid, ON if on else OFF))

        def die():
            world.machines['c1'].power_off()
            world.nova.away = True
            world.changed()
        world.kernel.at(world.kernel.now + 0.1, switch)
        world.kernel.at(world.kernel.now + 0.15, die)
        world.run(40.0)
        known = {each.uuid: each.power for each in next(
            each for each in world.every(Recovery, records.RECOVERY)).instances}
        self.assertIs(OFF if on else ON, known[row.uuid], 'the host did not tell of it')
        world.nova.away = False
        world.run(90.0)
        self.assertEqual([], world.checkers.found)
        return phase_of(world, name)

    def test_what_was_switched_off_stays_off(self):
        self.assertIs(Phase.LEFT, self.lived(events=True, name='web', on=False))
        # Without them Nova says later that its user wanted that.
        self.assertIs(Phase.LEFT, self.lived(events=False, name='web', on=False))

    def test_what_was_switched_on_runs_again(self):
        self.assertIs(Phase.DONE, self.lived(events=True, name='off', on=True))
        self.assertIs(Phase.LEFT, self.lived(events=False, name='off', on=True))


class WhatIsForged(unittest.TestCase):
    """Nova is away when the host is confirmed; what it lists later has the word."""

    def lived(self, name, power):
        world = a_world()
        world.run(10.0)
        world.machines['c1'].power_off()
        world.nova.away = True
        world.changed()
        world.run(12.0)
        world.bus.say(NovaEvent('c1', 'forged', world.row(name).uuid, power))
        world.run(40.0)
        self.assertEqual(1, len(world.every(Hint, records.EVENT)))
        world.nova.away = False
        world.run(90.0)
        self.assertEqual([], world.checkers.found)
        return phase_of(world, name)

    def test_said_to_be_off_it_runs_again_since_nova_has_it_active(self):
        self.assertIs(Phase.DONE, self.lived('web', OFF))

    def test_said_to_be_on_it_stays_off_since_nova_has_it_stopped(self):
        self.assertIs(Phase.LEFT, self.lived('off', ON))

    def test_said_to_be_here_it_is_left_alone_since_nova_has_it_there(self):
        self.assertIsNone(self.lived('db', ON))


class WhatCame(unittest.TestCase):

    def lived(self, events):
        """A live migration ends on a host that dies before it has told of it."""
        world = a_world(events)
        world.run(10.0)
        row = world.row('db')
        there, here = world.machines['c1'], world.machines['c2']

        def move():
            there.define(row.uuid, row.name, row.images, ())
            here.remove(row.uuid)
            there.start(row.uuid)
            row.host = 'c1'
            world.bus.say(NovaEvent('c1', 'said', row.uuid, ON))

        def die():
            there.power_off()
            world.changed()
        world.kernel.at(world.kernel.now + 0.1, move)
        world.kernel.at(world.kernel.now + 0.15, die)
        world.run(60.0)
        self.assertEqual([], world.checkers.found)
        return phase_of(world, 'db')

    def test_its_disks_are_known_from_where_it_was(self):
        self.assertIs(Phase.DONE, self.lived(events=True))
        self.assertIs(Phase.NOT_RECOVERABLE, self.lived(events=False))

class AHostThatIsSpokenOf(unittest.TestCase):

    def looks(self, events):
        """How often the host is asked in ten seconds at the patent's pace, its agent lost."""
        asked = self.count_asks()
        world = World(Setup(instances=INSTANCES, events=events, times=PACES['patent']), seed=1)
        world.run(10.0)
        world.agents['c1'].kill()
        world.run(50.0)
        self.assertIs(Stage.SUSPECTED, world.case('c1').stage)
        asked.clear()
        storm(world, 50.0, 60.0, seed=3)
        world.run(60.5)
        self.assertIs(Stage.SUSPECTED, world.case('c1').stage)
        return len(asked)

    def count_asks(self):
        """Every ask about a suspect in worlds made from now on: a case tells few of them."""
        asked, real = [], SimLibvirt.ask

        def ask(probe, suspects, *more):
            asked.extend(suspects)
            return real(probe, suspects, *more)
        SimLibvirt.ask = ask
        self.addCleanup(setattr, SimLibvirt, 'ask', real)
        return asked

    def test_it_is_looked_at_sooner_and_a_storm_of_events_is_none_of_looks(self):
        self.assertTrue(1 <= self.looks(events=False) <= 3)
        self.assertTrue(5 <= self.looks(events=True) <= 21)
