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

"""Installation: Debian packages, virtual environments, the guest. Quick the second time."""

from collections.abc import Callable
import glob
import hashlib
import os
from pathlib import Path
import subprocess

from . import guest, horizon
from .layout import CHECKOUT, DATA, Layout, write
from .shell import CloudError, run, say, step, succeeds

_PACKAGES = (DATA / 'apt-packages.txt').read_text().split()
_CLOUD = [
    'nova==34.0.0',
    'keystone==30.0.0',
    'openstack-placement==16.0.0',
    'glance==33.0.0',
    'cinder==29.0.0',
    'PyMySQL',
    'uwsgi',
]
# What a person types on the cloud, beside our own.
_COMMANDS = ['osc-placement', 'python-masakariclient']
_CONSTRAINTS = Path(__file__).resolve().parent / 'constraints.txt'
_HORIZON = ['horizon', 'masakari-dashboard']
_DASHBOARD = CHECKOUT / 'dashboard'
_FORMER_MAX = 10
_MODULES = ('libvirt', 'libvirtmod', 'libvirt_qemu', 'libvirtmod_qemu', 'rados', 'rbd')


def install(layout: Layout, with_horizon: bool = False) -> None:
    """Install what is missing; asks nothing and starts nothing."""
    layout.root.mkdir(parents=True, exist_ok=True)
    log = layout.root / 'install.log'
    _done(layout, 'apt', ' '.join(_PACKAGES), lambda: _apt(log))
    pinned = _CONSTRAINTS.read_text()
    if not layout.is_bare:
        wanted = ' '.join(_CLOUD) + pinned
        _done(layout, 'venv-cloud', wanted, lambda: _cloud(layout, log))
    wanted = (CHECKOUT / 'requirements.txt').read_text() + (CHECKOUT / 'setup.cfg').read_text()
    # The path too: what is installed is this checkout, not a former one.
    wanted = f'{CHECKOUT}{wanted}{_COMMANDS}{pinned}'
    _done(layout, 'venv-kaopu', wanted, lambda: _kaopu(layout, log))
    _done(layout, 'guest', guest.source_text(), lambda: guest.build(layout))
    if with_horizon:
        pins = _DASHBOARD / 'constraints.txt'
        needed = _DASHBOARD / 'requirements.txt'
        wanted = f'{_HORIZON}{pins.read_text()}{needed.read_text()}'
        _done(layout, 'venv-horizon', wanted, lambda: _logged([
            *_venv(layout.venv_horizon, log, pins), *_HORIZON, '-r', str(needed)], log))
        _done(layout, 'horizon-static', wanted + horizon.inputs(), lambda: horizon.collect(layout))


def _done(layout: Layout, name: str, inputs: str, work: Callable[[], object]) -> None:
    """Do the work if its inputs have changed since it was last done with success."""
    mark = layout.root / f'installed.{name}'
    digest = hashlib.sha256(inputs.encode()).hexdigest()
    if mark.exists() and mark.read_text() == digest:
        return
    with step(f'install {name}', layout.root / 'install.log'):
        if work() is not False:
            write(mark, digest)


def _logged(argv: list[str], log: Path) -> None:
    env = {**os.environ, 'DEBIAN_FRONTEND': 'noninteractive'}
    with open(log, 'ab') as out:
        done = subprocess.run(argv, stdout=out, stderr=out, env=env, check=False)
    if done.returncode:
        raise CloudError(f'{" ".join(argv[:4])} ... ended with {done.returncode}')


def _apt(log: Path) -> None:
    policy = Path('/usr/sbin/policy-rc.d')
    if not policy.exists():
        # First of all: a package must not start its service on this machine.
        write(policy, '#!/bin/sh\nexit 101\n', 0o755)
    if succeeds(['dpkg', '-s', *_PACKAGES]):
        return
    wait = ['-o', 'DPkg::Lock::Timeout=600']
    _logged(['apt-get', 'update', '-q', *wait], log)
    _logged(['apt-get', 'install', '-y', '-q', '--no-install-recommends', *wait, *_PACKAGES], log)


def _venv(folder: Path, log: Path, pins: Path = _CONSTRAINTS) -> list[str]:
    if not (folder / 'bin/pip').exists():
        _logged(['/usr/bin/python3', '-m', 'venv', str(folder)], log)
    return [str(folder / 'bin/pip'), 'install', '-q', '-c', str(pins)]


def _cloud(layout: Layout, log: Path) -> None:
    _logged([*_venv(layout.venv_cloud, log), *_CLOUD], log)
    _show_debian_modules(layout, layout.venv_cloud)


def _kaopu(layout: Layout, log: Path) -> bool:
    """Install the checkout, editable; while it cannot be built, its requirements."""
    pip = _venv(layout.venv_kaopu, log)
    _logged([*pip, '-r', str(CHECKOUT / 'requirements.txt')], log)
    _show_debian_modules(layout, layout.venv_kaopu)
    _forget_former(pip[0])
    try:
        _logged([*pip, '-e', f'{CHECKOUT}[api,etcd3,libvirt,osc,rq]', *_COMMANDS], log)
    except CloudError as trouble:
        say(f'the checkout is not installed: {trouble}, see {log}')
        return False
    return True


def _forget_former(pip: str) -> None:
    """Uninstall every former checkout: two installs at one time leave two of them behind."""
    for _ in range(_FORMER_MAX):
        if not succeeds([pip, 'show', '-q', 'kaopu-ha']):
            return
        run([pip, 'uninstall', '-q', '-y', 'kaopu-ha'])


def _show_debian_modules(layout: Layout, venv: Path) -> None:
    """Make Debian's rados, rbd and libvirt visible: the first two are not on PyPI.

    They fit any CPython 3.11. Only these are shown, by links, not all of Debian's packages.
    """
    libs = layout.root / 'debian-modules'
    libs.mkdir(exist_ok=True)
    for name in _MODULES:
        for found in glob.glob(f'/usr/lib/python3/dist-packages/{name}.*'):
            link = libs / os.path.basename(found)
            if found.endswith(('.py', '.so')) and not link.is_symlink():
                link.symlink_to(found)
    site = run([venv / 'bin/python', '-c', 'import site; print(site.getsitepackages()[0])'])
    write(Path(site.strip()) / 'minicloud-debian-modules.pth', f'{libs}\n', 0o644)
