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

"""Where to connect to ask a libvirt, or to see that somebody is there."""

from __future__ import annotations

from dataclasses import dataclass

from kaopu_ha.core import model
from kaopu_ha.core.model import LibvirtAnswer
from kaopu_ha.drivers.libvirt import uri as libvirt_uri


@dataclass(frozen=True)
class Destination:
    """Where to connect; without ``uri`` nobody is to be asked there."""

    host: str
    port: int
    uri: libvirt_uri.Uri | None = None


def order(one: Destination) -> tuple[str, int, str]:
    """By which they are sorted."""
    return one.host, one.port, one.uri.text if one.uri else ''


def of_uri(uri: str, reach: libvirt_uri.Reach) -> Destination | LibvirtAnswer:
    """Where the libvirt of a URI listens; or why that cannot be known."""
    try:
        found = libvirt_uri.read(uri, reach)
    except ValueError as failure:
        return LibvirtAnswer(model.Contact.ERROR, reason=str(failure))
    return Destination(found.host, found.port, found)


def of_peer(peer: model.Inventory, reach: libvirt_uri.Reach) -> Destination | None:
    """Where another host is met; None if that cannot be known."""
    found = of_uri(peer.management_uri, reach)
    return Destination(found.host, found.port) if isinstance(found, Destination) else None


def anchor(text: str) -> Destination:
    """An anchor.  Raises ValueError if it is not ``host:port``."""
    host, _, port = text.rpartition(':')
    if not host or not port.isdigit():
        raise ValueError(f'an anchor is host:port, not {text}')
    return Destination(host.strip('[]'), int(port))


def host_of(found: Destination | LibvirtAnswer) -> str:
    """The name or address; '' if there is none."""
    return found.host if isinstance(found, Destination) else ''
