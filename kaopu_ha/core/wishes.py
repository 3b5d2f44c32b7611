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

"""What people ask of a recovery: to try an instance again, to give one up, to end it, to go on.

A person asks and the leader answers; question and answer are one record.  What may be asked of an
instance is decided by how far its move is::

                   waiting   queued   refused   calling,   failed   not re-     done,
                                                moving              coverable   left
    retry          yes       no       yes       no         yes      if disks    no
                                                                    may open
    give up, end   yes       yes      yes       no         yes      yes         no

*calling* and *moving*: Nova may still begin with the call, or has not ended it.  Nobody may forget
that, least of all the admission of the host.  Give up is refused then; end waits for it.  What has
failed and is given up stays as it is; people are not reminded of it any more.  What the policy left
may be tried if its disks may open: who asks for it by name knows better than its marks.

A recovery that is finished is taken up again by a retry, as long as its host is confirmed: its
fence was kept.  The newest word of a person counts: a retry withdraws an end that waits.

Before anything is planned, and of the recovery as a whole::

                   fencing, proven    planned, evacuating       finished
    retry          no                 as above                  as above
    give up        no                 as above                  as above
    end            yes: nothing is    as above                  it has ended
                   moved
    go on          yes, while its     yes, while its fence      no
                   fence is not       was not read back
                   proven

*go on*: a person says that the host is off, in the place of a proof.  Refused while it beats.  Said
of a host that is still judged, it takes the place of what could not be asked (``core.saying``).
Whoever said that it is switched off may say later that it was destroyed, also when it has ended:
what was on its way to it waits for that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
import dataclasses

from kaopu_ha.core import (
    detection,
    evacuation,
    fencing,
    kept,
    policy,
    recovery,
    restart,
    roads,
    saying,
)
from kaopu_ha.core.asked import Reply as Reply
from kaopu_ha.core.asked import Seen as Seen
from kaopu_ha.core.asked import Wish as Wish
from kaopu_ha.core.asked import WishState as WishState
from kaopu_ha.core.asked import WishVerb as WishVerb
from kaopu_ha.core.keys import TOGETHER_MAX
from kaopu_ha.core.model import (
    Evacuation,
    Phase,
    Recovery,
    RecoveryStage,
    Rules,
    Stage,
    Step,
    Word,
)
from kaopu_ha.core.news import Fact, News

# In one sentence.
_NAMES_MAX = 10
# Of a history at each end; and how many attempts a record bears: none may be forgotten, for each
# has a target on which something may be left.
_STEPS_KEPT = 30
_ATTEMPTS_MAX = 300


def answered(wish: Wish, seen: Seen, rules: Rules) -> Reply:
    """Decide what becomes of a wish that waits.  Asked twice, it gives the same."""
    if wish.opened:
        return _say_it_is_off(wish, seen)
    if not wish.recovery:
        return _start(wish, seen, rules)
    reason = _why_over(wish, seen)
    if reason:
        return _refused(wish, reason)
    row = _OF_ALL.get(wish.verb) or (_not_planned if _is_early(seen) else None)
    if row is not None:
        return row(wish, seen)
    item = next((item for item in seen.evacuations if item.instance == wish.instance), None)
    if item is None:
        return _refused(wish, 'it is not in this recovery, or its record can\'t be read')
    return _ROWS[wish.verb][item.phase](wish, item, seen)


# ---------------------------------------------------------------- of the recovery as a whole


def _why_over(wish: Wish, seen: Seen) -> str:
    case = seen.case
    if case is None or seen.recovery is None or case.recovery != wish.recovery:
        return (f'this recovery of {wish.host} is over: the host was admitted or forgotten since'
                f'{_by_nova(wish)}')
    if case.stage is Stage.ADMITTING and wish.verb in (WishVerb.GIVE_UP, WishVerb.END):
        return ''
    if case.stage is not Stage.CONFIRMED:
        return f'{wish.host} is being taken back: its case is {case.stage.value}{_by_nova(wish)}'
    return ''


def _by_nova(wish: Wish) -> str:
    return (f'. If {wish.name or "an instance"} is to run: openstack server start '
            f'{wish.instance or "UUID"}')


def _is_early(seen: Seen) -> bool:
    """True if none of its instances is planned yet."""
    assert seen.recovery is not None
    return seen.recovery.stage.early


def _not_planned(wish: Wish, seen: Seen) -> Reply:
    assert seen.recovery is not None
    waits = seen.recovery.waiting_for or 'its next step'
    return _refused(wish, f'none of its instances is planned yet: the recovery is '
                          f'{seen.recovery.stage.value} and waits for: {waits}. If its fence '
                          f'can\'t hold: kaopu-ha recovery go-on or end {wish.host}')


def _go_on(wish: Wish, seen: Seen) -> Reply:
    """Have a person's word stand for the fence."""
    found = seen.recovery
    assert found is not None
    never_again = wish.destroyed and found.word is not None and not found.word.destroyed
    if not recovery.is_open(found) and not never_again:
        return _refused(wish, 'its recovery is finished: nothing waits for its fence')
    if seen.beats:
        return _refused(wish, f'{wish.host} beats: it is not off')
    if seen.proven and not never_again:
        return _refused(wish, 'its fence was read back within the last seconds: nothing waits for '
                              'a word')
    word = _word(wish, seen)
    step = Step(seen.at, seen.by, roads.WORD_GIVEN, word.text)
    after = dataclasses.replace(found, word=word, history=(*_shortened(found.history), step))
    text = 'its instances are moved without a proof of the fence, by your word that it is off' \
        if recovery.is_open(found) else \
        'what was on its way to it is sent elsewhere, by your word that it never runs again'
    return Reply(_done(wish, text), after,
                 news=(News(Fact.WORD_GIVEN, wish.host, word.text),))


def _say_it_is_off(wish: Wish, seen: Seen) -> Reply:
    """Have a person's word stand for what could not be asked of a host that is judged."""
    case = seen.case
    if case is None or seen.opened != wish.opened:
        return _refused(wish, f'the case on {wish.host} that was meant is over')
    if case.stage not in detection.JUDGING:
        return _refused(wish, f'{wish.host} is judged: its case is {case.stage.value}')
    reason = 'it beats: it is not off' if seen.beats else saying.why_not(case, held=seen.held)
    if reason:
        return _refused(wish, reason)
    word = _word(wish, seen)
    return Reply(_done(wish, 'it is taken for silent by your word, until it is heard of; the '
                              'waits, the brake and the fence come as always'),
                 case=saying.given(case, word, seen.at, seen.by),
                 news=(News(Fact.WORD_GIVEN, wish.host, word.text),))


def _word(wish: Wish, seen: Seen) -> Word:
    return Word(wish.who, seen.at, wish.why, wish.destroyed, seen.inventory_revision)


def _end(wish: Wish, seen: Seen) -> Reply:
    """Give up what is not under way; the wish waits for the rest."""
    every = (*seen.evacuations, *_unplanned(seen))
    given = [_given_up(wish, item, seen) for item in every
             if item.phase in _MAY_BE_GIVEN_UP and not item.given_up]
    busy = [item for item in seen.evacuations if item.phase in _CALLED]
    news = _news_of(wish, given[:TOGETHER_MAX], seen)
    if busy or seen.unreadable or len(given) > TOGETHER_MAX:
        waits = _names(f'{item.name} ({item.phase.value} to {item.target})' for item in busy)
        text = f'it waits for what is under way: {waits}' if busy else \
            'a record of it can\'t be read' if seen.unreadable else 'it goes on'
        return Reply(dataclasses.replace(wish, answer=text),
                     evacuations=tuple(given[:TOGETHER_MAX]), news=news)
    names = _names(item.name for item in every if item.given_up or item.phase in _MAY_BE_GIVEN_UP)
    text = f'every instance of it has ended; given up: {names}' if names else \
        'every instance of it has ended, and none had to be given up'
    return Reply(_done(wish, text), _finished(wish, seen), tuple(given),
                 news=(*news, News(Fact.ENDED, wish.host, f'{wish.by}: {text}')))


def _unplanned(seen: Seen) -> tuple[Evacuation, ...]:
    """What would have been moved, had the plan been made."""
    assert seen.recovery is not None
    if not _is_early(seen):
        return ()
    known = {item.instance for item in seen.evacuations}
    return tuple(item for item in evacuation.unplanned(seen.recovery, seen.at, seen.by)
                 if item.instance not in known)


def _finished(wish: Wish, seen: Seen) -> Recovery | None:
    """A recovery without a plan is finished here: its fence may never hold."""
    assert seen.recovery is not None
    if not _is_early(seen):
        return None
    return roads.step_of_recovery(seen.recovery, RecoveryStage.FINISHED, seen.at, seen.by,
                                  f'ended before its plan, for {wish.by}')


# ---------------------------------------------------------------- of one instance


def _give_up(wish: Wish, item: Evacuation, seen: Seen) -> Reply:
    if item.given_up:
        return Reply(_done(wish, f'it was given up already, by {item.given_up}'))
    given = _given_up(wish, item, seen)
    return Reply(_done(wish, f'{item.name} is given up: it is not moved any more'),
                 evacuations=(given,), news=_news_of(wish, [given], seen))


def _given_up(wish: Wish, item: Evacuation, seen: Seen) -> Evacuation:
    """The evacuation after a person's word: FAILED, or as badly ended as it was."""
    given = dataclasses.replace(item, given_up=wish.who)
    reason = f'given up by {wish.by}'
    if item.phase.ended:
        return evacuation.went(given, item.phase, seen.at, seen.by,
                               f'{reason} (it was {item.phase.value}: {item.reason})'
                               if item.reason else reason)
    given = dataclasses.replace(given, target='', tried=_tried(item))
    return evacuation.went(given, Phase.FAILED, seen.at, seen.by, reason)


def _retry(wish: Wish, item: Evacuation, seen: Seen) -> Reply:
    """Let it wait for a target as if none had been tried, and have its recovery go on."""
    assert seen.recovery is not None
    if len(item.attempts) >= _ATTEMPTS_MAX:
        return _refused(wish, f'it was attempted {len(item.attempts)} times, and its record takes '
                              f'no more: move it by hand when the host is admitted')
    anew = dataclasses.replace(item, target='', tried=_tried(item), passed_over=(), failures=0,
                               rounds=0, given_up='', history=_shortened(item.history))
    anew = evacuation.went(anew, Phase.WAITING, seen.at, seen.by, f'tried again for {wish.by}')
    taken_up = None
    if not recovery.is_open(seen.recovery):
        taken_up = roads.step_of_recovery(
            dataclasses.replace(seen.recovery, history=_shortened(seen.recovery.history)),
            kept.taken_up(seen.recovery), seen.at, seen.by,
            f'taken up again, to try {item.name} again for {wish.by}')
    withdrawn = tuple(dataclasses.replace(
        end, state=WishState.REFUSED,
        answer=f'withdrawn: {wish.who} asked to try {item.name} again')
        for end in seen.ends)
    text = f'{item.name} is planned again at once, and every host may be its target'
    return Reply(_done(wish, text), taken_up, (anew,), withdrawn=withdrawn,
                 news=(News(Fact.RETRIED, wish.host, f'{item.name}: {wish.by}'),))


def _retry_if_its_disks_may(wish: Wish, item: Evacuation, seen: Seen) -> Reply:
    """What was in the way in Nova may be mended; the worker that takes it asks for that."""
    assert seen.recovery is not None
    instance = next((one for one in seen.recovery.instances if one.uuid == item.instance), None)
    stays = 'its host never told of its disks' if instance is None else evacuation.why_stays(
        instance, fencing.safe_clusters(seen.recovery))
    return _refused(wish, f'it can\'t be moved: {stays}') if stays else _retry(wish, item, seen)


def _retry_if_left_by_policy(wish: Wish, item: Evacuation, seen: Seen) -> Reply:
    """Who asks for it by name knows better than its marks."""
    act = _retry_if_its_disks_may if item.row == policy.ROW else _over
    return act(wish, item, seen)


def _under_way(wish: Wish, item: Evacuation, seen: Seen) -> Reply:
    reason = f' ({item.reason})' if item.reason else ''
    where = f'it is {item.phase.value} to {item.target}{reason}'
    if wish.verb is WishVerb.RETRY:
        return _refused(wish, f'{where}: there may be no second call before the first one has '
                              f'ended')
    return _refused(wish, f'{where}: Nova may still begin with the call, or has not ended it, and '
                          f'nobody would know what comes')


def _has_a_target(wish: Wish, item: Evacuation, seen: Seen) -> Reply:
    return _refused(wish, f'it is under way: it has a target, {item.target}, and the next free '
                          f'worker takes it')


def _over(wish: Wish, item: Evacuation, seen: Seen) -> Reply:
    reason = f': {item.reason}' if item.reason else ''
    return _refused(wish, f'its move has ended: {item.phase.value}{reason}')


_OF_ALL: Mapping[WishVerb, Callable[[Wish, Seen], Reply]] = {WishVerb.END: _end,
                                                             WishVerb.GO_ON: _go_on}

_Row = Callable[[Wish, Evacuation, Seen], Reply]

_CALLED = (Phase.CALLING, Phase.MOVING)
_ROWS: Mapping[WishVerb, Mapping[Phase, _Row]] = {
    WishVerb.RETRY: {
        Phase.WAITING: _retry, Phase.REFUSED: _retry, Phase.FAILED: _retry,
        Phase.NOT_RECOVERABLE: _retry_if_its_disks_may, Phase.QUEUED: _has_a_target,
        Phase.CALLING: _under_way, Phase.MOVING: _under_way, Phase.DONE: _over,
        Phase.LEFT: _retry_if_left_by_policy},
    WishVerb.GIVE_UP: {
        Phase.WAITING: _give_up, Phase.QUEUED: _give_up, Phase.REFUSED: _give_up,
        Phase.FAILED: _give_up, Phase.NOT_RECOVERABLE: _give_up, Phase.CALLING: _under_way,
        Phase.MOVING: _under_way, Phase.DONE: _over, Phase.LEFT: _over},
}
_MAY_BE_GIVEN_UP = tuple(phase for phase, row in _ROWS[WishVerb.GIVE_UP].items() if row is _give_up)


# ---------------------------------------------------------------- of a start in place


def _start(wish: Wish, seen: Seen, rules: Rules) -> Reply:
    record = seen.restart
    if wish.verb is not WishVerb.RETRY:
        return _refused(wish, f'what is started in place is waved off: kaopu-ha host wave-off '
                              f'{wish.host} {wish.name} --why ...')
    if record is None or record.boot_id != wish.boot_id:
        return _refused(wish, f'{wish.host} was booted again since, or forgotten')
    start = next((one for one in record.starts if one.instance == wish.instance), None)
    if start is None:
        return _refused(wish, f'it is not started again on {wish.host}')
    if not rules.restarts and not start.crashed:
        return _refused(wish, f'[restart] policy is tell: openstack server start {wish.instance}')
    if start.phase in _STARTS_AGAIN:
        again = restart.asked_again(start, f'tried again for {wish.by}', seen.at)
        return Reply(_done(wish, f'{start.name} is started again where it was'),
                     restart=restart.changed(record, [again]),
                     news=(News(Fact.RETRIED, wish.host, f'{start.name}: {wish.by}'),))
    return _refused(wish, f'{_STARTS_NOT[start.phase]}: {start.reason}'
                          f'{_by_nova(wish) if start.phase is restart.StartPhase.LEFT else ""}')


_STARTS_NOT = {restart.StartPhase.STARTING: 'it is being started',
               restart.StartPhase.RUNS: 'it runs',
               restart.StartPhase.LEFT: 'it was left'}
_STARTS_AGAIN = (restart.StartPhase.WAITING, restart.StartPhase.FAILED,
                 restart.StartPhase.WAVED_OFF)


# ---------------------------------------------------------------- leaves


def _tried(item: Evacuation) -> tuple[str, ...]:
    """The targets that were given up; one that has refused just now is such a one, too."""
    refused = {item.target} - {''} if item.phase is Phase.REFUSED else set()
    return tuple(sorted({*item.tried, *refused}))


def _shortened(history: tuple[Step, ...]) -> tuple[Step, ...]:
    """Its first steps and its last ones: who retries again and again must not fill the store."""
    if len(history) <= 2 * _STEPS_KEPT:
        return history
    return (*history[:_STEPS_KEPT], *history[-_STEPS_KEPT:])


def _done(wish: Wish, text: str) -> Wish:
    return dataclasses.replace(wish, state=WishState.DONE, answer=text)


def _refused(wish: Wish, reason: str) -> Reply:
    """The wish was in vain: written down and told."""
    about = f'{wish.name}: ' if wish.name else ''
    return Reply(dataclasses.replace(wish, state=WishState.REFUSED, answer=reason),
                 news=(News(Fact.WISH_REFUSED, wish.host,
                            f'{about}{wish.verb.value}, asked by {wish.who}: {reason}'),))


def _news_of(wish: Wish, given: Collection[Evacuation], seen: Seen) -> tuple[News, ...]:
    """Tell of what was given up; as an end of its move only what had not ended before."""
    if not given:
        return ()
    before = {item.instance: item for item in seen.evacuations}
    ended = tuple(evacuation.outcome(item, seen.case) for item in given
                  if item.instance not in before or not before[item.instance].phase.ended)
    return (News(Fact.GIVEN_UP, wish.host, f'{_names(item.name for item in given)}: {wish.by}',
                 ended),)


def _names(names: Iterable[str]) -> str:
    found = tuple(names)
    more = f' and {len(found) - _NAMES_MAX} more' if len(found) > _NAMES_MAX else ''
    return ', '.join(found[:_NAMES_MAX]) + more
