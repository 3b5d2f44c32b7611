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

"""Records as JSON texts, and back: the only encoder and decoder.

Values are frozen dataclasses of texts, numbers, enums, tuples and dictionaries of them.  What is
read may have been written by anybody who may write the key: every text that is no record ends in
a ``RecordError``.
"""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
import enum
import functools
import json
import threading
import types
import typing
from typing import Any, TypeVar

from kaopu_ha.core import bounds

SCHEMA = 1
# Fields whose names are others than those that their first release kept them by.  What is kept,
# and what people read with --json, outlives our words.
_KEPT_BY = {'observer': 'eye', 'history': 'road', 'on_at_opening': 'was_on',
            'on_by_nova': 'told_on', 'off_by_nova': 'told_off'}


class RecordError(ValueError):
    """A record that this release can't read; the message says which and why."""


T = TypeVar('T')
N = TypeVar('N', int, float)

_ATOMS = frozenset({str, int, float, bool, type(None)})


def _parts(value: Any) -> Any:
    """What json does not know: a dataclass as a dict, an enum as its value."""
    kind: Any = type(value)
    names = _fields(kind)
    if names is not None:
        return _kept(value, kind, names)
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


def parts(record: Any) -> dict[str, Any]:
    """The parts of a record under the names that they are kept by."""
    found: dict[str, Any] = _parts(record)
    return found


def plain(record: Any) -> Any:
    """A record as dicts, lists and strings, for people's JSON."""
    return _plain(record)


def made(kind: type[T], data: Any) -> T:
    """The value of which ``plain`` made this.  Raises RecordError if it is none of this kind."""
    try:
        found: T = _reader(typing.cast(Any, kind))(data)
    except Exception as failure:
        raise RecordError(f'{kind.__name__}: {_shortly(failure)}') from failure
    return found


def decode(kind: type[T], text: str, key: str, bounded: bool) -> T:
    """The record in ``text``, which is within the bounds of what a host may write if ``bounded``.

    Raises RecordError, naming the key, if it is none of this kind, and nothing else.
    """
    place = (kind, key)
    found = _KNOWN.get(place, text) if key else None
    if found is None:
        found = _decoded(kind, text, key, bounded)
        if key:
            _KNOWN.keep(place, text, found)
    if isinstance(found, RecordError):
        # Anew: one that was raised holds on to where that was.
        raise RecordError(str(found))
    record: T = found
    return record


def _decoded(kind: type, text: str, key: str, bounded: bool) -> Any:
    """The record, or the RecordError that says why it is none."""
    try:
        data = _JSON_READER.decode(_not_too_long(text))
        schema = data['schema']
        if not 1 <= schema <= SCHEMA:
            raise RecordError(f'schema {schema} is newer than {SCHEMA}; upgrade this process')
        found = _reader(kind)(_wholesome(text, data))
        excess = bounds.excess(found) if bounded else ''
        if excess:
            raise RecordError(excess)
    except RecordError as failure:
        return RecordError(f'{key or kind.__name__}: {failure}')
    except Exception as failure:  # noqa: BLE001  RecursionError, OverflowError: it is no record
        return RecordError(f'{key or kind.__name__}: not a record: {_shortly(failure)}')
    return found


def _not_too_long(text: str) -> str:
    if len(text) > bounds.RECORD_LENGTH_MAX:
        raise RecordError(f'it has {len(text)} characters, more than {bounds.RECORD_LENGTH_MAX}')
    return text


def _wholesome(text: str, data: Any) -> Any:
    """What JSON said, if it can be written again: no half character, no pit without a bottom."""
    # Half of one is there only if it is in the text itself, or spelled as an escape; and nothing
    # is deeper than there are brackets.  To look into all that was said takes as long as to read.
    if '\\u' in text or not text.isascii():
        json.dumps(data, ensure_ascii=False).encode()
    if text.count('[') + text.count('{') > bounds.NESTED_MAX and bounds.is_deep(data):
        raise RecordError('it is nested too deeply')
    return data


def _integer(digits: str) -> int:
    return _countable(int(digits))


def _fraction(digits: str) -> float:
    return _countable(float(digits))


def _countable(number: N) -> N:
    if not bounds.is_countable(number):
        raise RecordError('a number in it is beyond all bounds')
    return number


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are given once: of two, each reader might take another."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RecordError('a name is given twice')
    return found


def _no_number(name: str) -> Any:
    raise RecordError(f'{name} is no number')


def _shortly(failure: Exception) -> str:
    said = repr(failure)
    return said if len(said) <= _SAID_MAX else f'{said[:_SAID_MAX]}...'


# An error is told, so it says no more of the text than a person reads.
_SAID_MAX = 300
_JSON_READER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number,
                                parse_int=_integer, parse_float=_fraction)


class _Known:
    """What each key was decoded to last, beside its text.  Safe for threads.

    A turn reads every record, and hardly any has changed since the last: values are frozen, so
    one that was decoded may serve again.  One for each key, or a record that changes often would
    fill the memory; by the text, which is what a value follows from, wherever it was read.

    A key that is gone is asked for no more: what nobody asked for while all others were asked for
    several times goes.  So every ``_ROUNDS`` of asks what was asked for is new, and what is not
    new by then is old, and goes after the next.
    """

    def __init__(self, length_max: int) -> None:
        self._mutex = threading.Lock()
        self._new: dict[tuple[type, str], tuple[str, Any]] = {}
        self._old: dict[tuple[type, str], tuple[str, Any]] = {}
        self._asked, self._asked_max = 0, _ROUNDS * _FEW
        self._length, self._length_max = 0, length_max

    def __len__(self) -> int:
        return len(self._new) + len(self._old)

    def get(self, place: tuple[type, str], text: str) -> Any:
        """What this text was decoded to, None if it was not."""
        # Without the mutex: what is new is read in one step, and of two asks at once one may be
        # counted for both.
        self._asked += 1
        known = self._new.get(place)
        if known is None or self._asked > self._asked_max:
            known = self._from_old(place)
        return known[1] if known is not None and known[0] == text else None

    def _from_old(self, place: tuple[type, str]) -> tuple[str, Any] | None:
        with self._mutex:
            self._grow_old()
            if place in self._old:
                self._is_new(place, self._old.pop(place))
            return self._new.get(place)

    def keep(self, place: tuple[type, str], text: str, found: Any) -> None:
        """Keep it instead of what was there; what was not asked for longest goes for it."""
        with self._mutex:
            self._drop(self._new.pop(place, None) or self._old.pop(place, None))
            self._is_new(place, (text, found))
            self._length += len(text)
            while self._length > self._length_max:
                oldest = self._old or self._new
                self._drop(oldest.pop(next(iter(oldest))))

    def _grow_old(self) -> None:
        if self._asked > self._asked_max:
            for known in self._old.values():
                self._drop(known)
            self._old, self._new = self._new, {}
            self._asked, self._asked_max = 0, _ROUNDS * _FEW

    def _is_new(self, place: tuple[type, str], known: tuple[str, Any]) -> None:
        self._new[place] = known
        self._asked_max = _ROUNDS * max(len(self._new), _FEW)

    def _drop(self, known: tuple[str, Any] | None) -> None:
        self._length -= len(known[0]) if known else 0


# Some records are read by a loop that turns once a minute, others ten times a second.
_ROUNDS, _FEW = 64, 100
# Enough for 10,000 hosts with 20 instances each; what is over it is decoded at every turn.
_KNOWN = _Known(length_max=256_000_000)


def _plain(value: Any) -> Any:
    kind: Any = type(value)
    if kind in _ATOMS:
        return value
    names = _fields(kind)
    if names is not None:
        return {name: _plain(part) for name, part in _kept(value, kind, names).items()}
    if isinstance(value, enum.Enum):
        return value.value
    if kind in (tuple, list):
        return [_plain(item) for item in value]
    if kind is dict:
        return {name: _plain(item) for name, item in value.items()}
    return value


def _kept(value: Any, kind: Any, names: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """The parts of a record under the names that they are kept by: its fields, if it says no other.
    """
    parts: dict[str, Any] = (value.as_kept() if hasattr(kind, 'as_kept') else
                             {kept: getattr(value, name) for name, kept in names})
    return parts


@functools.cache
def _fields(kind: type) -> tuple[tuple[str, str], ...] | None:
    """The names of a dataclass's fields, and those that they are kept by; None of what is none."""
    if not dataclasses.is_dataclass(kind):
        return None
    return tuple((field.name, kept_by(field.name)) for field in dataclasses.fields(kind))


def kept_by(name: str) -> str:
    """The name under which a field is kept and shown."""
    return _KEPT_BY.get(name, name)


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
    readers = [(name, kept_by(name), _reader(hint))
               for name, hint in typing.get_type_hints(kind).items()]
    of_kept = getattr(kind, 'of_kept', None)

    def read(data: Any) -> Any:
        data = data if of_kept is None else of_kept(data)
        return kind(**{name: reader(data[kept]) for name, kept, reader in readers if kept in data})
    return read


def _exactly(kind: type, data: Any) -> Any:
    if type(data) is not kind:
        raise TypeError(f'{data!r} is not a {kind.__name__}')
    return data
