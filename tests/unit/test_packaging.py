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

"""What is built and installed: wheel and sdist of a copy of this checkout, and the manual pages."""

import configparser
import email
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile

from kaopu_ha.cli import shell

ROOT = pathlib.Path(__file__).resolve().parents[2]
# A build is some seconds of work; this only ends one that hangs.
_SECONDS = 300
# Read when the sample is made, by nobody afterwards.
_NOT_INSTALLED = {'etc/kaopu-ha/config-generator.conf', 'etc/kaopu-ha/policy-generator.conf'}


def run(*command, folder, **variables):
    """Run to the end; the standard output."""
    done = subprocess.run([str(word) for word in command], cwd=folder, text=True, check=False,
                          capture_output=True, timeout=_SECONDS, env={**os.environ, **variables})
    if done.returncode:
        raise AssertionError(f'{command}: {done.stdout[-1000:]}{done.stderr[-3000:]}')
    return done.stdout


def git(*words, folder=ROOT):
    """What git says."""
    return run('git', '-c', 'safe.directory=*', *words, folder=folder)


def missing():
    """Why nothing can be built here; '' if it can."""
    absent = [name for name in ('build', 'pbr', 'wheel') if importlib.util.find_spec(name) is None]
    if not shutil.which('git') or not (ROOT / '.git').exists():
        absent.append('a git checkout')
    return f'not there: {", ".join(absent)}' if absent else ''


@unittest.skipIf(missing(), missing())
class PackagesTest(unittest.TestCase):
    """The sdist, the wheel that is built from it, and what pip makes of that."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.copy, cls.made, cls.prefix = (pathlib.Path(folder, name)
                                          for name in ('copy', 'made', 'prefix'))
        listed = git('ls-files', '-z', '--cached', '--others', '--exclude-standard').split('\0')
        cls.files = {name for name in listed if name and (ROOT / name).is_file()}
        for name in cls.files:
            (cls.copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, cls.copy / name)
        for words in (['init', '-q'], ['add', '-A'],
                      ['-c', 'user.name=x', '-c', 'user.email=x@x', 'commit', '-q', '-m', 'x']):
            git(*words, folder=cls.copy)
        run(sys.executable, '-m', 'build', '--no-isolation', '--outdir', cls.made, cls.copy,
            folder=cls.copy)
        (wheel,), (sdist,) = cls.made.glob('*.whl'), cls.made.glob('*.tar.gz')
        cls.wheel = cls.enterClassContext(zipfile.ZipFile(wheel))
        cls.sdist = cls.enterClassContext(tarfile.open(sdist))
        run(sys.executable, '-m', 'pip', 'install', '--no-deps', '--no-index', '--quiet',
            '--ignore-installed', '--prefix', cls.prefix, wheel, folder=cls.copy)

    def in_wheel(self, name):
        """The text of the file of this name among the wheel's metadata."""
        return next(self.wheel.read(each).decode() for each in self.wheel.namelist()
                    if each.endswith(f'.dist-info/{name}'))

    def test_the_sdist_holds_every_file_of_the_checkout(self):
        held = {name.partition('/')[2] for name in self.sdist.getnames()}
        hidden = {name for name in self.files if name.startswith('.git')}
        self.assertEqual(set(), self.files - hidden - held)
        self.assertIn('doc/source/man/kaopu-ha.rst', held)

    def test_the_wheel_holds_every_file_of_the_program(self):
        mine = {name for name in self.files if name.startswith('kaopu_ha/')}
        self.assertEqual(set(), mine - set(self.wheel.namelist()))
        self.assertTrue(any(name.endswith('scenarios/host-dies.yaml') for name in mine))
        others = {name.partition('/')[0] for name in self.wheel.namelist()} - {'kaopu_ha'}
        self.assertEqual([], [name for name in others if not name.startswith('kaopu_ha-')])

    def test_every_file_for_operators_is_installed(self):
        mine = {name for name in self.files if name.startswith('etc/')} - _NOT_INSTALLED
        installed = {path.relative_to(self.prefix).as_posix()
                     for top in ('etc', 'share') for path in (self.prefix / top).rglob('*')
                     if path.is_file()}
        for name in mine:
            text = (ROOT / name).read_text()
            places = [place for place in installed if place.endswith('/' + name.split('/')[-1])]
            self.assertTrue(any((self.prefix / place).read_text() == text for place in places),
                            f'{name} is not installed; add it to data_files in setup.cfg')
        self.assertIn('etc/kaopu-ha/kaopu-ha.conf.sample', installed)
        self.assertIn('share/kaopu-ha/systemd/kaopu-ha-agent.service', installed)

    def test_only_extras_need_a_compiler_or_the_package_etcd3(self):
        needs = email.message_from_string(self.in_wheel('METADATA')).get_all('Requires-Dist')
        for name, extra in (('libvirt-python', 'libvirt'), ('etcd3', 'etcd3')):
            lines = [line for line in needs if line.startswith(name)]
            self.assertTrue(lines)
            for line in lines:
                self.assertRegex(line, f"extra == .({extra}|test).")

    def test_every_command_is_installed_and_answers(self):
        points = configparser.ConfigParser()
        points.read_string(self.in_wheel('entry_points.txt'))
        commands = points['console_scripts']
        self.assertIn('kaopu-ha-status', commands)
        (packages,) = self.prefix.rglob('kaopu_ha')
        for name in commands:
            (command,) = self.prefix.rglob(f'bin/{name}')
            told = run(command, '--help', folder=self.prefix, PYTHONPATH=str(packages.parent))
            self.assertIn(name, told)

    def test_the_simulator_plays_without_libvirt(self):
        """As it is installed, the stories among its files included."""
        (packages,) = self.prefix.rglob('kaopu_ha')
        code = ('import sys; sys.modules.update(dict.fromkeys(("libvirt", "etcd3"))); '
                'from kaopu_ha.cli import shell; sys.exit(shell.main(["simulate", "host-dies"]))')
        told = run(sys.executable, '-c', code, folder=self.prefix,
                   PYTHONPATH=str(packages.parent))
        self.assertIn('Nothing is wrong', told)


@unittest.skipIf(missing(), missing())
class DashboardPackageTest(unittest.TestCase):

    def test_the_wheel_holds_every_file_of_the_panels(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder, 'dashboard')
            shutil.copytree(ROOT / 'dashboard', copy, ignore=shutil.ignore_patterns(
                '__pycache__', 'build', '*.egg-info'))
            run(sys.executable, '-m', 'build', '--no-isolation', '--outdir', folder, copy,
                folder=copy, PBR_VERSION='1.2.3')
            (wheel,) = pathlib.Path(folder).glob('kaopu_ha_dashboard-1.2.3-*.whl')
            with zipfile.ZipFile(wheel) as file:
                held = set(file.namelist())
        mine = {name.removeprefix('dashboard/') for name in
                git('ls-files', 'dashboard/kaopu_ha_dashboard').split()}
        self.assertEqual(set(), mine - held)
        self.assertIn('kaopu_ha_dashboard/locale/zh_Hans/LC_MESSAGES/django.mo', mine)
        others = {name.partition('/')[0] for name in held} - {'kaopu_ha_dashboard'}
        self.assertEqual([], [name for name in others if not name.endswith('.dist-info')])


@unittest.skipIf(importlib.util.find_spec('openstackdocstheme') is None, 'sphinx is not installed')
class ManualPagesTest(unittest.TestCase):

    def test_each_command_has_a_page_and_that_of_kaopu_ha_tells_every_command(self):
        with tempfile.TemporaryDirectory() as folder:
            run(sys.executable, '-m', 'sphinx', '-W', '-q', '-b', 'man', '-d', f'{folder}/trees',
                'doc/source', f'{folder}/man', folder=ROOT, PYTHONPATH=str(ROOT))
            pages = {path.stem: path.read_text() for path in pathlib.Path(folder).rglob('*.1')}
        parser = configparser.ConfigParser()
        parser.read(ROOT / 'setup.cfg')
        commands = {line.partition('=')[0].strip() for line in
                    parser['entry_points']['console_scripts'].strip().splitlines()}
        self.assertEqual(commands, set(pages))
        page = pages['kaopu-ha'].replace('\\', '')
        self.assertEqual([], [name for name in shell.COMMANDS if f'fB{name}' not in page])
