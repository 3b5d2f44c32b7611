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

"""What a domain's XML says of its disks.  The XML is the local libvirt's: it is trusted."""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Sequence
import time
from xml.etree import ElementTree

from kaopu_ha import ports
from kaopu_ha.core import model
from kaopu_ha.core.local import is_left

# Nova writes the config drive anew wherever the instance goes, whatever device it is.
_CONFIG_DRIVE = 'disk.config'
# Nova writes UTC.
_CREATED = '%Y-%m-%d %H:%M:%S'
_REMOVABLE = ('cdrom', 'floppy')
# What of a removable medium goes with it; the drive itself stays.
_OF_THE_MEDIUM = ('source', 'auth', 'backingStore', 'driver', 'encryption', 'mirror')


def parse(text: str, *, power: model.Power, run: str, anew: Sequence[str] = (),
          began: float | None = None) -> ports.Domain:
    """The domain of this XML.  Removable media and config drives are not among its disks.

    A removable medium on RBD is one if it is the instance's own (Nova's root disk is a cdrom where
    the image is an ISO), or if the domain has nothing else to run from.  ``anew``: its XML as it
    would be started again, without and with passwords, or nothing.  ``began``: the earliest that
    the host's nova-compute can have begun, None if it is not known.
    """
    root = ElementTree.fromstring(text)
    uuid = (root.findtext('uuid') or '').lower()
    disks, media, local = [], [], []
    for disk in root.iterfind('devices/disk'):
        source = disk.find('source')
        if source is None or _where(source).endswith(_CONFIG_DRIVE):
            continue
        removable = disk.get('device', 'disk') in _REMOVABLE
        if not _is_rbd(disk, source):
            local += [] if removable else [_where(source)]
        elif removable and not (uuid and _rbd(disk, source).image.startswith(uuid)):
            media.append(_rbd(disk, source))
        else:
            disks.append(_rbd(disk, source))
    if not disks and not local:
        disks = media
    return ports.Domain(uuid=uuid, name=_name(root), power=power, run=run,
                        disks=tuple(disks), local_disks=tuple(local),
                        cores=int(root.findtext('vcpu') or 1), memory_mb=_memory_mb(root),
                        definition=_to_be_started(*anew) if anew else '',
                        left=is_left(power, _made(root), began))


def _name(root: ElementTree.Element) -> str:
    """Nova's name of the instance, by which people know it; else libvirt's.

    Whatever version the namespace of Nova's metadata has.
    """
    told = root.findtext('metadata/{*}instance/{*}name') or ''
    return told.strip() or root.findtext('name') or ''


def _made(root: ElementTree.Element) -> float | None:
    """When Nova made this XML, by the clock of the host on which it did; None if it does not say.

    It does so for each domain that it defines anew: at a spawn, and at each hard reboot.
    """
    told = root.findtext('metadata/{*}instance/{*}creationTime') or ''
    try:
        return calendar.timegm(time.strptime(told.strip(), _CREATED))
    except ValueError:
        return None


def _memory_mb(root: ElementTree.Element) -> int:
    """libvirt itself writes KiB, whatever its user wrote."""
    return int(root.findtext('memory') or 0) // 1024


def _is_rbd(disk: ElementTree.Element, source: ElementTree.Element) -> bool:
    return disk.get('type') == 'network' and source.get('protocol') == 'rbd'


def _rbd(disk: ElementTree.Element, source: ElementTree.Element) -> ports.Disk:
    # Of a namespace, pool/namespace/image, the first two say where the image's objects are.
    pool, _, image = source.get('name', '').rpartition('/')
    hosts = (host.get('name', '').strip('[]') for host in source.iterfind('host'))
    # What nobody writes may be open anywhere, without a word of it.
    shared = any(disk.find(mark) is not None for mark in ('shareable', 'readonly'))
    return ports.Disk(pool=pool, image=image, monitors=tuple(sorted(filter(None, hosts))),
                      shared=shared)


def _where(source: ElementTree.Element) -> str:
    """Where a disk is, for people: its path, or its address in the network."""
    for name in ('file', 'dev', 'path', 'dir', 'volume'):
        if source.get(name):
            return source.get(name, '')
    return ':'.join(filter(None, (source.get('protocol'), source.get('name')))) or 'unknown'


def _to_be_started(text: str, guarded: str) -> str:
    """The definition as another host may start it.

    A removable medium of this host stays here: its drive comes up empty.  A console that has a
    password listens nowhere: libvirt leaves the passwords out of ``text``, and names them in
    ``guarded`` only: started from ``text``, such a console would let everybody in.
    """
    root = ElementTree.fromstring(text)
    for disk in root.iterfind('devices/disk'):
        source = disk.find('source')
        if disk.get('device') in _REMOVABLE and source is not None and not _is_rbd(disk, source):
            _empty(disk)
    for graphics, known in zip(_consoles(root), _consoles(ElementTree.fromstring(guarded)),
                               strict=True):
        if known.get('passwd') is None:
            continue
        for name in ('port', 'tlsPort', 'websocket', 'listen', 'autoport', 'socket'):
            graphics.attrib.pop(name, None)
        for listen in graphics.findall('listen'):
            graphics.remove(listen)
        ElementTree.SubElement(graphics, 'listen', {'type': 'none'})
    return ElementTree.tostring(root, encoding='unicode')


def _consoles(root: ElementTree.Element) -> Iterator[ElementTree.Element]:
    return root.iterfind('devices/graphics')


def _empty(drive: ElementTree.Element) -> None:
    drive.set('type', 'file')
    for child in [child for child in drive if child.tag in _OF_THE_MEDIUM]:
        drive.remove(child)
