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

"""The records that are no decisions of ``core``: what stands under which key is in ``keys``."""

from __future__ import annotations

import dataclasses

from kaopu_ha.core import protection
from kaopu_ha.core.model import Power
from kaopu_ha.core.requests import RequestState, RequestVerb


@dataclasses.dataclass(frozen=True)
class Beat:
    """The value of ``alive/<host>``: who beats.

    ``behind``: why the host's inventory is not kept up, '' while it is.
    """

    host_uuid: str
    boot_id: str
    agent: str = ''
    behind: str = ''


@dataclasses.dataclass(frozen=True)
class Leader:
    """The value of ``leader``."""

    name: str
    since: str = ''


@dataclasses.dataclass(frozen=True)
class Lock:
    """The value of ``death/<host>`` and ``lock/<host>``; the lease makes the wait visible."""

    by: str
    at: str
    permanent: bool = False
    recovery: str = ''


@dataclasses.dataclass(frozen=True)
class HostSetting:
    """The value of ``host/<host>``: a hold, set by a person."""

    hold: bool
    who: str
    at: str
    why: str = ''


@dataclasses.dataclass(frozen=True)
class Tool:
    """The value of ``tool/<address>``: who says that its clients only read, why, and how long."""

    address: str
    who: str
    at: str
    why: str
    until: str = ''


@dataclasses.dataclass(frozen=True)
class Claims:
    """The value of ``claims/<host>``: each address with the revision since which it is claimed; and
    where its libvirt is asked while nobody can read what it tells, '' if it did not tell it yet.
    """

    since: dict[str, int]
    management_uri: str = ''
    host_uuid: str = ''


@dataclasses.dataclass(frozen=True)
class UnprotectedList:
    """The value of ``unprotected``: the first of ``count`` entries.

    ``away``: the hosts that beat and do not reach all of their storage, for who does not read all
    inventories to know that; None if it is not told.
    """

    items: tuple[protection.Unprotected, ...]
    count: int
    by: str = ''
    at: str = ''
    away: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True)
class BrakeSetting:
    """The value of ``brake``: who released it, for exactly these hosts' cases.

    ``cases`` are the revisions at which these cases were opened, by host: a later case of the same
    host is another one.  A former release did not say them.
    """

    released_for: tuple[str, ...]
    who: str
    at: str
    why: str = ''
    cases: dict[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Returned:
    """The value of ``returned/<host>/<n>`` and ``fresh/<host>``: when, and from what."""

    at: str
    reason: str = ''


@dataclasses.dataclass(frozen=True)
class Crashed:
    """The value of ``crashed/<instance>/<n>``: when, and on which host."""

    at: str
    host: str


@dataclasses.dataclass(frozen=True)
class Request:
    """The value of ``request/admit-<host>`` and ``request/<host>/<verb>``."""

    verb: RequestVerb
    host: str
    who: str
    at: str
    given: tuple[str, ...] = ()
    state: RequestState = RequestState.ASKED
    answer: str = ''
    boot_id: str = ''


@dataclasses.dataclass(frozen=True)
class ProofMark:
    """The value of ``proof/<recovery>``: the fence was read back whole less than a lease ago.

    ``word``: of the person who vouches for it, '' if nobody had to.
    """

    by: str
    at: str
    clusters: tuple[str, ...] = ()
    word: str = ''


@dataclasses.dataclass(frozen=True)
class Claim:
    """The value of ``claim/<instance>``."""

    worker: str
    recovery: str


@dataclasses.dataclass(frozen=True)
class ProcessRecord:
    """The value of ``process/<role>/<name>``: host and process id."""

    name: str


# ---------------------------------------------------------------- without OpenStack


@dataclasses.dataclass(frozen=True)
class DomainRecord:
    """The value of ``domain/<host>/<instance>``: what another host needs to start it.

    ``xml`` is libvirt's own text without its secrets; '' if it is too long, as ``note`` says then.
    ``gone``: the host, which it was decided to belong to, has it no longer.
    """

    name: str
    power: Power
    xml: str = ''
    note: str = ''
    gone: bool = False


@dataclasses.dataclass(frozen=True)
class MoveRecord:
    """One recovery of an instance to another host: running, completed or failed."""

    id: str
    source: str
    target: str
    status: str
    fault: str = ''


@dataclasses.dataclass(frozen=True)
class Owner:
    """The value of ``server/<instance>``: the host it belongs to, written before it is started
    there.  ``state``: what it was set to, until its host tells of it again.
    """

    host: str
    state: str = ''
    moves: tuple[MoveRecord, ...] = ()

    @property
    def running(self) -> MoveRecord | None:
        """The move that was begun and has neither arrived nor failed."""
        last = self.moves[-1] if self.moves else None
        return last if last is not None and last.status == 'running' else None


@dataclasses.dataclass(frozen=True)
class Service:
    """The value of ``service/<host>``."""

    forced_down: bool


# ---------------------------------------------------------------- of Masakari's API


@dataclasses.dataclass(frozen=True)
class Holder:
    """The value of ``name/<kind>/<name>``: the uuid that has the name."""

    uuid: str


@dataclasses.dataclass(frozen=True)
class Counter:
    """The value of ``counter/<kind>``: the number that was given last."""

    last: int
