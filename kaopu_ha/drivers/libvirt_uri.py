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

"""The URI of a libvirt on the network, as its host says it of itself."""

from __future__ import annotations

from dataclasses import dataclass
from urllib import parse

_PORTS = {'tcp': 16509, 'tls': 16514, 'ssh': 22, 'libssh': 22, 'libssh2': 22}


@dataclass(frozen=True)
class Uri:
    """A URI that may be used, and where it leads."""

    text: str
    host: str
    port: int
    transport: str

    def shown(self, pki_path: str) -> str:
        """The URI with the folder of our own certificate; '' is libvirt's own place."""
        if not pki_path or self.transport != 'tls':
            return self.text
        return f'{self.text}?pkipath={parse.quote(pki_path)}'


def read(text: str) -> Uri:
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
        if parts.query:
            raise ValueError(f'the URI of a libvirt has parameters, which are not used: {text}')
        transport = parts.scheme.partition('+')[2] or 'tls'
        if host and transport in _PORTS:
            return Uri(text, host, port or _PORTS[transport], transport)
    raise ValueError(f'not the URI of a libvirt on the network: {text}')
