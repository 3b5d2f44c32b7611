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

"""The pages say what is so: their numbers, names and commands are held against the code.

Each reader of a page is a function of its text, and each has a page that shows its teeth.
"""

import ast
import itertools
import pathlib
import re
import unittest

import yaml

from kaopu_ha import access, conf, records
from kaopu_ha.cli import shell
from kaopu_ha.conf import rules
from kaopu_ha.core import brake, detection, model, protection, restart, waiting, wishes
from kaopu_ha.core.news import Fact
from tests.core.values import evidence_of
from tests.unit.test_conf import made

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ROOT / 'doc/source'
OPERATOR, REFERENCE = PAGES / 'operator', PAGES / 'reference'
CONTRIBUTOR = PAGES / 'contributor'
OPTIONS = {(group, opt.dest): opt.default for group, opts in conf.list_opts() for opt in opts}
GROUPS = {group for group, _ in OPTIONS}
# What stands behind the name of the command and is no command of it.
NO_COMMANDS = {'help'}


def rows(text, columns):
    """The cells of each row of the simple tables with so many columns; with a blank first one a
    row goes on.
    """
    bounds, found = [], []
    for line in text.splitlines():
        if re.fullmatch(r'=+(  +=+)+', line):
            bounds = [match.start() for match in re.finditer('=+', line)]
        elif not line.startswith(' ') and '  ' not in line and line:
            bounds = []
        elif len(bounds) == columns and line.strip():
            ends = [*bounds[1:], None]
            cells = [line[start:end].strip() for start, end in zip(bounds, ends, strict=True)]
            if cells[0] or not found:
                found.append(cells)
            else:
                found[-1] = [f'{was} {more}'.strip() for was, more in zip(found[-1], cells,
                                                                         strict=True)]
    return found


def seconds(cell):
    """The number in a cell like ``4 s`` or ``90 days``."""
    return float(cell.split()[0])


def storm_of(hosts, settings):
    """How many silent hosts are a storm in a cloud of so many."""
    return next(count for count in range(1, hosts + 1) if brake.too_many(count, hosts, settings))


def strange_options(text):
    """The options that a text names, in full, and that there are not."""
    flat = ' '.join(text.split())
    named = re.findall(r'\[([a-z]+)\] ([a-z][a-z_]+)', flat)
    groups = {group for group, _ in named} & GROUPS
    return {one for one in named if one[0] in groups and one not in OPTIONS}


def strange_commands(text):
    """The commands that a text names in literals, and that there are not."""
    flat = ' '.join(text.split())
    named = re.findall(r'(?:``|\$ )kaopu-ha ((?:[a-z][a-z-]*(?: |``|,|$)){1,2})', flat)
    words = [re.findall(r'[a-z][a-z-]*', one) for one in named]
    first = {name.split()[0] for name in shell.COMMANDS if ' ' in name}
    return {' '.join(one) for one in words
            if one[0] not in NO_COMMANDS and one[0] not in shell.COMMANDS
            and not (one[0] in first and (len(one) == 1 or ' '.join(one) in shell.COMMANDS))}


class TestReaders(unittest.TestCase):
    """They find what is wrong."""

    def test_a_table_is_read_with_what_goes_on(self):
        page = '===  ===\na    b\n===  ===\n1    x\n     y\n2    z\n===  ===\n\nEnd of it.\n'
        self.assertEqual([['a', 'b'], ['1', 'x y'], ['2', 'z']], rows(page, 2))
        self.assertEqual([], rows(page, 3))

    def test_an_option_that_there_is_not(self):
        self.assertEqual({('store', 'tiemout')},
                         strange_options('``[store]\ntiemout`` and ``[store] timeout``'))

    def test_a_command_that_there_is_not(self):
        self.assertEqual({'host admitt', 'stats'}, strange_commands(
            '``kaopu-ha host admitt c1``, ``kaopu-ha stats``, ``kaopu-ha host admit c1``, '
            '$ kaopu-ha status'))


class TestTimes(unittest.TestCase):
    """The page on times."""

    def setUp(self):
        super().setUp()
        self.page = (OPERATOR / 'times.rst').read_text()

    def test_the_times_of_each_pace(self):
        told = {cells[0].strip('`'): [seconds(cell) for cell in cells[1:3]]
                for cells in rows(self.page, 4)[1:]}
        self.assertEqual({name: [vars(rules.PACES[pace])[name] for pace in ('patent', 'fast')]
                          for name in vars(rules.PACES['patent'])}, told)

    def test_the_sums_to_confirmed(self):
        for pace in rules.PACES:
            terms = rules.seconds_to_confirmed(
                rules.rules(made(detection__pace=pace), fence_proves=True))
            told = ' + '.join(f'{term.seconds:g}' for term in terms)
            self.assertIn(f'{told} = {sum(term.seconds for term in terms):g} s',
                          ' '.join(self.page.split()))

    def test_every_other_default(self):
        told = rows(self.page, 3)[1:]
        self.assertGreater(len(told), 15)
        for option, default, _ in told:
            group, name = re.fullmatch(r'``\[(\w+)\] (\w+)``', option).groups()
            self.assertEqual(OPTIONS[group, name], seconds(default), option)

    def test_no_time_is_left_out(self):
        """Every option of the decisions that is a number of seconds or days is on the page."""
        for (group, name), default in OPTIONS.items():
            if re.search(r'(_seconds|_window|_cooldown|_ttl|_limit|_interval|_after|_again|_days)$',
                         name) and default is not None:
                self.assertIn(f'``[{group}] {name}``', self.page)


class TestStorms(unittest.TestCase):
    """The table of the brake is what the formula gives with the defaults."""

    def test_what_is_a_storm_in_clouds_of_all_sizes(self):
        settings = rules.rules(made(), fence_proves=True)
        page = (OPERATOR / 'storms.rst').read_text()
        told = {int(cells[0].replace(',', '')): [int(re.search(r'\d+', cell)[0])
                                                 for cell in cells[1:]]
                for cells in rows(page, 3)[1:]}
        self.assertEqual({3, 10, 100, 1000}, set(told))
        self.assertEqual({hosts: [storm_of(hosts, settings) - 1, storm_of(hosts, settings)]
                          for hosts in told}, told)
        self.assertIn(f'({settings.storm_hosts} and {settings.storm_share:g})', page)

    def test_the_example_of_a_smaller_share(self):
        settings = rules.rules(made(detection__storm_share=0.01), fence_proves=True)
        self.assertEqual(11, storm_of(1000, settings))
        self.assertIn('0.01 for racks of 20 in a cloud of 1,000: up to ten hosts',
                      ' '.join((OPERATOR / 'storms.rst').read_text().split()))


class TestMethod(unittest.TestCase):
    """The table of evidence is what the core judges by."""

    def test_each_pair_of_signs_has_its_verdict(self):
        table = [cells[:3] for cells in rows((CONTRIBUTOR / 'method.rst').read_text(), 4)[1:]]
        for management, storage in itertools.product(model.Sign, repeat=2):
            verdict, _ = detection.judged((evidence_of(model.Network.MANAGEMENT, management),
                                           evidence_of(model.Network.STORAGE, storage)))
            told = {cells[2] for cells in table if cells[0] in ('any', management.name)
                    and cells[1] in ('any', storage.name)}
            self.assertEqual({verdict.name}, told, (management, storage))


class TestNames(unittest.TestCase):
    """Options, commands, news, reasons and phases have one name, in the code and on every page."""

    def test_options_and_commands_that_are_named_are_there(self):
        pages = [*PAGES.rglob('*.rst'), *(ROOT / 'releasenotes/notes').glob('*.yaml'),
                 ROOT / 'README.rst', ROOT / 'devstack/README.rst',
                 ROOT / 'etc/prometheus/kaopu-ha-alerts.yml']
        self.assertGreater(len(pages), 80)
        for page in pages:
            with self.subTest(str(page.relative_to(ROOT))):
                text = page.read_text()
                self.assertEqual(set(), strange_options(text))
                self.assertEqual(set(), strange_commands(text))

    def test_the_reference_and_the_manual_have_every_command(self):
        for page in (REFERENCE / 'cli.rst', PAGES / 'man/kaopu-ha.rst'):
            text = page.read_text()
            for name in shell.COMMANDS:
                self.assertIn(name, text, page.name)

    def test_every_news_is_on_its_page_under_its_level(self):
        text = (REFERENCE / 'news.rst').read_text()
        parts = re.split(r'\n(?=Errors|Warnings|For information)', text)[1:]
        told = {(cells[0], cells[1], level) for part, level in
                zip(parts, ('error', 'warning', 'info'), strict=True)
                for cells in rows(part, 3) if cells[0] != 'title'}
        self.assertEqual({(fact.title, f'news.{fact.key}', fact.level) for fact in Fact},
                         told)

    def test_two_pages_have_every_reason_of_what_is_not_protected(self):
        told = {cells[0] for page in ('at-night.rst', 'protection.rst')
                for cells in rows((OPERATOR / page).read_text(), 2)}
        self.assertEqual(set(), {reason.value for reason in protection.Reason} - told)

    def test_the_metrics_page_has_every_kind_of_what_waits(self):
        text = (OPERATOR / 'metrics.rst').read_text()
        for kind in waiting.Kind:
            self.assertIn(f'``{kind.name.lower()}``', text)

    def test_every_word_of_the_state_of_something_is_in_the_glossary(self):
        text = (CONTRIBUTOR / 'words.rst').read_text().lower()
        lacking = [f'{words.__name__}: {word.value}'
                   for words in (model.Sign, model.Verdict, model.Stage, model.RecoveryStage,
                                 model.Phase, restart.StartPhase, wishes.WishVerb, wishes.WishState)
                   for word in words
                   if not re.search(rf'\b{word.value.replace(" ", "[ _]")}\b', text)]
        self.assertEqual([], lacking)

    def test_every_loop_is_on_the_pages_that_list_them(self):
        sources = [ast.parse(path.read_text())
                   for path in (ROOT / 'kaopu_ha/programs').glob('*.py')]
        names = {node.args[0].value for source in sources for node in ast.walk(source)
                 if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
                 and node.func.id in ('Loop', 'loop') and isinstance(node.args[0], ast.Constant)}
        self.assertGreaterEqual(len(names), 18)
        for page in (CONTRIBUTOR / 'house.rst', OPERATOR / 'metrics.rst'):
            told = set(re.findall(r'\b[a-z]+\b', page.read_text()))
            self.assertEqual(set(), names - told, page.name)

    def test_every_law_of_the_simulator_is_on_its_page(self):
        """The laws are what checkers and runs say that was broken."""
        laws = set()
        for path in sorted((ROOT / 'kaopu_ha/sim').glob('*.py')):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and (
                        node.func.attr in ('_say', '_last')) and len(node.args) > 1:
                    laws |= {each.value for each in node.args[:1]
                             if isinstance(each, ast.Constant)}
        self.assertGreater(len(laws), 35)
        told = {cells[0] for cells in rows((REFERENCE / 'runs.rst').read_text(), 2)}
        self.assertEqual(set(), laws - told)

    def test_the_security_page_has_every_right_of_a_host(self):
        told = {cells[0].strip('`'): cells[1] for cells in
                rows((OPERATOR / 'security.rst').read_text(), 2)}
        for grant in access.agent('HOST').grants:
            if grant.name.startswith(f'{records.REQUEST}HOST/') and grant.write:
                verb = grant.name.rpartition('/')[2]
                self.assertIn(f'``{verb}``', told['/kaopu-ha/request/HOST/VERB'])
                continue
            name = f'{grant.name}...' if grant.name.endswith('/') else grant.name
            self.assertEqual(grant.write, 'write' in told[name], name)

    def test_the_security_page_has_every_right_of_the_api(self):
        told = {cells[0].strip('`'): cells[1] for cells in
                rows((OPERATOR / 'security.rst').read_text(), 2)}
        for grant in access.api().grants:
            name = f'{grant.name}...' if grant.of_many else grant.name
            self.assertEqual(grant.write, 'write' in told[name], name)


class TestAlerts(unittest.TestCase):
    """The rules for Prometheus name what a person finds on the operator's page, and no more."""

    def test_no_alert_is_told_of_that_there_is_not(self):
        there = {rule['alert'] for group in yaml.safe_load(
            (ROOT / 'etc/prometheus/kaopu-ha-alerts.yml').read_text())['groups']
            for rule in group['rules']}
        for page in PAGES.rglob('*.rst'):
            self.assertEqual(set(), set(re.findall(r'\bKaopuHa\w+', page.read_text())) - there,
                             page.name)


if __name__ == '__main__':
    unittest.main()
