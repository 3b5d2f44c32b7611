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

"""The table of versions tested is what is installed where the tests run, and what is pinned."""

import pathlib
import platform
import re
import subprocess
import unittest

from tests.unit.test_docs import rows

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / 'doc/source/reference/versions.rst'
# Which column is of which release of Debian.
COLUMNS = {'12': 2, '13': 3}
NONE = '\\-'


def table(text):
    """The rows of the page: what, package, Debian 12, Debian 13, what for."""
    return [cells for cells in rows(text, 5) if cells[0] != 'what']


def is_of(told, installed):
    """True if a version told by its first numbers is the one installed, as Debian or PyPI says."""
    upstream = installed.rpartition(':')[2]
    return re.match(rf'{re.escape(told)}(?![0-9])', upstream) is not None


def installed():
    """The version of every Debian package that is installed here."""
    try:
        told = subprocess.run(
            ['dpkg-query', '-W', '-f', '${Package} ${db:Status-Status} ${Version}\n'],
            capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        return {}
    words = [line.split() for line in told.splitlines()]
    return {each[0].partition(':')[0]: each[2] for each in words if each[1] == 'installed'}


def release():
    """Which Debian this is, '' if it is none."""
    try:
        os_release = platform.freedesktop_os_release()
    except OSError:
        return ''
    return os_release.get('VERSION_ID', '') if os_release['ID'] == 'debian' else ''


def pinned():
    """The versions of OpenStack's services that the mini cloud installs, and those constrained."""
    source = (ROOT / 'minicloud/install.py').read_text()
    constraints = (ROOT / 'minicloud/constraints.txt').read_text()
    horizon = (ROOT / 'dashboard/constraints.txt').read_text()
    return dict(re.findall(r'^(horizon)==(\S+)$', horizon, re.M)) | dict(
        re.findall(r'^([\w.-]+)==(\S+)$', constraints, re.M)) | dict(
        re.findall(r"'([\w.-]+)==([^']+)'", source))


class TestReader(unittest.TestCase):

    def test_the_first_numbers_have_to_be_the_same(self):
        self.assertTrue(is_of('16.2', '16.2.15+ds-0+deb12u2'))
        self.assertTrue(is_of('7.2', '1:7.2+dfsg-7+deb12u18+b3'))
        self.assertTrue(is_of('34.0.0', '34.0.0'))
        self.assertFalse(is_of('1.2', '1.20.3'))
        self.assertFalse(is_of('6.2', '16.2.15'))
        self.assertFalse(is_of('1.2', '2:2.2'))


class TestVersions(unittest.TestCase):

    def setUp(self):
        self.rows = table(PAGE.read_text())
        self.assertGreaterEqual(len(self.rows), 13)

    def test_what_is_installed_here_is_what_the_page_says(self):
        column, there = COLUMNS.get(release()), installed()
        if column is None:
            self.skipTest('the page has no column for this system')
        wrong = [(cells[0], cells[column], there[cells[1]]) for cells in self.rows
                 if cells[1] in there and not is_of(cells[column], there[cells[1]])]
        self.assertEqual([], wrong)
        self.assertIn('python3', there)

    def test_the_services_of_openstack_are_those_that_are_installed(self):
        versions = pinned()
        told = {cells[1]: cells[2:4] for cells in self.rows if cells[1] in versions}
        self.assertLessEqual({'nova', 'openstack-placement', 'keystone', 'glance', 'cinder'},
                             set(told))
        for package, columns in told.items():
            for version in columns:
                self.assertIn(version, (versions[package], NONE), package)

    def test_each_service_of_the_mini_cloud_is_on_the_page(self):
        source = (ROOT / 'minicloud/install.py').read_text()
        services = {name for name, _ in re.findall(r"'([\w.-]+)==([^']+)'", source)}
        self.assertGreaterEqual(len(services), 4)
        self.assertEqual(set(), services - {cells[1] for cells in self.rows})

    def test_each_server_that_tests_start_is_on_the_page(self):
        packages = (ROOT / 'minicloud/data/apt-packages.txt').read_text().split()
        servers = {name for name in packages if re.fullmatch(
            r'ceph-osd|.*-server|libvirt-daemon|qemu-system-x86|prometheus', name)}
        # MariaDB serves OpenStack's services alone.
        self.assertEqual(set(), servers - {cells[1] for cells in self.rows} - {'mariadb-server'})

    def test_the_versions_of_python_are_those_that_the_package_names(self):
        (cells,) = [cells for cells in self.rows if cells[1] == 'python3']
        text = (ROOT / 'setup.cfg').read_text()
        for version in cells[2:4]:
            self.assertIn(f'Programming Language :: Python :: {version}\n', text)


if __name__ == '__main__':
    unittest.main()
