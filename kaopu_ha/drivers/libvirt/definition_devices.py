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

"""What a domain's devices may have of another host; see ``definition``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
import functools
from xml.etree import ElementTree

from kaopu_ha.drivers.libvirt import definition_copy as ways
from kaopu_ha.drivers.libvirt.definition_copy import Allowance, Element, Refusal, Rule

_RANDOM = ('/dev/urandom', '/dev/random')
_REMOVABLE = ('cdrom', 'floppy')
_PLACED = ('file', 'pipe', 'unix', 'tcp', 'udp')


# ---------------------------------------------------------------- disks


def _disk(element: Element, leave: Allowance) -> Element:
    source, removable = element.find('source'), element.get('device') in _REMOVABLE
    is_image = (element.get('type') == 'network' and source is not None
                and source.get('protocol') == 'rbd' and source.get('name') in leave.images)
    if removable and not is_image:
        return _empty_drive(element, leave)
    target = element.find('target')
    name = target.get('dev', '') if target is not None else ''
    if element.get('device', 'disk') not in ('disk', *_REMOVABLE):
        raise Refusal(f'its disk {name} is a {element.get("device")}')
    if not is_image:
        where = dict(source.attrib) if source is not None else {}
        raise Refusal(f'its disk {name} is no RBD image that its host had open when it was '
                       f'fenced: {", ".join(where.values()) or "it has no source"}')
    return ways.by(_DISK, ('type', 'device', 'model', 'snapshot'), element, leave)


def _empty_drive(element: Element, leave: Allowance) -> Element:
    kept = ElementTree.Element('disk', {'type': 'file', 'device': element.get('device', '')})
    kept.extend([child for child in element if child.tag not in (
        'source', 'auth', 'backingStore', 'driver', 'encryption', 'mirror')])
    return ways.by(_DISK, ('type', 'device'), kept, leave)


def _source(element: Element, leave: Allowance) -> Element:
    return ways.by({'host': _monitor, 'auth': _auth}, ('protocol', 'name'),
               ways.without(element, 'index'), leave)


def _monitor(element: Element, leave: Allowance) -> Element:
    if element.get('transport', 'tcp') != 'tcp':
        raise Refusal('a disk is reached by a socket of the host')
    return ways.by({}, ('name', 'port', 'transport'), element, leave)


def _auth(element: Element, leave: Allowance) -> Element:
    return ways.by({'secret': ways.of_type('ceph')}, ('username',), element, leave)


def _disk_driver(element: Element, leave: Allowance) -> Element:
    # Any other format may name, in the image itself, a file of the host that it begins with.
    if element.get('type', 'raw') != 'raw':
        raise Refusal(f'a disk has the format {element.get("type")}: only raw is started')
    return ways.plain(element, leave)


def _only_empty(element: Element, leave: Allowance) -> None:
    if len(element) or element.attrib:
        raise Refusal(f'a disk has a <{element.tag}> of its own')


_DISK: Mapping[str, Rule] = {
    'driver': _disk_driver, 'source': _source, 'auth': _auth, 'backingStore': _only_empty,
    'alias': ways.left_out, **dict.fromkeys((
        'target', 'iotune', 'blockio', 'boot', 'serial', 'wwn', 'vendor', 'product', 'geometry',
        'address', 'readonly', 'shareable'), ways.plain)}


# ---------------------------------------------------------------- networks


def _interface(element: Element, leave: Allowance) -> Element:
    kind, source = element.get('type', ''), element.find('source')
    named = {'network': 'network', 'bridge': 'bridge', 'direct': 'dev'}.get(kind)
    if named is None or source is None:
        raise Refusal(f'<interface type="{kind}"> is not started on another host')
    name = source.get(named, '')
    if name not in leave.networks and '*' not in leave.networks:
        raise Refusal(f'it is attached to {name}, which is not among [cloud] networks')
    return ways.by({**_INTERFACE, 'source': functools.partial(_attached, named)},
                   ('type', 'trustGuestRxFilters'), element, leave)


def _attached(named: str, element: Element, leave: Allowance) -> Element:
    if element.get('mode', 'bridge') not in ('bridge', 'vepa', 'private'):
        raise Refusal(f'it takes a whole interface of its host: mode {element.get("mode")}')
    # The network's own bridge is told of a domain that ran.
    told = () if named == 'bridge' else ('bridge',)
    return ways.by({}, (named, 'portgroup', 'mode'), ways.without(element, 'portid', *told), leave)


def _rom(element: Element, leave: Allowance) -> Element:
    return ways.by({}, ('bar', 'enabled'), element, leave)


_INTERFACE: Mapping[str, Rule] = {
    'rom': _rom, 'target': ways.left_out, 'alias': ways.left_out, **dict.fromkeys((
        'mac', 'model', 'driver', 'mtu', 'link', 'filterref', 'bandwidth', 'vlan', 'virtualport',
        'port', 'boot', 'address', 'coalesce', 'tune', 'acpi'), ways.plain)}


# ---------------------------------------------------------------- consoles


def _console(element: Element, leave: Allowance) -> Element:
    """A console stays; one that was written to a place of its host is a terminal now."""
    placed = element.get('type') in _PLACED
    kept = ways.without(element, 'tty', *(['type'] if placed else []))
    if placed:
        kept.set('type', 'pty')
    return _character(('pty', 'null', 'vc', 'spicevmc'), kept, leave)


def _channel(element: Element, leave: Allowance) -> Element:
    source = element.find('source')
    if source is not None and source.get('mode', 'bind') != 'bind':
        raise Refusal('<channel> connects to a socket of its host')
    return _character(('unix', 'pty', 'spicevmc', 'null', 'qemu-vdagent'), element, leave)


def _character(types: Collection[str], element: Element, leave: Allowance) -> Element:
    if element.get('type') not in types:
        raise Refusal(f'<{element.tag} type="{element.get("type", "")}"> is not started on another '
                      f'host')
    # Where it is on its host libvirt says anew, and what was written down stays there.
    return ways.by({**dict.fromkeys(('source', 'protocol', 'log', 'alias'), ways.left_out),
                    'target': _target, 'address': ways.plain}, ('type',), element, leave)


def _target(element: Element, leave: Allowance) -> Element:
    return ways.plain(ways.without(element, 'state'), leave)


def _graphics(element: Element, leave: Allowance) -> Element:
    if element.get('type') not in ('vnc', 'spice'):
        raise Refusal(f'<graphics type="{element.get("type", "")}"> is not started on another '
                      f'host')
    shown = ways.without(element, 'socket', 'passwd', 'passwdValidTo', 'connected')
    kept = ElementTree.Element('graphics', shown.attrib)
    kept.extend([ways.without(child, 'socket') if child.tag == 'listen' else child
                 for child in shown])
    return ways.plain(kept, leave)


def _random(element: Element, leave: Allowance) -> Element:
    return ways.by({'backend': _random_source, 'alias': ways.left_out, **dict.fromkeys(
        ('rate', 'driver', 'address'), ways.plain)}, ('model',), element, leave)


def _random_source(element: Element, leave: Allowance) -> Element:
    text = (element.text or '').strip()
    if (element.get('model'), text) != ('builtin', '') and (
            element.get('model') != 'random' or text not in ('', *_RANDOM)):
        raise Refusal(f'its random numbers come from {text or element.get("model", "")}')
    copy = ElementTree.Element('backend', {'model': element.get('model', '')})
    copy.text = text or None
    return copy


def _watchdog(element: Element, leave: Allowance) -> Element:
    if element.get('action') == 'dump':
        raise Refusal('its watchdog writes its memory to the host')
    return ways.plain(element, leave)


def _tpm(element: Element, leave: Allowance) -> Element:
    return ways.by({'backend': ways.of_type('emulator'), 'alias': ways.left_out,
                    'address': ways.plain}, ('model',), element, leave)


def _redirected(element: Element, leave: Allowance) -> Element:
    ways.of_type('spicevmc')(element, leave)
    return ways.by({'source': ways.left_out, 'alias': ways.left_out, 'address': ways.plain,
                    'boot': ways.plain}, ('bus', 'type'), element, leave)


DEVICES: Mapping[str, Rule] = {
    'emulator': ways.left_out, 'disk': _disk, 'interface': _interface, 'graphics': _graphics,
    **dict.fromkeys(('serial', 'parallel', 'console'), _console), 'channel': _channel,
    'rng': _random, 'watchdog': _watchdog, 'tpm': _tpm, 'audio': ways.of_type('none', 'spice'),
    'input': ways.of_type('mouse', 'keyboard', 'tablet'),
    'redirdev': _redirected,
    **dict.fromkeys(('controller', 'memballoon', 'video', 'sound', 'panic', 'vsock', 'iommu',
                     'memory', 'hub'), ways.plain)}
