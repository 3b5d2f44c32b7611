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

"""The note at a moved server: when it is written, how often it is tried, and what it says."""

import dataclasses
import unittest

from kaopu_ha.core import noting
from kaopu_ha.core.model import Phase
from kaopu_ha.core.news import Fact, Outcome
from kaopu_ha.core.noting import Act, Note, Notes
from tests.core.values import an_evacuation, rules

DONE = an_evacuation('i1', Phase.DONE, name='web', target='c2')
ENOUGH = {'i1': 1e6}


def advanced(*notes, moves=(DONE,), given=None, **look):
    return noting.advance(Notes('c1-7', 'c1', notes), noting.Seen(moves, **look), given or rules())


class Written(unittest.TestCase):

    def test_a_move_that_is_done_is_noted_and_the_call_is_counted_first(self):
        found = advanced()
        self.assertEqual((Act.WRITE, (Note('i1', 'web', 1),), DONE),
                         (found.act, found.notes.notes, found.move))

    def test_no_other_move_is(self):
        for phase in set(Phase) - {Phase.DONE}:
            with self.subTest(phase):
                self.assertIs(Act.REST, advanced(
                    moves=[an_evacuation('i1', phase, target='c2')]).act)

    def test_one_after_the_other(self):
        notes, seen = Notes('c1-7', 'c1'), noting.Seen([
            dataclasses.replace(DONE, instance=name, name=name) for name in ('i3', 'i1', 'i2')])
        called = []
        while (found := noting.advance(notes, seen, rules())).act is not Act.REST:
            called.append(found.move.instance)
            notes = noting.written(found.notes, found.move.instance)
        self.assertEqual(['i1', 'i2', 'i3'], called)
        self.assertTrue(all(one.over and one.calls == 1 for one in notes.notes))

    def test_what_was_written_is_left_to_whoever_has_it(self):
        self.assertIs(Act.REST, advanced(Note('i1', 'web', 1, over=True), since_call=ENOUGH).act)


class TriedAgain(unittest.TestCase):

    def test_after_growing_pauses(self):
        for calls in range(1, rules().notes_calls_max):
            pause, one = rules().restart_pause(calls), Note('i1', 'web', calls, 'no')
            self.assertIs(Act.REST, advanced(one, since_call={'i1': pause - 1}).act)
            found = advanced(one, since_call={'i1': pause})
            self.assertEqual((Act.WRITE, Note('i1', 'web', calls + 1)),
                             (found.act, found.notes.of('i1')))

    def test_a_few_times_and_then_it_is_told_once(self):
        most = rules().notes_calls_max
        for why, told in (('quota (HTTP 403)', 'quota (HTTP 403)'), ('', 'did not answer')):
            found = advanced(Note('i1', 'web', most, why), since_call=ENOUGH)
            self.assertEqual((Act.COMMIT, None, True),
                             (found.act, found.move, found.notes.of('i1').over))
            (news,) = found.news
            self.assertEqual((Fact.NOT_NOTED, 'c1'), (news.fact, news.host))
            self.assertIn(told, news.text)
            self.assertIs(Act.REST, advanced(*found.notes.notes, since_call=ENOUGH).act)

    def test_one_that_pauses_holds_no_other_up(self):
        other = dataclasses.replace(DONE, instance='i2', name='db')
        found = advanced(Note('i1', 'web', 1, 'no'), moves=(DONE, other), since_call={'i1': 0.0})
        self.assertEqual('i2', found.move.instance)

    def test_nobody_is_told_of_a_server_that_is_gone(self):
        notes = noting.written(Notes('c1-7', 'c1', (Note('i1', 'web', 4),)), 'i1')
        self.assertIs(Act.REST, advanced(*notes.notes, since_call=ENOUGH).act)

    def test_why_it_was_refused_is_kept_within_bounds(self):
        notes = noting.refused(Notes('c1-7', 'c1', (Note('i1', 'web', 1),)), 'i1', 'no' * 9999)
        self.assertLess(len(notes.of('i1').refused), 200)


class ALaterRecovery(unittest.TestCase):

    def test_it_has_a_note_of_its_own_and_this_one_comes_too_late(self):
        for one in ((), (Note('i1', 'web', 2, 'no'),)):
            found = advanced(*one, overtaken=('i1',), since_call=ENOUGH)
            self.assertEqual((Act.COMMIT, True, ()), (
                found.act, found.notes.of('i1').over, found.news))


class Bounds(unittest.TestCase):

    def test_no_more_than_a_thousand(self):
        notes = tuple(Note(f'i{number}', 'web', 1, over=True) for number in range(1000))
        self.assertIs(Act.REST, advanced(*notes, moves=[
            dataclasses.replace(DONE, instance='new')]).act)


class Words(unittest.TestCase):

    def outcome(self, **changes):
        return Outcome(**{
            'instance': 'i1', 'name': 'web', 'project': 'p', 'opted_in': False, 'result': 'done',
            'reason': '', 'source': 'c1', 'target': 'c2', 'silent_since': '', 'confirmed_at': '',
            'ended_at': ''} | changes)

    def test_it_says_when_why_and_for_how_long(self):
        outcome = self.outcome(ended_at='2026-01-01T00:05:52.250+00:00')
        self.assertEqual('at=2026-01-01T00:05:52Z reason=host_failure seconds_down=352',
                         noting.text(outcome, 352.2))
        self.assertEqual('at=2026-01-01T00:05:52Z reason=host_failure',
                         noting.text(outcome, None))

    def test_it_names_no_host_and_fits_into_an_item(self):
        outcome = self.outcome(source='c1', target='c2', reason='it runs on c2',
                               ended_at='2026-01-01T00:05:52.250+00:00')
        found = noting.text(outcome, 1e9)
        self.assertNotRegex(found, 'c1|c2')
        self.assertLess(len(found), 255)


if __name__ == '__main__':
    unittest.main()
