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

"""Lists in every form that OpenStack's commands have, and ``--json`` wherever it may stand."""

import csv
import io
import json
import warnings

import yaml

from kaopu_ha.cli import drivers, shell
from tests.unit.cli import scene

LISTS = (('host', 'list'), ('case', 'list'), ('recovery', 'list'), ('tool', 'list'), ('drivers',))


class Forms(scene.Scene):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with warnings.catch_warnings(action='ignore'):
            # What libraries of drivers say when they are loaded first.
            drivers.catalogue.installed()

    def setUp(self):
        super().setUp()
        self.a_dead_host()

    def test_one_column_as_a_value_is_what_a_script_wants(self):
        self.assertEqual('c1\nc2\nc3\n', self.shown('host', 'list', '-f', 'value', '-c', 'host'))
        self.assertEqual('c1-1234 c1\n', self.shown(
            'recovery', 'list', '-f', 'value', '-c', 'recovery', '-c', 'host'))

    def test_values_are_no_words_for_people(self):
        rows = json.loads(self.shown('host', 'list', '-f', 'json'))
        self.assertEqual({'host': 'c1', 'beat': False, 'case': 'confirmed', 'hold': False,
                          'storage': '', 'on': 1, 'paused': 1, 'off': 1}, rows[0])
        self.assertEqual('life', rows[1]['storage'])
        self.assertEqual(rows, yaml.safe_load(self.shown('host', 'list', '-f', 'yaml')))

    def test_what_is_not_there_is_a_dash_for_people_only(self):
        for words in (('case', 'list'), ('recovery', 'list'), ('host', 'list')):
            with self.subTest(words=words):
                for row in json.loads(self.shown(*words, '-f', 'json')):
                    self.assertNotIn('-', row.values())
                self.assertRegex(self.shown(*words), r'\| - +\|')

    def test_every_list_has_every_form_and_its_columns(self):
        for words in LISTS:
            for form in ('json', 'yaml', 'csv', 'value', 'table'):
                with self.subTest(words=words, form=form):
                    self.shown(*words, '-f', form)
            with self.subTest(words=words):
                names = next(csv.reader(io.StringIO(self.shown(*words, '-f', 'csv'))))
                column = names[0].upper()
                self.assertEqual(names[:1], next(csv.reader(io.StringIO(
                    self.shown(*words, '-f', 'csv', '-c', column)))))

    def test_every_page_gives_its_facts_in_every_form(self):
        for words in (('host', 'show', 'c1'), ('case', 'show', 'c1'), ('recovery', 'show', 'c1')):
            for form in ('json', 'yaml', 'value', 'shell'):
                with self.subTest(words=words, form=form):
                    self.shown(*words, '-f', form)
            with self.subTest(words=words):
                self.assertEqual('c1\n', self.shown(*words, '-f', 'value', '-c', 'host'))
                self.assertEqual('c1', json.loads(self.shown(*words, '-f', 'json'))['host'])
        self.assertEqual('confirmed\n', self.shown(
            'case', 'show', 'c1', '-f', 'value', '-c', 'stage'))
        self.assertIn('There is none of the columns colour. Columns: host, stage',
                      self.refused('case', 'show', 'c1', '-c', 'colour'))

    def test_rows_are_sorted_when_asked_to(self):
        self.assertEqual('c3\nc2\nc1\n', self.shown(
            'host', 'list', '-f', 'value', '-c', 'host', '--sort-column', 'host',
            '--sort-descending'))

    def test_a_column_that_is_none_is_refused_with_those_there_are(self):
        told = self.refused('host', 'list', '-c', 'colour')
        self.assertEqual('There is none of the columns colour. Columns: host, beat, case, hold, '
                         'storage, on, paused, off.\n', told)

    def test_an_empty_list_is_empty_for_machines_and_a_sentence_for_people(self):
        self.assertEqual('No address is named as a tool\'s.\n', self.shown('tool', 'list'))
        self.assertEqual([], json.loads(self.shown('tool', 'list', '-f', 'json')))
        self.assertEqual('', self.shown('tool', 'list', '-f', 'value'))


class Json(scene.Scene):

    def test_it_may_stand_before_the_command_and_behind_it(self):
        self.a_dead_host()
        for words in (('status',), ('explain', 'c1'), ('host', 'show', 'c1'), *LISTS):
            with self.subTest(words=words):
                behind, before = (json.loads(self.shown(*found)) for found in (
                    (*words, '--json'), ('--json', *words)))
                self.assertEqual(list(behind), list(before))

    def test_every_command_takes_it_before(self):
        for name in shell.COMMANDS:
            with self.subTest(name):
                code, out, err = self.run_command('--json', *name.split(), '--help')
                self.assertIn('--json', out)
                self.assertEqual('', err)
