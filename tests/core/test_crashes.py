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

"""Who is started because its guest crashed, who is only told of, and who is left to a person."""

import dataclasses
import unittest

from kaopu_ha.core import crashes, restart
from kaopu_ha.core.model import OnCrash, OnHung, OnStuck, Power
from kaopu_ha.core.news import Fact
from kaopu_ha.core.restart import Start, StartPhase
from tests.core.values import AT, BY, an_instance, an_inventory, rules

STARTS = rules(on_crash=OnCrash.START)


def a_host(*crashed, on=('i3',), off=(), **changes):
    """A host on which these guests have crashed."""
    instances = [*(an_instance(uuid, Power.OFF) for uuid in (*crashed, *off)),
                 *(an_instance(uuid) for uuid in on)]
    return an_inventory(instances=instances, crashed=crashed, **changes)


def a_record(*starts, boot_id='boot-1'):
    return restart.Restart('c1', boot_id, starts)


def a_start(phase, uuid='i1', **changes):
    return Start(uuid, f'name of {uuid}', phase, **{'crashed': True} | changes)


def opened(host, before=None, lately=None, rules=STARTS):
    return crashes.seen(host, before, lately or {}, AT, BY, rules)


def phases(found):
    return {one.instance: one.phase for one in found.record.starts}


class Seen(unittest.TestCase):

    def test_it_is_started_where_it_was_if_the_operator_wants_that(self):
        found = opened(a_host('i1'))
        start, = found.record.starts
        self.assertEqual(('i1', StartPhase.WAITING, 'its guest crashed', True, ('i1',)), (
            start.instance, start.phase, start.reason, start.crashed, found.begun))
        self.assertEqual([(Fact.CRASHED, 'c1')], [(one.fact, one.host) for one in found.news])

    def test_by_default_it_is_told_once_and_nothing_else(self):
        found = opened(a_host('i1'), rules=rules())
        self.assertEqual({'i1': StartPhase.LEFT}, phases(found))
        self.assertEqual(((), [Fact.CRASHED]), (found.begun, [one.fact for one in found.news]))
        self.assertIn('[instances] crashed is tell', found.news[0].text)
        self.assertIsNone(opened(a_host('i1'), found.record, rules=rules()))

    def test_what_the_operator_leaves_is_not_even_told(self):
        self.assertIsNone(opened(a_host('i1'), rules=rules(on_crash=OnCrash.LEAVE)))

    def test_what_is_open_or_stays_off_is_no_news(self):
        for phase in StartPhase:
            found = opened(a_host('i1'), a_record(a_start(phase)))
            # What ran since has crashed once more.
            self.assertEqual(phase is StartPhase.RUNS, found is not None, phase)

    def test_what_ran_since_is_begun_anew_and_others_stay(self):
        before = a_record(a_start(StartPhase.RUNS, calls=4), a_start(StartPhase.WAVED_OFF, 'i2'),
                          a_start(StartPhase.STARTING, 'i4', calls=2))
        found = opened(a_host('i1', off=['i2']), before)
        self.assertEqual({'i1': (StartPhase.WAITING, 0), 'i2': (StartPhase.WAVED_OFF, 0),
                          'i4': (StartPhase.STARTING, 2)},
                         {one.instance: (one.phase, one.calls) for one in found.record.starts})

    def test_what_was_to_be_started_in_an_earlier_boot_is_not_lost(self):
        before = a_record(a_start(StartPhase.FAILED, 'i4'), boot_id='boot-0')
        found = opened(a_host('i1'), before)
        self.assertEqual({'i1': StartPhase.WAITING, 'i4': StartPhase.WAITING}, phases(found))
        self.assertEqual('boot-1', found.record.boot_id)

    def test_what_is_over_and_known_no_more_is_kept_no_more(self):
        kept = [a_start(StartPhase.RUNS, 'i3'), a_start(StartPhase.FAILED, 'i5'),
                a_start(StartPhase.LEFT, 'i6', crashed=False)]
        gone = [a_start(phase, f'gone {phase.value}') for phase in StartPhase if phase.settled]
        found = opened(a_host('i1'), a_record(*kept, *gone))
        self.assertEqual({'i1', 'i3', 'i5', 'i6'}, set(phases(found)))

    def test_what_is_on_has_not_crashed_whatever_is_said_of_it(self):
        host = dataclasses.replace(a_host('i1'), instances=(an_instance('i1'),))
        self.assertIsNone(opened(host))

    def test_the_fourth_time_within_an_hour_it_is_left_to_a_person(self):
        for times in range(STARTS.crashes_max):
            self.assertEqual(('i1',), opened(a_host('i1'), lately={'i1': times}).begun)
        found = opened(a_host('i1', 'i2'), lately={'i1': STARTS.crashes_max})
        self.assertEqual({'i1': StartPhase.LEFT, 'i2': StartPhase.WAITING}, phases(found))
        self.assertEqual({Fact.NOT_RESTARTED: 'name of i1', Fact.CRASHED: 'name of i2'}, {
            one.fact: one.text.partition(':')[0] for one in found.news
            if one.fact is not Fact.MANY_CRASHED})

    def test_what_a_person_is_to_start_comes_back_if_its_host_dies(self):
        """It may have been the host that took it along."""
        for reason, counts in ((restart.ONLY_TOLD, False), (restart.TOO_OFTEN, False),
                               ('its user stopped it', True)):
            record = a_record(a_start(StartPhase.LEFT, reason=reason))
            self.assertEqual(counts, 'i1' in restart.counts_as_off(record), reason)
            self.assertIn('i1', restart.stays_off(record))


class Called(unittest.TestCase):

    def called(self, host, before=None, lately=None):
        # Whatever is done about what its own agent sees.
        return crashes.called(host, before, 'i1', lately or {}, AT, BY, rules())

    def test_what_is_said_to_have_crashed_is_started_if_its_host_tells_so(self):
        self.assertEqual([(StartPhase.WAITING, 'its guest crashed')], [
            (one.phase, one.reason) for one in self.called(a_host('i1')).record.starts])
        # Who shut it down, and from where, nobody has to know.
        for host in (a_host(off=['i1']), a_host(on=['i1'])):
            self.assertIsNone(self.called(host))

    def test_what_was_only_told_of_is_started_now(self):
        before = a_record(a_start(StartPhase.LEFT, reason=restart.ONLY_TOLD))
        self.assertEqual({'i1': StartPhase.WAITING}, phases(self.called(a_host('i1'), before)))

    def test_what_is_being_started_is_not_begun_anew(self):
        for phase in (StartPhase.WAITING, StartPhase.STARTING, StartPhase.FAILED):
            self.assertIsNone(self.called(a_host('i1'), a_record(a_start(phase))))

    def test_the_limit_holds_for_it_as_well(self):
        found = self.called(a_host('i1'), lately={'i1': rules().crashes_max})
        self.assertEqual({'i1': StartPhase.LEFT}, phases(found))


class Stuck(unittest.TestCase):
    """An I/O error paused it."""

    HOST = an_inventory(instances=[an_instance('i1', Power.PAUSED), an_instance('i2', Power.PAUSED),
                                   an_instance('i3')], stuck=('i1',))

    def test_it_is_rebooted_if_the_operator_wants_that_whatever_is_done_about_crashes(self):
        for on_crash in OnCrash:
            self.assertIsNone(opened(self.HOST, rules=rules(on_crash=on_crash)))
            found = opened(self.HOST, rules=rules(on_crash=on_crash, on_stuck=OnStuck.REBOOT))
            self.assertEqual([('i1', StartPhase.WAITING, crashes.STUCK)], [
                (one.instance, one.phase, one.reason) for one in found.record.starts])
            self.assertEqual([Fact.STUCK], [one.fact for one in found.news])

    def test_the_run_in_which_it_is_stuck_is_kept(self):
        for runs, kept in (({'i1': '7'}, '7'), ({}, '')):
            host = dataclasses.replace(self.HOST, stuck_runs=runs)
            (start,) = opened(host, rules=rules(on_stuck=OnStuck.REBOOT)).record.starts
            self.assertEqual(kept, start.run)

    def test_what_becomes_of_it_is_told_as_it_is_meant(self):
        for on_stuck, words in ((OnStuck.RESUME, 'it is resumed where it is,'),
                                (OnStuck.REBOOT, 'it is resumed, or rebooted if that does not')):
            text = opened(self.HOST, rules=rules(on_stuck=on_stuck)).news[0].text
            self.assertIn(words, text)

    def test_it_is_rebooted_for_who_says_so_and_one_that_its_user_paused_is_not(self):
        for uuid, found in (('i1', True), ('i2', False), ('i3', False)):
            self.assertEqual(found, crashes.called(
                self.HOST, None, uuid, {}, AT, BY, rules()) is not None, uuid)

    def test_the_limit_holds_for_it_as_well_and_what_is_left_stays_left(self):
        wanted = rules(on_stuck=OnStuck.REBOOT)
        found = opened(self.HOST, lately={'i1': wanted.crashes_max}, rules=wanted)
        self.assertEqual({'i1': StartPhase.LEFT}, phases(found))
        self.assertIsNone(opened(self.HOST, found.record, rules=wanted))

    def test_one_that_crashed_beside_it_is_told_by_itself(self):
        host = dataclasses.replace(
            self.HOST, crashed=('i4',), instances=(*self.HOST.instances, an_instance(
                'i4', Power.OFF), an_instance('i5'), an_instance('i6'), an_instance('i7')))
        found = opened(host, rules=rules(on_stuck=OnStuck.REBOOT))
        self.assertEqual({Fact.STUCK: 'name of i1', Fact.CRASHED: 'name of i4'}, {
            one.fact: one.text.partition(':')[0] for one in found.news})
        self.assertEqual({'i1': StartPhase.WAITING, 'i4': StartPhase.LEFT}, phases(found))


class Hung(unittest.TestCase):
    """Its watchdog paused it."""

    HOST = an_inventory(instances=[an_instance('i1', Power.PAUSED), an_instance('i2')],
                        hung=('i1',))

    def test_it_is_rebooted_if_the_operator_wants_that_and_whatever_else_he_wants(self):
        for on_hung in OnHung:
            found = opened(self.HOST, rules=rules(
                on_hung=on_hung, on_crash=OnCrash.START, on_stuck=OnStuck.REBOOT))
            if on_hung is OnHung.REBOOT:
                self.assertEqual([('i1', StartPhase.WAITING, crashes.HUNG)], [
                    (one.instance, one.phase, one.reason) for one in found.record.starts])
                self.assertEqual([Fact.HUNG], [one.fact for one in found.news])
            else:
                self.assertIsNone(found)

    def test_the_limit_holds_for_it_as_well(self):
        wanted = rules(on_hung=OnHung.REBOOT)
        found = opened(self.HOST, lately={'i1': wanted.crashes_max}, rules=wanted)
        self.assertEqual({'i1': StartPhase.LEFT}, phases(found))
        self.assertIsNone(opened(self.HOST, found.record, rules=wanted))


class Many(unittest.TestCase):

    def told(self, *crashed, before=None, on):
        found = opened(a_host(*crashed, on=on), before)
        return [one.text.partition(':')[0] for one in found.news
                if one.fact is Fact.MANY_CRASHED]

    def test_more_than_a_third_at_once_is_told_of_the_host(self):
        four = ('a', 'b', 'c', 'd')
        self.assertEqual([], self.told('i1', on=()))
        self.assertEqual([], self.told('i1', 'i2', on=four))
        self.assertEqual(['3 of 7'], self.told('i1', 'i2', 'i3', on=four))

    def test_it_is_told_when_it_comes_to_that_and_not_again(self):
        two = a_record(a_start(StartPhase.WAITING), a_start(StartPhase.STARTING, 'i2'))
        four = ('a', 'b', 'c', 'd')
        self.assertEqual(['3 of 7'], self.told('i3', before=two, on=four))
        three = a_record(*two.starts, a_start(StartPhase.FAILED, 'i3'))
        self.assertEqual([], self.told('i4', before=three, on=four))

    def test_each_of_them_is_started_all_the_same(self):
        found = opened(a_host(*(f'i{number}' for number in range(30)), on=()))
        self.assertEqual(30, len(found.begun))
