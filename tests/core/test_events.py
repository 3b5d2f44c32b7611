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

"""What is kept of an event, and what it may change."""

import dataclasses
import unittest

from kaopu_ha.core import evacuation, events
from kaopu_ha.core.events import Hint, NovaEvent
from kaopu_ha.core.model import Phase, Power, Recovery, RecoveryStage, Server
from tests.core import values
from tests.core.values import an_instance, an_inventory

ON, OFF = Power.ON, Power.OFF
C1 = an_inventory('c1', instances=(an_instance('i1'), an_instance('i2', OFF)))
C2 = an_inventory('c2', instances=(an_instance('i3'),))
HOSTS = {'c1': C1, 'c2': C2}


def said(host='c1', instance='i1', power=OFF):
    return events.hint(NovaEvent(host, 'kind', instance, power, 'then'), HOSTS)


def a_hint(instance, power, host='c1'):
    return Hint(host, 'kind', instance=an_instance(instance, power))


def a_recovery(uuid, told):
    return Recovery('c1-7', 'c1', RecoveryStage.PROVEN, on_by_nova=(uuid,) if told is ON else (),
                    off_by_nova=(uuid,) if told is OFF else ())


def a_server(uuid, vm_state, task='', host='c1'):
    return Server(uuid, f'name of {uuid}', host, vm_state, task, 1)


class WhatIsKept(unittest.TestCase):

    def test_what_the_host_did_not_tell_is_kept_with_the_disks_it_told_of(self):
        self.assertEqual(Hint('c1', 'kind', 'then', an_instance('i1', OFF)), said())
        self.assertEqual(Hint('c1', 'kind', 'then', an_instance('i2', ON)),
                         said(instance='i2', power=ON))

    def test_what_the_host_told_itself_is_not_kept(self):
        self.assertIsNone(said(power=ON))
        self.assertIsNone(said(instance='i2', power=OFF))

    def test_what_came_from_another_host_brings_its_disks_from_there(self):
        self.assertEqual(Hint('c1', 'kind', 'then', an_instance('i3', ON)),
                         said(instance='i3', power=ON))

    def test_what_nobody_knows_is_not_kept(self):
        self.assertIsNone(said(instance='i9'))
        self.assertIsNone(said(host='c9'))
        self.assertIsNone(said(host='c9', instance=''))

    def test_an_event_of_a_host_alone_is_kept(self):
        self.assertEqual(Hint('c2', 'kind', 'then'), said('c2', '', None))

    def test_an_event_without_a_power_says_nothing_of_an_instance(self):
        self.assertIsNone(said(power=None))


class WhatItChanges(unittest.TestCase):

    def test_what_came_is_off_until_nova_has_it_active(self):
        came = events.with_arrivals(C1, [a_hint('i3', ON), a_hint('i1', OFF), Hint('c1', 'kind')])
        self.assertEqual((*C1.instances, an_instance('i3', OFF)), came.instances)
        self.assertIs(C1, events.with_arrivals(C1, [a_hint('i1', OFF)]))

    def test_nova_settles_what_it_has_no_task_on(self):
        hints = [a_hint('i1', OFF), a_hint('i2', ON), Hint('c1', 'kind')]
        self.assertEqual(('i1',), events.unsettled(hints, None, OFF))
        self.assertEqual(('i2',), events.unsettled(hints, None, ON))
        servers = [a_server('i1', 'active'), a_server('i2', 'stopped', 'powering-on')]
        self.assertEqual((), events.unsettled(hints, servers, OFF))
        self.assertEqual(('i2',), events.unsettled(hints, servers, ON))

    def test_only_what_nova_says_too_counts(self):
        for told, vm_state, task, comes in (
                (OFF, 'stopped', '', ON), (OFF, 'active', '', ON), (OFF, 'error', '', ON),
                (OFF, 'stopped', 'deleting', ON), (ON, 'active', '', ON), (ON, 'stopped', '', ON),
                (None, 'stopped', '', ON)):
            found = events.settled(an_instance('i1'), a_recovery('i1', told),
                                   a_server('i1', vm_state, task))
            self.assertIs(comes, found.power, (told, vm_state, task))
        recovery = a_recovery('i2', ON)
        found = events.settled(an_instance('i2', OFF), recovery, a_server('i2', 'active'))
        self.assertIs(ON, found.power)
        found = events.settled(an_instance('i2', OFF), recovery, a_server('i2', 'stopped'))
        self.assertIs(OFF, found.power)

    def test_the_listing_weighs_what_was_told(self):
        recovery = Recovery('c1-7', 'c1', RecoveryStage.PROVEN, instances=C1.instances,
                            on_by_nova=('i2',), off_by_nova=('i1',))
        servers = [a_server('i1', 'stopped'), a_server('i2', 'active')]
        seen = evacuation.Seen(values.AT, values.BY, 7, ())
        made = evacuation.listed(recovery, servers, ('ceph-1',), seen, ('i1',))
        self.assertEqual({'i1': Phase.LEFT, 'i2': Phase.WAITING},
                         {item.instance: item.phase for item in made})
        recovery = dataclasses.replace(recovery, on_by_nova=(), off_by_nova=())
        made = evacuation.listed(recovery, servers, ('ceph-1',), seen)
        self.assertEqual({'i1': Phase.WAITING, 'i2': Phase.LEFT},
                         {item.instance: item.phase for item in made})
