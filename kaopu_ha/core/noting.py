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

"""What its user finds at a server that was moved: a note in its metadata.

::

    moved ---> called for, and counted ---> written
                        |
                        +---> refused, or nobody knows: again after a pause, a few times
                                    |
                                    +---> given up, and told

The note is written once the move is done, and no move waits for it.  What was written is not looked
at again: whoever changes it or takes it away has the last word, until the server is moved again.
There is one key only, so it takes one place of those that Nova has for the metadata of a server.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
import dataclasses
from dataclasses import dataclass
import enum

from kaopu_ha.core import model, texts
from kaopu_ha.core.news import Fact, News, Outcome
from kaopu_ha.core.phase import Phase

KEY = 'kaopu_ha.last_recovery'
# The one class of reasons that there is; a user is told nothing of hosts.
HOST_FAILURE = 'host_failure'

_REFUSED_BYTES_MAX = 160
# A thousand of them, each with the longest words, are a third of what etcd takes in one write.
_NOTES_MAX = 1000


@dataclass(frozen=True)
class Note:
    """What became of the note for one moved instance.

    ``calls``: each is counted before it is made.  ``refused``: what came of the last one, if it
    surely did nothing.  ``over``: it is written, or given up.
    """

    instance: str
    name: str
    calls: int = 0
    refused: str = ''
    over: bool = False


@dataclass(frozen=True)
class Notes:
    """The value of ``notes/<recovery>``: those of one recovery, of the first thousand moved."""

    recovery: str
    host: str
    notes: tuple[Note, ...] = ()

    def of(self, instance: str) -> Note:
        """The note of an instance for which it was called."""
        return next(one for one in self.notes if one.instance == instance)


class Act(enum.Enum):
    """What the leader does now."""

    WRITE = 'write that Nova is called, then have it write the note'
    COMMIT = 'write it'
    REST = 'nothing'


@dataclass(frozen=True)
class Seen:
    """What a leader saw: the moves of the recovery.

    ``overtaken``: instances that are moved, or were, by a later recovery, which has a note of its
    own.  ``since_call``: of instances, the seconds since the last call, as this leader counts: late
    is possible, early is not.
    """

    moves: Iterable[model.Evacuation]
    overtaken: Collection[str] = ()
    since_call: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """The record as it is to be written, the act, of which move, and what is told then."""

    notes: Notes
    act: Act
    move: model.Evacuation | None = None
    news: tuple[News, ...] = ()


def advance(notes: Notes, seen: Seen, rules: model.Rules) -> Decision:
    """The next step for one instance of the recovery.  Asked twice, it gives the same."""
    known = {one.instance: one for one in notes.notes}
    for move in sorted(seen.moves, key=lambda move: move.instance):
        one = known.get(move.instance)
        if move.phase is not Phase.DONE or (one is not None and one.over) or (
                one is None and len(known) >= _NOTES_MAX):
            continue
        one = one or Note(move.instance, texts.bounded(move.name))
        if move.instance in seen.overtaken:
            return Decision(_with(notes, dataclasses.replace(one, over=True)), Act.COMMIT)
        if seen.since_call.get(move.instance, 0.0) < rules.restart_pause(one.calls):
            continue
        if one.calls >= rules.notes_calls_max:
            return _given_up(notes, one)
        called = dataclasses.replace(one, calls=one.calls + 1, refused='')
        return Decision(_with(notes, called), Act.WRITE, move)
    return Decision(notes, Act.REST)


def written(notes: Notes, instance: str) -> Notes:
    """The record once Nova took the note, or has no such server any more."""
    return _with(notes, dataclasses.replace(notes.of(instance), over=True))


def refused(notes: Notes, instance: str, why: str) -> Notes:
    """The record after a call that surely did nothing."""
    return _with(notes, dataclasses.replace(notes.of(instance), refused=texts.bounded(
        why, _REFUSED_BYTES_MAX)))


def text(outcome: Outcome, seconds_down: float | None) -> str:
    """The note: when it was moved, why, and for how many seconds it was down, if that is known.

    It names no host and nobody.  Nova takes 255 characters.
    """
    parts = [f'at={outcome.ended_at[:19]}Z', f'reason={HOST_FAILURE}']
    if seconds_down is not None:
        parts.append(f'seconds_down={seconds_down:.0f}')
    return ' '.join(parts)


# ---------------------------------------------------------------- private


def _given_up(notes: Notes, one: Note) -> Decision:
    why = one.refused or 'Nova did not answer'
    news = News(Fact.NOT_NOTED, notes.host, f'{one.name}: its user does not find in its metadata '
                                            f'that it was moved: {why} ({one.calls} calls)')
    return Decision(_with(notes, dataclasses.replace(one, over=True)), Act.COMMIT, news=(news,))


def _with(notes: Notes, one: Note) -> Notes:
    others = [each for each in notes.notes if each.instance != one.instance]
    return dataclasses.replace(notes, notes=(*others, one))
