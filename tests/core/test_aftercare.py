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

"""What is done about what Nova and Placement believe of an instance, once a host is back."""

import dataclasses
import unittest

from kaopu_ha.core import aftercare
from kaopu_ha.core.aftercare import Act, Aftercare, Place, Seen, Ward
from kaopu_ha.core.model import Action, Allocations, Migration, Phase, Server, Share
from tests.core.values import AT, BY, an_evacuation, rules

RULES = rules(aftercare_patience=30.0)
HAS = (('MEMORY_MB', 512), ('VCPU', 1))
WARD = Ward('i1', 'web')
# It ran on c1, was on its way to c2, and runs on c3.
ENDED = Migration('m1', 'i1', 'evacuation', 'completed', 'c1', 'c3')
LOST = Migration('m2', 'i1', 'evacuation', 'accepted', 'c1', 'c3')
FAILED = Migration('m3', 'i1', 'evacuation', 'failed', 'c1', 'c2')


def a_server(**changes):
    return Server(**{'uuid': 'i1', 'name': 'web', 'host': 'c3', 'vm_state': 'active'} | changes)


def counted(*hosts, consumer='i1'):
    return Allocations(consumer, 7, tuple(Share(f'p-{host}', host, HAS) for host in hosts))


def seen(**changes):
    """It rests on c3, and Placement counts it there only."""
    return Seen(**{'at': AT, 'server': a_server(), 'migrations': (LOST, ENDED),
                   'books': {'i1': counted('c3')}, 'places': {'c2': Place(), 'c3': Place()},
                   'runs': True, 'strange_seconds': 30.0, 'quiet_seconds': 30.0} | changes)


def twice(**changes):
    return seen(**{'books': {'i1': counted('c2', 'c3')}} | changes)


def rebuild(**changes):
    return seen(**{'server': a_server(vm_state='error', task_state='rebuilding')} | changes)


def advance(look, ward=WARD):
    return aftercare.advance(ward, look, RULES)


class Rests(unittest.TestCase):

    def test_of_what_is_believed_rightly_nothing_is_said(self):
        decision = advance(seen())
        self.assertEqual((Act.NOTE, WARD), (decision.act, decision.ward))

    def test_what_was_wrong_and_is_not_any_more_is_no_trouble(self):
        ward = Ward('i1', 'web', 'wrong', AT, 'row', releases=2, refused='no')
        self.assertEqual(Ward('i1', 'web', releases=2), advance(seen(), ward).ward)

    def test_what_is_not_there_any_more_is_looked_after_no_more(self):
        for server in (None, a_server(vm_state='shelved_offloaded', host='')):
            self.assertIs(Act.DROP, advance(seen(server=server)).act)

    def test_what_the_program_has_in_hand_is_left_to_it(self):
        for look in (twice(moving='it moves'), rebuild(moving='it moves')):
            self.assertEqual((Act.NOTE, ''), (advance(look).act, advance(look).ward.reason))


class Counted(unittest.TestCase):

    def test_what_is_counted_where_it_is_not_is_taken_back_there_only(self):
        decision = advance(twice())
        self.assertEqual((Act.RELEASE, counted('c2', 'c3'), 'c2'), (
            decision.act, decision.read, decision.place))
        self.assertEqual((1, 'Placement counts it on c2, too, where it is not'), (
            decision.ward.releases, decision.ward.reason))

    def test_of_a_migration_that_nobody_ends_any_more_likewise(self):
        # Its source died in the middle of it, and the instance was evacuated from there.
        moved = Migration('m0', 'i1', 'live-migration', 'running', 'c1', 'c2')
        books = {'i1': counted('c3'), 'm0': counted('c1', consumer='m0')}
        decision = advance(seen(migrations=(ENDED, moved), books=books, places={'c1': Place()}))
        self.assertEqual((Act.RELEASE, 'm0', 'c1'), (
            decision.act, decision.read.consumer, decision.place))

    def test_what_may_be_used_is_never_taken_back(self):
        doubt = 'c2 does not beat'
        migrating = Migration('m4', 'i1', 'live-migration', 'running', 'c3', 'c2')
        resized = Migration('m4', 'i1', 'resize', 'finished', 'c2', 'c3')
        # what is so -> what is said
        table = [
            ({'places': {'c2': Place(doubt=doubt)}}, f'Placement counts it on c2, too: {doubt}'),
            ({'places': {}}, 'Placement counts it on c2, too: nothing is known of that host'),
            ({'places': {'c2': Place(case=True)}}, ''),
            ({'server': a_server(task_state='migrating')}, ''),
            ({'server': a_server(vm_state='resized')}, ''),
            ({'migrations': (LOST,)},
             'Placement counts it on c2, too: Nova has no finished evacuation of it'),
            ({'migrations': (migrating, ENDED)},
             'Placement counts it on c2, too: Nova has not ended its live-migration (m4)'),
            ({'migrations': (resized, ENDED)},
             'Placement counts it on c2, too: Nova has not ended its resize (m4)'),
            # An older one, from elsewhere: whoever runs it may still end it.
            ({'migrations': (ENDED, migrating)},
             'Placement counts it on c2, too: Nova has not ended its live-migration (m4)')]
        for changes, reason in table:
            with self.subTest(**changes):
                decision = advance(twice(**changes))
                self.assertEqual((Act.NOTE, reason), (decision.act, decision.ward.reason))

    def test_what_is_not_counted_where_it_is_is_told_and_nothing_else_is_taken_from_it(self):
        for books in ({'i1': counted()}, {'i1': counted('c2')}):
            decision = advance(twice(books=books))
            self.assertIs(Act.NOTE, decision.act)
            self.assertEqual('Placement does not count it on c3: nova-manage placement '
                             'heal_allocations --instance i1', decision.ward.reason)

    def test_where_nobody_counts_nothing_is_wrong(self):
        self.assertEqual('', advance(seen(books={})).ward.reason)

    def test_a_placement_that_says_nothing_is_told_after_a_while(self):
        for seconds, reason in ((29.0, ''), (30.0, 'Placement does not say what it counts: 403')):
            look = seen(books=None, unread='403', unread_seconds=seconds)
            self.assertEqual(reason, advance(look).ward.reason)

    def test_who_was_refused_says_why_and_tries_again_after_growing_pauses(self):
        for releases, seconds, act in ((1, 29.0, Act.NOTE), (1, 30.0, Act.RELEASE),
                                       (3, 89.0, Act.NOTE), (3, 90.0, Act.RELEASE)):
            ward = aftercare.refused(dataclasses.replace(WARD, releases=releases), '409')
            decision = advance(twice(quiet_seconds=seconds), ward)
            self.assertIs(act, decision.act, (releases, seconds))
            self.assertIn('409', decision.ward.reason)


class Shown(unittest.TestCase):

    def test_what_runs_is_shown_active_again(self):
        decision = advance(rebuild())
        self.assertEqual((Act.RESET, 1, 'Nova shows error/rebuilding; it runs on c3'), (
            decision.act, decision.ward.resets, decision.ward.reason))

    def test_an_error_is_an_old_messages_if_an_evacuation_failed(self):
        error = a_server(vm_state='error')
        for migrations, act in (((FAILED, ENDED), Act.RESET), ((ENDED,), Act.NOTE)):
            self.assertIs(act, advance(seen(server=error, migrations=migrations)).act)

    def test_what_may_be_under_way_or_may_not_run_is_not_touched(self):
        asked = (Action('rebuild', 'user'), Action('evacuate', 'kaopu'))
        # what is so -> what is said
        table = [
            ({'strange_seconds': 29.0}, ''),
            ({'actions': asked}, 'Nova shows error/rebuilding: its user asked for that'),
            ({'runs': False, 'why_not': 'c3 does not beat'}, 'Nova shows error/rebuilding, and it '
             'is not certain that it runs on c3: c3 does not beat')]
        for changes, reason in table:
            with self.subTest(**changes):
                decision = advance(rebuild(**changes))
                self.assertEqual((Act.NOTE, reason), (decision.act, decision.ward.reason))

    def test_a_rebuild_before_the_evacuation_is_none_of_now(self):
        asked = (Action('evacuate', 'kaopu'), Action('rebuild', 'user'))
        self.assertIs(Act.RESET, advance(rebuild(actions=asked)).act)

    def test_it_is_reset_some_times_with_pauses_and_then_told(self):
        ward = dataclasses.replace(WARD, resets=1)
        self.assertIs(Act.NOTE, advance(rebuild(quiet_seconds=29.0), ward).act)
        self.assertIs(Act.RESET, advance(rebuild(), ward).act)
        decision = advance(rebuild(), dataclasses.replace(WARD, resets=5))
        self.assertIs(Act.NOTE, decision.act)
        self.assertIn('openstack server set --state active i1', decision.ward.reason)


class TheRecord(unittest.TestCase):

    def begun(self, before=None, *instances):
        moves = [an_evacuation('i1', Phase.DONE, name='web')]
        return aftercare.begun(before, 'c1', moves, instances, AT, BY)

    def test_it_begins_with_what_was_moved_and_without_that_not_at_all(self):
        self.assertIsNone(self.begun())
        self.assertEqual((WARD, Ward('i2', 'i2')), tuple(
            sorted(self.begun(None, 'i2', 'i1').wards, key=lambda ward: ward.instance)))

    def test_of_an_earlier_one_what_is_wrong_stays(self):
        wrong = Ward('i3', 'db', 'wrong', AT)
        before = Aftercare('c1', (wrong, Ward('i4', 'log')))
        self.assertEqual((wrong,), self.begun(before).wards)
        self.assertEqual((wrong,), self.begun(before, 'i1').wrong)

    def test_what_was_decided_is_in_it_and_who_is_gone_is_not(self):
        record = Aftercare('c1', (WARD, Ward('i2', 'db')))
        gone = dataclasses.replace(advance(seen(server=None)))
        self.assertEqual((Ward('i2', 'db'),), aftercare.changed(record, [gone]).wards)
        told = aftercare.changed(record, [advance(twice())])
        self.assertEqual(('i1',), tuple(ward.instance for ward in told.wrong))

    def test_a_long_answer_does_not_grow_it(self):
        ward = aftercare.refused(WARD, 'x' * 5000)
        self.assertLess(len(ward.refused), 600)
        self.assertLess(len(advance(twice(), ward).ward.reason), 600)


if __name__ == '__main__':
    unittest.main()
