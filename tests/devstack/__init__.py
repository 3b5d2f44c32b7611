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
"""DevStack's own functions around ``devstack/plugin.sh``, in a folder that stands for a machine.

DevStack itself is not run: it wants a machine of its own.  Its functions are found in
``DEVSTACK_DIR``, or where the project's tests keep files of others.
"""

import os
import pathlib
import shutil
import subprocess
import sys

from tests import api_single

ROOT = pathlib.Path(__file__).resolve().parents[2]
_BESIDE = 'shared/thirdparty/devstack'
_SECONDS = 240

_STACKRC = """\
DEST={folder}/dest
DATA_DIR={folder}/data
SYSTEMD_DIR={folder}/units
SYSTEMCTL="sudo systemctl"
STACK_USER={user}
GLOBAL_VENV=True
DEVSTACK_VENV={folder}/venv
PYTHON={python}
PYTHON3_VERSION={version}
REQUIREMENTS_DIR={folder}/requirements
REGION_NAME=RegionOne
SERVICE_PROTOCOL=http
ETCD_PORT=2379
ENABLE_DEBUG_LOG_LEVEL=True
LOG_COLOR=False
NOVA_CONF={folder}/etc/nova/nova.conf
CEPH_CONF_FILE={folder}/etc/ceph/ceph.conf
KAOPU_HA_LIBVIRTD_CONF={folder}/etc/libvirt/libvirtd.conf
KAOPU_HA_CONF_DIR={folder}/etc/kaopu-ha
ENABLED_SERVICES={services}
"""
# lib/keystone has its own idea of this, made of SERVICE_HOST.
_KEYSTONE = 'KEYSTONE_SERVICE_URI={uri}\n'


def directory():
    """The folder with DevStack's functions; None if there is none."""
    named = os.environ.get('DEVSTACK_DIR')
    # Beside the project, or beside the folder of worktrees that it is in.
    places = [named] if named else [parent / _BESIDE for parent in list(ROOT.parents)[:2]]
    return next((pathlib.Path(place) for place in places
                 if pathlib.Path(place, 'functions').exists()), None)


def missing():
    """Why no phase can be run here; empty if one can."""
    return '' if directory() else \
        "DevStack's functions are not here: DEVSTACK_DIR may name their folder"


class Stack:
    """A machine on which DevStack's phases run; everything that is written is in its folder."""

    def __init__(self, folder, services, within=(), user='root', keystone=''):
        self.folder = pathlib.Path(folder)
        self._within = list(within)
        for name in ('data', 'units', 'requirements/.venv/bin', 'etc/nova', 'etc/ceph',
                     'etc/libvirt', 'bin'):
            (self.folder / name).mkdir(parents=True)
        # As DevStack's clone of it: pip writes into a checkout, and others read this one.
        shutil.copytree(ROOT, self.folder / 'dest/kaopu-ha', ignore=shutil.ignore_patterns(
            '.*', '*.egg-info', '__pycache__', 'build', 'doc', 'tests'))
        self.path('stackrc').write_text(_STACKRC.format(
            folder=self.folder, user=user, services=services,
            python=sys.executable, version=f'{sys.version_info.major}.{sys.version_info.minor}'))
        for program in pathlib.Path(__file__).with_name('bin').iterdir():
            shutil.copy(program, self.folder / 'bin')
        self.path('keystonerc').write_text(_KEYSTONE.format(uri=keystone) if keystone else '')
        self.path('etc/libvirt/libvirtd.conf').write_text('log_level = 3\nauth_tcp = "sasl"\n')
        self._requirements()

    def path(self, name):
        """A file of the machine."""
        return self.folder / name

    def local_conf(self, localrc, options=''):
        """Write the local.conf: settings, and options for the programs."""
        self.path('local.conf').write_text(
            f'[[local|localrc]]\nenable_plugin kaopu-ha https://git.example.org/kaopu-ha\n'
            f'{localrc}\n[[post-config|$KAOPU_HA_CONF]]\n{options}\n')

    def make_venv(self):
        """The venv that DevStack makes before plugins install; it finds what this process finds."""
        subprocess.run([sys.executable, '-m', 'venv', self.path('venv')], check=True)
        site = next(self.path('venv/lib').glob('python*')) / 'site-packages'
        found = [line for line in sys.path if line.endswith('-packages')]
        (site / 'of-the-tests.pth').write_text('\n'.join(found) + '\n')
        if api_single.is_possible():
            # Else the plugin has it built.
            shutil.copy(api_single.PROGRAM, self.path('venv/bin'))

    def install(self):
        """Run the phase that needs the package index, not the other machines."""
        within, self._within = self._within, []
        self.run('stack', 'install')
        self._within = within

    def use_openstack(self, program, clouds):
        """Have DevStack's functions call the client of a real cloud, told of by a clouds.yaml."""
        self.path('bin/openstack').unlink()
        self.path('bin/openstack').symlink_to(program)
        self.path('clouds.yaml').touch(0o600)
        self.path('clouds.yaml').write_text(clouds)

    def run(self, mode, phase='', check=True):
        """Run a phase; what it printed, in one text."""
        words = [*self._within, str(pathlib.Path(__file__).with_name('phase')), mode, phase]
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(('OS_', 'PYTHON'))}
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL, env={
                                  **kept, 'DEVSTACK_DIR': str(directory()),
                                  'TOP_DIR': str(self.folder), 'PBR_VERSION': '0.0.1',
                                  'SYSTEMD_DIR': str(self.path('units')),
                                  'OS_CLIENT_CONFIG_FILE': str(self.path('clouds.yaml')),
                                  'PATH': f'{self.path("bin")}:{os.environ["PATH"]}'})
        if check and done.returncode:
            raise AssertionError(f'{mode} {phase} ended with {done.returncode}:\n{done.stdout}')
        return done.stdout

    def calls(self, program):
        """What a stand-in was asked for, one call a line."""
        name = {'systemctl': 'systemd/calls'}.get(program, f'{program}.calls')
        return self.path(name).read_text().splitlines() if self.path(name).exists() else []

    def log(self, name):
        """What a program said."""
        return self.path(f'systemd/devstack@{name}.service.log').read_text()

    def close(self):
        """End what runs."""
        units = [unit.name for unit in self.path('units').glob('devstack@*.service')]
        subprocess.run(
            [*self._within, self.path('bin/systemctl'), 'stop', *units], check=True, env={
                **os.environ, 'TOP_DIR': str(self.folder), 'SYSTEMD_DIR': str(self.path('units'))})

    def _requirements(self):
        """What DevStack takes from openstack/requirements: constraints, and the tool for them."""
        pinned = (ROOT / 'minicloud/constraints.txt').read_text()
        folder = self.path('requirements')
        (folder / 'upper-constraints.txt').write_text(pinned + 'kaopu-ha===0.0.1\n')
        tool = folder / '.venv/bin/edit-constraints'
        tool.write_text('#!/bin/sh\n# FILE -- NAME: take the line of a package away.\n'
                        'sed -i "/^$3=/d" "$1"\n')
        tool.chmod(0o755)
