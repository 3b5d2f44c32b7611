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

``host:port`` or a URL, either with a slash at the end, blanks around it, a scheme in capitals or
one of another library's (``etcd3+http``), an address of IPv6 in brackets.  A text goes in, so that
the configuration refuses what the driver could not use, in the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
import ipaddress
import re

_SCHEMES = ('', 'http', 'https')
_OF_OTHERS = ('etcd', 'etcd3')
_NAME = re.compile(r'[\w.-]+')


@dataclass(frozen=True)
class Endpoint:
    """A member's address; ``scheme`` is http, https or, where none was written, empty."""

    scheme: str
    place: str

    @property
    def is_secure(self) -> bool:
        """True if it asks for TLS."""
        return self.scheme == 'https'


def parse(text: str) -> Endpoint:
    """The endpoint; its place is ``host:port`` as gRPC wants it.  Raises ValueError."""
    scheme, found, place = text.strip().rpartition('://')
    place = place.rstrip('/')
    if '@' in place:
        # Not quoted: there may be a password in it.
        raise ValueError('one has a user in it, with its password perhaps: write host:port, and '
                         'set [store] user and password')
    return Endpoint(_scheme(text, scheme, bool(found)), _place(text, place))


# ---------------------------------------------------------------- private


def _scheme(text: str, written: str, found: bool) -> str:
    others, _, known = written.lower().rpartition('+')
    if known in _OF_OTHERS:
        known = ''
    if known not in _SCHEMES or others not in ('', *_OF_OTHERS) or found and not written:
        raise ValueError(f'{text} has no scheme that etcd speaks: write host:port, or http:// or '
                         f'https:// and these')
    return known


def _place(text: str, place: str) -> str:
    bracketed = place.startswith('[')
    host, _, rest = place.removeprefix('[').partition(']' if bracketed else ':')
    port = rest.removeprefix(':') if bracketed else rest
    if not (_is_ipv6(host) if bracketed else _NAME.fullmatch(host)) or ':' in port:
        raise _unreadable(text)
    if not port:
        raise ValueError(f'{text} has no port: write {place.rstrip(":")}:2379 if etcd\'s own is '
                         f'meant')
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise _unreadable(text)
    return f'[{host}]:{port}' if bracketed else f'{host}:{port}'


def _unreadable(text: str) -> ValueError:
    return ValueError(f'{text} is no host:port: write names or addresses like etcd1:2379, an IPv6 '
                      f'address in brackets')


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True
