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

"""What is started again in place, and what is not."""

import dataclasses
import unittest

from kaopu_ha.core import restart, users
from kaopu_ha.core.model import Action, Mark, OnStuck, Power, Source
from kaopu_ha.core.news import Fact
from kaopu_ha.core.restart import Act, StartPhase
from tests.core.values import (
    AT,
    BY,
    a_case,
    a_server,
    a_service,
    an_instance,
    an_inventory,
    rules,
)

USER_STOPPED = (Action('stop', 'joe'), Action('create', 'joe'))
NOVA_STOPPED = (Action('stop'), Action('create', 'joe'))
OPTED_OUT = Mark(Source.METADATA, 'HA_Enabled', 'no')


def a_start(phase=StartPhase.WAITING, **changes):
    return dataclasses.replace(restart.Start('i1', 'web', phase), **changes)


def a_look(**changes):
    """An instance that is off, that Nova noticed to be so, and that may be started."""
    return dataclasses.replace(
        restart.Seen(AT, 'c1', Power.OFF, a_server(vm_state='stopped'), a_service('c1'),
                     NOVA_STOPPED), **changes)


def advance(start, **changes):
    return restart.advance(start, a_look(**changes), rules())


# Of one that its watchdog paused.
HUNG = {'stuck': False, 'run': '', 'hung': True}


def resumed(its_rules, start=None, calls=0, **changes):
    """The next step of one that an I/O error paused."""
    start = start or a_start(crashed=True, calls=calls, run='7')
    return restart.advance(start, a_look(**{
        'power': Power.PAUSED, 'stuck': True, 'run': '7', 'server': a_server(), 'seconds': 30.0
        } | changes), its_rules)


class Started(unittest.TestCase):

    def test_what_nova_found_off_is_started(self):
        decision = advance(a_start())
        self.assertEqual((Act.START, StartPhase.STARTING, 1),
                         (decision.act, decision.start.phase, decision.start.calls))

    def test_what_nova_still_shows_running_is_left_to_its_nova_compute_for_a_while(self):
        for state in ('active', 'paused', 'rescued'):
            server = a_server(vm_state=state)
            early = advance(a_start(), server=server, seconds=29.0)
            late = advance(a_start(), server=server, seconds=30.0)
            self.assertEqual((Act.WAIT, Act.START_ANEW), (early.act, late.act), state)

    def test_what_runs_is_noted_whoever_started_it(self):
        for phase in (StartPhase.WAITING, StartPhase.STARTING, StartPhase.FAILED):
            for power in (Power.ON, Power.PAUSED):
                decision = advance(a_start(phase), power=power)
                self.assertEqual((Act.NOTE, StartPhase.RUNS),
                                 (decision.act, decision.start.phase))
                self.assertEqual([Fact.RESTARTED], [item.fact for item in decision.news])

    def test_a_call_under_way_is_waited_for_and_then_made_again(self):
        begun = a_start(StartPhase.STARTING, calls=1)
        self.assertIs(Act.WAIT, advance(begun, seconds=119.0).act)
        after = advance(begun, seconds=120.0).start
        self.assertIs(StartPhase.WAITING, after.phase)
        self.assertIs(Act.START, advance(after, seconds=120.0).act)

    def test_the_pauses_grow_and_then_it_has_failed_which_is_told(self):
        for calls, pause in ((1, 5.0), (2, 15.0), (3, 60.0), (4, 300.0)):
            failed = a_start(calls=calls, reason='no room')
            self.assertIs(Act.WAIT, advance(failed, seconds=pause - 0.1).act)
            self.assertIs(Act.START, advance(failed, seconds=pause).act)
        decision = advance(a_start(calls=5, reason='no room'), seconds=301.0)
        self.assertIs(StartPhase.FAILED, decision.start.phase)
        self.assertIn('no room', decision.start.reason)
        self.assertIn('tried again after 10 min', decision.start.reason)
        self.assertEqual([Fact.NOT_RESTARTED], [item.fact for item in decision.news])

    def test_what_failed_is_tried_again_after_pauses_of_up_to_an_hour(self):
        for calls, pause in ((5, 600.0), (6, 1200.0), (7, 2400.0), (8, 3600.0), (1000, 3600.0)):
            failed = a_start(StartPhase.FAILED, calls=calls, reason='no room')
            early = advance(failed, seconds=pause - 0.1)
            self.assertEqual((Act.WAIT, failed), (early.act, early.start))
            late = advance(failed, seconds=pause)
            self.assertEqual((Act.START, StartPhase.STARTING), (late.act, late.start.phase))

    def test_what_failed_once_more_is_told_once_more(self):
        again = advance(a_start(StartPhase.STARTING, calls=6), seconds=120.0).start
        decision = advance(again, seconds=120.0)
        self.assertIs(StartPhase.FAILED, decision.start.phase)
        self.assertEqual([Fact.NOT_RESTARTED], [item.fact for item in decision.news])


class NotStarted(unittest.TestCase):

    def test_what_opted_out_or_has_an_owner_is_left_and_that_is_told(self):
        for server in (a_server(vm_state='stopped', marks=(OPTED_OUT,)),
                       a_server(vm_state='active', marks=(OPTED_OUT,))):
            decision = advance(a_start(), server=server)
            self.assertEqual((StartPhase.LEFT, 'it opted out: metadata HA_Enabled=no'),
                             (decision.start.phase, decision.start.reason))
            self.assertEqual([Fact.LEFT_BY_POLICY], [one.fact for one in decision.news])

    def test_a_start_that_is_under_way_is_not_left(self):
        server = a_server(vm_state='stopped', marks=(OPTED_OUT,))
        start = a_start(phase=StartPhase.STARTING, calls=1)
        self.assertIs(StartPhase.STARTING, advance(start, server=server, seconds=1.0).start.phase)

    def test_what_its_user_stopped_stays_off(self):
        decision = advance(a_start(), actions=USER_STOPPED)
        self.assertEqual((StartPhase.LEFT, 'its user stopped it'),
                         (decision.start.phase, decision.start.reason))

    def test_after_a_move_that_ended_in_error_too(self):
        actions = (Action('evacuate', 'kaopu-ha'), *USER_STOPPED)
        server = a_server(vm_state='error', task_state='rebuilding')
        self.assertEqual('its user stopped it',
                         advance(a_start(), server=server, actions=actions).start.reason)

    def test_what_was_moved_since_was_on(self):
        actions = (Action('evacuate', 'kaopu-ha'), *USER_STOPPED)
        self.assertIs(Act.START, advance(a_start(), actions=actions).act)

    def test_wherever_it_may_run(self):
        decision = advance(a_start(), actions=USER_STOPPED, elsewhere='it was being migrated to c2')
        self.assertEqual((StartPhase.LEFT, 'its user stopped it'),
                         (decision.start.phase, decision.start.reason))

    def test_what_is_not_the_hosts_any_more_is_left(self):
        for server in (None, a_server(vm_state='stopped', host='c2'),
                       a_server(vm_state='shelved'), a_server(vm_state='suspended')):
            self.assertIs(StartPhase.LEFT, advance(a_start(), server=server).start.phase, server)

    def test_what_nova_has_elsewhere_is_left_though_its_host_is_dead_or_mute(self):
        moved = a_server(vm_state='active', host='c2')
        for changes in ({'power': None}, {'barred': 'there is a case on its host: confirmed'}):
            decision = advance(a_start(StartPhase.STARTING), server=moved, **changes)
            self.assertEqual((StartPhase.LEFT, 'Nova has it on c2'),
                             (decision.start.phase, decision.start.reason))
        # A move that is open may still bring it back.
        decision = advance(a_start(), server=moved, moving='it is under way from c1: moving')
        self.assertEqual((Act.WAIT, StartPhase.WAITING), (decision.act, decision.start.phase))

    def test_a_mute_host_that_is_barred_tells_why_it_is(self):
        self.assertEqual('its host is on hold', advance(
            a_start(), power=None, barred='its host is on hold').start.reason)

    def test_each_bar_has_its_reason(self):
        table = [
            ({'power': None}, 'the libvirt of its host does not answer'),
            ({'barred': 'its host is on hold'}, 'its host is on hold'),
            ({'moving': 'it is under way from c1: moving'}, 'it is under way from c1: moving'),
            ({'elsewhere': 'a client at 10.1.0.2 has it open'},
             'a client at 10.1.0.2 has it open'),
            ({'service': None}, 'its nova-compute is not up'),
            ({'service': a_service('c1', up=False)}, 'its nova-compute is not up'),
            ({'server': a_server(vm_state='stopped', task_state='powering-on')},
             'Nova has it in task powering-on'),
        ]
        for changes, reason in table:
            decision = advance(a_start(), **changes)
            self.assertEqual((Act.WAIT, StartPhase.WAITING, reason), (
                decision.act, decision.start.phase, decision.start.reason))

    def test_where_people_start_it_nobody_else_does(self):
        decision = restart.advance(a_start(), a_look(), rules(restarts=False))
        self.assertIs(Act.WAIT, decision.act)
        self.assertIn('a person has to start it', decision.start.reason)

    def test_what_is_stuck_does_not_run_and_is_rebooted_once_its_host_reaches_its_storage(self):
        stuck = {'power': Power.PAUSED, 'stuck': True, 'server': a_server(), 'seconds': 30.0}
        self.assertIs(Act.START_ANEW, advance(a_start(crashed=True), **stuck).act)
        waits = advance(a_start(crashed=True), storage_lost=True, **stuck)
        self.assertEqual((Act.WAIT, 'its host does not reach its storage'),
                         (waits.act, waits.start.reason))
        # One that is off is started, wherever its disks are: Nova knows better.
        self.assertIs(Act.START, advance(a_start(), storage_lost=True).act)
        resumed = advance(a_start(crashed=True), **stuck | {'power': Power.ON, 'stuck': False})
        self.assertIs(StartPhase.RUNS, resumed.start.phase)

    def test_what_is_stuck_in_a_run_that_is_told_is_resumed_first(self):
        waits = resumed(rules(), seconds=29.9)
        self.assertEqual((Act.WAIT, 'its host looks at its storage'), (
            waits.act, waits.start.reason))
        for on_stuck in OnStuck:
            first = resumed(rules(on_stuck=on_stuck))
            self.assertEqual((Act.RESUME, StartPhase.STARTING, 1, True, '7'), (
                first.act, first.start.phase, first.start.calls, first.start.resumed,
                first.start.run), on_stuck)

    def test_nova_need_not_be_up_for_that_and_the_storage_must_be_there(self):
        self.assertIs(Act.RESUME, resumed(rules(), service=a_service('c1', up=False)).act)
        self.assertIs(Act.WAIT, resumed(rules(), storage_lost=True).act)
        self.assertIs(Act.WAIT, resumed(rules(), barred='its host is on hold').act)
        self.assertIs(Act.WAIT, resumed(rules(), elsewhere='a client has it open').act)

    def test_behind_two_resumes_in_vain_it_is_rebooted_unless_only_resuming_is_wanted(self):
        for on_stuck, act in ((OnStuck.TELL, Act.START_ANEW), (OnStuck.REBOOT, Act.START_ANEW),
                              (OnStuck.RESUME, Act.RESUME)):
            for calls, wanted in ((1, Act.RESUME), (2, act), (3, act)):
                found = resumed(rules(on_stuck=on_stuck), calls=calls, seconds=600.0)
                self.assertIs(wanted, found.act, (on_stuck, calls))
                self.assertIs(wanted is Act.RESUME, found.start.resumed)

    def test_who_only_resumes_goes_on_with_growing_pauses_when_it_has_failed(self):
        failed = a_start(StartPhase.FAILED, crashed=True, calls=5, run='7')
        for seconds, act in ((599.0, Act.WAIT), (600.0, Act.RESUME)):
            self.assertIs(act, resumed(rules(on_stuck=OnStuck.RESUME), failed,
                                       seconds=seconds).act)

    def test_an_agent_that_tells_no_run_can_resume_nothing(self):
        self.assertIs(Act.START_ANEW, resumed(rules(on_stuck=OnStuck.REBOOT), run='').act)
        waits = resumed(rules(on_stuck=OnStuck.RESUME), run='')
        self.assertEqual((Act.WAIT, 'its host\'s agent can\'t resume it: it is of an earlier '
                                    'release'), (waits.act, waits.start.reason))

    def test_a_resume_has_until_its_agent_must_have_looked(self):
        asked = a_start(StartPhase.STARTING, crashed=True, calls=1, resumed=True, run='7')
        waits = resumed(rules(), asked, seconds=39.9)
        self.assertEqual((Act.WAIT, restart.ASKED), (waits.act, waits.start.reason))
        lost = resumed(rules(), asked, seconds=40.0, answer='an I/O error paused it again')
        self.assertEqual((Act.NOTE, StartPhase.WAITING, 'call 1 did not resume it within 40 s: an '
                          'I/O error paused it again'),
                         (lost.act, lost.start.phase, lost.start.reason))

    def test_what_gets_stuck_again_after_a_reboot_is_another_matter(self):
        begun = a_start(StartPhase.STARTING, crashed=True, calls=3, run='7')
        self.assertIs(Act.WAIT, resumed(rules(), begun).act)
        again = resumed(rules(), begun, run='8')
        self.assertEqual((Act.NOTE, StartPhase.RUNS, ()),
                         (again.act, again.start.phase, again.news))

    def test_what_was_off_and_got_stuck_is_another_matter_whoever_started_it(self):
        for phase in (StartPhase.WAITING, StartPhase.STARTING, StartPhase.FAILED):
            for calls, crashed in ((0, True), (1, True), (1, False)):
                for on_stuck in OnStuck:
                    found = resumed(rules(on_stuck=on_stuck),
                                    a_start(phase, crashed=crashed, calls=calls), seconds=600.0)
                    self.assertEqual((Act.NOTE, StartPhase.RUNS, 'it ran, and got stuck'), (
                        found.act, found.start.phase, found.start.reason), (phase, calls, on_stuck))
                    hung = resumed(rules(on_stuck=on_stuck), a_start(
                        phase, crashed=crashed, calls=calls), **HUNG, seconds=600.0)
                    self.assertEqual((Act.NOTE, StartPhase.RUNS, 'it ran, and hung'), (
                        hung.act, hung.start.phase, hung.start.reason), (phase, calls, on_stuck))
        stuck = a_start(crashed=True, run='7')
        self.assertIs(Act.NOTE, resumed(rules(), stuck, **HUNG).act)
        hung = a_start(crashed=True, hung=True)
        self.assertIs(Act.NOTE, resumed(rules(), hung).act)

    def test_what_hung_is_rebooted_at_once_and_never_resumed(self):
        hung, start = {'seconds': 0.0, **HUNG}, a_start(crashed=True, hung=True)
        for on_stuck in OnStuck:
            found = resumed(rules(on_stuck=on_stuck), start, **hung)
            self.assertEqual((Act.START_ANEW, False), (found.act, found.start.resumed))
        self.assertIs(Act.WAIT, resumed(rules(), start, **hung, barred='its host is on hold').act)
        self.assertIs(Act.START_ANEW, resumed(rules(), start, **hung, storage_lost=True).act)
        begun = a_start(StartPhase.STARTING, crashed=True, calls=1, hung=True)
        self.assertIs(Act.WAIT, resumed(rules(), begun, **hung).act)
        goes_on = resumed(rules(), begun, **hung | {'hung': False, 'power': Power.ON})
        self.assertIs(StartPhase.RUNS, goes_on.start.phase)

    def test_what_crashed_is_started_whatever_is_done_after_a_boot(self):
        crashed = a_start(crashed=True)
        self.assertIs(Act.START, restart.advance(crashed, a_look(), rules(restarts=False)).act)

    def test_a_settled_start_goes_nowhere(self):
        for phase in (StartPhase.RUNS, StartPhase.LEFT, StartPhase.WAVED_OFF):
            with self.assertRaises(AssertionError):
                restart.waved_off(a_start(phase), 'why', AT)


class LastWord(unittest.TestCase):

    def test_it_is_a_users_on_its_power(self):
        table = [
            ((), False),
            (NOVA_STOPPED, False),
            (USER_STOPPED, True),
            ((Action('stop'), Action('stop', 'joe')), True),
            ((Action('stop'), Action('start', 'joe'), Action('stop', 'joe')), False),
            ((Action('stop', 'joe'), Action('start', 'kaopu-ha')), True),
            ((Action('changePassword', 'joe'), Action('stop', 'joe')), True),
        ]
        for actions, stopped in table:
            self.assertIs(stopped, users.stopped_by_user(actions), actions)


class Opened(unittest.TestCase):

    INVENTORY = an_inventory(boot_id='boot-2', interrupted=('i1', 'i2'),
                             instances=[an_instance('i1', Power.OFF), an_instance('i2', Power.OFF)])

    def open(self, before=None, **changes):
        return restart.opened(dataclasses.replace(self.INVENTORY, **changes), before, AT, BY)

    def test_a_boot_opens_it_with_what_was_on(self):
        record = self.open()
        self.assertEqual(('c1', 'boot-2', ['i1', 'i2']), (
            record.host, record.boot_id, [start.instance for start in record.unsettled]))

    def test_opened_twice_it_is_the_same(self):
        self.assertIsNone(self.open(self.open()))
        self.assertIsNone(self.open(interrupted=()))

    def test_a_second_boot_keeps_what_a_person_waved_off_and_begins_the_rest_anew(self):
        first = self.open()
        first = restart.changed(first, [
            restart.waved_off(first.starts[0], 'not needed', AT),
            dataclasses.replace(first.starts[1], phase=StartPhase.FAILED, calls=5)])
        again = self.open(first, boot_id='boot-3')
        self.assertEqual([('i1', StartPhase.WAVED_OFF, 0), ('i2', StartPhase.WAITING, 0)], [
            (start.instance, start.phase, start.calls) for start in again.starts])

    def test_what_was_still_to_be_started_is_so_after_another_boot_though_its_host_forgot_it(self):
        first = self.open()
        again = self.open(first, boot_id='boot-3', interrupted=('i2',))
        self.assertEqual({'i1': StartPhase.WAITING, 'i2': StartPhase.WAITING}, {
            start.instance: start.phase for start in again.starts})
        # It is no news of this boot, and most often it is elsewhere by now.
        news, = restart.told(again, first)
        self.assertIn('i2', news.text)
        self.assertNotIn('i1', news.text)
        self.assertIsNone(self.open(again, boot_id='boot-3', interrupted=('i2',)))

    def test_what_its_user_had_stopped_is_asked_about_anew_after_another_boot(self):
        first = self.open()
        first = restart.changed(first, [
            dataclasses.replace(first.starts[0], phase=StartPhase.LEFT,
                                reason='its user stopped it')])
        again = self.open(first, boot_id='boot-3')
        self.assertEqual([StartPhase.WAITING] * 2, [start.phase for start in again.starts])
        news, = restart.told(again, first)
        self.assertNotIn('i1', news.text)

    def test_what_crashed_just_before_the_boot_is_told_as_started_again(self):
        first = restart.changed(self.open(), [
            a_start(StartPhase.LEFT, reason=restart.ONLY_TOLD, crashed=True)])
        again = self.open(first, boot_id='boot-3')
        news, = restart.told(again, first)
        self.assertIn('i1', news.text)

    def test_what_was_waved_off_or_left_need_not_run_elsewhere_either(self):
        record = self.open()
        record = restart.changed(record, [restart.waved_off(record.starts[0], 'why', AT)])
        self.assertEqual({'i1'}, restart.counts_as_off(record))
        self.assertEqual(set(), restart.counts_as_off(None))


class Unseen(unittest.TestCase):
    """The agent was dead when its host was booted; its libvirt had told what ran."""

    INVENTORY = an_inventory(boot_id='boot-1', instances=[
        an_instance('i1'), an_instance('i2'), an_instance('i3', Power.OFF)])

    def open(self, before=None, boot_id='boot-2', **changes):
        case = dataclasses.replace(a_case(), boot_id='boot-1', guests_at=AT, **changes)
        return restart.told_by_libvirt(case, self.INVENTORY, boot_id, before, AT, BY)

    def phases(self, record):
        return {start.instance: start.phase for start in record.starts}

    def test_what_came_is_started_and_what_was_off_for_long_is_left(self):
        record = self.open(guests=('i1', 'i4'), went_off={'i3': 2})
        self.assertEqual({'i2': StartPhase.LEFT, 'i3': StartPhase.WAITING,
                          'i4': StartPhase.WAITING},
                         self.phases(record))

    def test_nothing_is_added_to_what_the_agent_can_tell(self):
        self.assertIsNone(self.open(guests=('i1', 'i2')))

    def test_no_boot_and_no_word_of_its_libvirt_say_nothing(self):
        self.assertIsNone(self.open(guests=('i4',), boot_id='boot-1'))
        self.assertIsNone(self.open(guests=('i4',), boot_id=''))
        case = dataclasses.replace(a_case(), boot_id='boot-1')
        self.assertIsNone(restart.told_by_libvirt(case, self.INVENTORY, 'boot-2', None, AT, BY))

    def test_what_was_off_for_long_is_so_after_another_boot(self):
        first = self.open(guests=('i1', 'i4'))
        told = dataclasses.replace(self.INVENTORY, boot_id='boot-3', interrupted=('i1', 'i2'))
        self.assertIs(StartPhase.LEFT, self.phases(restart.opened(told, first, AT, BY))['i2'])

    def test_the_agents_word_is_added_to_it(self):
        first = self.open(guests=('i1', 'i4'))
        told = dataclasses.replace(self.INVENTORY, boot_id='boot-2', interrupted=('i1', 'i2'))
        record = restart.opened(told, first, AT, BY)
        self.assertEqual({'i1': StartPhase.WAITING, 'i2': StartPhase.LEFT,
                          'i4': StartPhase.WAITING},
                         self.phases(record))
        self.assertNotIn('i4', restart.told(record, first)[0].text)

    def test_what_is_on_again_is_no_more_left_and_the_rest_stays(self):
        record = restart.changed(self.open(guests=('i1', 'i4')), [])
        self.assertEqual({'i4': StartPhase.WAITING},
                         self.phases(restart.once_more_on(record, ['i2', 'i4'])))
        self.assertEqual(record, restart.once_more_on(record, ['i4']))


class TheTable(unittest.TestCase):

    def test_every_row_is_named_once_and_the_last_applies_always(self):
        names = [name for name, _, _ in restart._ROWS]
        self.assertEqual(len(names), len(set(names)))
        self.assertTrue(restart._ROWS[-1][1](a_start(), a_look(), rules()))

    def test_every_phase_has_its_roads(self):
        self.assertEqual(set(StartPhase), set(restart.ROADS))
        for phase in StartPhase:
            # What a person waved off, a person may ask for again.
            self.assertIs(phase.settled, restart.ROADS[phase] <= (
                {StartPhase.WAITING} if phase is StartPhase.WAVED_OFF else set()))


class Named(unittest.TestCase):

    def test_as_people_know_them_as_far_as_nova_tells(self):
        record = restart.Restart('c1', 'boot-2', (
            a_start(name='instance-00000001'),
            dataclasses.replace(a_start(name='instance-00000002'), instance='i2')))
        named = restart.named(record, [a_server(name='web'), a_server('i9', name='other')])
        self.assertEqual(['web', 'instance-00000002'], [start.name for start in named.starts])

    def test_what_a_project_calls_its_server_is_bounded(self):
        named = restart.named(restart.Restart('c1', 'boot-2', (a_start(),)),
                              [a_server(name='\U0001f600' * 255)])
        self.assertLess(len(named.starts[0].name), 30)
