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

"""Is this host dead?  Claim 1 of the patent, with what ``contributor/method.rst`` adds to it.

::

              both silent       seconds waited     seconds waited         both silent
    SUSPECTED -----------> DYING ------------> LOCKED ----------> LAST_LOOK ---------> CONFIRMED
        ^                    |                    |                   |
        +----- any life -----+--------------------+-------------------+       (admit leads out)
        |
        +--- the beat is back: CLOSED

``death/<host>`` is there in DYING and ``lock/<host>`` in LOCKED; the permanent lock comes with
CONFIRMED.  A round that is UNDECIDED changes nothing and counts no time.  So does every round
under the brake or on hold.  Only the first answer of the host's kernel, in whichever round, takes
the case back to DYING: from then on the waits are the patent's.

A round that does not say is DEAD by the word of a person that the host is off, until the host is
heard of (``core.saying``).
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
from dataclasses import dataclass
import enum

from kaopu_ha.core import casefile, evidence, model, roads, saying, texts
from kaopu_ha.core.model import Case, Network, Sign, Stage, Verdict
from kaopu_ha.core.news import Fact, News

JUDGING = (Stage.SUSPECTED, Stage.DYING, Stage.LOCKED, Stage.LAST_LOOK)


class Key(enum.Enum):
    """What a step does with one of the visible keys."""

    KEEP = 'keep'
    WRITE = 'write'
    DELETE = 'delete'


@dataclass(frozen=True)
class Seen:
    """What a leader saw of one host: the beat, the keys, and a round that has just ended.

    ``since_last`` are the seconds since this leader's last look with the verdict DEAD, 0 if it
    took none or if another verdict came in between.  ``beat_at``: when it saw the beat last, for
    people ('': never), and ``behind``: why the inventory was not kept up by then.
    ``inventory_revision``: of what the host told last.
    """

    at: str
    by: str
    beat: bool
    beat_boot_id: str = ''
    round: model.Round | None = None
    since_last: float = 0.0
    death: bool = False
    lock: bool = False
    braked: bool = False
    held: bool = False
    inventory: model.Inventory | None = None
    beat_at: str = ''
    behind: str = ''
    inventory_revision: int = 0


@dataclass(frozen=True)
class Decision:
    """What to write, what to tell, and in how many seconds to look again."""

    case: Case
    death: Key = Key.KEEP
    lock: Key = Key.KEEP
    confirm: bool = False
    news: tuple[News, ...] = ()
    again: float = 0.0


def grace(rules: model.Rules) -> float:
    """Seconds that a beat gets after its lapse, before the first round."""
    return rules.beat_ttl / 3 + 2.0


def opened(inventory: model.Inventory, seen: Seen) -> Case:
    """A new case: the beat is missing."""
    on_at_opening = tuple(texts.bounded(instance.name) for instance in inventory.on)
    case = Case(inventory.host, Stage.SUSPECTED, boot_id=inventory.boot_id,
                on_at_opening=on_at_opening)
    step = model.Step(seen.at, seen.by, Stage.SUSPECTED.value, 'its beat is gone')
    return dataclasses.replace(_beat_kept(case, seen), history=(step,))


def judged(said: Sequence[model.Evidence],
           word: model.Word | None = None) -> tuple[Verdict, str]:
    """The table of evidence (``contributor/method.rst``), for a host whose beat is gone.

    One network that shows life spares it; none but all of them, silent, condemn it.  ``word``: a
    person's, that it is off; it decides where the networks do not say.
    """
    asked = {one.network: one for one in said}
    for network in Network:
        if network in asked and asked[network].sign is Sign.LIFE:
            return Verdict.ALIVE, _LIVES[network]
    doubt = next(filter(None, (_doubt(network, asked.get(network)) for network in Network)), '')
    if not doubt:
        *first, last = (network.value for network in Network)
        return Verdict.DEAD, f'{", ".join(("etcd", *first))} and {last} are silent'
    if word is not None and not any(one.strangers for one in said):
        return Verdict.DEAD, f'{word.text}; without that: {doubt}'
    return Verdict.UNDECIDED, doubt


_LIVES = {
    Network.MANAGEMENT: 'its libvirt answers: only the agent is lost',
    Network.STORAGE: 'its instances answer over the storage network: it is cut off from us'}


def _doubt(network: Network, said: model.Evidence | None) -> str:
    if said is None:
        return f'the {network.value} network was not asked'
    if said.rule in evidence.NOTHING_TO_ASK:
        return said.rule
    if said.sign is not Sign.UNKNOWN:
        return ''
    if network is Network.MANAGEMENT:
        return 'the management network could not be asked'
    return f'the {network.value} network does not say: {said.rule}'


def advance(case: Case, seen: Seen, rules: model.Rules) -> Decision:
    """Decide the next step of a case that is being judged.  Asked twice, it gives the same."""
    assert case.stage in JUDGING, case.stage
    if seen.beat:
        return _closed(case, seen)
    if seen.round is None:
        return Decision(case, again=rules.look_interval)
    if case.word is not None and seen.inventory_revision > case.word.inventory:
        return _heard_of(case, seen, 'its agent has told of it since', rules)
    before = case
    case = _filed(casefile.with_guests(_beat_kept(case, seen), seen.round, seen.inventory, rules),
                  seen.round, rules)
    if seen.round.verdict is Verdict.ALIVE:
        return _spared(before, case, seen, rules)
    if case.kernel_answered and not before.kernel_answered and case.stage is not Stage.SUSPECTED:
        return _slowed(case, seen, rules)
    if seen.round.verdict is Verdict.UNDECIDED:
        news = _changed(before, seen.round, Fact.UNDECIDED)
        return Decision(case, news=news, again=_again(seen.round, rules))
    if seen.held or seen.braked:
        return Decision(case, again=rules.look_interval)
    return _ROADS[case.stage](case, seen, rules)


def silent_since(case: Case) -> str:
    """When the first look after the last sign of life was taken; '' if it is not in the file.

    The host had lost its beat before, for as long as a beat lasts and its grace.
    """
    since = ''
    for item in case.rounds:
        since = '' if item.verdict is Verdict.ALIVE else since or item.at
    # Of the rounds, some may have left a full file; no step has left the history.
    return max([since, *(step.at for step in case.history if step.stage == Stage.SUSPECTED.value)]
               ) if since else ''


def _again(look: model.Round, rules: model.Rules) -> float:
    """Seconds until the next look after one that was UNDECIDED."""
    return max(rules.look_interval, rules.nothing_to_ask_seconds if look.nothing_to_ask else 0.0)


# ---------------------------------------------------------------- the roads of a DEAD round


def _suspected(case: Case, seen: Seen, rules: model.Rules) -> Decision:
    assert seen.round is not None
    if _leaves(case, seen):
        # It said that it is shut down in good order: a reboot may end within this time.
        case = _waited(case, seen, rules)
        if case.waited < rules.leaving_seconds:
            return _waiting(case, rules.leaving_seconds, rules)
        # What its kernel said on its way down is as it should be; what it says now counts.
        case = dataclasses.replace(
            case, kernel_answered=seen.round.kernel_answers)
    return _entered(case, Stage.DYING, seen, rules, f'round 1: {seen.round.rule}',
                    death=Key.WRITE, lock=Key.DELETE if seen.lock else Key.KEEP)


def _leaves(case: Case, seen: Seen) -> bool:
    told = seen.inventory
    return told is not None and told.leaving and told.boot_id == case.boot_id


def _dying(case: Case, seen: Seen, rules: model.Rules) -> Decision:
    case = _waited(case, seen, rules)
    wait = rules.death_wait(case.kernel_answered)
    if case.waited < wait:
        return _waiting(case, wait, rules, death=Key.KEEP if seen.death else Key.WRITE)
    return _entered(case, Stage.LOCKED, seen, rules, f'silent for {wait:g} s more',
                    death=Key.DELETE if seen.death else Key.KEEP, lock=Key.WRITE)


def _locked(case: Case, seen: Seen, rules: model.Rules) -> Decision:
    case = _waited(case, seen, rules)
    wait = rules.lock_wait(case.kernel_answered)
    if case.waited < wait:
        return _waiting(case, wait, rules, lock=Key.KEEP if seen.lock else Key.WRITE)
    return _entered(case, Stage.LAST_LOOK, seen, rules, f'round 2: silent for {wait:g} s more',
                    lock=Key.DELETE if seen.lock else Key.KEEP)


def _last_look(case: Case, seen: Seen, rules: model.Rules) -> Decision:
    assert seen.round is not None
    # The word of a person has done what it was given for: the fence is proven by itself.
    case = _go(dataclasses.replace(case, word=None), Stage.CONFIRMED, seen,
               f'last look: {seen.round.rule}')
    return Decision(case, confirm=True, lock=Key.WRITE,
                    death=Key.DELETE if seen.death else Key.KEEP,
                    news=(News(Fact.CONFIRMED, case.host, seen.round.rule),))


_ROADS = {Stage.SUSPECTED: _suspected, Stage.DYING: _dying, Stage.LOCKED: _locked,
          Stage.LAST_LOOK: _last_look}


# ---------------------------------------------------------------- the other roads


def _closed(case: Case, seen: Seen) -> Decision:
    if case.admit is not None:
        return _taken_back(case, seen)
    rebooted = bool(seen.beat_boot_id) and seen.beat_boot_id != case.boot_id
    reason = 'its beat is back' + (', after a reboot' if rebooted else '')
    case, told = saying.ended(case, 'its beat is back', seen.at, seen.by)
    news = [*told, News(Fact.CASE_CLOSED, case.host, reason)]
    off = _off_now(case, seen)
    if rebooted and off:
        news.append(News(Fact.REBOOTED, case.host,
                         'it was rebooted; on before and not now: ' + ', '.join(off)))
    return Decision(_go(case, Stage.CLOSED, seen, reason), news=tuple(news),
                    death=Key.DELETE if seen.death else Key.KEEP,
                    lock=Key.DELETE if seen.lock else Key.KEEP)


def _taken_back(case: Case, seen: Seen) -> Decision:
    """It was lost while it was taken back, and beats: that goes on behind its last step."""
    reason = 'its beat is back: its admission goes on'
    case, told = saying.ended(case, 'its beat is back', seen.at, seen.by)
    news = News(Fact.STAGE, case.host, f'{Stage.ADMITTING.value}: {reason}')
    return Decision(_go(case, Stage.ADMITTING, seen, reason), news=(*told, news),
                    death=Key.DELETE if seen.death else Key.KEEP,
                    lock=Key.DELETE if seen.lock else Key.KEEP)


def _off_now(case: Case, seen: Seen) -> tuple[str, ...]:
    on_now: set[str] = set()
    if seen.inventory is not None and seen.inventory.boot_id == seen.beat_boot_id:
        on_now = {instance.name for instance in seen.inventory.instances
                  if instance.power is not model.Power.OFF}
    return tuple(name for name in case.on_at_opening if name not in on_now)


def _spared(before: Case, case: Case, seen: Seen, rules: model.Rules) -> Decision:
    assert seen.round is not None
    lives = seen.round.of(Network.MANAGEMENT).sign is Sign.LIFE
    fact = Fact.AGENT_LOST if lives else Fact.CUT_OFF
    news = _changed(before, seen.round, fact)
    return _heard_of(case, seen, seen.round.rule, rules, news)


def _heard_of(case: Case, seen: Seen, how: str, rules: model.Rules,
              news: tuple[News, ...] = ()) -> Decision:
    """Whatever was waited and said ends: the case begins anew."""
    case, told = saying.ended(case, how, seen.at, seen.by)
    news += told
    if case.stage is not Stage.SUSPECTED:
        case = _go(case, Stage.SUSPECTED, seen, how)
        news += (News(Fact.LIFE_SPARED, case.host, how),)
    return Decision(dataclasses.replace(case, waited=0.0), news=news, again=rules.look_interval,
                    death=Key.DELETE if seen.death else Key.KEEP,
                    lock=Key.DELETE if seen.lock else Key.KEEP)


def _slowed(case: Case, seen: Seen, rules: model.Rules) -> Decision:
    # A kernel that refuses a connection lives: the waits begin anew, and they are the patent's.
    reason = 'its kernel answered: the waits begin anew, and they are the long ones'
    return _entered(case, Stage.DYING, seen, rules, reason, death=Key.WRITE,
                    lock=Key.DELETE if seen.lock else Key.KEEP)


def _entered(case: Case, stage: Stage, seen: Seen, rules: model.Rules, reason: str, *,
             death: Key = Key.KEEP, lock: Key = Key.KEEP) -> Decision:
    case = _go(case, stage, seen, reason)
    wait = {Stage.DYING: rules.death_wait(case.kernel_answered),
            Stage.LOCKED: rules.lock_wait(case.kernel_answered)}.get(stage, 0.0)
    return dataclasses.replace(_waiting(case, wait, rules, death=death, lock=lock),
                               news=(News(Fact.STAGE, case.host, f'{stage.value}: {reason}'),))


def _waiting(case: Case, wait: float, rules: model.Rules, *, death: Key = Key.KEEP,
             lock: Key = Key.KEEP) -> Decision:
    # A round of silence takes the whole ask limit: begin the last one of a stage so early that it
    # ends when the stage does.
    least = rules.round_pause if case.waited < wait else 0.0
    left = max(wait - case.waited - rules.ask_limit, least)
    return Decision(case, death=death, lock=lock, again=min(left, rules.look_interval))


def _waited(case: Case, seen: Seen, rules: model.Rules) -> Case:
    more = min(seen.since_last, 2 * max(rules.look_interval, rules.ask_limit))
    return dataclasses.replace(case, waited=round(case.waited + more, 3))


def _go(case: Case, stage: Stage, seen: Seen, reason: str) -> Case:
    # A beat that is back decides alone, whatever a round said meanwhile.
    read_at = seen.round.at if seen.round is not None and not seen.beat else ''
    return dataclasses.replace(
        roads.step_of_case(case, stage, seen.at, seen.by, reason, read_at=read_at), waited=0.0)


# ---------------------------------------------------------------- the file of rounds


def _filed(case: Case, new: model.Round, rules: model.Rules) -> Case:
    """Keep the first and the last round of each run of equal ones; the last carries the count."""
    rounds, clients = case.rounds, casefile.clients(case, new)
    new = casefile.brief(new)
    if len(rounds) >= 2 and rounds[-1].face == rounds[-2].face == new.face:
        rounds = (*rounds[:-1], dataclasses.replace(new, count=rounds[-1].count + 1))
    else:
        rounds = (*rounds, new)
    if len(rounds) > rules.rounds_kept:
        rounds = (rounds[0], *rounds[-(rules.rounds_kept - 1):])
    return dataclasses.replace(
        case, rounds=rounds, clients=clients, verdict=new.verdict,
        kernel_answered=case.kernel_answered or new.kernel_answers)


def _beat_kept(case: Case, seen: Seen) -> Case:
    """A leader that never saw the beat knows no better than the one before it."""
    if not seen.beat_at:
        return case
    return dataclasses.replace(case, beat_at=seen.beat_at,
                               behind=texts.bounded(seen.behind, texts.LINE_BYTES_MAX))


def _changed(before: Case, new: model.Round, fact: Fact) -> tuple[News, ...]:
    if before.rounds and before.rounds[-1].face == new.face:
        return ()
    return (News(fact, before.host, new.rule),)
