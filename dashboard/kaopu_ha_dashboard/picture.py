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

"""The timeline of a case: lanes with bars and marks, at seconds since the last beat.

::

    host       o  suspected | dying ......... | locked | last | confirmed dead ...
    rounds           x        x     x     x              x
    recovery                                                 fencing | moving .. o
    web-1                                                            |======|    v

What is drawn is what ``explain`` tells, and nothing of it is decided here.  Times come as ISO 8601;
one that can't be read is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
from dataclasses import dataclass
import datetime
from typing import Any

# More instances than this nobody reads in a picture: they are counted, and listed below it.
LANES_MAX = 40
_TICKS_MAX = 9
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)
# While something is under way the picture goes on to now, but not for ever.
_GROWS_SECONDS = 60.0
_ENDED = ('done', 'failed', 'left', 'not recoverable')
_OVER = ('admitting', 'closed')


@dataclass(frozen=True)
class Bar:
    """Something that lasted; ``kind``: a stage or a phase."""

    start: float
    end: float
    kind: str
    text: str


@dataclass(frozen=True)
class Mark:
    """Something that happened; ``kind``: ``beat``, a verdict, or how it ended."""

    at: float
    kind: str
    text: str


@dataclass(frozen=True)
class Lane:
    """A line of the picture."""

    kind: str
    name: str
    bars: tuple[Bar, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Timeline:
    """All of it: ``seconds`` long, from ``begins``; ``more``: instances that have no lane."""

    begins: datetime.datetime
    seconds: float
    lanes: tuple[Lane, ...]
    ticks: tuple[float, ...]
    more: int = 0


@dataclass(frozen=True)
class _Change:
    """A step of a record, by its place in the picture."""

    at: float
    stage: str
    text: str


def moment(at: str | None) -> datetime.datetime | None:
    """The time that a record carries, or None if it carries none that can be read."""
    try:
        read = datetime.datetime.fromisoformat(at or '')
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=datetime.UTC)


def timeline(told: Mapping[str, Any], beat_at: str, now: datetime.datetime) -> Timeline | None:
    """The picture of what ``explain`` told of a case; None if it has no time that can be read.

    ``beat_at``: when its beat was seen last, '' if nobody saw it.
    """
    times = [read for step in told['steps'] if (read := moment(step['at'])) is not None]
    seen = moment(beat_at)
    begins = min([*times, *([seen] if seen else [])], default=None)
    if begins is None:
        return None
    host = _changes(told['steps'], ('opened', 'stage'), begins)
    judged = _until_over(host)
    rounds = _changes(told['steps'], ('round', 'repeated'), begins, 'verdict')
    recovery = _changes(told['steps'], ('recovery',), begins)
    moves = [(one, _changes(one['steps'], ('move',), begins))
             for one in (told['recovery'] or {}).get('instances', ())]
    every = [change.at for changes in (judged, rounds, recovery, *(steps for _, steps in moves))
             for change in changes]
    last = max(every, default=0.0)
    end = last * 1.04 + 1.0
    if _goes_on(told, host):
        so_far = (now - begins).total_seconds()
        end = max(end, min(so_far, last + max(_GROWS_SECONDS, last / 2)))
    beat = () if seen is None else (Mark((seen - begins).total_seconds(), 'beat', ''),)
    lanes = [Lane('host', told['host'], tuple(_bars(judged, end)), beat),
             Lane('rounds', '', marks=tuple(
                 Mark(change.at, change.stage, change.text) for change in rounds)),
             *([_recovery(recovery, end)] if recovery else []),
             *(_move(one, steps, end) for one, steps in moves[:LANES_MAX])]
    return Timeline(begins, end, tuple(lanes), tuple(_ticks(end)), max(len(moves) - LANES_MAX, 0))


# ---------------------------------------------------------------- private


def _changes(steps: Sequence[Mapping[str, Any]], kinds: tuple[str, ...],
             begins: datetime.datetime, name: str = 'stage') -> list[_Change]:
    found = []
    for step in steps:
        at = moment(step['at'])
        if step['kind'] in kinds and at is not None:
            found.append(_Change(max((at - begins).total_seconds(), 0.0), step[name],
                                 step['text']))
    return sorted(found, key=lambda change: change.at)


def _until_over(host: list[_Change]) -> list[_Change]:
    """What was judged: an admission comes days later, and has its words below the picture."""
    place = next((place for place, change in enumerate(host)
                  if change.stage in _OVER and _was_confirmed(host[:place])), len(host))
    return host[:place]


def _was_confirmed(host: list[_Change]) -> bool:
    return any(change.stage == 'confirmed' for change in host)


def _goes_on(told: Mapping[str, Any], host: list[_Change]) -> bool:
    """True while more is to come: a case that is judged, or a recovery that is not finished."""
    if told['recovery'] is not None:
        return bool(told['recovery']['stage'] != 'finished')
    return told['stage'] != 'closed' and not _was_confirmed(host)


def _bars(changes: list[_Change], end: float) -> Iterator[Bar]:
    """From each change to the next one, the last one to the end."""
    for place, change in enumerate(changes):
        until = changes[place + 1].at if place + 1 < len(changes) else end
        yield Bar(change.at, max(until, change.at), change.stage, change.text)


def _recovery(changes: list[_Change], end: float) -> Lane:
    finished = [change for change in changes if change.stage == 'finished']
    until = finished[0].at if finished else end
    bars = [bar for bar in _bars(changes, until) if bar.kind != 'finished']
    return Lane('recovery', '', tuple(
        dataclasses.replace(bar, end=min(bar.end, until)) for bar in bars),
                tuple(Mark(change.at, 'finished', change.text) for change in finished[:1]))


def _move(told: Mapping[str, Any], changes: list[_Change], end: float) -> Lane:
    over = told['phase'] in _ENDED and bool(changes)
    until = changes[-1].at if over else end
    bars = [bar for bar in _bars(changes, until) if bar.kind not in _ENDED]
    marks = (Mark(changes[-1].at, told['phase'], changes[-1].text),) if over else ()
    return Lane('instance', told['name'] or told['instance'], tuple(bars), marks)


def _ticks(seconds: float) -> Iterator[float]:
    step = next((each for each in _TICKS if seconds / each <= _TICKS_MAX),
                seconds / _TICKS_MAX)
    at = 0.0
    while at <= seconds:
        yield at
        at += step
