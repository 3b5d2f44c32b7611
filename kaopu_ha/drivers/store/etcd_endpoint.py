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

"""The address of a member of etcd, in the forms that people have it.

``host:port``, a URL, either with a slash at the end, blanks around it, a scheme in capitals or one
of another library's (``etcd3+http``), an address of IPv6 with or without brackets, no port.
"""

from __future__ import annotations

import ipaddress

PORT = 2379
_SCHEMES = {'': False, 'http': False, 'https': True}
_OF_OTHERS = ('etcd', 'etcd3')


def target(endpoint: str) -> str:
    """Where to connect, as gRPC wants it.  Raises ValueError for what is no endpoint."""
    _, place = _parts(endpoint)
    host, port = _host_and_port(place)
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f'{endpoint!r} is no endpoint of etcd: write host:port or a URL, like '
                         f'https://etcd1.example.org:{PORT}')
    return f'[{host}]:{port}' if ':' in host else f'{host}:{port}'


def is_secure(endpoint: str) -> bool:
    """True if it asks for TLS.  Raises ValueError likewise."""
    return _SCHEMES[_parts(endpoint)[0]]


# ---------------------------------------------------------------- private


def _parts(endpoint: str) -> tuple[str, str]:
    scheme, found, place = endpoint.strip().rpartition('://')
    others, _, known = scheme.lower().rpartition('+')
    if known in _OF_OTHERS:
        known = ''
    if known not in _SCHEMES or others not in ('', *_OF_OTHERS) or found and not scheme:
        raise ValueError(f'{endpoint!r} is no endpoint of etcd: its scheme is neither http nor '
                         f'https')
    place = place.rstrip('/')
    if '/' in place or '@' in place or '?' in place:
        # What may be a password is not told.
        raise ValueError(f'{place.rpartition("@")[2]!r} is no endpoint of etcd: no path and no '
                         f'user belong there; [store] user and password log in')
    return known, place


def _host_and_port(place: str) -> tuple[str, str]:
    if place.startswith('['):
        host, _, port = place[1:].partition(']')
        return host, port.removeprefix(':') or str(PORT)
    try:
        return str(ipaddress.IPv6Address(place)), str(PORT)
    except ValueError:
        host, found, port = place.partition(':')
        return host, port if found else str(PORT)
