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

"""The URI of a libvirt on the network, as its host says it of itself, within what we allow.

Whoever connects shows a certificate or a password.  So a host says only *where* it is, and that
within ``Reach``, which is configuration: by which transport, at which port and in which networks is
not for it to say.  What is not within it is UNKNOWN, never SILENCE: nobody is condemned for it.
"""

from __future__ import annotations

from dataclasses import dataclass
import ipaddress
from typing import Self
from urllib import parse

from oslo_config import cfg

from kaopu_ha.conf import libvirt as conf_libvirt

PORTS = {'tls': 16514, 'tcp': 16509, 'ssh': 22, 'libssh': 22, 'libssh2': 22}

_PATHS = ('/system', '/session')


@dataclass(frozen=True)
class Reach:
    """Where a libvirt may be: '', 0 and () say nothing of it."""

    transport: str = ''
    port: int = 0
    networks: tuple[str, ...] = ()

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts) -> Self:
        """As configured.  Raises ValueError for a network that is none."""
        return cls(*conf_libvirt.reach(conf))

    def __post_init__(self) -> None:
        """Raise ValueError for a network that is none."""
        for network in self.networks:
            ipaddress.ip_network(network)

    def forbids(self, host: str, port: int, transport: str) -> str:
        """Why nobody connects there; '' if it is allowed.  A name is held by its certificate."""
        if self.transport and transport != self.transport:
            return f'it is reached over {transport}, and [libvirt] transport is {self.transport}'
        if self.transport and port != (self.port or PORTS[transport]):
            return f'it is at port {port}, and [libvirt] port is {self.port or PORTS[transport]}'
        return self.forbids_address(host)

    def forbids_address(self, host: str) -> str:
        """Why nobody connects to this address; '' of a name, and of one that is allowed."""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return ''
        if self.networks and not any(address in ipaddress.ip_network(network)
                                     for network in self.networks):
            return f'{host} is in none of [libvirt] management_networks'
        return ''


@dataclass(frozen=True)
class Uri:
    """A URI that may be used, and where it leads."""

    text: str
    host: str
    port: int
    transport: str

    def at(self, address: str) -> Uri | None:
        """The same by an address of the host; None where only the name will do."""
        if self.transport not in ('tls', 'tcp') or '%' in address:
            return None
        parts = parse.urlsplit(self.text)
        bracketed = f'[{address}]' if ':' in address else address
        place = f'{bracketed}:{parts.port}' if parts.port else bracketed
        return Uri(parts._replace(netloc=place).geturl(), address, self.port, self.transport)

    def shown(self, pki_path: str) -> str:
        """The URI with the folder of our own certificate; '' is libvirt's own place."""
        if not pki_path or self.transport != 'tls':
            return self.text
        return f'{self.text}?pkipath={parse.quote(pki_path)}'


def read(text: str, reach: Reach | None = None) -> Uri:
    """The URI in this text.  Raises ValueError, saying why it is not used.

    A host says itself where it is asked.  What libvirt takes as parameters could make it run a
    command here, or accept any certificate.
    """
    try:
        parts = parse.urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    else:
        if parts.query or parts.fragment:
            raise ValueError(f'the URI of a libvirt has parameters, which are not used: {text}')
        transport = parts.scheme.partition('+')[2] or 'tls'
        if host and transport in PORTS and parts.path in _PATHS and (
                parts.username is None or transport not in ('tls', 'tcp')):
            found = Uri(text, host, port or PORTS[transport], transport)
            why_not = reach.forbids(host, found.port, transport) if reach else ''
            if why_not:
                raise ValueError(f'the libvirt at {text} is not asked: {why_not}')
            return found
    raise ValueError(f'not the URI of a libvirt on the network: {text}')
