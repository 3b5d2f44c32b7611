# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""May a confirmed host come back, and if not, why.  CONFIRMED is left by this road only.

The order is the safety: what was evacuated is cleaned away while the host is still fenced (a
nova-compute destroys it when it starts, and can do so behind the fence), and only then the fence
goes.  Each step is persisted when it is done; who takes over goes on behind the last one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
import dataclasses
from dataclasses import dataclass
import enum

from kaopu_ha.core import detection, model, roads, texts
from kaopu_ha.core.model import Case, Contact, Phase, RecoveryStage, Stage
from kaopu_ha.core.requests import RequestState, RequestVerb


class Did(enum.Enum):
    """The steps, in their order, in the words that are shown and kept."""

    COMPUTE = 'nova-compute restarted'
    RECORDS = 'evacuation records completed'
    DOMAINS = 'left-over domains gone'
    UNFENCED = 'fence taken back'
    STORAGE = 'storage read from the host'
    UNLOCKED = 'lock deleted'
    BEAT = 'beat there'
    UNFORCED = 'compute service not forced down'


class Act(enum.Enum):
    """What the controller does now."""

    NOTE = 'note a step that is done'
    ASK_RESTART = 'restart compute'
    ASK_REMOVE = 'remove domains'
    UNFENCE = 'take the fence back'
    ASK_READ = 'read storage'
    UNLOCK = 'delete the lock'
    UNFORCE = 'unforce'
    FALL_BACK = 'take it for confirmed again'
    SUSPECT = 'suspect it again'
    CLOSE = 'close'
    WAIT = 'wait'


# What its agent is asked by these.
ASKS = {Act.ASK_RESTART: RequestVerb.RESTART_COMPUTE, Act.ASK_REMOVE: RequestVerb.REMOVE_DOMAINS,
        Act.ASK_READ: RequestVerb.READ_STORAGE}


@dataclass(frozen=True)
class Answered:
    """What the host's agent answered to a request of this admission, and for how long this leader
    has known of that.
    """

    state: RequestState
    answer: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Seen:
    """What the leader saw.  ``unfinished``: the moves away from it that have not ended.
    ``servers`` are the UUIDs that Nova has on the host, ``uncompleted``
    the evacuations from it that its nova-compute has not cleaned up; None if Nova did not answer.
    ``left_over``: see ``may_be_left``, with what its libvirt knows and Nova has on another host: a
    live migration may have brought that before the host died.  ``moved_on``: see the function.
    ``mute_seconds``, ``beatless_seconds``: for how long its libvirt has not answered, and it has
    not beaten, by this leader's count.  ``told_since``: its inventory is of the boot that beats.
    """

    recovery: RecoveryStage | None
    unfinished: tuple[model.Evacuation, ...]
    libvirt: model.LibvirtAnswer
    inventory: model.Inventory | None
    servers: frozenset[str] | None
    uncompleted: int | None
    left_over: frozenset[str]
    answers: Mapping[RequestVerb, Answered]
    beat: bool
    forced_by_us: bool
    moved_on: Mapping[str, model.Evacuation] = dataclasses.field(default_factory=dict)
    mute_seconds: float = 0.0
    beatless_seconds: float = 0.0
    told_since: bool = False


@dataclass(frozen=True)
class Decision:
    """The act, why, and (for NOTE) the step that is done.

    ``needs_operator``: nothing that the program may do ends this wait.
    """

    act: Act
    reason: str = ''
    did: Did | None = None
    given: tuple[str, ...] = ()
    needs_operator: bool = False


def refusal(case: Case, seen: Seen) -> str:
    """Why an admission may not begin now; empty if it may."""
    if case.stage is not Stage.CONFIRMED:
        return f'it is not confirmed dead: its case is {case.stage.value}'
    if seen.recovery is not None and seen.recovery.early:
        return (f'its recovery is {seen.recovery.value}: none of its instances is planned yet. If '
                f'its fence can\'t hold: kaopu-ha recovery end {case.host} --why ... first; they '
                f'start where they were, then')
    if seen.unfinished or seen.recovery is not RecoveryStage.FINISHED:
        return f'its recovery is not finished: {_unfinished(case.host, seen.unfinished)}'
    return _no_libvirt(seen) or _contested(seen).reason


def _unfinished(host: str, moves: Collection[model.Evacuation]) -> str:
    """What is awaited; of what only waits, how a person ends that."""
    called = [item.name for item in moves if item.phase in (Phase.CALLING, Phase.MOVING)]
    if called or not moves:
        whose = f' ({texts.few(sorted(called))})' if called else ''
        return f'an attempt may still be under way{whose}'
    return (f'{texts.few(sorted(item.name for item in moves))} still to be moved. If no host will '
            f'take that: kaopu-ha recovery end {host} --why ... first; they start where they were, '
            f'then')


def advance(case: Case, seen: Seen, rules: model.Rules) -> Decision:
    """The next step of an admission under way (stage ADMITTING)."""
    assert case.stage is Stage.ADMITTING and case.admit is not None
    lost = _lost(case.admit, seen, rules)
    if lost is not None:
        return lost
    done = set(case.admit.steps)
    for did, step in _STEPS.items():
        if did.value not in done:
            return step(case, seen, rules)
    return Decision(Act.CLOSE, 'it was admitted')


def entered(case: Case, asked_by: str, at: str, by: str) -> Case:
    """The case of a host that may come back, with no step done yet."""
    case = roads.step_of_case(case, Stage.ADMITTING, at, by, f'{asked_by} asked for it')
    return dataclasses.replace(case, admit=model.AdmitProgress(asked_by))


def closed(case: Case, at: str, by: str) -> Case:
    """The case of a host that was admitted."""
    return roads.step_of_case(case, Stage.CLOSED, at, by, 'admitted')


def destroyed(case: Case, at: str, by: str) -> Case:
    """The case of a host that will never return, as a person says."""
    return roads.step_of_case(case, Stage.CLOSED, at, by, 'it was destroyed')


def may_be_left(host: str, recovery: str,
                evacuations: Iterable[model.Evacuation]) -> frozenset[str]:
    """The instances whose domains may be left on the host.

    Those that its recovery moved; one that was given up may have moved all the same.  And those
    that were on their way to it when it died as their target, and were moved on.
    """
    return frozenset(item.instance for item in evacuations if item.recovery == recovery
                     or any(attempt.target == host for attempt in item.attempts))


def moved_on(host: str, recovery: str,
             evacuations: Iterable[model.Evacuation]) -> dict[str, model.Evacuation]:
    """The instances that were on their way to the host when it died, and were moved on since.

    Whose end came last is what Nova shows: what it shows on the host may run on another one.  Not
    those that were the host's own by its death, as its recovery knows.
    """
    evacuations = tuple(evacuations)
    own = {item.instance for item in evacuations if item.recovery == recovery}
    return {item.instance: item for item in evacuations
            if item.phase in (Phase.CALLING, Phase.MOVING, Phase.DONE) and item.target != host
            and item.instance not in own
            and any(attempt.target == host for attempt in item.attempts)}


def noted(case: Case, did: Did) -> Case:
    """The case with one more step done: the first one that was not."""
    assert case.admit is not None
    ahead = [each for each in Did if each.value not in case.admit.steps]
    assert did in ahead[:1], f'{did.value} before {ahead}'
    admit = dataclasses.replace(case.admit, steps=(*case.admit.steps, did.value), waiting_for='',
                                needs_operator=False)
    return dataclasses.replace(case, admit=admit)


def fallen_back(case: Case, at: str, by: str, reason: str) -> Case:
    """The case of a host that died while it was taken back: confirmed as before, and fenced."""
    assert case.admit is not None and not case.admit.unfenced
    return dataclasses.replace(roads.step_of_case(case, Stage.CONFIRMED, at, by, reason),
                               admit=None)


def suspected(case: Case, inventory: model.Inventory | None, at: str, by: str,
              reason: str) -> Case:
    """The case of a host that is lost, but not fenced any more: judged like any other.

    What was done to take it back is kept: if its beat returns, its admission goes on.
    """
    assert case.admit is not None and case.admit.unfenced
    known = inventory.on if inventory else ()
    return dataclasses.replace(
        roads.step_of_case(case, Stage.SUSPECTED, at, by, reason), waited=0.0,
        kernel_answered=False, boot_id=inventory.boot_id if inventory else case.boot_id,
        on_at_opening=tuple(instance.name for instance in known))


# ---------------------------------------------------------------- the steps


def _lost(admit: model.AdmitProgress, seen: Seen, rules: model.Rules) -> Decision | None:
    """What becomes of a host that is taken back and lost again; None while it is there."""
    if not admit.unfenced:
        if seen.mute_seconds < rules.admission_mute_seconds:
            return None
        return Decision(Act.FALL_BACK, f'its libvirt has not answered for {seen.mute_seconds:.0f} '
                                       f's: it is confirmed dead and fenced as before')
    # Its agent may beat once the lock is gone.
    unlocked = Did.UNLOCKED.value in admit.steps
    if unlocked and seen.beatless_seconds >= rules.beat_ttl + detection.grace(rules):
        return Decision(Act.SUSPECT, 'it was taken back, and does not beat')
    if not unlocked and seen.mute_seconds >= rules.admission_mute_seconds:
        return Decision(Act.SUSPECT, 'its fence was taken back, and its libvirt does not answer')
    return None


def _no_libvirt(seen: Seen) -> str:
    if seen.inventory is None:
        return 'it has no inventory'
    if seen.libvirt.contact is not Contact.ANSWERED:
        return f'its libvirt does not answer ({seen.libvirt.reason or seen.libvirt.contact.value})'
    if not seen.inventory.host_uuid:
        return 'its inventory does not say its UUID'
    if seen.libvirt.host_uuid.lower() != seen.inventory.host_uuid.lower():
        return 'another host answers at its address: its UUID is not the inventory\'s'
    return ''


def _contested(seen: Seen) -> Decision:
    """Why it can't be said yet whose an instance is that had come to it; no reason if it can."""
    shown = seen.servers or frozenset()
    for uuid, item in sorted(seen.moved_on.items()):
        if item.phase is not Phase.DONE and (uuid in shown or uuid in seen.libvirt.domains):
            return Decision(Act.WAIT, f'{item.name}, which had come to it, is under way to '
                                      f'{item.target} now')
        if uuid in shown:
            return Decision(Act.WAIT, f'Nova shows {item.name} on it, which was moved on to '
                                      f'{item.target}: its record has to be mended by hand',
                            needs_operator=True)
    return Decision(Act.WAIT)


def _compute(case: Case, seen: Seen, rules: model.Rules) -> Decision:
    trouble = _no_libvirt(seen)
    if trouble:
        return Decision(Act.WAIT, trouble)
    assert seen.inventory is not None
    if seen.inventory.boot_id != case.boot_id:
        return Decision(Act.NOTE, 'it was booted since', Did.COMPUTE)
    return _by_agent(seen, rules, Act.ASK_RESTART, Did.COMPUTE)


def _records(case: Case, seen: Seen, rules: model.Rules) -> Decision:
    if seen.uncompleted is None:
        return Decision(Act.WAIT, 'Nova does not answer')
    if seen.uncompleted:
        restarted = seen.answers.get(RequestVerb.RESTART_COMPUTE)
        if restarted is not None and restarted.state is RequestState.DONE and (
                restarted.seconds < rules.compute_again_seconds):
            return Decision(
                Act.WAIT, f'its nova-compute has to clean up {seen.uncompleted} evacuations, which '
                          f'it does when it starts; it is started again every '
                          f'{rules.compute_again_seconds:g} s, for at one start it cleans up only '
                          f'one of those of the same instance')
        # It cleans up only when it starts: a host that was booted while its instances were still
        # being moved started its nova-compute too early for those that arrived later.
        return _by_agent(seen, rules, Act.ASK_RESTART, None)
    return Decision(Act.NOTE, 'Nova shows none that is not completed', Did.RECORDS)


def _domains(case: Case, seen: Seen, rules: model.Rules) -> Decision:
    trouble = _no_libvirt(seen)
    contested = _contested(seen)
    if trouble:
        return Decision(Act.WAIT, trouble)
    if contested.reason:
        return contested
    if seen.servers is None:
        return Decision(Act.WAIT, 'Nova does not answer')
    left = tuple(sorted(uuid for uuid in seen.libvirt.domains
                        if uuid in seen.left_over and uuid not in seen.servers))
    if not left:
        return Decision(Act.NOTE, 'its libvirt knows none that was evacuated', Did.DOMAINS)
    return _by_agent(seen, rules, Act.ASK_REMOVE, None, left)


def _unfenced(case: Case, seen: Seen, rules: model.Rules) -> Decision:
    return Decision(Act.UNFENCE, 'what was evacuated is gone from it', Did.UNFENCED)


def unfenced(stays: Collection[str]) -> str:
    """What is told once the fence is gone; ``stays``: the clients that stay cut off."""
    if not stays:
        return 'its absence was read back'
    return (f'its absence was read back; cut off stay clients that are at no address of its own: '
            f'{texts.few(sorted(stays))}')


def _storage(case: Case, seen: Seen, rules: model.Rules) -> Decision:
    if seen.beat:
        # It was lost without its fence and came back: without a lock its agent takes no requests,
        # and tells of its storage like any other.
        return _by_its_inventory(seen)
    return _by_agent(seen, rules, Act.ASK_READ, Did.STORAGE)


def _by_its_inventory(seen: Seen) -> Decision:
    """What the agent of a host that beats tells of its storage, once it is of the present boot."""
    if seen.inventory is None or not seen.told_since:
        return Decision(Act.WAIT, 'its inventory of the present boot is awaited')
    away = [cluster for cluster, sign in sorted(seen.inventory.storage.items())
            if sign is not model.Sign.LIFE]
    if away:
        return Decision(Act.WAIT, f'it does not reach its storage: {", ".join(away)}')
    return Decision(Act.NOTE, 'its agent, which beats, tells that it does', Did.STORAGE)


def _unlocked(case: Case, seen: Seen, rules: model.Rules) -> Decision:
    return Decision(Act.UNLOCK, 'it reads its storage', Did.UNLOCKED)


def _beat(case: Case, seen: Seen, rules: model.Rules) -> Decision:
    if not seen.beat:
        return Decision(Act.WAIT, 'its beat is awaited')
    return Decision(Act.NOTE, 'its agent beats', Did.BEAT)


def _unforced(case: Case, seen: Seen, rules: model.Rules) -> Decision:
    if not seen.forced_by_us:
        return Decision(Act.NOTE, 'it was not we who forced it down', Did.UNFORCED)
    return Decision(Act.UNFORCE, 'it was we who forced it down', Did.UNFORCED)


_STEPS = {Did.COMPUTE: _compute, Did.RECORDS: _records, Did.DOMAINS: _domains,
          Did.UNFENCED: _unfenced, Did.STORAGE: _storage, Did.UNLOCKED: _unlocked,
          Did.BEAT: _beat, Did.UNFORCED: _unforced}


def _by_agent(seen: Seen, rules: model.Rules, act: Act, did: Did | None,
              given: tuple[str, ...] = ()) -> Decision:
    """Have the host's agent do it; a failure is told, and asked again after a while."""
    answered = seen.answers.get(ASKS[act])
    if answered is None or (answered.state is RequestState.DONE and did is None):
        return Decision(act, 'asked of its agent', did, given)
    if answered.state is RequestState.DONE:
        return Decision(Act.NOTE, answered.answer, did)
    if answered.state is RequestState.ASKED:
        return Decision(Act.WAIT, f'its agent has to {act.value}')
    if answered.seconds < rules.agent_again_seconds:
        # Each question and each answer is a write; what hinders it may stay for hours.
        return Decision(Act.WAIT, f'its agent was asked to {act.value}: {answered.answer}; asked '
                                  f'again every {rules.agent_again_seconds:g} s')
    return Decision(act, f'asked again; its agent said: {answered.answer}', did, given)
