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

"""The board: what people must know now, in a few sentences that stand while they are so.

A message on it is no news.  It follows from the records alone, so that it is right again after a
restart, a change of the leader, or news that were lost; and it goes when what it says is over.

Whoever may log in reads a board, users of every project too.  So no message names an instance, an
address or a reason; hosts are named only where the operator wants it.  ``kaopu-ha status`` tells
the rest to those who may know it.
"""

from __future__ import annotations

import abc
import collections
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
import enum

from kaopu_ha.core import brake, model, texts
from kaopu_ha.core.model import Phase, Stage
from kaopu_ha.core.waiting import Kind, Waiting


class MessageKind(enum.Enum):
    """What a message is about; there is one of a kind at most."""

    STORE = 'store'
    BRAKE = 'brake'
    CONFIRMED = 'confirmed'
    WAITS = 'waits'


@dataclass(frozen=True)
class BoardMessage:
    """One sentence or two on the board; ``level`` is ``warning`` or ``error``."""

    kind: MessageKind
    level: str
    text: str


class Board(abc.ABC):
    """A place where people see what is so now, for as long as it is so.  For one thread.

    ``names_hosts``: the operator wants hosts to be named there.
    """

    names_hosts = False

    @abc.abstractmethod
    def show(self, messages: Sequence[BoardMessage], limit: float) -> None:
        """Show these, and no others of ours; what others show there is not touched.

        Asked again it changes nothing, but for what somebody spoiled.  Raises PortError if it is
        not sure within about ``limit`` seconds that they are shown.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Take down what this object showed: nobody would do so when it is over."""


@dataclass(frozen=True)
class Seen:
    """What a board is made of.  ``waits``: what has been open for so long that people are told.
    """

    storm: brake.Storm
    cases: Collection[model.Case]
    recoveries: Mapping[str, model.Recovery]
    moves: Collection[model.Evacuation]
    waits: Collection[Waiting]


# Nothing more happens to them unless a person does something.
AT_ONCE = frozenset({Kind.LOST, Kind.OFF})
_GRAVE = AT_ONCE | {Kind.RECOVERY}
# How each kind of what waits is told: of one, and of several.
_WAITS = {
    Kind.CASE: ('{} host is not judged', '{} hosts are not judged'),
    Kind.RECOVERY: ('the recovery of {} host waits', 'the recoveries of {} hosts wait'),
    Kind.LOST: ('{} instance was not moved and does not run',
                '{} instances were not moved and do not run'),
    Kind.OFF: ('{} instance was not started again and does not run',
               '{} instances were not started again and do not run'),
    Kind.INSTANCE: ('{} instance is not moved yet', '{} instances are not moved yet'),
    Kind.RESTART: ('{} instance is not started again yet',
                   '{} instances are not started again yet'),
    Kind.ADMISSION: ('the admission of {} host waits', 'the admissions of {} hosts wait'),
    Kind.MISBELIEVED: ('of {} instance Nova or Placement has it wrong',
                       'of {} instances Nova or Placement has it wrong')}


def messages(seen: Seen, *, names_hosts: bool) -> tuple[BoardMessage, ...]:
    """What is to be shown now, most urgent first; empty if all is well."""
    found = [*_brake(seen.storm, names_hosts), *_confirmed(seen, names_hosts),
             *_waits(seen, names_hosts)]
    return tuple(sorted(found, key=lambda message: message.level != 'error'))


def without_store(since: str) -> tuple[BoardMessage, ...]:
    """What is to be shown while nobody can read the records, since the time ``since``."""
    return (BoardMessage(MessageKind.STORE, 'error', (
        f'Kaopu HA: the controller on this machine has not reached its store since {since}. '
        'What happens to hosts and instances is not known here. Administrators: kaopu-ha '
        'status')),)


# ---------------------------------------------------------------- private


def _brake(storm: brake.Storm, names_hosts: bool) -> Iterable[BoardMessage]:
    if storm.on and storm.braked:
        yield BoardMessage(MessageKind.BRAKE, 'error', (
            'Kaopu HA: the brake is on. Too many hosts are silent at once, and no instance of '
            f'{_hosts(storm.braked, names_hosts)} is moved until a person has looked. '
            'Administrators: kaopu-ha status, kaopu-ha brake release'))
    elif storm.on:
        yield BoardMessage(MessageKind.BRAKE, 'warning', (
            'Kaopu HA: the brake is on. A host that falls silent now is not recovered until a '
            'person has looked. Administrators: kaopu-ha status'))


def _confirmed(seen: Seen, names_hosts: bool) -> Iterable[BoardMessage]:
    cases = [case for case in seen.cases if case.stage is Stage.CONFIRMED]
    if not cases:
        return
    ids = {case.recovery for case in cases}
    moves = [item for item in seen.moves
             if item.recovery in ids and item.phase is not Phase.LEFT]
    moved = sum(item.phase is Phase.DONE for item in moves)
    known = [seen.recoveries.get(name) for name in ids]
    is_over = all(one is not None and one.stage.finished for one in known)
    is_one = len(cases) == 1
    who = _hosts([case.host for case in cases], names_hosts)
    told = f' {moved} of {_number(len(moves), "instance")} moved.' if moves else ''
    if is_over:
        next_step = (f' {"Its recovery has" if is_one else "Their recoveries have"} finished. '
                     'Administrators: kaopu-ha host admit, when a host is repaired')
    else:
        next_step = ' Administrators: kaopu-ha status, kaopu-ha explain HOST'
    yield BoardMessage(MessageKind.CONFIRMED, 'warning' if is_over else 'error', (
        f'Kaopu HA: {who} {"is" if is_one else "are"} confirmed dead.{told}{next_step}'))


def _waits(seen: Seen, names_hosts: bool) -> Iterable[BoardMessage]:
    braked = seen.storm.braked if seen.storm.on else ()
    by_kind: dict[Kind, list[Waiting]] = collections.defaultdict(list)
    for item in seen.waits:
        # Of those that the brake holds its own message tells.
        if item.kind is not Kind.CASE or item.host not in braked:
            by_kind[item.kind].append(item)
    told = []
    for kind, (of_one, of_several) in _WAITS.items():
        if items := by_kind.get(kind):
            hosts = dict.fromkeys(item.host for item in items)
            names = f' ({texts.few(_names(hosts))})' if names_hosts else ''
            told.append((of_one if len(items) == 1 else of_several).format(len(items)) + names)
    if told:
        yield BoardMessage(
            MessageKind.WAITS, 'error' if _GRAVE & by_kind.keys() else 'warning',
            f'Kaopu HA waits for a person: {"; ".join(told)}. Administrators: kaopu-ha status')


def _hosts(hosts: Collection[str], names_hosts: bool) -> str:
    count = _number(len(hosts), 'host')
    return f'{count} ({texts.few(_names(hosts))})' if names_hosts else count


def _names(hosts: Iterable[str]) -> list[str]:
    return [texts.bounded(host) for host in sorted(hosts)]


def _number(count: int, noun: str) -> str:
    return f'{count} {noun}{"" if count == 1 else "s"}'
