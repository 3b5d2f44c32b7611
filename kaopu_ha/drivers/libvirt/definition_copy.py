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

"""How an element of a definition is copied, or refused: the ways that the tables name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
import re
from xml.etree import ElementTree

Element = ElementTree.Element

_DEPTH_MAX = 8
_VALUE = re.compile(r'(?![/~])(?!.*\.\.)[\w .:,+@%()=/#*-]{0,256}\Z')


@dataclass(frozen=True)
class Allowance:
    """What a domain may have of another host: RBD images (pool/name), and networks by name.

    ``networks``: of bridges, libvirt's networks and interfaces; ``*`` is any of them.  ``cores``
    and ``memory_mb`` are what room was looked for (None: whatever it wants).
    """

    uuid: str
    images: Collection[str]
    networks: Collection[str] = ('*',)
    cores: int | None = None
    memory_mb: int | None = None


class Refusal(Exception):
    """The definition reaches for something of the host; the message says what."""


Rule = Callable[[Element, Allowance], Element | None]


def plain(element: Element, leave: Allowance) -> Element:
    """Take it over with all that is in it, if no value is a path."""
    return _copied(element, 0)


def _copied(element: Element, depth: int) -> Element:
    if depth > _DEPTH_MAX:
        raise Refusal(f'<{element.tag}> is nested too deeply')
    copy = ElementTree.Element(_known_name(element.tag), {
        _known_name(name): _value(element, value) for name, value in element.attrib.items()})
    copy.text = _value(element, (element.text or '').strip()) or None
    copy.extend([_copied(child, depth + 1) for child in element if child.tag != 'alias'])
    return copy


def words(element: Element, leave: Allowance) -> Element:
    """Take over what people wrote; it is no name of anything."""
    copy = ElementTree.Element(element.tag)
    copy.text = element.text
    return copy


def left_out(element: Element, leave: Allowance) -> None:
    """It tells of the host that it was on, or is inert: the other host has its own."""
    return


def one_of(*values: str) -> Rule:
    def rule(element: Element, leave: Allowance) -> Element:
        text = (element.text or '').strip()
        if text not in values:
            raise Refusal(f'<{element.tag}> is "{text}"')
        return plain(element, leave)
    return rule


def of_type(*types: str, name: str = 'type') -> Rule:
    def rule(element: Element, leave: Allowance) -> Element:
        if element.get(name) not in types:
            raise Refusal(f'<{element.tag} {name}="{element.get(name, "")}"> is not started on '
                           f'another host')
        return plain(element, leave)
    return rule


def by(table: Mapping[str, Rule], attributes: Collection[str], element: Element,
        leave: Allowance) -> Element:
    """Take over the named attributes, and each child by its rule; refuse all others."""
    copy = ElementTree.Element(element.tag)
    for name, value in element.attrib.items():
        if name not in attributes:
            raise Refusal(f'<{element.tag}> has {name}="{value}"')
        copy.set(name, _value(element, value))
    if (element.text or '').strip():
        raise Refusal(f'<{element.tag}> has the text "{(element.text or "").strip()[:80]}"')
    for child in element:
        rule = table.get(child.tag)
        if rule is None:
            raise Refusal(f'<{child.tag}> in <{element.tag}> is not started on another host')
        taken = rule(child, leave)
        if taken is not None:
            copy.append(taken)
    return copy


def _value(element: Element, value: str) -> str:
    if not _VALUE.match(value):
        raise Refusal(f'<{element.tag}> names "{value[:80]}", which may be of the host')
    return value


def _known_name(name: str) -> str:
    if '{' in name or ':' in name:
        raise Refusal(f'"{name[:80]}" is for one hypervisor only')
    return name


def without(element: Element, *names: str) -> Element:
    """A copy that lacks these attributes."""
    copy = ElementTree.Element(element.tag, {name: value for name, value in element.attrib.items()
                                             if name not in names})
    copy.text = element.text
    copy.extend(element)
    return copy
