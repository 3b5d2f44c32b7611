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

"""The records in the store: their keys and values.

==================================  =========  ==============================================
``leader``                          lease      who decides; its revision is the epoch
``controller/<name>``               lease      what a controller sees of the hosts in doubt
``alive/<host>``                    lease      the beat
``death/<host>``                    lease      round 1 and the wait after it
``lock/<host>``                     lease      round 2; later permanent: the host is confirmed
``use/<host>``                      lease      what the host measures of its cores and memory; only
                                               it writes it, and renews it while it measures
``inventory/<host>``                durable    what the host told of itself; only it writes it
``case/<host>``                     durable    the open case
``recovery/<id>``                   durable    fences, proofs, plan of one confirmed host
``evacuation/<id>/<instance>``      durable    one instance's move: the queue's task
``proof/<id>``                      lease      there while the fence was read back lately
``restart/<host>``                  durable    what is started again in place after its last boot
``aftercare/<host>``                durable    what is looked after since it was taken back: bounded
                                               by what was moved; gone when nothing is wrong
``claim/<instance>``                lease      the worker that has the instance
``process/<role>/<name>``           lease      a controller or worker runs; for people only
``closed/<host>/<n>``               durable    ended cases, bounded
``host/<host>``, ``brake``          durable    what people set
``tool/<address>``                  lease      a person named it as a tool's, until the lease ends
``storm``                           durable    too many are silent, or were lately; who was
                                               condemned lately.  Not there in quiet times
``returned/<host>/<n>``             lease      the host came back lately; so often, that it flaps
``fresh/<host>``                    lease      it came back just now: no target yet
``wish/<verb>/<subject>``           lease      what a person asked of a recovery, or an instance in
                                               it, with the answer; kept for a day
``request/admit-<host>``            durable    what people asked of the leader, with the answer
``request/<host>/<verb>``           durable    what the leader asked of a host's agent, likewise;
                                               a key for each verb (``core.requests``)
``claims/<host>``                   durable    since when the host claims its storage addresses;
                                               only the leader writes it
``unprotected``                     durable    what could not be judged or fenced rightly, or
                                               would not come back, and why
``event/instance/<instance>``       lease      what Nova told of it that its host has not (yet)
``event/host/<host>``               lease      Nova told of it what a plan depends on
``domain/<host>/<instance>``        durable    without OpenStack: a domain as the host defines it;
                                               only it writes it
``server/<instance>``               durable    without OpenStack: where a moved instance belongs
``service/<host>``                  durable    without OpenStack: is the host forced down
==================================  =========  ==============================================

Every durable value is a JSON object with the number of its schema.  A reader takes any schema from
1 to its own: fields that are missing get their defaults, unknown fields of a newer release are
passed over; a record of a higher *schema* raises ``RecordError``.  What a host writes is bounded
(``core.bounds``).
"""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
from typing import TypeVar

from kaopu_ha import codec
from kaopu_ha.codec import SCHEMA as SCHEMA
from kaopu_ha.codec import RecordError as RecordError
from kaopu_ha.codec import encode as encode
from kaopu_ha.codec import parts as parts
from kaopu_ha.codec import plain as plain
from kaopu_ha.core import protection
from kaopu_ha.core.keys import Entry, Snapshot
from kaopu_ha.core.live import LiveUse
from kaopu_ha.core.model import Inventory, Power
from kaopu_ha.core.requests import OF_AGENTS, State, Verb
from kaopu_ha.core.wishes import Wish

T = TypeVar('T')

PREFIX = '/kaopu-ha/'
LEADER = PREFIX + 'leader'
BRAKE = PREFIX + 'brake'
CONTROLLER = PREFIX + 'controller/'
STORM = PREFIX + 'storm'
ALIVE = PREFIX + 'alive/'
DEATH = PREFIX + 'death/'
LOCK = PREFIX + 'lock/'
INVENTORY = PREFIX + 'inventory/'
USE = PREFIX + 'use/'
CASE = PREFIX + 'case/'
CLOSED = PREFIX + 'closed/'
RECOVERY = PREFIX + 'recovery/'
EVACUATION = PREFIX + 'evacuation/'
PROOF = PREFIX + 'proof/'
RESTART = PREFIX + 'restart/'
AFTERCARE = PREFIX + 'aftercare/'
CLAIM = PREFIX + 'claim/'
PROCESS = PREFIX + 'process/'
HOST = PREFIX + 'host/'
TOOL = PREFIX + 'tool/'
CLAIMS = PREFIX + 'claims/'
UNPROTECTED = PREFIX + 'unprotected'
REQUEST = PREFIX + 'request/'
WISH = PREFIX + 'wish/'
RETURNED = PREFIX + 'returned/'
FRESH = PREFIX + 'fresh/'
EVENT = PREFIX + 'event/'
DOMAIN = PREFIX + 'domain/'
SERVER = PREFIX + 'server/'
SERVICE = PREFIX + 'service/'


ADMIT = 'admit-'


def admit_request(host: str) -> str:
    """The key under which people ask to admit the host."""
    return f'{REQUEST}{ADMIT}{host}'


def wish(asked: Wish) -> str:
    """The key of what a person asked: one for each verb and subject."""
    return f'{WISH}{asked.verb.value.replace(" ", "-")}/{asked.instance or asked.host}'


def requests_to(host: str) -> str:
    """The prefix of what is asked of the host's agent: no other host's agent may write there."""
    return f'{REQUEST}{host}/'


def request_to(host: str, verb: Verb) -> str:
    """The key under which the host's agent is asked this, and answers."""
    return requests_to(host) + verb.value.replace(' ', '-')


def is_request(name: str) -> bool:
    """True if some program reads what stands under this name behind ``request/``."""
    host, _, verb = name.partition('/')
    if not verb:
        return host.startswith(ADMIT) and host != ADMIT
    return name in {request_to(host, each)[len(REQUEST):] for each in OF_AGENTS}


# ---------------------------------------------------------------- records that are not decisions


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
    """The value of ``unprotected``: the first of ``count`` entries."""

    items: tuple[protection.Unprotected, ...]
    count: int
    by: str = ''
    at: str = ''


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
class Request:
    """The value of ``request/admit-<host>`` and ``request/<host>/<verb>``."""

    verb: Verb
    host: str
    who: str
    at: str
    given: tuple[str, ...] = ()
    state: State = State.ASKED
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
class Process:
    """The value of ``process/<role>/<name>``: host and process id."""

    name: str


# ---------------------------------------------------------------- without OpenStack


@dataclasses.dataclass(frozen=True)
class Domain:
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
class Move:
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
    moves: tuple[Move, ...] = ()

    @property
    def running(self) -> Move | None:
        """The move that was begun and has neither arrived nor failed."""
        last = self.moves[-1] if self.moves else None
        return last if last is not None and last.status == 'running' else None


@dataclasses.dataclass(frozen=True)
class Service:
    """The value of ``service/<host>``."""

    forced_down: bool


# ---------------------------------------------------------------- reading

# What agents write: see ``access``.
_OF_HOSTS = frozenset({Beat, Domain, Inventory, LiveUse, Request})


def decode(kind: type[T], text: str, key: str = '') -> T:
    """The record in ``text``.  Raises RecordError, naming the key, if it is none of this kind.

    Whatever the text is, nothing else is raised: who wrote it may have meant harm.
    """
    return codec.decode(kind, text, key, bounded=kind in _OF_HOSTS)


def readable(kind: type[T], entries: Mapping[str, Entry]) -> dict[str, T]:
    """Those of the entries that are records of this kind, by the same names.

    For a reader that can do nothing about the others: the leader tells of them.
    """
    found = {}
    for name, entry in entries.items():
        try:
            found[name] = decode(kind, entry.value, entry.key)
        except RecordError:
            continue
    return found


def live_use(seen: Snapshot) -> dict[str, LiveUse]:
    """What hosts measure of themselves, by host: of ``USE`` and ``ALIVE`` what counts.

    A figure counts while its host beats, if it is possible, and under a lease: any other would
    never grow old.
    """
    told = readable(LiveUse, {host: entry for host, entry in seen.under(USE).items()
                              if entry.lease and seen.get(ALIVE + host) is not None})
    return {host: figure for host, figure in told.items() if figure.is_possible}
