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

"""What Nova and Placement still believe after a host was taken back, and what is done about it.

A nova-compute that starts again works off what lay in its queue: messages whose time is over make
Nova show REBUILD or ERROR of instances that run elsewhere.  And it takes away only what Placement
has for evacuations *from* its host: an instance that was on its way to a host when that died stays
counted there for ever.  Neither is seen by anybody, and neither mends itself.

So each instance that an admission had to do with is looked after for a while, and until nothing
is wrong with it.  The rows below are tried in their order; the first that is so decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
import dataclasses
from dataclasses import dataclass, field
import enum

from kaopu_ha.core import model, roads
from kaopu_ha.core.texts import bounded

_REBUILDS = frozenset({'rebuilding', 'rebuild_block_device_mapping', 'rebuild_spawning'})
_SETTLED = frozenset({'active', 'stopped', 'paused', 'suspended', 'rescued', 'error'})
# A thousand of them, each with the longest words, are a third of what etcd takes in one write.
_WARDS_MAX = 1000
_REASON_BYTES_MAX, _REFUSED_BYTES_MAX = 320, 160


@dataclass(frozen=True)
class Ward:
    """One instance that is looked after.

    ``reason``: what Nova or Placement believes of it falsely and for how long it will, in words;
    '' while nothing is known to be wrong.  ``at``: since when.  ``resets`` and ``releases`` count
    the calls, each before it is made.  ``refused``: what came of the last one, if it did nothing.
    """

    instance: str
    name: str
    reason: str = ''
    at: str = ''
    row: str = ''
    resets: int = 0
    releases: int = 0
    refused: str = ''


@dataclass(frozen=True)
class Aftercare:
    """The value of ``aftercare/<host>``: what is looked after since the host was taken back.

    ``destroyed``: or since a person said that it will never return; nothing runs there any more.
    """

    host: str
    wards: tuple[Ward, ...] = ()
    history: tuple[model.Step, ...] = ()
    destroyed: bool = False

    @property
    def wrong(self) -> tuple[Ward, ...]:
        """Those of which something false is believed."""
        return tuple(ward for ward in self.wards if ward.reason)


class Act(enum.Enum):
    """What the controller does now."""

    NOTE = 'note what is so'
    RESET = 'have Nova show it active'
    RELEASE = 'take back what Placement has for it elsewhere'
    DROP = 'look after it no more'


@dataclass(frozen=True)
class Place:
    """What is known of a host on which Placement counts an instance that Nova shows elsewhere.

    ``doubt``: why it is not certain that nothing of it is there; '' if it is.
    """

    case: bool = False
    doubt: str = ''


@dataclass(frozen=True)
class Seen:
    """What a leader saw of one instance: Placement's answer first, then Nova's.

    ``runs``: it surely runs where Nova shows it; else ``why_not`` says why that is not sure.
    ``books``: by consumer, the server and the migrations of it; None if Placement did not say, with
    the reason in ``unread``.  ``moving``: why the program itself has it in hand.  For so many
    ``strange_seconds`` it has been shown as it is, Placement has said nothing for
    ``unread_seconds``, and ``quiet_seconds`` passed since the last call.
    """

    at: str
    server: model.Server | None
    migrations: Sequence[model.Migration] = ()
    actions: Sequence[model.Action] = ()
    books: Mapping[str, model.Allocations] | None = field(default_factory=dict)
    unread: str = ''
    places: Mapping[str, Place] = field(default_factory=dict)
    runs: bool = False
    why_not: str = ''
    moving: str = ''
    strange_seconds: float = 0.0
    unread_seconds: float = 0.0
    quiet_seconds: float = 0.0


@dataclass(frozen=True)
class Decision:
    """The ward as it is to be written, and what to do once it is.

    ``read`` and ``place``: of which consumer what is released, and where.  It is what was read
    *before* Nova was asked: what Nova begins later changes it, and makes Placement refuse.
    """

    ward: Ward
    act: Act = Act.NOTE
    read: model.Allocations | None = None
    place: str = ''


def begun(before: Aftercare | None, host: str, evacuations: Iterable[model.Evacuation],
          instances: Iterable[str], at: str, by: str, *,
          destroyed: bool = False) -> Aftercare | None:
    """The record for a host that was taken back just now; None if there is nobody to look after.

    Of an earlier one what is still wrong stays.
    """
    names = {item.instance: item.name for item in evacuations}
    kept = {ward.instance: ward for ward in (before.wrong if before else ())}
    new = {instance: Ward(instance, bounded(names.get(instance, instance)))
           for instance in instances}
    wards = tuple(sorted((new | kept).values(), key=lambda ward: (
        not ward.reason, ward.name, ward.instance)))[:_WARDS_MAX]
    step = model.Step(at, by, 'begun', f'{len(wards)} instances are looked after')
    history = roads.latest(before.history if before else (), step)
    return Aftercare(host, wards, history, destroyed) if wards else None


def changed(record: Aftercare, decisions: Iterable[Decision]) -> Aftercare:
    """The record with what was decided."""
    found = {decision.ward.instance: decision for decision in decisions}
    return dataclasses.replace(record, wards=tuple(
        found[ward.instance].ward if ward.instance in found else ward for ward in record.wards
        if ward.instance not in found or found[ward.instance].act is not Act.DROP))


def refused(ward: Ward, why: str) -> Ward:
    """The ward after a call that surely did nothing."""
    return dataclasses.replace(ward, refused=bounded(why, _REFUSED_BYTES_MAX))


def advance(ward: Ward, seen: Seen, rules: model.Rules) -> Decision:
    """Decide what is done for one instance, and what is said of it."""
    if seen.server is None or seen.server.vm_state in ('deleted', 'shelved_offloaded'):
        return Decision(ward, Act.DROP)
    if seen.moving:
        return _said(ward, seen, '', '')
    for name, applies, then in _STATES:
        if applies(ward, seen, rules):
            state = then(ward, seen, name)
            break
    if state.act is Act.RESET:
        return state
    books = _books(ward, seen, rules)
    if books.act is Act.RELEASE or not state.ward.reason:
        return books
    both = '; '.join(part for part in (state.ward.reason, books.ward.reason) if part)
    return _said(ward, seen, state.ward.row, both)


def is_strange(server: model.Server | None, migrations: Sequence[model.Migration]) -> bool:
    """True if an old message may have made Nova show it so: rebuilding, or in error."""
    if server is None:
        return False
    failed = any(one.kind == 'evacuation' and one.status in ('failed', 'error')
                 for one in migrations)
    return server.task_state in _REBUILDS or (
        server.vm_state == 'error' and not server.task_state and failed)


# ---------------------------------------------------------------- what Nova shows


_Applies = Callable[[Ward, Seen, model.Rules], bool]
_State = tuple[str, _Applies, Callable[[Ward, Seen, str], Decision]]


def _tells(text: str) -> Callable[[Ward, Seen, str], Decision]:
    return lambda ward, seen, row: _said(ward, seen, row, text and _filled(text, ward, seen))


def _reset(ward: Ward, seen: Seen, row: str) -> Decision:
    said = _said(ward, seen, row, _filled('Nova shows {state}; it runs on {host}', ward, seen))
    return Decision(dataclasses.replace(said.ward, resets=ward.resets + 1, refused=''), Act.RESET)


_STATES: tuple[_State, ...] = (
    ('shown rightly', lambda ward, seen, rules: not is_strange(seen.server, seen.migrations),
     _tells('')),
    # A user's own rebuild begins like that, and an evacuation by a person.
    ('it may be under way', lambda ward, seen, rules:
     seen.strange_seconds < rules.aftercare_patience, _tells('')),
    ('its user rebuilds it', lambda ward, seen, rules: _rebuilt_by_user(seen),
     _tells('Nova shows {state}: its user asked for that')),
    ('it may not run', lambda ward, seen, rules: not seen.runs,
     _tells('Nova shows {state}, and it is not certain that it runs on {host}: {why_not}')),
    ('reset often enough', lambda ward, seen, rules: ward.resets >= rules.aftercare_resets_max,
     _tells('Nova shows {state}, again after {resets} resets; it runs on {host}: openstack server '
            'set --state active {instance}')),
    ('its pause', lambda ward, seen, rules: bool(ward.resets)
     and seen.quiet_seconds < rules.aftercare_patience,
     _tells('Nova shows {state}; it runs on {host}{refused}')),
    ('it runs', lambda ward, seen, rules: True, _reset))


def _rebuilt_by_user(seen: Seen) -> bool:
    """True if a rebuild was asked for after the last evacuation; actions are newest first."""
    last = next((action.kind for action in seen.actions
                 if action.kind in ('rebuild', 'evacuate')), '')
    return last == 'rebuild'


# ---------------------------------------------------------------- what Placement counts


def _books(ward: Ward, seen: Seen, rules: model.Rules) -> Decision:
    """Decide about what Placement has for the instance where Nova does not show it."""
    server = seen.server
    assert server is not None
    if seen.books is None:
        told = bool(ward.reason) or seen.unread_seconds >= rules.aftercare_patience
        reason = f'Placement does not say what it counts: {seen.unread}'
        return _said(ward, seen, 'Placement away', reason if told else '')
    if server.task_state or server.vm_state not in _SETTLED or not seen.books:
        return _said(ward, seen, 'Nova has it in hand', '')
    own = seen.books.get(ward.instance)
    if own is None or server.host not in own.hosts:
        # Its nova-compute failed over an old message, and took away what the instance uses.
        return _said(ward, seen, 'not counted', f'Placement does not count it on {server.host}: '
                     f'nova-manage placement heal_allocations --instance {ward.instance}')
    stays: list[str] = []
    for consumer, has in sorted(seen.books.items()):
        for host in has.hosts:
            if host == server.host and consumer == ward.instance:
                continue
            why = _why_it_stays(consumer, host, seen)
            if why is None:
                return _released(ward, seen, rules, has, host)
            if why:
                stays.append(f'Placement counts it on {host}, too: {why}')
    return _said(ward, seen, 'counted elsewhere' if stays else '', '; '.join(stays))


def _why_it_stays(consumer: str, host: str, seen: Seen) -> str | None:
    """Why what the consumer has there is not taken back; '' for now, None if it may be."""
    assert seen.server is not None
    place = seen.places.get(host, Place(doubt='nothing is known of that host'))
    if place.case:
        # Its own admission looks after it.
        return ''
    ended = [number for number, one in enumerate(seen.migrations)
             if one.kind == 'evacuation' and one.status in ('done', 'completed')]
    if not ended:
        return 'Nova has no finished evacuation of it'
    for number, one in enumerate(seen.migrations):
        # Older than an evacuation from its source: who would end it is gone.
        over = any(newer < number and one.source == seen.migrations[newer].source
                   for newer in ended)
        if one.kind != 'evacuation' and one.unfinished and not over:
            return f'Nova has not ended its {one.kind} ({one.id})'
    return place.doubt or None


def _released(ward: Ward, seen: Seen, rules: model.Rules, read: model.Allocations,
              host: str) -> Decision:
    reason = f'Placement counts it on {host}, too, where it is not'
    if ward.refused:
        reason = f'{reason}: {ward.refused}'
    said = _said(ward, seen, 'counted where it is not', reason)
    pause = rules.aftercare_patience * min(ward.releases, rules.aftercare_pauses_max)
    if ward.refused and seen.quiet_seconds < pause:
        return said
    return Decision(dataclasses.replace(said.ward, releases=ward.releases + 1, refused=''),
                    Act.RELEASE, read, host)


# ---------------------------------------------------------------- words


def _filled(text: str, ward: Ward, seen: Seen) -> str:
    assert seen.server is not None
    server = seen.server
    return text.format(
        state=f'{server.vm_state}/{server.task_state or "no task"}', host=server.host,
        why_not=seen.why_not or 'nobody said so', resets=ward.resets, instance=ward.instance,
        refused=f': {ward.refused}' if ward.refused else '')


def _said(ward: Ward, seen: Seen, row: str, reason: str) -> Decision:
    reason = bounded(reason, _REASON_BYTES_MAX)
    since = '' if not reason else ward.at if ward.reason else seen.at
    kept = ward.refused if reason else ''
    return Decision(dataclasses.replace(ward, reason=reason, at=since, row=row if reason else '',
                                        refused=kept))
