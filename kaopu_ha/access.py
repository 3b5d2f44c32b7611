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
API = 'kaopu-ha-api'


@dataclass(frozen=True)
class Grant:
    """Leave to read a key, or every key under a prefix (a name ending in ``/``); to write too.

    ``begins``: to every key whose name begins so, whatever this one ends in.
    """

    name: str
    write: bool = False
    begins: bool = False

    @property
    def of_many(self) -> bool:
        """True if it is about all that begins with the name."""
        return self.begins or self.name.endswith('/')

    def covers(self, key: str) -> bool:
        """True if the key is one of those that it is about."""
        return key == self.name or self.of_many and key.startswith(self.name)


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
    """The accounts of the services, of people who look on, of the API, and of each host's agent.

    Raises ValueError for a name that no host may have.
    """
    everything = Account(SERVICE, SERVICE, (Grant(records.PREFIX, write=True),))
    looking_on = Account(READER, READER, (Grant(records.PREFIX),))
    return (everything, looking_on, api(), *(agent(host) for host in sorted(set(hosts))))


def api() -> Account:
    """The account of the API: it shows what is recorded, and writes what people may ask of it.

    So who took it over could hold hosts, end recoveries or ask for an admission; he could not
    write a beat, a case, a proof or a move, lead, or ask an agent for anything.
    """
    return Account(API, API, (
        Grant(records.PREFIX),
        *(Grant(name, write=True) for name in (
            records.SEGMENT, records.SEGMENT_HOST, records.NOTIFICATION, records.NAME,
            records.COUNTER, records.HOST, records.WISH, records.BRAKE)),
        # Not all of request/: the others are to agents.
        Grant(records.REQUEST + records.ADMIT, write=True, begins=True)))


def agent(host: str) -> Account:
    """The account of a host's agent; the user has the host's own name."""
    if not host or '/' in host or host in (ADMINISTRATOR, SERVICE, READER, API):
        raise ValueError(f'no host can have the name "{host}" here')
    return Account(host, f'{SERVICE}-agent-{host}', (
        Grant(records.ALIVE + host, write=True), Grant(records.INVENTORY + host, write=True),
        Grant(records.USE + host, write=True),
        Grant(records.LOCK + host), Grant(records.requests_to(host)),
        *(Grant(records.request_to(host, verb), write=True) for verb in OF_AGENTS),
        Grant(f'{records.DOMAIN}{host}/', write=True), Grant(records.SERVER)))
