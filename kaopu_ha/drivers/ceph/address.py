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


"""Addresses as Ceph writes them: ``10.0.0.1:0/123``, ``[fd00::1]:0/123``, ``v1:10.0.0.1:0/123``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import ipaddress
import re
from typing import Any

from kaopu_ha import ports

_FORM = re.compile(r'(?:(?:v1|v2|any|legacy|-):)?(?P<host>\[[^]]+\]|[^:\[\]]+)'
                   r':(?P<port>\d+)/(?P<nonce>\d+)')


@dataclass(frozen=True, order=True)
class Address:
    """An address in its one spelling; nonce 0 stands for every client at it."""

    ip: str
    port: int
    nonce: int

    def __str__(self) -> str:
        host = f'[{self.ip}]' if ':' in self.ip else self.ip
        return f'{host}:{self.port}/{self.nonce}'


def parse(text: str) -> Address:
    """Read an address.  Raises PortError if it is none."""
    match = _FORM.fullmatch(text)
    try:
        if match:
            return Address(str(ipaddress.ip_address(match['host'].strip('[]'))),
                           int(match['port']), int(match['nonce']))
    except ValueError:
        pass
    raise ports.PortError(f'not an address of Ceph: {text}')


def whole(ip: str) -> Address:
    """Every client at an IP address, those to come too."""
    return Address(str(ipaddress.ip_address(ip)), 0, 0)


def places(server: Mapping[str, Any]) -> list[str]:
    """The addresses that a monitor or manager is listed with, in old and new words."""
    found = [server[key] for key in ('public_addr', 'active_addr') if server.get(key)]
    for key in ('public_addrs', 'active_addrs'):
        found += [f'{each["addr"]}/{each["nonce"]}' for each in
                  (server.get(key) or {}).get('addrvec', ())]
    return sorted(set(found))
