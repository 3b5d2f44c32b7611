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

"""The tests in a whole Debian 13: newer servers, newer libraries, a newer Python, on one machine.

The tree is a folder under ``$MINICLOUD_DIR``, made by debootstrap and kept.  The tests run in it as
on a machine of their own::

    what is mounted       in a mount namespace of theirs: the machine's own mounts never change
    what runs             in a PID namespace that dies with this process, however that ends
    the network           the machine's, as in every run; tests make namespaces of their own in it
    the checkout          an overlay: what the tests write into it is forgotten afterwards

So there is nothing to tidy up after a run that was killed, but for a tree that was not yet whole.
"""

from collections.abc import Iterator, Sequence
import contextlib
import fcntl
import os
from pathlib import Path
import shutil
import subprocess
import sys

from .layout import CHECKOUT, Layout, write
from .shell import CloudError, run, say, step

SUITE = 'trixie'
MIRROR = 'http://deb.debian.org/debian'
# Besides what the installer brings in every Debian: a small base lacks what tests call by name.
_PACKAGES = 'ca-certificates iptables netbase openssl python3 sudo'
# Where things are in the tree.
_PYTHON = '/var/lib/kaopu-minicloud/venv-kaopu/bin/python'
_DEVSTACK = '/devstack'
_CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'
_KEPT = ('KAOPU_EVERY_', 'KAOPU_FUZZ', 'PIP_INDEX', 'PIP_CERT', 'PIP_DEFAULT_TIMEOUT')

# $1: the tree; $2: the checkout; $3: DevStack or ''; then what to run.
_ENTER = r"""
tree=$1 checkout=$2 devstack=$3
shift 3
mount --bind "$tree" "$tree"
cd "$tree"
mount -t proc none proc
mount -t sysfs none sys
mount -t tmpfs -o mode=755 none dev
for name in null zero full random urandom tty; do
    touch dev/$name
    mount --bind /dev/$name dev/$name
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620 none dev/pts
mount -t tmpfs -o mode=1777 none dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mount -t tmpfs -o mode=755 none run
mount -t tmpfs -o mode=1777 none tmp
mkdir -p run/lock run/overlay/upper run/overlay/work checkout devstack
mount -t overlay -o "lowerdir=$checkout,upperdir=run/overlay/upper,workdir=run/overlay/work" \
    none checkout
if [ -n "$devstack" ]; then mount --bind "$devstack" devstack; fi
pivot_root . mnt
umount -l /mnt
cd /checkout
exec "$@"
"""


def main(argv: Sequence[str]) -> int:
    """Run the quick tests in the tree; of them those that a regular expression names, if given."""
    try:
        with _alone(Layout.from_environment()) as tree:
            _make(tree)
            _install(tree)
            say(f'Debian {_said(tree, "cat", "/etc/debian_version").strip()} in {tree}, '
                f'{_size_mib(tree)} MiB')
            say(_said(tree, 'sh', '-c', _VERSIONS))
            return _inside(tree, ['tools/run-tests', 'quick', *argv[:1]])
    except CloudError as trouble:
        print(f'trixie: {trouble}', file=sys.stderr)
        return 1


_VERSIONS = f"""
dpkg-query -W -f '  ${{Package}} ${{Version}}\n' ceph-osd libvirt-daemon qemu-system-x86 \
    etcd-server rabbitmq-server redis-server prometheus
{_PYTHON} --version
"""


@contextlib.contextmanager
def _alone(layout: Layout) -> Iterator[Path]:
    """The tree's folder, for one run at a time."""
    layout.root.mkdir(parents=True, exist_ok=True)
    with open(layout.root / f'{SUITE}.lock', 'w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CloudError('another run is in the tree') from None
        yield layout.root / SUITE


def _make(tree: Path) -> None:
    """Make the tree, unless there is a whole one."""
    if tree.exists():
        return
    if not shutil.which('debootstrap'):
        with step('install debootstrap'):
            run(['apt-get', 'install', '-y', '-q', '--no-install-recommends', 'debootstrap'])
    half = tree.with_name(f'{SUITE}.half')
    _remove(half)
    log = tree.with_name(f'{SUITE}.log')
    with step(f'debootstrap {SUITE}', log), open(log, 'ab') as out:
        # debootstrap mounts /proc in the tree, so it too gets a namespace.
        done = subprocess.run(
            [*_space(), 'debootstrap', '--variant=minbase',
             f'--include={",".join(_PACKAGES.split())}', SUITE, str(half), MIRROR],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False)
        if done.returncode:
            raise CloudError(f'debootstrap ended with {done.returncode}')
        write(half / 'usr/sbin/policy-rc.d', '#!/bin/sh\nexit 101\n', 0o755)
    half.rename(tree)


def _install(tree: Path) -> None:
    """Install in the tree what the tests need, with the mini cloud's own installer."""
    for name in ('/etc/resolv.conf', '/etc/hosts', _CERTIFICATES):
        # pip and apt reach the world as they do here.
        shutil.copyfile(name, tree / name.lstrip('/'))
    done = _inside(tree, ['tools/run-tests', 'install'])
    if done:
        raise CloudError(f'the installer ended with {done} in {tree}')


def _inside(tree: Path, argv: list[str]) -> int:
    """Run it in the tree, to its end; what it exits with."""
    return subprocess.run(_command(tree, argv), env=_environment(),
                          stdin=subprocess.DEVNULL, check=False).returncode


def _said(tree: Path, *argv: str) -> str:
    """What a program in the tree prints."""
    done = subprocess.run(_command(tree, list(argv)), env=_environment(),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CloudError(f'{argv[0]}: {done.stderr}')
    return done.stdout


def _command(tree: Path, argv: list[str]) -> list[str]:
    return [*_space(), 'sh', '-euc', _ENTER, 'sh', str(tree), str(CHECKOUT), _devstack(), *argv]


def _space() -> list[str]:
    """Namespaces whose processes die with this one, and whose mounts go with them."""
    return ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--mount', '--propagation', 'private',
            '--uts', '--ipc', '--pid', '--fork', '--kill-child']


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
    more = {'DEVSTACK_DIR': _DEVSTACK} if _devstack() else {}
    return {**kept, **more, 'HOME': '/root', 'LANG': 'C.UTF-8', 'PYTHONUNBUFFERED': '1',
            'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'}


def _devstack() -> str:
    """The folder with DevStack's functions; '' where there is none."""
    named = os.environ.get('DEVSTACK_DIR', CHECKOUT.parent / 'shared/thirdparty/devstack')
    return str(named) if Path(named, 'functions').exists() else ''


def _size_mib(tree: Path) -> int:
    return int(run(['du', '-sxm', tree]).split()[0])


def _remove(folder: Path) -> None:
    """Remove a tree with whatever is in it, but nothing that is mounted there."""
    if str(folder) in Path('/proc/self/mountinfo').read_text():
        raise CloudError(f'something is mounted below {folder}')
    run(['rm', '-rf', '--one-file-system', folder])


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
