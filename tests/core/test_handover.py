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

"""What a live migration brought to a host that was booted, and Nova shows where it came from."""

import dataclasses
import unittest

from kaopu_ha.core import handover, restart
from kaopu_ha.core.model import Power
from kaopu_ha.core.restart import Act, Decision, Restart, Start, StartPhase
from tests.core.values import (
    AT,
    BY,
    a_migration,
    a_server,
    an_instance,
    an_inventory,
)

SHOWN = a_server(host='c2')
MIGRATING = a_server(host='c2', task_state='migrating')
THERE = an_inventory(host='c2', boot_id='boot-5', instances=())


def moved(status, **changes):
    return dataclasses.replace(a_migration(
        kind='live-migration', status=status, source='c2', target='c1'), **changes)


def a_start(phase=StartPhase.LEFT, **changes):
    return dataclasses.replace(Start('i1', 'web', phase), **changes)


class WhereItBelongs(unittest.TestCase):

    def test_what_nova_has_not_ended_may_come_here_yet(self):
        for status in ('accepted', 'running', 'post-migrating'):
            newest = [moved(status), moved('completed', source='c1', target='c2')]
            self.assertIn('live migration from c2', handover.comes_to('c1', MIGRATING, newest))
            self.assertEqual('', handover.back_on('c1', MIGRATING, newest))

    def test_what_nova_gave_up_is_back_where_it_came_from(self):
        # A nova-compute that starts resets the task, and not each record.
        for status in ('error', 'running', 'post-migrating'):
            self.assertEqual('', handover.comes_to('c1', SHOWN, [moved(status)]))
            self.assertEqual('c2', handover.back_on('c1', SHOWN, [moved(status)]))

    def test_all_else_belongs_where_nova_shows_it(self):
        table = [
            ('no record', []),
            ('over', [moved('completed')]),
            ('rolled back', [moved('failed')]),
            ('to another host', [moved('running', target='c3')]),
            ('from another host', [moved('running', source='c3')]),
            ('evacuated since', [a_migration(source='c2', target='c1'), moved('running')]),
            ('moved since', [moved('completed', target='c3'), moved('error')]),
        ]
        shown = [(name, server, migrations) for name, migrations in table
                 for server in (SHOWN, MIGRATING)]
        shown += [('no server', None, [moved('running')]),
                  ('shown here by now', a_server(host='c1'), [moved('running')])]
        for name, server, migrations in shown:
            with self.subTest(name):
                self.assertEqual(('', ''), (handover.comes_to('c1', server, migrations),
                                            handover.back_on('c1', server, migrations)))


class Settled(unittest.TestCase):

    def test_what_is_left_here_goes_there(self):
        decision = handover.settled(Decision(a_start(reason='Nova has it on c2'), Act.NOTE), 'c2')
        self.assertEqual(('c2', StartPhase.LEFT, restart.GAVE_UP), (
            decision.hands_to, decision.start.phase, decision.start.reason))

    def test_nothing_else_does(self):
        for start, back in ((a_start(StartPhase.WAITING), 'c2'), (a_start(), '')):
            decision = Decision(start, Act.WAIT)
            self.assertEqual(decision, handover.settled(decision, back))

    def test_another_boot_of_this_host_does_not_ask_about_it_anew(self):
        before = Restart('c1', 'boot-2', (a_start(reason=restart.GAVE_UP),))
        told = an_inventory(boot_id='boot-3', interrupted=('i1', 'i2'), instances=[
            an_instance('i1', Power.OFF), an_instance('i2', Power.OFF)])
        after = restart.opened(told, before, AT, BY)
        self.assertEqual(['i2'], [start.instance for start in after.unsettled])
        # Seen on here once more, it is like any other.
        self.assertEqual(['i2'], [
            start.instance for start in restart.once_more_on(after, ['i1']).starts])


class TakenOver(unittest.TestCase):

    def test_it_waits_there_though_that_host_knows_no_domain_of_it(self):
        record = handover.taken_over(THERE, None, a_start(), AT, BY)
        start, = record.unsettled
        self.assertEqual(('c2', 'boot-5', 'i1', 'web', StartPhase.WAITING), (
            record.host, record.boot_id, start.instance, start.name, start.phase))

    def test_what_became_of_it_there_before_is_over_and_the_others_stay(self):
        for phase in (StartPhase.RUNS, StartPhase.LEFT, StartPhase.WAVED_OFF):
            before = Restart('c2', 'boot-5', (
                Start('i1', 'web', phase), Start('i2', 'db', StartPhase.STARTING, calls=1)))
            record = handover.taken_over(THERE, before, a_start(), AT, BY)
            self.assertEqual({'i1': StartPhase.WAITING, 'i2': StartPhase.STARTING}, {
                start.instance: start.phase for start in record.starts})

    def test_one_that_its_agent_has_on_runs_there(self):
        self.assertFalse(handover.runs(THERE, 'i1'))
        for power, runs in ((Power.ON, True), (Power.PAUSED, True), (Power.OFF, False)):
            there = dataclasses.replace(THERE, instances=(an_instance('i1', power),))
            self.assertIs(runs, handover.runs(there, 'i1'))


class Awaited(unittest.TestCase):
    """A host was lost with what came to it, and Nova shows that elsewhere yet."""

    LOST = an_inventory(boot_id='boot-2', instances=[an_instance('i1')])

    def test_it_waits_in_the_record_of_the_lost_host_and_the_others_stay(self):
        for before, others in ((None, {}), (Restart('c1', 'boot-1', (
                Start('i1', 'web', StartPhase.RUNS), Start('i2', 'db', StartPhase.FAILED))),
                {'i2': StartPhase.FAILED})):
            record = handover.awaited(self.LOST, before, [MIGRATING], AT, BY)
            self.assertEqual({'i1': StartPhase.WAITING, **others}, {
                start.instance: start.phase for start in record.starts})
            self.assertEqual('lost', record.history[-1].stage)

    def test_only_what_ran_there_since_is_asked_about_again(self):
        self.assertFalse(handover.is_known(None, 'i1'))
        for phase in StartPhase:
            before = Restart('c1', 'boot-2', (a_start(phase),))
            self.assertIs(phase is not StartPhase.RUNS, handover.is_known(before, 'i1'))
            self.assertFalse(handover.is_known(before, 'i2'))
