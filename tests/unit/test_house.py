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

"""The house rules, read from the source: who may import whom, how long things may be.

Each rule is a function from a source text to complaints, and each has a bad sample that shows its
teeth.
"""

import ast
import collections
from collections.abc import Iterable, Iterator
import configparser
import io
import pathlib
import re
import subprocess
import sys
import tokenize
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FUNCTION_LINES_MAX = 60
MODULE_LINES_MAX = 400

# The quiet room: of the standard library, only what has no clock, log, thread, chance or I/O.
QUIET = frozenset({'__future__', 'abc', 'bisect', 'collections', 'configparser', 'dataclasses',
                   'enum', 'functools', 'heapq', 'ipaddress', 'itertools', 'json', 'math',
                   'operator', 're', 'types', 'typing'})

# What each part of the house may import of the house, besides itself.
MAY_IMPORT = {
    'core': set(),
    'ports': {'core'},
    'records': {'core'},
    'access': {'core', 'records'},
    'checkup': {'core'},
    'permits': {'ports'},
    'mirrored': {'ports'},
    'archive': {'core', 'ports', 'records'},
    'unanswered': {'core', 'ports', 'records'},
    'runtime': {'core'},
    'threads': set(),
    'version': set(),
    'telling': {'core', 'ports', 'records', 'programs'},
    'drivers': {'access', 'checkup', 'conf', 'core', 'ports', 'records'},
    'conf': {'core'},
    'controller': {'core', 'ports', 'records', 'runtime', 'permits', 'archive', 'unanswered'},
    'worker': {'core', 'ports', 'records', 'runtime', 'permits', 'unanswered'},
    'agent': {'core', 'ports', 'records', 'permits'},
    'api': {'core', 'ports', 'records', 'telling'},
    'programs': {'core', 'ports', 'records', 'runtime', 'mirrored', 'agent', 'controller',
                 'worker'},
    'cli': {'access', 'checkup', 'core', 'ports', 'records', 'archive', 'threads', 'version',
            'telling', 'conf', 'wiring', 'doctor', 'sim'},
    'osc': {'records', 'telling'},
    'doctor': {'checkup', 'core', 'ports', 'records', 'conf', 'wiring'},
    'sim': {'access', 'core', 'ports', 'records', 'runtime', 'controller', 'worker', 'agent',
            'programs'},
    'wiring': {'core', 'ports', 'records', 'runtime', 'threads', 'version', 'conf', 'mirrored',
               'agent', 'worker', 'programs', 'drivers', 'telling', 'api'},
    'cmd': {'threads', 'version', 'conf', 'wiring', 'cli'},
    'wsgi': {'conf', 'cmd', 'wiring'},
}

# Libraries of the outside world, and the parts that may know them.
ONLY_IN = {
    **dict.fromkeys(('etcd3', 'etcd3gw', 'google', 'grpc', 'libvirt', 'libvirt_qemu', 'openstack',
                     'oslo_messaging', 'prometheus_client', 'psutil', 'rados', 'rbd', 'redis',
                     'requests', 'rq', 'urllib3'), {'drivers'}),
    'osc_lib': {'osc'},
    'keystoneauth1': {'drivers', 'conf', 'osc'},
    'greenlet': {'sim'},
    'stevedore': {'wiring'},
    **dict.fromkeys(('flask', 'jsonschema', 'keystonemiddleware', 'microversion_parse',
                     'oslo_context', 'oslo_middleware', 'oslo_policy', 'webob'), {'api'}),
    'oslo_service': {'cmd', 'threads'},
}
# What runs beside a library that is not ours, and so may name it.
BESIDE = dict.fromkeys(('format_volume.py', 'purge_pool.py', 'rbd_client.py', 'read_disks.py'),
                       ('rados.', 'rbd.')) | {
                           'horizon_settings.py': ('horizon.', 'openstack_dashboard.')}
NOWHERE = frozenset({'eventlet', 'gevent'})

# Former words for which the field has one (words.rst): no name of ours is one of these ...
FORMER = frozenset({
    'prove', 'FENCE_MENDED', 'eye', 'eyes', 'LibvirtEye', 'ImageEye', 'office', 'shelf', 'Hearer',
    'hearer', 'told_on', 'told_off', 'Surroundings', 'surroundings', 'Woken', 'Handed', 'Notifying',
    'Repeats', 'LIFE_TIMES', 'scene_life', 'smallworld', 'smallcontrollers', 'smallworkers',
    'smallpeople', 'Small', 'Weak', 'Hand'})
# ... no field, and no keyword, one of these ...
FORMER_FIELDS = frozenset({'road', 'was_on'})
# ... and no comment, docstring or page says one of these.
FORMER_PROSE = re.compile(r'\b([Ee]yes?|[Oo]ffices?|[Ss]hel(f|ves)|[Hh]earers?)\b')
# The names of two classes: each decision of the core has these, so that who knows one knows all.
SHARED = {'Seen': 'core', 'Act': 'core', 'Decision': 'core'}


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Every module that is imported anywhere in the source, with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield node.lineno, '.relative'
            for name in node.names:
                yield node.lineno, f'{node.module or ""}.{name.name}'


def directions(part: str, source: str) -> list[str]:
    """Complain of imports against the direction, and of outside libraries in the wrong part."""
    if part == 'testing':
        return []
    found = []
    for line, name in imports(source):
        top, _, rest = name.partition('.')
        target = rest.partition('.')[0]
        if not top:
            found.append(f'line {line}: import by the whole name')
        elif top == 'kaopu_ha':
            if target != part and target not in MAY_IMPORT[part]:
                found.append(f'line {line}: {part} may not import {name}')
        elif part not in ONLY_IN.get(top, {part}):
            found.append(f'line {line}: {part} may not import {top}')
        elif part == 'core' and top not in QUIET:
            found.append(f'line {line}: core may not import {top}')
    return found


def green_threads(source: str) -> list[str]:
    """Complain of every import of a library of green threads."""
    return [f'line {line}: {name}' for line, name in imports(source)
            if name.partition('.')[0] in NOWHERE]


def long_functions(source: str) -> list[str]:
    """Complain of functions that are longer than one screen, docstring aside."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node, clean=False) is not None:
                lines -= node.body[0].end_lineno - node.body[0].lineno + 1
            if lines > FUNCTION_LINES_MAX:
                found.append(f'line {node.lineno}: {node.name} has {lines} lines')
    return found


def long_module(source: str) -> list[str]:
    """Complain of a module that is longer than 400 lines."""
    lines = len(source.splitlines())
    return [f'{lines} lines'] if lines > MODULE_LINES_MAX else []


def unlicensed(source: str) -> list[str]:
    """Complain of a source without the header of the licence; an empty one needs none."""
    named = any('Licensed under the Apache License, Version 2.0' in line
                for line in source.splitlines()[:4])
    return ['no licence header'] if source.strip() and not named else []


def nowhere(source: str) -> list[str]:
    """Complain of a room that is imported and is not there, in the words of a child too."""
    found = []
    for name in re.findall(r'\bfrom (kaopu_ha(?:\.[\w.]+)?) import \w', source):
        place = ROOT / name.replace('.', '/')
        if not place.is_dir() and not place.with_suffix('.py').is_file():
            found.append(name)
    return found


def changed_stages(source: str) -> list[str]:
    """Complain of a stage or phase that is changed in passing, by no road."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith('replace'):
            names = {keyword.arg for keyword in node.keywords} & {'stage', 'phase'}
            found += [f'line {node.lineno}: changes a {name}' for name in sorted(names)]
    return found


def compared_stages(source: str) -> list[str]:
    """Complain of a stage of a recovery that is decided by outside of core."""
    return [f'line {node.lineno}: compares RecoveryStage' for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Compare) and 'RecoveryStage.' in ast.unparse(node)]


def former_names(source: str) -> list[str]:
    """Complain of names that are former words of ours."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.ClassDef(name=name) | (
                    ast.FunctionDef(name=name)):
                names = {name} & FORMER
            case ast.Attribute(attr=name) | ast.keyword(arg=name):
                names = {name} & (FORMER | FORMER_FIELDS)
            case ast.AnnAssign(target=ast.Name(id=name)):
                names = {name} & FORMER_FIELDS
            case ast.alias(name=name):
                names = {*name.split('.')} & FORMER
            case _:
                continue
        found += [f'line {node.lineno}: {name}' for name in names]
    return found


def former_prose(source: str) -> list[str]:
    """Complain of comments and docstrings with former words of ours."""
    docs = {(node.value.lineno, node.value.col_offset) for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}
    return [f'line {token.start[0]}: {match.group(0)}'
            for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type == tokenize.COMMENT or token.start in docs
            for match in FORMER_PROSE.finditer(token.string)]


def classes(source: str) -> list[str]:
    """The names of the classes of a module."""
    return [node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]


def doubles(places: Iterable[tuple[str, str]]) -> list[str]:
    """Complain of a name that two classes have; ``places``: the names, each with its part."""
    parts = collections.defaultdict(list)
    for name, part in places:
        parts[name].append(part)
    return [f'{name}: in {", ".join(found)}' for name, found in sorted(parts.items())
            if len(found) > 1 and {*found} != {SHARED.get(name)}]


def misplaced(port: str, place: str) -> list[str]:
    """Complain of a driver that does not lie with its system, in the file of its port."""
    good = re.fullmatch(rf'kaopu_ha\.drivers\.\w+\.{port}(_\w+)?:\w+', place)
    return [] if good else [f'{port}: {place}']


def strangers(source: str, allowed: tuple[str, ...] = ()) -> list[str]:
    """Complain of what is neither of the standard library, nor relative, nor allowed."""
    relative = {node.lineno for node in ast.walk(ast.parse(source))
                if isinstance(node, ast.ImportFrom) and node.level}
    return [f'line {line}: {name}' for line, name in imports(source)
            if line not in relative and name.partition('.')[0] not in sys.stdlib_module_names
            and not f'{name}.'.startswith(allowed)]


def sources(*folders: str) -> Iterator[pathlib.Path]:
    """The Python files of the folders, in order."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob('*.py')):
            if 'build' not in path.relative_to(ROOT).parts[:2]:
                yield path


def part_of(path: pathlib.Path) -> str:
    """The part of the house that a file of the package belongs to, '' for the package itself."""
    rest = path.relative_to(ROOT / 'kaopu_ha').with_suffix('').parts
    return '' if rest == ('__init__',) else rest[0]


class TestHouse(unittest.TestCase):

    maxDiff = None

    def check(self, paths, rule):
        found = [f'{path.relative_to(ROOT)}: {complaint}' for path in paths
                 for complaint in rule(path, path.read_text())]
        self.assertEqual([], found)

    def test_imports_keep_their_direction(self):
        self.check([path for path in sources('kaopu_ha') if part_of(path)],
                   lambda path, source: directions(part_of(path), source))

    def test_every_part_has_its_rule(self):
        parts = {part_of(path) for path in sources('kaopu_ha')} - {'', 'testing'}
        self.assertEqual(set(), parts - set(MAY_IMPORT))

    def test_no_rule_names_a_part_that_is_not_there(self):
        named = {*MAY_IMPORT}.union(*MAY_IMPORT.values(), *ONLY_IN.values())
        self.assertEqual(set(), named - {part_of(path) for path in sources('kaopu_ha')})

    def test_every_leave_to_import_is_used(self):
        """Else the table, and the picture that is drawn of it, says more than is so."""
        used = {(part_of(path), name.split('.')[1]) for path in sources('kaopu_ha')
                for _, name in imports(path.read_text()) if name.startswith('kaopu_ha.')}
        self.assertEqual([], [(part, other) for part, others in MAY_IMPORT.items()
                              for other in sorted(others) if (part, other) not in used])

    def test_a_driver_lies_with_its_system_in_the_file_of_its_port(self):
        setup = configparser.ConfigParser(interpolation=None)
        setup.read(ROOT / 'setup.cfg')
        points = {group.removeprefix('kaopu_ha.'): text
                  for group, text in setup['entry_points'].items()
                  if group.startswith('kaopu_ha.')}
        found = [complaint for port, text in points.items() for line in text.strip().splitlines()
                 for complaint in misplaced(port, line.partition('=')[2].strip())]
        # No driver: the records themselves.
        self.assertEqual(['queue: kaopu_ha.worker.queue:RecordQueue'], found)

    def test_every_room_that_is_imported_is_there(self):
        paths = [path for path in sources('kaopu_ha', 'containers', 'minicloud', 'tools', 'tests')
                 if path != pathlib.Path(__file__).resolve()]
        self.check(paths, lambda _, source: nowhere(source))

    def test_a_stage_is_changed_by_its_road_only(self):
        # The first two are the roads; one compares moves as if none had begun, and one takes away
        # from a model world what keeps people from what is under way.
        may = [ROOT / 'kaopu_ha' / name for name in (
            'core/roads.py', 'core/restart.py', 'core/chances.py', 'sim/modelcheck/people.py')]
        self.check([path for path in sources('kaopu_ha') if path not in may],
                   lambda _, source: changed_stages(source))
        for path in may:
            self.assertTrue(changed_stages(path.read_text()), path)

    def test_core_alone_decides_by_the_stage_of_a_recovery(self):
        self.check([path for path in sources('kaopu_ha') if part_of(path) != 'core'],
                   lambda _, source: compared_stages(source))

    def test_no_name_is_a_former_word(self):
        # One of them makes records with the names of the fields as they are kept.
        paths = [path for path in sources('kaopu_ha', 'dashboard', 'minicloud', 'tools', 'tests')
                 if path.name not in ('test_house.py', 'test_records.py')]
        self.check(paths, lambda _, source: former_names(source))

    def test_no_comment_and_no_page_says_a_former_word(self):
        self.check(sources('kaopu_ha', 'dashboard'), lambda _, source: former_prose(source))
        pages = [path for path in sorted((ROOT / 'doc/source').rglob('*.rst'))
                 if path.parent.name != 'decisions' and path.name != 'words.rst']
        self.check(pages, lambda _, text: FORMER_PROSE.findall(
            re.sub(r'observer: eye-\w', '', text)))

    def test_one_name_is_one_class(self):
        self.assertEqual([], doubles((name, part_of(path)) for path in sources('kaopu_ha')
                                     for name in classes(path.read_text())))

    def test_nobody_imports_green_threads(self):
        self.check(sources('kaopu_ha', 'dashboard', 'minicloud', 'tools', 'tests'),
                   lambda _, source: green_threads(source))

    def test_the_tests_of_the_core_need_the_standard_library_only(self):
        """So anybody can run them: no service, no root, nothing installed."""
        allowed = ('kaopu_ha.core.', 'kaopu_ha.records.', 'tests.core.')
        self.check(sources('tests/core'), lambda _, source: strangers(source, allowed))

    def test_the_mini_cloud_is_not_part_of_the_house(self):
        """It starts our daemons as it starts Nova's: by their command lines."""
        self.check(sources('minicloud'),
                   lambda path, source: strangers(source, BESIDE.get(path.name, ())))

    def test_the_dashboard_meets_the_program_at_its_api_only(self):
        self.check(sources('dashboard'), lambda _, source: [
            f'line {line}: {name}' for line, name in imports(source)
            if name.partition('.')[0] == 'kaopu_ha'])

    def test_functions_fit_on_one_screen(self):
        self.check(sources('kaopu_ha', 'containers', 'dashboard', 'minicloud', 'tools'),
                   lambda _, source: long_functions(source))

    def test_modules_fit_in_one_head(self):
        self.check(sources('kaopu_ha', 'containers', 'dashboard', 'minicloud', 'tools'),
                   lambda _, source: long_module(source))

    def test_every_file_names_the_licence(self):
        self.check(sources('kaopu_ha', 'containers', 'dashboard', 'minicloud', 'tools', 'tests',
                           'doc', 'releasenotes'),
                   lambda _, source: unlicensed(source))


class TestTests(unittest.TestCase):

    def test_the_threads_of_oslo_are_chosen_before_any_test_is_loaded(self):
        """Else the first module that needs oslo chooses others, and discovery ends there."""
        code = ('import tests; from oslo_service import backend; '
                'print(backend.get_backend_type().value)')
        told = subprocess.run([sys.executable, '-c', code], cwd=ROOT, text=True, check=True,
                              capture_output=True, timeout=120)
        self.assertEqual('threading', told.stdout.strip())


class TestTheRulesHaveTeeth(unittest.TestCase):

    def assert_bites(self, complaints, words):
        self.assertEqual(1, len(complaints), complaints)
        self.assertIn(words, complaints[0])

    def test_core_may_not_know_the_time(self):
        for name in ('time', 'logging', 'threading', 'random', 'os', 'socket', 'datetime',
                     'oslo_config'):
            self.assert_bites(directions('core', f'import {name}\n'), f'core may not import {name}')

    def test_core_may_not_look_outwards(self):
        self.assert_bites(directions('core', 'from kaopu_ha import ports\n'), 'kaopu_ha.ports')

    def test_ports_know_core_only(self):
        self.assert_bites(directions('ports', 'from kaopu_ha import records\n'), 'records')

    def test_inner_parts_never_import_drivers(self):
        for part in ('controller', 'worker', 'agent', 'cli', 'cmd', 'conf', 'sim'):
            for line in ('import kaopu_ha.drivers.etcd.store', 'from kaopu_ha import drivers',
                         'from kaopu_ha.drivers import child'):
                self.assert_bites(directions(part, line), 'may not import kaopu_ha.drivers')

    def test_an_import_inside_a_function_counts(self):
        self.assert_bites(directions('controller', 'def f():\n    import libvirt\n'), 'line 2')

    def test_only_drivers_know_the_outside_libraries(self):
        for name in ('grpc', 'libvirt', 'rados', 'rbd', 'openstack', 'google.protobuf'):
            self.assert_bites(directions('wiring', f'import {name}\n'), 'may not import')
            self.assertEqual([], directions('drivers', f'import {name}\n'))

    def test_only_wiring_knows_stevedore(self):
        self.assert_bites(directions('cli', 'from stevedore import driver\n'), 'stevedore')
        self.assertEqual([], directions('wiring', 'from stevedore import driver\n'))

    def test_the_simulator_knows_no_configuration_and_no_process(self):
        for name in ('cli', 'cmd', 'conf', 'wiring'):
            self.assert_bites(directions('sim', f'from kaopu_ha import {name}\n'), name)
        self.assertEqual([], directions('cli', 'from kaopu_ha.sim import story\n'))

    def test_a_driver_in_a_folder_of_its_port_is_found(self):
        self.assert_bites(misplaced('fence', 'kaopu_ha.drivers.fence.ceph:Fence'), 'fence')
        self.assertEqual([], misplaced('fence', 'kaopu_ha.drivers.ceph.fence:Fence'))
        self.assertEqual([], misplaced('queue', 'kaopu_ha.drivers.broker.queue_rq:Queue'))

    def test_a_room_that_is_gone_is_found_in_a_string_too(self):
        self.assert_bites(nowhere("CODE = 'from kaopu_ha.cellar import rats'"), 'kaopu_ha.cellar')
        self.assertEqual([], nowhere('from kaopu_ha.core import model\nfrom kaopu_ha import ports'))

    def test_a_stage_that_is_changed_in_passing_is_found(self):
        self.assert_bites(changed_stages('dataclasses.replace(case, stage=Stage.CLOSED)'), 'stage')
        self.assert_bites(changed_stages('replace(item, phase=Phase.DONE, row="")'), 'phase')
        self.assertEqual([], changed_stages('dataclasses.replace(case, waited=0.0)'))

    def test_a_stage_that_is_compared_is_found(self):
        for line in ('if one.stage is not model.RecoveryStage.FINISHED: pass',
                     'one.stage in (RecoveryStage.PLANNED, RecoveryStage.EVACUATING)',
                     'step.stage == RecoveryStage.FENCING.value'):
            self.assert_bites(compared_stages(line), 'compares')
        self.assertEqual([], compared_stages('model.Recovery(a, b, RecoveryStage.FENCING)'))

    def test_a_former_word_is_found(self):
        for line in ('class Hearer: pass', 'fence.prove(order)', 'case.road', 'f(road=())',
                     'def f(eye): pass', 'from kaopu_ha.sim import smallworld'):
            self.assert_bites(former_names(line), 'line 1')
        self.assertEqual([], former_names('road = roads.CASE'))
        self.assert_bites(former_prose('x = 1  # its office'), 'office')
        self.assert_bites(former_prose('"""What an eye sees."""'), 'eye')
        self.assertEqual([], former_prose("x = 'an eye'"))

    def test_a_name_of_two_classes_is_found(self):
        self.assert_bites(doubles([('Verb', 'core'), ('Verb', 'core')]), 'Verb')
        self.assert_bites(doubles([('Seen', 'core'), ('Seen', 'cli')]), 'Seen')
        self.assertEqual([], doubles([('Seen', 'core'), ('Seen', 'core'), ('Verb', 'core')]))

    def test_relative_imports_are_refused(self):
        self.assert_bites(directions('agent', 'from ..drivers import child\n'), 'whole name')

    def test_testing_is_exempt(self):
        self.assertEqual([], directions('testing', 'import kaopu_ha.drivers.child\n'))

    def test_what_is_not_the_standard_library_is_found(self):
        self.assert_bites(strangers('import json\nfrom kaopu_ha import ports\n'), 'line 2')
        self.assertEqual([], strangers('from . import shell\nfrom kaopu_ha.core import model\n',
                                       ('kaopu_ha.core.',)))

    def test_green_threads_are_found(self):
        self.assert_bites(green_threads('from eventlet import green\n'), 'eventlet')

    def test_a_long_function_is_found_and_its_docstring_is_free(self):
        body = '    pass\n' * (FUNCTION_LINES_MAX - 1)
        self.assertEqual([], long_functions('def f():\n' + body))
        self.assertEqual([], long_functions('def f():\n    """One.\n\n    Two.\n    """\n' + body))
        self.assert_bites(long_functions('async def f():\n    pass\n' + body), '61 lines')

    def test_a_long_module_is_found(self):
        self.assertEqual([], long_module('\n' * MODULE_LINES_MAX))
        self.assert_bites(long_module('\n' * (MODULE_LINES_MAX + 1)), '401 lines')

    def test_a_missing_licence_is_found(self):
        self.assert_bites(unlicensed('import abc\n'), 'no licence header')
