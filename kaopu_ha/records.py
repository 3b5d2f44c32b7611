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

"""The records in the store: their keys, and the only encoder and decoder.

==================================  =========  ==============================================
``leader``                          lease      who decides; its revision is the epoch
``alive/<host>``                    lease      the beat
``death/<host>``                    lease      round 1 and the wait after it
``lock/<host>``                     lease      round 2; later permanent: the host is confirmed
``inventory/<host>``                durable    what the host told of itself; only it writes it
``case/<host>``                     durable    the open case
``recovery/<id>``                   durable    fences, proofs, plan of one confirmed host
``evacuation/<id>/<instance>``      durable    one instance's move: the queue's task
``proof/<id>``                      lease      there while the fence was read back lately
``claim/<instance>``                lease      the worker that has the instance
``closed/<host>/<n>``               durable    ended cases, bounded
``host/<host>``, ``brake``          durable    what people set
``storm``                           durable    too many are silent, or were lately; who was
                                               condemned lately.  Not there in quiet times
``returned/<host>/<n>``             lease      the host came back lately; so often, that it flaps
``fresh/<host>``                    lease      it came back just now: no target yet
``request/admit-<host>``            durable    what people asked of the leader, with the answer
``request/<host>/<id>``             durable    what the leader asked of a host's agent, likewise
``event/instance/<instance>``       lease      what Nova told of it that its host has not (yet)
``event/host/<host>``               lease      Nova told of it what a plan depends on
``domain/<host>/<instance>``        durable    without OpenStack: a domain as the host defines it;
                                               only it writes it
``server/<instance>``               durable    without OpenStack: where a moved instance belongs
``service/<host>``                  durable    without OpenStack: is the host forced down
==================================  =========  ==============================================

Every durable value is a JSON object with the number of its schema.  A reader takes any schema from
1 to its own: fields that are missing get their defaults, unknown fields of a newer release are
passed over; a record of a higher *schema* raises ``RecordError``.
"""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
import enum
import functools
import json
import types
import typing
from typing import Any, TypeVar

from kaopu_ha.core.model import Power

SCHEMA = 1

PREFIX = '/kaopu-ha/'
LEADER = PREFIX + 'leader'
BRAKE = PREFIX + 'brake'
STORM = PREFIX + 'storm'
ALIVE = PREFIX + 'alive/'
DEATH = PREFIX + 'death/'
LOCK = PREFIX + 'lock/'
INVENTORY = PREFIX + 'inventory/'
CASE = PREFIX + 'case/'
CLOSED = PREFIX + 'closed/'
RECOVERY = PREFIX + 'recovery/'
EVACUATION = PREFIX + 'evacuation/'
PROOF = PREFIX + 'proof/'
CLAIM = PREFIX + 'claim/'
HOST = PREFIX + 'host/'
REQUEST = PREFIX + 'request/'
RETURNED = PREFIX + 'returned/'
FRESH = PREFIX + 'fresh/'
EVENT = PREFIX + 'event/'
DOMAIN = PREFIX + 'domain/'
SERVER = PREFIX + 'server/'
SERVICE = PREFIX + 'service/'


def admit_request(host: str) -> str:
    """The key under which people ask to admit the host."""
    return f'{REQUEST}admit-{host}'


def requests_to(host: str) -> str:
    """The prefix of what is asked of the host's agent: no other host's agent may write there."""
    return f'{REQUEST}{host}/'


class RecordError(ValueError):
    """A record that this release can't read; the message says which and why."""


# ---------------------------------------------------------------- records that are not decisions


@dataclasses.dataclass(frozen=True)
class Beat:
    """The value of ``alive/<host>``: who beats."""

    host_uuid: str
    boot_id: str
    agent: str = ''


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
    """The value of ``request/admit-<host>`` and ``request/<host>/<id>``.

    ``verb`` for a controller: ``admit``.  For an agent: ``restart compute``, ``remove domains``,
    ``read storage``.  ``state``: asked, done, refused, failed.
    """

    verb: str
    host: str
    who: str
    at: str
    given: tuple[str, ...] = ()
    state: str = 'asked'
    answer: str = ''
    boot_id: str = ''


@dataclasses.dataclass(frozen=True)
class ProofMark:
    """The value of ``proof/<recovery>``: the fence was read back whole less than a lease ago."""

    by: str
    at: str
    clusters: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Claim:
    """The value of ``claim/<instance>``."""

    worker: str
    recovery: str


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


# ---------------------------------------------------------------- encode and decode

T = TypeVar('T')

_ATOMS = frozenset({str, int, float, bool, type(None)})


def _parts(value: Any) -> Any:
    """What json does not know: a dataclass as a dict, an enum as its value."""
    kind: Any = type(value)
    names = _fields(kind)
    if names is not None:
        return {name: getattr(value, name) for name in names}
    if isinstance(value, enum.Enum):
        return value.value
    raise TypeError(f'{value!r} can be in no record')


# json walks the record itself and asks for the parts of what it does not know: half the time of
# making plain values of all first.  A frozen record can't hold itself.
_JSON = json.JSONEncoder(sort_keys=True, separators=(',', ':'), check_circular=False,
                         default=_parts)


def encode(record: Any) -> str:
    """A dataclass as JSON with its schema; the same value gives the same bytes."""
    return _JSON.encode({'schema': SCHEMA} | _parts(record))


def plain(record: Any) -> Any:
    """A record as dicts, lists and strings, for people's JSON."""
    return _plain(record)


def decode(kind: type[T], text: str, key: str = '') -> T:
    """The record in ``text``.  Raises RecordError, naming the key, if it is none of this kind."""
    try:
        hashed: Any = kind  # mypy takes no type for hashable
        record: T = _decoded(hashed, text)
        return record
    except (KeyError, TypeError, AttributeError, ValueError) as failure:
        if isinstance(failure, RecordError):
            raise RecordError(f'{key or kind.__name__}: {failure}') from failure
        raise RecordError(f'{key or kind.__name__}: not a record: {failure!r}') from failure


# A turn reads every record, and hardly any has changed since the last: values are frozen, so one
# that was decoded may serve again.
@functools.lru_cache(maxsize=4096)
def _decoded(kind: type, text: str) -> Any:
    data = json.loads(text)
    schema = data['schema']
    if not 1 <= schema <= SCHEMA:
        raise RecordError(f'schema {schema} is newer than {SCHEMA}; upgrade this process')
    return _reader(kind)(data)


def _plain(value: Any) -> Any:
    kind: Any = type(value)
    if kind in _ATOMS:
        return value
    names = _fields(kind)
    if names is not None:
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, enum.Enum):
        return value.value
    if kind in (tuple, list):
        return [_plain(item) for item in value]
    if kind is dict:
        return {name: _plain(item) for name, item in value.items()}
    return value


@functools.cache
def _fields(kind: type) -> tuple[str, ...] | None:
    """The names of a dataclass's fields; None of what is none."""
    if not dataclasses.is_dataclass(kind):
        return None
    return tuple(field.name for field in dataclasses.fields(kind))


@functools.cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """What makes a value of this kind of what JSON says."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        inner = _reader(next(part for part in parts if part is not type(None)))
        return lambda data: None if data is None else inner(data)
    if dataclasses.is_dataclass(kind):
        return _record_reader(typing.cast(type, kind))
    if origin is tuple:
        item = _reader(parts[0])
        return lambda data: tuple(item(each) for each in _exactly(list, data))
    if origin is dict:
        value = _reader(parts[1])
        return lambda data: {name: value(each) for name, each in data.items()}
    if issubclass(kind, enum.Enum):
        return typing.cast(Callable[[Any], Any], kind)
    if kind is float:
        return lambda data: float(_exactly(int, data)) if isinstance(data, int) else _exactly(
            float, data)
    return functools.partial(_exactly, kind)


def _record_reader(kind: type) -> Callable[[Any], Any]:
    readers = {name: _reader(hint) for name, hint in typing.get_type_hints(kind).items()}

    def read(data: Any) -> Any:
        return kind(**{name: reader(data[name]) for name, reader in readers.items()
                       if name in data})
    return read


def _exactly(kind: type, data: Any) -> Any:
    if type(data) is not kind:
        raise TypeError(f'{data!r} is not a {kind.__name__}')
    return data
