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


"""``kaopu-ha watch`` against a real store that changes meanwhile."""

import contextlib
import dataclasses
import io
import json
import threading
import time

from kaopu_ha import ports, records
from kaopu_ha.cli import watch
from kaopu_ha.core import model
from kaopu_ha.core.model import RecoveryStage, Stage
from tests.unit.cli import scene


class Watch(scene.Scene):

    def while_watched(self, act, *words):
        """Exit code and lines of a watch during which something is done."""
        def run():
            time.sleep(0.7)
            act()
        thread = threading.Thread(target=run)
        thread.start()
        code, out, err = self.run_command('watch', *words)
        thread.join()
        return code, out.splitlines(), err

    def test_a_normal_admission_is_no_trouble(self):
        mark = records.ProofMark('ctl-1', scene.at(7))
        for stage, told in ((Stage.ADMITTING, False), (Stage.CONFIRMED, True)):
            self.there_is(scene.an_inventory('c1'), scene.a_case('c1', stage))
            self.put(records.PROOF + 'c1-1234', mark)
            _, lines, _ = self.while_watched(lambda: self.delete(records.PROOF + 'c1-1234'),
                                             '--timeout', '2', '--json')
            levels = {json.loads(line)['level'] for line in lines[1:]}
            self.assertEqual({'warning'} if told else set(), levels)

    def test_what_happens_is_told_line_by_line(self):
        self.there_leads()
        self.there_is(scene.an_inventory('c1'))
        self.beats('c1')

        def happens():
            self.delete(records.ALIVE + 'c1')
            self.there_is(scene.a_case('c1', Stage.SUSPECTED, rounds=()), scene.a_case('c1'))

        code, lines, _ = self.while_watched(happens, '--timeout', '2')
        self.assertEqual(0, code)
        self.assertIn('watching: ctl-1 leads; 1 of 1 host beat; 0 open cases', lines[0])
        self.assertRegex(lines[1], r'^\d\d:\d\d:\d\d  c1 +its beat is gone$')
        self.assertRegex(lines[2], r'^00:01:02  c1 +the case is SUSPECTED: its beat is gone$')
        self.assertRegex(lines[3], r'^00:01:08  c1 +asked: management silence .*: DEAD$')
        self.assertRegex(lines[4], r'^00:01:08  c1 +the case is DYING: round 1')
        self.assertEqual(5, len(lines))

    def test_details_are_told_when_more_is_asked_for(self):
        def happens():
            self.put(records.CLAIM + 'web', records.Claim('wrk-1', 'c1-1234'))

        self.assertEqual(1, len(self.while_watched(happens, '--timeout', '1.5')[1]))
        self.delete(records.CLAIM + 'web')
        lines = self.while_watched(happens, '-v', '--timeout', '1.5')[1]
        self.assertIn('wrk-1 has web', lines[1])

    def test_for_machines_each_line_is_an_object(self):
        code, lines, _ = self.while_watched(lambda: self.beats('c1'), '--json', '--timeout', '1.5')
        told = json.loads(lines[1])
        self.assertEqual(('beat', 'c1', 'good'), (told['kind'], told['host'], told['level']))
        self.assertTrue(told['at'])

    def test_it_ends_when_the_recovery_is_finished(self):
        self.a_dead_host(RecoveryStage.EVACUATING)
        code, lines, _ = self.while_watched(
            lambda: self.there_is(scene.a_recovery(stage=RecoveryStage.FINISHED)),
            '--until-finished', 'c1', '--timeout', '20')
        self.assertEqual(0, code)
        self.assertIn('the recovery is FINISHED', lines[-2])
        self.assertIn('the recovery is finished: 3 instances ended (1 done, 1 failed, 1 left), '
                      '8 s after CONFIRMED', lines[-1])

    def test_it_ends_at_once_if_the_recovery_of_the_open_case_is_finished(self):
        self.a_dead_host(RecoveryStage.FINISHED)
        self.assertEqual(0, self.run_command('watch', '--until-finished', 'c1')[0])

    def test_a_recovery_of_an_earlier_failure_does_not_end_it(self):
        self.a_dead_host(RecoveryStage.FINISHED)
        self.delete(records.CASE + 'c1')
        newer = dataclasses.replace(scene.a_recovery(stage=RecoveryStage.FINISHED), id='c1-9999')
        code, lines, _ = self.while_watched(lambda: self.there_is(newer),
                                            '--until-finished', 'c1', '--timeout', '20')
        self.assertEqual(0, code)
        self.assertGreater(len(lines), 2)

    def test_a_recovery_that_does_not_finish_in_time_is_a_failure(self):
        self.a_dead_host()
        code, _, err = self.run_command('watch', '--until-finished', 'c1', '--timeout', '0.3')
        self.assertEqual(1, code)
        self.assertIn('is not finished after 0.3 s', err)

    def test_a_host_that_is_not_known_is_not_waited_for(self):
        self.assertIn('No host c9 is known', self.refused('watch', '--until-finished', 'c9'))

    def test_after_lost_events_everything_is_read_again_and_only_changes_are_told(self):
        self.beats('c1', 'c2')
        follower = watch.Follower(self.store)
        self.addCleanup(follower.close)
        follower.close()
        self.delete(records.ALIVE + 'c1')
        follower._changes.put(ports.Change(relist=True))
        told = [(line.host, line.text) for line in follower.next(1)]
        self.assertEqual([('c1', 'its beat is gone')], told)

    def test_a_store_that_goes_away_and_comes_back_is_told(self):
        follower = watch.Follower(self.store)
        self.addCleanup(follower.close)
        self.etcd.freeze()
        try:
            told = [line.text for line in follower.next(0.1)]
            self.assertIn('the store does not answer', told[0])
            self.assertEqual([], list(follower.next(0.1)))
        finally:
            self.etcd.thaw()
        self.assertEqual(['the store answers again'], [line.text for line in follower.next(0.1)])

    def test_colours_are_for_terminals_only(self):
        class Terminal(io.StringIO):
            def isatty(self):
                return True

        self.there_is(model.Inventory('c1', '', '', ''))
        out = Terminal()
        with contextlib.redirect_stderr(io.StringIO()):
            watch_shell = scene.shell.Shell(stdout=out)
            watch_shell.run(['--config-file', str(self.config), 'host', 'list'])
        self.assertIn('\033[31mNO\033[0m', out.getvalue())
        self.assertNotIn('\033', self.shown('host', 'list'))
