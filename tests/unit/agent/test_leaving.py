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

"""What went off with the host, as its agent tells it."""

import dataclasses
import unittest

from kaopu_ha.agent import leaving
from kaopu_ha.agent.runtime import HostRuntime
from kaopu_ha.core import model
from kaopu_ha.core.model import Power
from tests.core.values import an_inventory
from tests.unit.agent.case import ScriptedHost, domain

ONE, TWO = domain('one'), domain('two')
ONE_OFF = domain('one', power=Power.OFF, run='')
TWO_OFF = domain('two', power=Power.OFF, run='')


class Case(unittest.TestCase):

    def setUp(self):
        self.host, self.time, self.told = ScriptedHost(), 0.0, []
        self.former = None
        self.begin()

    def begin(self):
        """An agent that starts knows what was published, and nothing else."""
        env = HostRuntime('c1', None, self.host, lambda news: self.told.append(news.text),
                          lambda: self.time)
        self.past = leaving.Past(env, lately_seconds=120.0)

    def look(self, *domains, boot='boot-1', mute=False):
        """One turn of the agent: what it tells, which is the former one at the next turn."""
        told = self.past.look(self.former, boot, None if mute else domains, 4.0)
        instances = tuple(model.Instance(each.uuid, each.name, each.power)
                          for each in told.domains)
        if mute:
            instances = leaving.as_of(self.former, boot)
        self.former = an_inventory(
            boot_id=boot, instances=instances, interrupted=told.interrupted,
            off_lately=told.off_lately, leaving=told.leaving)
        return self.former

    def on(self):
        return sorted(each.name for each in self.former.on)


class Boots(Case):

    def test_what_was_on_when_the_former_boot_ended_was_interrupted(self):
        self.look(ONE, TWO_OFF)
        self.begin()
        self.look(ONE_OFF, TWO_OFF, boot='boot-2')
        self.assertEqual((ONE.uuid,), self.former.interrupted)
        self.assertEqual(0, self.host.asked_why)

    def test_until_it_is_on_again(self):
        self.look(ONE, TWO)
        self.look(ONE_OFF, TWO_OFF, boot='boot-2')
        self.look(ONE, TWO_OFF, boot='boot-2')
        self.assertEqual((TWO.uuid,), self.former.interrupted)
        self.look(ONE_OFF, TWO_OFF, boot='boot-2')
        self.assertEqual((TWO.uuid,), self.former.interrupted)

    def test_a_second_boot_adds_to_it_and_an_agents_start_does_not(self):
        self.look(ONE, TWO)
        self.look(ONE_OFF, TWO_OFF, boot='boot-2')
        self.look(ONE, TWO_OFF, boot='boot-2')
        self.begin()
        self.look(ONE, TWO_OFF, boot='boot-2')
        self.assertEqual((TWO.uuid,), self.former.interrupted)
        self.look(ONE_OFF, TWO_OFF, boot='boot-3')
        self.assertEqual((ONE.uuid, TWO.uuid), self.former.interrupted)

    def test_what_is_defined_nowhere_any_more_is_forgotten_with_the_next_boot(self):
        self.look(ONE, TWO)
        self.look(ONE_OFF, boot='boot-2')
        self.assertEqual((ONE.uuid, TWO.uuid), self.former.interrupted)
        self.look(ONE_OFF, boot='boot-3')
        self.assertEqual((ONE.uuid,), self.former.interrupted)

    def test_a_mute_libvirt_after_a_boot_tells_of_nothing_as_running(self):
        self.look(ONE)
        self.look(boot='boot-2', mute=True)
        self.assertEqual([Power.OFF], [each.power for each in self.former.instances])
        self.assertEqual(['one'], self.on())

    def test_what_a_release_before_this_one_published_is_understood(self):
        self.former = dataclasses.replace(an_inventory(instances=(
            model.Instance(ONE.uuid, 'one', Power.ON),)))
        self.look(ONE_OFF, boot='boot-2')
        self.assertEqual((ONE.uuid,), self.former.interrupted)


class Leaves(Case):

    def test_a_system_that_stops_has_its_instances_told_as_they_were(self):
        self.look(ONE, TWO)
        self.host.stops = True
        self.look(ONE_OFF, TWO)
        self.look(ONE_OFF, TWO_OFF)
        self.assertTrue(self.former.leaving)
        self.assertEqual([Power.ON, Power.ON], [each.power for each in self.former.instances])
        self.assertEqual(1, len(self.told))

    def test_why_is_asked_only_when_something_went_off(self):
        self.look(ONE, TWO_OFF)
        self.look(ONE, TWO_OFF)
        self.assertEqual(0, self.host.asked_why)
        self.look(ONE_OFF, TWO_OFF)
        self.assertEqual((1, False), (self.host.asked_why, self.former.leaving))

    def test_one_that_stops_no_more_tells_what_is(self):
        self.look(ONE, TWO)
        self.host.stops = True
        self.look(ONE_OFF, TWO)
        self.host.stops = False
        self.look(ONE_OFF, TWO)
        self.assertFalse(self.former.leaving)
        self.assertEqual([Power.OFF, Power.ON], [each.power for each in self.former.instances])
        self.assertEqual((ONE.uuid,), self.former.off_lately)

    def test_after_the_boot_nothing_is_left_of_it_but_what_was_interrupted(self):
        self.look(ONE)
        self.host.stops = True
        self.look(ONE_OFF)
        self.host.stops = False
        self.begin()
        self.look(ONE_OFF, boot='boot-2')
        self.assertEqual((False, (ONE.uuid,)), (self.former.leaving, self.former.interrupted))

    def test_what_came_to_it_on_its_way_down_was_on_too(self):
        self.look(ONE)
        self.host.stops = True
        self.look(ONE_OFF)
        self.look(ONE_OFF, TWO)
        self.begin()
        self.look(ONE_OFF, TWO_OFF, boot='boot-2')
        self.assertEqual(['one', 'two'], self.on())


class Lately(Case):

    def test_what_went_off_counts_as_on_for_a_while(self):
        self.look(ONE, TWO)
        self.time = 10.0
        self.look(ONE_OFF, TWO)
        self.assertEqual(((ONE.uuid,), ['one', 'two']), (self.former.off_lately, self.on()))
        self.time = 129.0
        self.look(ONE_OFF, TWO)
        self.assertEqual(['one', 'two'], self.on())
        self.time = 130.0
        self.look(ONE_OFF, TWO)
        self.assertEqual(((), ['two']), (self.former.off_lately, self.on()))

    def test_one_that_is_on_again_is_just_on(self):
        self.look(ONE)
        self.look(ONE_OFF)
        self.look(ONE)
        self.assertEqual((), self.former.off_lately)

    def test_an_agent_that_starts_goes_on_with_it(self):
        self.look(ONE)
        self.look(ONE_OFF)
        self.begin()
        self.look(ONE_OFF)
        self.assertEqual((ONE.uuid,), self.former.off_lately)

    def test_what_went_off_just_before_a_boot_was_interrupted(self):
        self.look(ONE)
        self.look(ONE_OFF)
        self.look(ONE_OFF, boot='boot-2')
        self.assertEqual(((ONE.uuid,), ()), (self.former.interrupted, self.former.off_lately))


class SaysSo(Case):

    def test_an_agent_that_is_told_to_end_asks_whether_its_host_leaves(self):
        self.look(ONE)
        self.assertFalse(self.past.leave(0.3))
        self.host.stops = True
        self.assertTrue(self.past.leave(0.3))
        self.look(ONE_OFF)
        self.assertEqual((True, ['one']), (self.former.leaving, self.on()))
