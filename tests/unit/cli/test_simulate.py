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

"""The command simulate, run for real: the false world is all that it needs."""

import contextlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from kaopu_ha.cli import layout, outcome, shell, simulate
from kaopu_ha.conf import rules
from kaopu_ha.sim import expect, scenarios, story, words
from kaopu_ha.sim.checkers import Violation
from kaopu_ha.sim.world import PACES
from tests.unit.test_conf import made

ROOT = pathlib.Path(__file__).resolve().parents[3]
README, MANUAL = ROOT / 'README.rst', ROOT / 'doc/source/operator'
DEFAULT_FILE = '/etc/kaopu-ha/kaopu-ha.conf'

A_STORY = """
title: A cable
text: Nobody is touched.
pace: fast
hosts: c1 c2 c3
instances:
  web: c1
  old: c2, off
story:
  - 10 cut c1 management
  - 40 mend c1 management
  - 60 expect every instance runs where it was
  - 60 expect c1 was never confirmed
  - 60 end
"""


def run(*argv):
    """Exit code, standard output and standard error of the command."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stderr(err):
            code = shell.Shell(stdout=out, stderr=err).run(['simulate', *argv])
    except SystemExit as end:
        code = end.code
    return code, out.getvalue(), err.getvalue()


class Simulated(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, text, name='a.yaml'):
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def shown(self, *argv, code=0):
        ended, out, err = run(*argv)
        self.assertEqual((code, ''), (ended, err))
        return out

    def shown_json(self, *argv, code=0):
        return json.loads(self.shown(*argv, '--json', code=code))

    def refused(self, *argv):
        """The one line with which nothing is begun."""
        code, out, err = run(*argv)
        self.assertEqual((2, '', 1), (code, out, err.count('\n')), err)
        return err


class Stories(Simulated):

    def test_the_demo_tells_how_a_host_dies_and_its_instances_come_back(self):
        out = self.shown('--demo', '--pace', 'fast')
        told = ['power off c1', 'c1: case opened', 'c1: confirmed dead', 'c1: fence proven',
                'c1: instance moved', 'c1: recovery finished', 'expected: yes   web runs elsewhere',
                'c1 is CONFIRMED dead', 'Nova took the first call', 'web runs again on',
                'Nothing is wrong', 'No instance ever had two writers']
        places = [out.index(text) for text in told]
        self.assertEqual(sorted(places), places)
        self.assertIn('old is left alone: was powered off', out)

    def test_the_readme_shows_the_demo_as_it_is(self):
        lines = README.read_text().splitlines()
        begin = lines.index('    seconds  who             what')
        told = [line.strip() for line in lines[begin:lines.index('', begin)]]
        played = [line.strip() for line in self.shown('--demo').splitlines()]
        places = [played.index(line) for line in told]
        self.assertEqual(sorted(places), places)
        self.assertGreater(len(told), 6)

    def test_the_readme_begins_with_what_is_so(self):
        """The last instance runs again within what its first sentence says of each pace."""
        said = ' '.join(README.read_text().split())
        self.assertIn('seven minutes later by default, within a minute if you choose the fast pace',
                      said)
        for pace, least, most in (('patent', 300, 420), ('fast', 0, 60)):
            runs = re.findall(r'^ *([\d.]+)  \w+ runs again on',
                              self.shown('--demo', '--pace', pace), re.MULTILINE)
            self.assertTrue(all(least < float(seconds) < most for seconds in runs), runs)
            self.assertEqual(2, len(runs))
        sums = {pace: sum(term.seconds for term in rules.seconds_to_confirmed(
            rules.rules(made(detection__pace=pace), fence_proves=True))) for pace in rules.PACES}
        self.assertIn(f'up to about {sums["patent"]:g} seconds after its power was cut', said)
        self.assertIn('pace = fast`` it is some 13 seconds', said)
        self.assertAlmostEqual(13.0, sums['fast'], delta=1.0)

    def test_it_fits_a_terminal_of_a_hundred_columns(self):
        for name in ('host-dies', 'management-cut', 'storage-cut'):
            out = self.shown(name)
            self.assertEqual([], [line for line in out.splitlines() if len(line) > 100])

    def test_what_is_assumed_stands_on_top(self):
        out = self.shown('--demo', '--pace', 'fast')
        self.assertIn('times   pace fast, as you say\n', out)
        self.assertIn('beat every 1 s, gone after 3 s; ask limit 1.5 s; look every 1.5 s; '
                      'death 2 s; lock 3 s', out)
        self.assertIn('up to about 12.5 s = the beat is gone 3 s', ' '.join(out.split()))

    def test_the_same_seed_tells_the_same_and_another_one_is_named(self):
        first, again, other = (self.shown_json('--demo', '--pace', 'fast', '--seed', seed)
                               for seed in ('7', '7', '8'))
        self.assertEqual(first['timeline'], again['timeline'])
        self.assertNotEqual(first['timeline'], other['timeline'])
        self.assertEqual(8, other['seed'])

    def test_a_story_of_ones_own_is_played(self):
        out = self.shown(self.file(A_STORY))
        self.assertIn('pace fast, which the story names', out)
        self.assertIn('Seconds after "cut c1 management"', out)
        self.assertIn('nobody was condemned', out)
        self.assertIn('every expectation is met', out)

    def test_the_example_of_the_manual_comes_as_the_manual_says(self):
        file = str(MANUAL / 'switch-restarted.yaml')
        self.assertIn('every expectation is met', self.shown(file, '--pace', 'patent'))
        out = self.shown(file, '--pace', 'fast', code=1)
        self.assertIn('WRONG: 3 of 3 expectations are not met.\n'
                      'No instance ever had two writers.', out)

    def test_a_story_that_comes_with_the_program_is_played_by_its_name(self):
        self.assertIn('A host loses its management link', self.shown('management-cut'))

    def test_an_expectation_in_vain_is_named_and_the_exit_code_is_one(self):
        out = self.shown(self.file(A_STORY.replace('c1 was never confirmed', 'web runs elsewhere')),
                         code=1)
        self.assertIn('expected: yes   every instance runs where it was', out)
        self.assertIn('expected: NO    web runs elsewhere: it runs on c1', out)
        self.assertIn('WRONG: 1 of 2 expectations is not met.', out)
        self.assertNotIn('Nothing is wrong', out)

    def test_a_broken_law_is_told_with_what_was_not_asked_any_more(self):
        told = story.read(A_STORY)
        played = story.play(told)
        played.checkers.found.append(Violation(33.0, 'one writer', 'web is written from c1 and c2'))
        lines = outcome.Report(told, story.Played(played.world, played.checkers), 'x', 0.0).lines(
            layout.Ink(io.StringIO()))
        self.assertIn('WRONG: the law "one writer" is broken at 33.0 s: web is written from c1 and '
                      'c2', lines)
        self.assertIn('    60.0  not asked       expect c1 was never confirmed', lines)
        self.assertNotIn('No instance ever had two writers.', lines)


class Refusals(Simulated):

    def test_a_file_that_is_no_story_is_refused_with_the_reason(self):
        for text, reason in (('[', 'it is no YAML'), ('title: x\nstory: [10 end]\nhost: c1',
                                                     'a story has no "host"'),
                             (A_STORY.replace('60 end', '60 go home'), '"go home" is not underst'),
                             (A_STORY.replace('- 60 end', ''), 'the story has no end'),
                             (A_STORY.replace('web: c1', 'web: c9'), 'not named'),
                             (A_STORY.replace('c1, off', 'c1, green') + 'workers: two', 'two')):
            with self.subTest(reason=reason):
                self.assertIn(reason, self.refused(self.file(text)))

    def test_a_name_that_is_not_there_is_found_when_it_is_played(self):
        for before, after in (('cut c1', 'cut c9'), ('c1 was never confirmed', 'c9 is not fenced'),
                              ('c1 was never confirmed', 'the sun shines')):
            with self.subTest(after=after):
                self.assertIn(after, self.refused(self.file(A_STORY.replace(before, after))))

    def test_a_file_that_is_not_there_or_no_text_is_named(self):
        self.assertIn('There is no story /no/such.yaml: name a file, or one of those',
                      self.refused('/no/such.yaml'))
        self.assertIn('can\'t be read: Is a directory', self.refused(str(self.folder)))
        path = self.folder / 'picture.yaml'
        path.write_bytes(b'\xff\xd8\xff')
        self.assertIn('is no text', self.refused(str(path)))

    def test_a_configuration_that_is_refused_at_a_start_is_refused_here(self):
        for text, reason in (('[detection]\nbeat_interval = 9\n', 'beat_interval is too long'),
                             ('[detection]\ndeath_ttl = soon\n', 'soon'),
                             ('[fence]\ndrivers =\n', 'drivers is empty')):
            with self.subTest(reason=reason):
                self.assertIn(reason, self.refused(
                    '--demo', '--config-file', self.file(text, 'x.conf')))
        self.assertIn('is not there. With --pace', self.refused('--demo', '--config-file', '/no'))

    def test_without_anything_to_play_it_is_wrong_usage(self):
        self.assertEqual(2, run()[0])
        self.assertEqual(2, run('--demo', 'management-cut')[0])


class OwnTimes(Simulated):

    def of(self, text, *argv, code=0):
        config = self.file(text, 'kaopu-ha.conf')
        return self.shown_json('--config-file', config, *(argv or ['--demo']), code=code)

    def test_a_longer_death_confirms_later_by_as_much(self):
        short, long = (self.of(f'[detection]\npace = fast\ndeath_ttl = {seconds}\n')
                       for seconds in (2, 62))
        self.assertAlmostEqual(60, long['confirmed']['c1'] - short['confirmed']['c1'], delta=1.5)
        self.assertEqual(60, long['seconds_to_confirmed']['total']
                         - short['seconds_to_confirmed']['total'])
        for played in (short, long):
            self.assertEqual([], played['wrong'])
            self.assertLess(played['confirmed']['c1'], played['first_call'])
            self.assertLess(played['first_call'], played['instances']['web']['after'])

    def test_every_time_of_the_configuration_is_taken(self):
        times = self.of('[detection]\nbeat_interval = 2\nbeat_ttl = 6\nask_limit = 2\n'
                        'look_interval = 3\ndeath_ttl = 9\nlock_ttl = 8\n[controller]\n'
                        'leader_ttl = 7\n[worker]\nclaim_ttl = 21\n[agent]\n'
                        'inventory_interval = 3\n[ceph]\nclient_networks = 192.0.2.0/24\n'
                        '[evacuation]\nattempts_max = 5\n')['times']
        rules = times.pop('rules')
        self.assertEqual({'beat_interval': 2, 'leader_ttl': 7, 'claim_ttl': 21,
                          'inventory_interval': 3}, times)
        for name, value in (('beat_ttl', 6), ('ask_limit', 2), ('look_interval', 3),
                            ('death_seconds', 9), ('lock_seconds', 8), ('attempts_max', 5)):
            self.assertEqual(value, rules[name])
        self.assertEqual(['10.91.0.0/16'], rules['client_networks'])

    def test_a_story_keeps_the_pace_that_it_names_unless_told_otherwise(self):
        config, file = '[detection]\ndeath_ttl = 20\n', self.file(A_STORY)
        self.assertEqual(2, self.of(config, file)['times']['rules']['death_seconds'])
        self.assertEqual(20, self.of(config, file, '--pace', 'own')['times']['rules'][
            'death_seconds'])
        self.assertEqual(300, self.of(config, file, '--pace', 'patent')['times']['rules'][
            'death_seconds'])
        unnamed = self.file(A_STORY.replace('pace: fast\n', ''))
        self.assertEqual(20, self.of(config, unnamed)['times']['rules']['death_seconds'])

    def test_the_seconds_of_ones_own_story_are_not_moved(self):
        file = self.file(A_STORY.replace('cut c1 management', 'power off c1')
                         .replace('  - 40 mend c1 management\n', '')
                         .replace('c1 was never confirmed', 'web runs elsewhere'))
        played = self.of('[detection]\npace = patent\n', file, '--pace', 'own', code=1)
        self.assertEqual({}, played['confirmed'])
        self.assertIn('web runs elsewhere', played['wrong'][-1])

    @unittest.skipIf(os.path.exists(DEFAULT_FILE), 'there is a configuration here')
    def test_without_a_configuration_the_fast_pace_is_taken_and_said(self):
        self.assertIn('pace fast, as there is no configuration file', self.shown('--demo'))
        self.assertIn('name one with --config-file', self.refused('--demo', '--pace', 'own'))

    def test_a_packaged_story_waits_as_much_longer_as_confirmed_may(self):
        told = story.read(scenarios.text('host-dies'))
        moved = simulate.in_time(told, PACES['patent'])
        self.assertEqual(told.end + 339.5, moved.end)
        self.assertEqual([event.at + 339.5 * event.expects for event in told.events],
                         [event.at for event in moved.events])
        self.assertIs(told, simulate.in_time(told, PACES['fast']))


class Lists(Simulated):

    def test_all_words_are_listed(self):
        out = self.shown('--words')
        for sentence in (*words.WORDS, *(f'expect {each}' for each in expect.EXPECTATIONS)):
            self.assertIn(f'  {sentence}\n', out)
        self.assertEqual({'happen': list(words.WORDS), 'expect': list(expect.EXPECTATIONS)},
                         self.shown_json('--words'))

    def test_all_packaged_stories_are_listed_with_their_titles(self):
        self.assertEqual(list(scenarios.names()), sorted(self.shown_json('--list')))
        self.assertIn('A host loses its power', self.shown('--list'))

    def test_other_commands_do_not_pay_for_the_false_world(self):
        code = ('import sys; from kaopu_ha.cli import simulate, shell; '
                'print([name for name in ("yaml", "greenlet", "kaopu_ha.sim") '
                'if name in sys.modules])')
        done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                              timeout=60)
        self.assertEqual('[]\n', done.stdout, done.stderr)
