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

"""What of a domain's definition is started on another host.

A definition is the word of one host, and it is started on another one, as root: it may not reach
for anything of that host.  So it is copied element by element by the tables below.  What a table
names is taken over; some that only tells of the former host is left out; **all else is refused**,
with the reason.  A disk is an RBD image that the host had open when it was fenced, or it is
refused; a removable medium of the host comes up empty, a console that was a file is a terminal.

No value of what is taken over is a path: none begins with a slash, none has two dots in it.  The
few paths that are known to be harmless are taken by name.

Of the metadata only our own element goes along, in which its owner says whether it is to be moved::

    <kaopu:marks xmlns:kaopu="urn:kaopu-ha:1" HA_Enabled="no" ha_priority="high"/>
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import re
from xml.etree import ElementTree

from kaopu_ha.core import model
from kaopu_ha.drivers.libvirt import definition_copy as ways
from kaopu_ha.drivers.libvirt.definition_copy import Allowance as Allowance
from kaopu_ha.drivers.libvirt.definition_copy import Element, Refusal, Rule
from kaopu_ha.drivers.libvirt.definition_devices import DEVICES

_TEXT_MAX = 128 * 1024
_FIRMWARE = re.compile(r'/usr/share/(?!.*\.\.)[\w./+-]{1,200}\Z')
_MARKS = '{urn:kaopu-ha:1}marks'
_MARK, _MARKS_MAX, _MARK_SIGNS_MAX = re.compile(r'[\w.-]{1,64}'), 20, 256
_KIB = {'b': 1 / 1024, 'bytes': 1 / 1024, 'KiB': 1.0, 'k': 1.0, 'MiB': 1024.0, 'M': 1024.0,
        'GiB': 1024.0 ** 2, 'G': 1024.0 ** 2, 'TiB': 1024.0 ** 3, 'T': 1024.0 ** 3}


@dataclass(frozen=True)
class Definition:
    """What may be started elsewhere; or '' and why nothing may."""

    text: str = ''
    refused: str = ''


def elsewhere(text: str, leave: Allowance) -> Definition:
    """The definition as another host may start it."""
    if len(text) > _TEXT_MAX:
        return Definition(refused=f'its definition is longer than {_TEXT_MAX} signs')
    if '<!' in text:
        return Definition(refused='its definition declares a type or entities of its own')
    try:
        found = _domain(ElementTree.fromstring(text), leave)
    except Refusal as failure:
        return Definition(refused=str(failure))
    except (ElementTree.ParseError, ValueError, KeyError, RecursionError) as failure:
        return Definition(refused=f'its definition can\'t be read: {failure}')
    return Definition(ElementTree.tostring(found, encoding='unicode'))


def images(text: str) -> Mapping[str, bool]:
    """The RBD images (pool/name) in a definition, and whether each is marked as shareable."""
    found: dict[str, bool] = {}
    try:
        root = ElementTree.fromstring('' if '<!' in text else text)
    except (ElementTree.ParseError, ValueError):
        return found
    for disk in root.iterfind('devices/disk'):
        source = disk.find('source')
        if source is not None and source.get('protocol') == 'rbd':
            found[source.get('name', '')] = disk.find('shareable') is not None
    return found


def marks(text: str) -> tuple[model.Mark, ...]:
    """What its owner says of it in its metadata, as if it were a server's; nothing of a bad one."""
    try:
        element = ElementTree.fromstring('' if '<!' in text else text).find(f'metadata/{_MARKS}')
    except (ElementTree.ParseError, ValueError):
        return ()
    said = sorted(element.attrib.items()) if element is not None else ()
    return tuple(model.Mark(model.Source.METADATA, key, value) for key, value in said[:_MARKS_MAX]
                 if _MARK.fullmatch(key) and len(value) <= _MARK_SIGNS_MAX)


# ---------------------------------------------------------------- the machine


def _loader(element: Element, leave: Allowance) -> Element:
    path = (element.text or '').strip()
    if path and not _FIRMWARE.match(path):
        raise Refusal(f'its firmware is {path[:80]}, not one of the system\'s')
    if path and element.get('readonly', 'no') != 'yes' and element.get('type') != 'rom':
        raise Refusal('it may write its firmware')
    copy = ways.plain(ElementTree.Element('loader', element.attrib), leave)
    copy.text = path or None
    return copy


def _variables(element: Element, leave: Allowance) -> Element | None:
    # The host's own copy is lost with it; libvirt makes one from the template.
    template = element.get('template', '')
    if not template:
        return None
    if not _FIRMWARE.match(template):
        raise Refusal(f'its firmware\'s variables are made from {template[:80]}')
    return ElementTree.Element('nvram', {'template': template})


def _backing(element: Element, leave: Allowance) -> Element:
    for source in element.iterfind('source'):
        ways.of_type('anonymous', 'memfd')(source, leave)
    return ways.plain(element, leave)


def _label(element: Element, leave: Allowance) -> None:
    if element.get('type', 'dynamic') != 'dynamic':
        raise Refusal(f'<seclabel type="{element.get("type")}"> takes it out of confinement')


def _metadata(element: Element, leave: Allowance) -> Element | None:
    said = element.find(_MARKS)
    if said is None:
        return None
    copy = ElementTree.Element('metadata')
    ElementTree.SubElement(copy, _MARKS, {
        key: value for key, value in said.attrib.items() if _MARK.fullmatch(key)
        and _MARK.fullmatch(value)})
    return copy


_OS: Mapping[str, Rule] = {'loader': _loader, 'nvram': _variables, **dict.fromkeys((
    'type', 'boot', 'bootmenu', 'smbios', 'bios', 'firmware'), ways.plain)}
_END = ways.one_of('destroy', 'restart', 'preserve', 'rename-restart')
_DOMAIN: Mapping[str, Rule] = {
    'title': ways.words, 'description': ways.words,
    'metadata': _metadata, 'resource': ways.left_out,
    'memoryBacking': _backing, 'sysinfo': ways.of_type('smbios'), 'seclabel': _label,
    **dict.fromkeys(('on_poweroff', 'on_reboot', 'on_crash'), _END),
    'on_lockfailure': ways.one_of('poweroff', 'restart', 'pause', 'ignore'),
    'os': lambda element, leave: ways.by(_OS, ('firmware',), element, leave),
    'devices': lambda element, leave: ways.by(DEVICES, (), element, leave),
    **dict.fromkeys(('name', 'uuid', 'genid', 'memory', 'currentMemory', 'maxMemory', 'vcpu',
                     'vcpus', 'iothreads', 'iothreadids', 'cputune', 'numatune', 'memtune',
                     'blkiotune', 'features', 'cpu', 'clock', 'pm'), ways.plain)}


def _domain(root: Element, leave: Allowance) -> Element:
    if root.tag != 'domain' or root.get('type') not in ('kvm', 'qemu'):
        raise Refusal('it is not the definition of a QEMU domain')
    if (root.findtext('uuid') or '').strip().lower() != leave.uuid.lower():
        raise Refusal('its definition is of another instance')
    _fits(root, leave)
    return ways.by(_DOMAIN, ('type',), ways.without(root, 'id'), leave)


# ---------------------------------------------------------------- its room


def _fits(root: Element, leave: Allowance) -> None:
    """Refuse what asks for more than its host told of: no room was looked for that."""
    cores = int((root.findtext('vcpu') or '1').strip())
    if leave.cores is not None and cores > max(leave.cores, 1):
        raise Refusal(f'it asks for {cores} cores, its host told of {leave.cores}')
    for what in ('memory', 'devices/memory/target/size', 'cpu/numa/cell'):
        wanted = sum(_memory_mb(each) for each in root.iterfind(what))
        if leave.memory_mb is not None and wanted >= leave.memory_mb + 1:
            raise Refusal(f'it asks for {wanted:.0f} MiB of memory, its host told of '
                          f'{leave.memory_mb}')


def _memory_mb(element: Element) -> float:
    return float(element.get('memory') or element.text or 0) * _KIB[element.get('unit', 'KiB')
                                                                    ] / 1024
