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

"""Who may do what in the store: the users of the program, and the port that makes them known.

A host's user may do no more than its agent does: it can't tell anything of another host.  What it
tells of its own is believed.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kaopu_ha import records
from kaopu_ha.core.requests import OF_AGENTS

ADMINISTRATOR = 'root'
SERVICE = 'kaopu-ha'
READER = 'kaopu-ha-reader'


@dataclass(frozen=True)
class Grant:
    """Leave to read a key, or every key under a prefix (a name ending in ``/``); to write too."""

    name: str
    write: bool = False


@dataclass(frozen=True)
class Account:
    """A user, known by the common name of its certificate, and all that its one role grants."""

    user: str
    role: str
    grants: tuple[Grant, ...]


class AccessControl(abc.ABC):
    """A store that can tell its users apart."""

    @abc.abstractmethod
    def allow(self, accounts: Sequence[Account]) -> tuple[str, ...]:
        """Make each user and its role, with these grants and no others; what was changed, in words.

        Asked twice it changes nothing.  Raises PortError; what was changed until then stays.
        """

    @abc.abstractmethod
    def enforce(self) -> None:
        """From now on serve nobody without an account but the administrator.  Raises PortError."""


def accounts(hosts: Iterable[str]) -> tuple[Account, ...]:
    """The accounts of the services, of people who look on, and of each host's agent.

    Raises ValueError for a name that no host may have.
    """
    everything = Account(SERVICE, SERVICE, (Grant(records.PREFIX, write=True),))
    looking_on = Account(READER, READER, (Grant(records.PREFIX),))
    return (everything, looking_on, *(agent(host) for host in sorted(set(hosts))))


def agent(host: str) -> Account:
    """The account of a host's agent; the user has the host's own name."""
    if not host or '/' in host or host in (ADMINISTRATOR, SERVICE, READER):
        raise ValueError(f'no host can have the name "{host}" here')
    return Account(host, f'{SERVICE}-agent-{host}', (
        Grant(records.ALIVE + host, write=True), Grant(records.INVENTORY + host, write=True),
        Grant(records.USE + host, write=True),
        Grant(records.LOCK + host), Grant(records.requests_to(host)),
        *(Grant(records.request_to(host, verb), write=True) for verb in OF_AGENTS),
        Grant(f'{records.DOMAIN}{host}/', write=True), Grant(records.SERVER)))
