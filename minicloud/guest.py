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

"""The guest: Debian's cloud kernel, busybox, and one program that writes; as a bootable disk.

Nothing is mounted and no loop device is needed. The disk has two partitions: syslinux with kernel
and initramfs, and the one that the writer writes to (see data/writer.c and disks.py).
"""

import glob
import lzma
import os
from pathlib import Path
import shutil
import stat

from .layout import DATA, Layout
from .shell import CloudError, run

DATA_SECTOR = 57344  # where the second partition begins: 28 MiB, the border of an RBD object
_MODULES = (
    'virtio_ring',
    'virtio',
    'virtio_pci_modern_dev',
    'virtio_pci_legacy_dev',
    'virtio_pci',
    'virtio_blk',
)


def source_text() -> str:
    """What the guest is made from: when it changes, the guest is built anew."""
    names = ('writer.c', 'guest-init')
    return ''.join((DATA / name).read_text() for name in names) + Path(__file__).read_text()


def disk(layout: Layout) -> Path:
    """The raw disk image."""
    return layout.guest / 'disk.raw'


def build(layout: Layout) -> None:
    """Build the disk image from Debian's packages."""
    layout.guest.mkdir(parents=True, exist_ok=True)
    kernel = _kernel(layout.guest)
    initramfs = _initramfs(layout.guest)
    _disk(disk(layout), [kernel, initramfs])


def _kernel(folder: Path) -> Path:
    root = folder / 'kernel'
    if not (root / 'boot').exists():
        depends = run(['apt-cache', 'depends', 'linux-image-cloud-amd64'])
        words = [line.split()[-1] for line in depends.splitlines() if 'Depends: linux-' in line]
        if not words:
            raise CloudError('apt knows no linux-image-cloud-amd64')
        run(['sh', '-c', f'cd {folder} && apt-get download -q {words[0]}'])
        run(['dpkg', '-x', next(iter(folder.glob(f'{words[0]}_*.deb'))), root])
    found = sorted(glob.glob(f'{root}/boot/vmlinuz-*'))
    shutil.copy(found[-1], folder / 'vmlinuz')
    return folder / 'vmlinuz'


def _initramfs(folder: Path) -> Path:
    root = folder / 'initramfs'
    shutil.rmtree(root, ignore_errors=True)
    (root / 'modules').mkdir(parents=True)
    (root / 'bin').mkdir()
    shutil.copy('/bin/busybox', root / 'bin/busybox')
    writer = root / 'bin/writer'
    run(['gcc', '-static', '-O2', '-Wall', '-o', writer, DATA / 'writer.c'])
    run(['strip', writer])
    loaded = [name for name in _MODULES if _module(folder / 'kernel', name, root / 'modules')]
    (root / 'modules.order').write_text(''.join(f'{name}\n' for name in loaded))
    shutil.copy(DATA / 'guest-init', root / 'init')
    os.chmod(root / 'init', stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP)
    target = folder / 'initrd.gz'
    run(['sh', '-c', f'cd {root} && find . | cpio -o -H newc --quiet | gzip -9 >{target}'])
    return target


def _module(kernel: Path, name: str, target: Path) -> bool:
    """Put a module of the kernel there, as busybox loads it; False if it is built in."""
    found = glob.glob(f'{kernel}/**/modules/**/{name}.ko*', recursive=True)
    if found:
        content = Path(found[0]).read_bytes()
        plain = lzma.decompress(content) if found[0].endswith('.xz') else content
        (target / f'{name}.ko').write_bytes(plain)
        return True
    for listed in glob.glob(f'{kernel}/**/modules.builtin', recursive=True):
        if f'/{name}.ko\n' in Path(listed).read_text():
            return False
    raise CloudError(f'the kernel has no module {name}')


def _disk(image: Path, files: list[Path]) -> None:
    image.unlink(missing_ok=True)
    with open(image, 'wb') as out:
        out.truncate(32 << 20)
    table = f"""\
label: dos
start=2048, size=53248, type=c, bootable
start={DATA_SECTOR}, size=4096, type=83
"""
    run(['sfdisk', '-q', image], text=table)
    codes = glob.glob('/usr/lib/syslinux/mbr/mbr.bin') + glob.glob('/usr/lib/SYSLINUX/mbr.bin')
    with open(image, 'r+b') as out:
        out.write(Path(codes[0]).read_bytes()[:440])
    run(['mkfs.vfat', '-F', '16', '--offset', '2048', image, '26624'])
    menu = image.with_name('syslinux.cfg')
    menu.write_text("""\
SERIAL 0 115200
DEFAULT guest
PROMPT 0
LABEL guest
 KERNEL vmlinuz
 INITRD initrd.gz
 APPEND console=ttyS0 panic=-1 quiet
""")
    run(['mcopy', '-i', f'{image}@@1M', *files, menu, '::'])
    run(['syslinux', '--install', '--offset', str(1 << 20), image])
