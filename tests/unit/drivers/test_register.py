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

"""Whose an instance is where there is no Nova: a table of what hosts told and what was decided."""

import unittest

from kaopu_ha import records
from kaopu_ha.core.model import Instance, Power
from kaopu_ha.drivers.libvirt.register import KnownInstance, Standing, Statement

UUID = '11111111-1111-4111-8111-111111111111'
RUNNING = records.MoveRecord('m1', 'c1', 'c2', 'running')
ARRIVED = records.MoveRecord('m1', 'c1', 'c2', 'completed')
FAILED = records.MoveRecord('m1', 'c1', 'c2', 'failed', 'no such bridge')


def told(power, created, modified=0, xml='<domain/>'):
    return Statement(records.DomainRecord('web', power, xml), created, modified or created)


def known(owner=None, modified=0, standing=None, **hosts):
    sizes = {host: Instance(UUID, 'web', Power.ON, cores=2, memory_mb=64) for host in hosts}
    return KnownInstance(UUID, hosts, sizes, owner, modified, standing or {})


ON, PAUSED, OFF = (Power.ON, Power.PAUSED, Power.OFF)


class Whose(unittest.TestCase):

    def test_until_something_is_decided_it_is_that_of_the_host_that_runs_it(self):
        for expected, hosts in (
                ('c1', {'c1': told(ON, 5)}),
                ('c1', {'c1': told(OFF, 5)}),
                ('c1', {'c1': told(ON, 5), 'c2': told(OFF, 7)}),
                ('c1', {'c1': told(ON, 5), 'c2': told(PAUSED, 7)}),
                ('c2', {'c1': told(ON, 5), 'c2': told(ON, 7)}),
                ('c2', {'c1': told(OFF, 5), 'c2': told(OFF, 7)})):
            with self.subTest(hosts=hosts):
                self.assertEqual(expected, known(**hosts).host)

    def test_its_marks_are_those_of_its_definition_on_its_host(self):
        xml = ('<domain><metadata><k:marks xmlns:k="urn:kaopu-ha:1" HA_Enabled="no"/></metadata>'
               '</domain>')
        [mark] = known(c1=told(ON, 5, xml=xml)).server().marks
        self.assertEqual(('metadata', 'HA_Enabled', 'no'),
                         (mark.source.value, mark.key, mark.value))
        self.assertEqual((), known(c1=told(OFF, 5, xml=xml), c2=told(ON, 7)).server().marks)

    def test_nobody_takes_over_what_a_host_that_beats_tells_as_running(self):
        hosts = {'c1': told(ON, 5), 'c9': told(ON, 7)}
        for expected, standing in (
                ('c1', Standing(beats=True)),
                ('c9', Standing()),
                # Its agent is lost since 8: what was claimed before, it saw and did not confirm.
                ('c1', Standing(suspected=8)),
                ('c9', Standing(suspected=6)),
                # It is confirmed since 6: until its recovery has ended nobody else has it.
                ('c1', Standing(suspected=4, locked=6, recovering=True)),
                ('c9', Standing(suspected=4, locked=6)),
                ('c9', Standing(suspected=4, locked=8, recovering=True))):
            with self.subTest(standing):
                self.assertEqual(expected, known(**hosts, standing={'c1': standing}).host)
                # Nor if it was decided that it belongs there.
                owner = records.Owner('c1', 'active', (ARRIVED,))
                self.assertEqual(expected, known(owner, 4, **hosts,
                                                 standing={'c1': standing}).host)

    def test_the_thief_is_not_believed_after_an_honest_migration_either(self):
        hosts = {'c1': told(OFF, 5), 'c2': told(ON, 7), 'c9': told(ON, 9)}
        beats = dict.fromkeys(hosts, Standing(beats=True))
        self.assertEqual('c2', known(**hosts, standing=beats).host)

    def test_one_that_is_about_to_be_told_of_by_its_new_host_is_not_taken_over(self):
        owner = records.Owner('c2', 'active', (ARRIVED,))
        self.assertEqual('c2', known(owner, 9, c9=told(ON, 10),
                                     standing={'c2': Standing(beats=True)}).host)

    def test_what_stopped_on_its_host_and_runs_on_another_is_that_ones(self):
        self.assertEqual('c2', known(c1=told(OFF, 5), c2=told(ON, 7),
                                     standing={'c1': Standing(beats=True)}).host)

    def test_what_a_dead_host_told_before_does_not_count_against_the_decision(self):
        owner = records.Owner('c2', 'active', (ARRIVED,))
        self.assertEqual('c2', known(owner, 9, c1=told(ON, 5)).host)
        self.assertEqual('c2', known(owner, 9, c1=told(ON, 5, 12), c2=told(OFF, 10)).host)

    def test_a_host_that_tells_of_it_for_the_first_time_since_has_it_once_it_runs_there(self):
        owner = records.Owner('c2', 'active', (ARRIVED,))
        two = {'c1': told(ON, 5), 'c2': told(ON, 10)}
        self.assertEqual('c2', known(owner, 9, **two, c3=told(PAUSED, 11)).host)
        self.assertEqual('c3', known(owner, 9, **two, c3=told(ON, 11)).host)

    def test_a_running_move_is_no_arrival_and_leaves_no_trace(self):
        found = known(records.Owner('c1', moves=(RUNNING,)), 9, c1=told(ON, 5), c2=told(ON, 10))
        self.assertEqual(('c1', ()), (found.host, found.migrations()))
        self.assertEqual(('active', ''), (found.server().vm_state, found.server().task_state))

    def test_a_move_that_ended_is_shown_with_its_fault(self):
        found = known(records.Owner('c1', moves=(FAILED,)), 9, c1=told(ON, 5))
        self.assertEqual(['failed'], [one.status for one in found.migrations()])
        self.assertEqual('no such bridge', found.server().fault)


class Shown(unittest.TestCase):

    def test_its_state_is_what_its_host_told(self):
        for power, state in ((ON, 'active'), (PAUSED, 'paused'), (OFF, 'stopped')):
            self.assertEqual(state, known(c1=told(power, 5)).server().vm_state)

    def test_what_was_set_holds_until_its_host_tells_of_it_again(self):
        owner = records.Owner('c1', 'active')
        self.assertEqual('active', known(owner, 9, c1=told(PAUSED, 5)).server().vm_state)
        self.assertEqual('paused', known(owner, 9, c1=told(PAUSED, 5, 10)).server().vm_state)

    def test_one_that_has_just_arrived_is_active_before_its_host_tells_of_it(self):
        found = known(records.Owner('c2', 'active', (ARRIVED,)), 9, c1=told(OFF, 5)).server()
        self.assertEqual(('c2', 'active', 1, 2), (found.host, found.vm_state, found.power_state,
                                                  found.cores))

    def test_it_is_started_from_its_hosts_definition_or_the_newest(self):
        arrived = records.Owner('c2', 'active', (ARRIVED,))
        self.assertEqual(('old', ''), known(arrived, 9, c1=told(ON, 5, xml='old')).xml)
        self.assertEqual(('new', ''), known(arrived, 9, c1=told(ON, 5, 12, 'old'),
                                            c2=told(ON, 10, xml='new')).xml)
        self.assertEqual(('', ''), known(c1=told(ON, 5, xml='')).xml)


if __name__ == '__main__':
    unittest.main()
