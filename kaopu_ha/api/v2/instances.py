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

"""What a project may know of its instances: which were moved or started again, when and why, for
how long they were down; and which would not come back.  Nothing of hosts.

Which instances are the project's Nova says; of those that are not there any more the moves do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
import enum
from typing import Any

from kaopu_ha import records
from kaopu_ha.api.faults import bad, missing
from kaopu_ha.api.policies.v2 import rule
from kaopu_ha.api.v2.declared import PAGE, OwnAction
from kaopu_ha.api.v2.inquiry import LINKS, Inquiry, plain
from kaopu_ha.core import detection, policy, protection, texts
from kaopu_ha.core.model import Evacuation, Phase, Power, Rules, Server
from kaopu_ha.core.protection import Reason, Unprotected
from kaopu_ha.core.restart import Start, StartPhase
from kaopu_ha.telling import wording
from kaopu_ha.telling.picture import Picture


class Protected(enum.Enum):
    """Would it come back if what it runs on died now?"""

    YES = 'yes'
    NO = 'no'
    DOUBTFUL = 'doubtful'
    LEFT = 'left alone'
    OFF = 'off'
    NOT_KNOWN = 'not known'


class WhyNot(enum.Enum):
    """Of what kind the reason is; '' where there is none."""

    NONE = ''
    DISKS = 'its disks'
    ROOM = 'no room'
    STATE = 'its state'
    POLICY = 'the policy'
    CLOUD = 'the cloud'


@dataclass(frozen=True)
class Interruption:
    """Once that an instance was, or is, down and was brought back.

    ``why``: ``host lost`` or ``host restarted``.  ``state``: ``under way``, ``moved``, ``started``,
    ``failed`` or ``left``.  ``down_at`` and ``up_at``: from when to when it was down, as far as
    that is known ('').
    """

    why: str
    state: str
    down_at: str
    up_at: str
    seconds_down: float | None


@dataclass(frozen=True)
class InstanceRow:
    """An instance of a project.  ``there``: Nova shows it; one that is not has no protection."""

    instance: str
    name: str
    there: bool
    protected: Protected
    why_not: WhyNot
    interruptions: tuple[Interruption, ...]


def index(call: Inquiry) -> dict[str, Any]:
    """List the instances of your project, with what was done about them lately, and whether they
    would come back.
    """
    rows = _rows(call)
    shown, links = call.page('instances', list(rows))
    return {'instances': [plain(rows[uuid]) for uuid in shown], **links}


def show(call: Inquiry, instance: str) -> dict[str, Any]:
    """Show that of one instance of your project, by its UUID."""
    row = _rows(call).get(instance)
    if row is None:
        raise missing(f'Your project has no instance {instance}.')
    return {'instance': plain(row)}


# ---------------------------------------------------------------- private


def _rows(call: Inquiry) -> dict[str, InstanceRow]:
    """Those of the project of who asks, by UUID."""
    project = call.creds.project_id
    if not project:
        raise bad('Your token is of no project: ask with one of the project that is meant.')
    servers = {server.uuid: server for server in call.projects.servers(project)
               if server.project == project}
    found = call.books.picture(records.CLOSED)
    moves: dict[str, list[Evacuation]] = {}
    for item in found.every_evacuation:
        # What was off stays off: nothing was interrupted.
        if item.project == project and not (item.phase is Phase.LEFT and item.power is Power.OFF):
            moves.setdefault(item.instance, []).append(item)
    starts = {start.instance: start for record in found.restarts.values()
              for start in record.starts}
    names = {uuid: items[-1].name for uuid, items in moves.items()} | {
        uuid: server.name for uuid, server in servers.items()}
    told = _Told(found, call.rules)
    return {uuid: InstanceRow(
        uuid, names[uuid], uuid in servers, *told.protection(servers.get(uuid)),
        tuple(told.interruptions(moves.get(uuid, []), starts.get(uuid))))
        for uuid in sorted(names)}


class _Told:
    """What the records say of instances whose project is known."""

    def __init__(self, found: Picture, rules: Rules) -> None:
        self._rules = rules
        listed = found.unprotected
        self._looked = listed is not None and listed.count == len(listed.items)
        self._by_host: dict[str, list[Unprotected]] = {}
        for item in protection.still_to_be_judged(
                listed.items if listed else (), found.cases):
            self._by_host.setdefault(item.host, []).append(item)
        self._cases = {case.recovery: case for host in found.archived
                       for case in found.closed(host) if case.recovery}
        self._cases |= {case.recovery: case for case in found.cases.values() if case.recovery}
        self._judged = frozenset(found.cases)

    def protection(self, server: Server | None) -> tuple[Protected, WhyNot]:
        """Would it come back?"""
        if server is None:
            return Protected.NOT_KNOWN, WhyNot.NONE
        if server.vm_state not in _ON:
            return Protected.OFF, WhyNot.NONE
        if policy.answer(server, self._rules.policy).left:
            return Protected.LEFT, WhyNot.POLICY
        items = self._by_host.get(server.host, ())
        for item in items:
            if not item.instances or texts.bounded(server.name) in item.instances:
                doubt = item.reason is Reason.DOUBTFUL
                return (Protected.DOUBTFUL if doubt else Protected.NO,
                        _CLASSES.get(item.reason, WhyNot.CLOUD))
        # Of many that share a reason only the first are named, and of many reasons the first.
        cut = any(len(item.instances) >= texts.NAMES_MAX for item in items)
        if cut or not self._looked or server.host in self._judged:
            return Protected.NOT_KNOWN, WhyNot.NONE
        return Protected.YES, WhyNot.NONE

    def interruptions(self, moves: list[Evacuation],
                      start: Start | None) -> Iterator[Interruption]:
        """When it was down, the earliest first."""
        for item in sorted(moves, key=lambda one: one.history[0].at if one.history else ''):
            case = self._cases.get(item.recovery)
            yield _interruption('host lost', _STATES.get(item.phase, _UNDER_WAY),
                                detection.silent_since(case) if case else '',
                                item.history[-1].at if item.phase is Phase.DONE else '')
        if start is not None and start.phase not in _NEVER_DOWN:
            runs = start.phase is StartPhase.RUNS
            yield _interruption('host restarted', _STARTS.get(start.phase, _UNDER_WAY), '',
                                start.at if runs else '')


def _interruption(why: str, state: str, down_at: str, up_at: str) -> Interruption:
    span = wording.between(down_at, up_at)
    return Interruption(why, state, down_at, up_at, None if span is None else round(span, 1))


_UNDER_WAY = 'under way'
_STATES: Mapping[Phase, str] = {Phase.DONE: 'moved', Phase.FAILED: 'failed',
                                Phase.NOT_RECOVERABLE: 'failed', Phase.LEFT: 'left'}
_STARTS: Mapping[StartPhase, str] = {StartPhase.RUNS: 'started', StartPhase.FAILED: 'failed',
                                     StartPhase.WAVED_OFF: 'left'}
# By its user's wish it was off before.
_NEVER_DOWN = (StartPhase.LEFT,)
# Nova's words for what runs, or would run if nothing had happened.
_ON = ('active', 'error', 'paused', 'suspended')
_CLASSES: Mapping[Reason, WhyNot] = {
    **dict.fromkeys((Reason.UNKNOWN_IMAGE, Reason.NO_CLUSTER, Reason.LOCAL_DISK, Reason.NO_DISK,
                     Reason.WITHOUT_DISK), WhyNot.DISKS),
    **dict.fromkeys((Reason.NO_ROOM, Reason.NO_TARGET, Reason.DOUBTFUL), WhyNot.ROOM),
    Reason.STATE: WhyNot.STATE}

INDEX = OwnAction(index, rule('instances', 'list'), {
    'instances': tuple[InstanceRow, ...], 'instances_links?': LINKS}, query=PAGE)
SHOW = OwnAction(show, rule('instances', 'show'), {'instance': InstanceRow})
