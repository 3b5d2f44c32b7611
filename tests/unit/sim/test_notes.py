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

"""What is taken out of the rules of notes is found by their story; and what comes in between."""

import dataclasses
import logging
import unittest

from kaopu_ha import records
from kaopu_ha.controller.noter import Noter
from kaopu_ha.core import noting
from kaopu_ha.core.noting import Act, Notes
from kaopu_ha.core.phase import Phase
from kaopu_ha.sim import story
from tests.unit.sim.mutants import InStories, put

STORY = 'moved-and-its-user-finds-it'


def setUpModule():
    # What the program logs of a world in trouble is no news here.
    logging.disable(logging.CRITICAL)


def tearDownModule():
    logging.disable(logging.NOTSET)


class Mutants(InStories):

    def test_a_note_is_written_before_the_move_is_done(self):
        def advance(notes, seen, rules, real=noting.advance):
            early = [dataclasses.replace(move, phase=Phase.DONE) for move in seen.moves
                     if move.phase in (Phase.QUEUED, Phase.CALLING, Phase.MOVING, Phase.DONE)]
            return real(notes, dataclasses.replace(seen, moves=early), rules)
        self.finds(STORY, 'a note tells of a move that is done', put(noting, 'advance', advance))

    def test_a_call_is_not_written_down(self):
        def commit(noter, key, notes, revision, real=Noter._commit):
            if revision and all(one.calls < 2 and not one.over for one in notes.notes):
                return revision
            return real(noter, key, notes, revision)
        self.finds(STORY, 'no call unwritten', put(Noter, '_commit', commit))

    def test_it_is_tried_for_ever(self):
        def advance(notes, seen, rules, real=noting.advance):
            return real(notes, seen, dataclasses.replace(
                rules, notes_calls_max=99, restart_pauses=(5.0,), restart_pause_max=5.0))
        self.finds(STORY, 'notes end', put(noting, 'advance', advance))

    def test_what_a_user_took_away_is_written_again(self):
        def advance(notes, seen, rules, real=noting.advance):
            again = [dataclasses.replace(one, over=False, calls=0) for one in notes.notes]
            return real(dataclasses.replace(notes, notes=tuple(again)), seen, rules)
        self.finds(STORY, 'notes end', put(noting, 'advance', advance))

    def test_another_item_is_written(self):
        self.finds(STORY, 'no metadata but the note', put(noting, 'KEY', 'HA_Enabled'))

    def test_nothing_is_noted(self):
        self.finds(STORY, 'web has a note that it was moved: it has none', put(
            noting, 'advance', lambda notes, seen, rules: noting.Decision(notes, Act.REST)))


class InBetween(unittest.TestCase):

    def play(self, *lines, rules='notes_moves', instances='web: c1'):
        played = story.play(story.read(
            f'title: a case\npace: fast\nrules: "{rules}"\ninstances: {{{instances}}}\nstory:\n'
            + ''.join(f'  - {line}\n' for line in lines)))
        self.assertEqual((), played.wrong, played.log)
        return played

    def note(self, played, name='web'):
        row = played.world.row(name)
        return next((mark.value for mark in row.marks if mark.key == noting.KEY), '')

    def test_it_says_for_how_long_it_was_down(self):
        played = self.play('30 power off c1', '100 expect the recovery of c1 is finished',
                           '100 end')
        told = dict(part.split('=') for part in self.note(played).split())
        self.assertEqual(['at', 'reason', 'seconds_down'], list(told))
        self.assertEqual('host_failure', told['reason'])
        down = next(line.at for line in played.world.timeline if 'instance moved' in line.text) - 30
        self.assertTrue(down - 7 < int(told['seconds_down']) <= down, (down, told))

    def test_nobody_is_told_who_did_not_want_it(self):
        played = self.play('30 power off c1', '100 expect the recovery of c1 is finished',
                           '100 end', rules='')
        self.assertEqual('', self.note(played))
        self.assertEqual([], played.world.every(Notes, records.NOTES))

    def test_nova_is_away_when_it_is_moved(self):
        self.play('30 power off c1', '46 Nova goes away', '80 Nova comes back',
                  '200 expect web has a note that it was moved', '200 end')

    def test_the_server_is_deleted_meanwhile_and_nobody_is_told(self):
        played = self.play('30 power off c1', '46 Nova goes away', '80 delete web',
                           '90 Nova comes back', '900 end')
        self.assertNotIn('move not noted', played.log)

    def test_the_leader_is_lost_between_all_of_it(self):
        for at in (45, 50, 55, 60):
            self.play('30 power off c1', f'{at} kill controller-1',
                      '200 expect web has a note that it was moved', '200 end')


if __name__ == '__main__':
    unittest.main()
