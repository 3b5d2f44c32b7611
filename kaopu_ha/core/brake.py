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
"""Which cases may go on when too many hosts fall silent at once, or one after the other.

If everything looks dead, the fault is more likely ours than theirs: then nobody is condemned.

::

    too many =  S + C > storm_hosts   and   S + C > storm_share x P

    S   silent: hosts whose case is open, judged, and not ALIVE
    C   condemned within the last storm_window seconds, admitted again or not
    P   hosts that could show life: all that are known or beat, without those on hold that are
        silent, those with nothing to ask about that are silent, and those condemned longer ago

    calm --- too many ---> STORM --- no longer too many ---> cooldown --- storm_cooldown s ---> calm
                             ^                                  |
                             +------------ too many ------------+

In storm and cooldown nobody is condemned, but whom a person has released.  A release is of the very
cases that were open when it was given: it ends with its case, with a sign of life, or with the
storm.

Window and cooldown are seconds that leaders counted by their monotonic clocks and kept in the
store, as a case counts its waits: whoever leads next goes on from there, late perhaps, never early.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
import dataclasses
from dataclasses import dataclass

from kaopu_ha.core import model

_PAST_JUDGING = (model.Stage.CONFIRMED, model.Stage.ADMITTING, model.Stage.CLOSED)


@dataclass(frozen=True)
class Condemned:
    """A host that was confirmed dead, and when, in the seconds of the storm's own clock."""

    host: str
    at: float


@dataclass(frozen=True)
class Storm:
    """How things stand with the brake.

    ``seconds`` is the clock: what leaders counted since there was something to count.  ``calm`` are
    those since it is no longer too many that are silent, None while it is.  ``silent`` are the
    hosts that count as silent, and ``braked`` those of them that the brake holds.
    """

    on: bool = False
    seconds: float = 0.0
    calm: float | None = None
    silent: tuple[str, ...] = ()
    braked: tuple[str, ...] = ()
    condemned: tuple[Condemned, ...] = ()
    since: float = 0.0
    at: str = ''
    by: str = ''

    @property
    def is_idle(self) -> bool:
        """True if there is nothing to count and nothing to remember."""
        return not (self.on or self.condemned)


@dataclass(frozen=True)
class Release:
    """A person's word that these cases may go on: the revision at which each was opened, by host.
    """

    cases: Mapping[str, int] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """What a leader saw of all hosts, and the seconds since it last did.

    ``opened`` are the revisions at which the cases were opened.  ``known`` are the hosts that can
    be judged: those whose inventory can be read.  ``unread`` are others that beat: who writes junk
    of himself makes the cloud no smaller for those who do not.
    """

    at: str
    by: str
    elapsed: float
    known: frozenset[str]
    cases: Mapping[str, model.Case]
    opened: Mapping[str, int] = dataclasses.field(default_factory=dict)
    beating: frozenset[str] = frozenset()
    on_hold: frozenset[str] = frozenset()
    empty: frozenset[str] = frozenset()
    release: Release = Release()
    unread: frozenset[str] = frozenset()


# ---------------------------------------------------------------- the formula


def silent(cases: Mapping[str, model.Case], known: Collection[str], on_hold: Collection[str],
           empty: Collection[str] = ()) -> tuple[str, ...]:
    """The hosts that count as silent, sorted.

    ``empty`` are hosts that nothing is known to ask about; who was asked, says it in its case.
    """
    return tuple(sorted(
        host for host, case in cases.items()
        if case.verdict is not model.Verdict.ALIVE and case.stage not in _PAST_JUDGING
        and host in known and host not in on_hold and not _nothing_to_ask(case, host, empty)))


def too_many(count: int, hosts: int, rules: model.Rules) -> bool:
    """True if so many of so many hosts are more than may fail at once."""
    return count > rules.storm_hosts and count > rules.storm_share * hosts


def _nothing_to_ask(case: model.Case, host: str, empty: Collection[str]) -> bool:
    if case.word is not None:
        # It is judged all the same.
        return False
    if case.rounds:
        return case.rounds[-1].nothing_to_ask
    return host in empty


def _could_show_life(seen: Seen, counted: Collection[str]) -> int:
    """How many hosts the share is of."""
    silent_for_good = {
        host for host, case in seen.cases.items()
        if host not in counted and host not in seen.beating
        and case.verdict is not model.Verdict.ALIVE}
    return len((seen.known | seen.unread) - silent_for_good)


# ---------------------------------------------------------------- the storm


def advance(storm: Storm, seen: Seen, rules: model.Rules) -> Storm:
    """Decide how things stand now.  Asked again with no time in between, it gives the same."""
    clock = round(storm.seconds + seen.elapsed, 3)
    condemned = tuple(one for one in storm.condemned if one.host in seen.known
                      and clock - one.at < rules.storm_window)
    now_silent = silent(seen.cases, seen.known, seen.on_hold, seen.empty)
    counted = {*now_silent, *(one.host for one in condemned)}
    many = too_many(len(counted), _could_show_life(seen, counted), rules)
    calm = None if many else _calm(storm, seen)
    if not (many or (storm.on and calm is not None and calm < rules.storm_cooldown)):
        return Storm(seconds=clock, condemned=condemned) if condemned else Storm()
    braked = tuple(host for host in now_silent
                   if not is_released(host, seen.release, seen.opened))
    begun = storm if storm.on else Storm(since=clock, at=seen.at, by=seen.by)
    return dataclasses.replace(begun, on=True, seconds=clock, calm=calm, silent=now_silent,
                               braked=braked, condemned=condemned)


def _calm(storm: Storm, seen: Seen) -> float:
    # The time since the last look counts only if it was calm then.
    return 0.0 if storm.calm is None else round(storm.calm + seen.elapsed, 3)


def with_condemned(storm: Storm, host: str) -> Storm:
    """The host was confirmed dead now."""
    others = tuple(one for one in storm.condemned if one.host != host)
    return dataclasses.replace(storm, condemned=(*others, Condemned(host, storm.seconds)))


def joined(storm: Storm, kept: Storm) -> Storm:
    """What a leader knows, with the verdicts of which it does not know that they were committed."""
    mine = {one.host for one in storm.condemned}
    more = tuple(one for one in kept.condemned if one.host not in mine)
    return dataclasses.replace(storm, condemned=(*storm.condemned, *more)) if more else storm


def is_worth_keeping(now: Storm, kept: Storm, rules: model.Rules) -> bool:
    """True if what was kept in the store has to be written anew."""
    if now == kept:
        return False

    def face(one: Storm) -> tuple[Storm, bool]:
        return dataclasses.replace(one, seconds=0.0, calm=None), one.calm is None
    return face(now) != face(kept) or (
        not now.is_idle and now.seconds - kept.seconds >= rules.storm_written_seconds)


# ---------------------------------------------------------------- whom it holds


def given(hosts: Collection[str], cases: Mapping[str, int], at: int,
          opened: Mapping[str, int]) -> Release:
    """The release that a person gave for these hosts, at a revision.

    A former release did not name the cases: it was for those that were open then.
    """
    if cases:
        return Release(cases)
    return Release({host: opened[host] for host in hosts if opened.get(host, at + 1) <= at})


def is_released(host: str, release: Release, opened: Mapping[str, int]) -> bool:
    """True if the release was given for the host's present case."""
    return host in opened and release.cases.get(host) == opened[host]


def may_go_on(host: str, storm: Storm, seen: Seen) -> bool:
    """True if the host may be condemned: there is no storm, or a person released its case."""
    return not storm.on or is_released(host, seen.release, seen.opened)


def still_good(release: Release, storm: Storm, seen: Seen) -> Release:
    """What is left of a release: it ends with the storm, with its case, and with a sign of life."""
    if not storm.on:
        return Release()
    return Release({host: opened for host, opened in release.cases.items()
                    if seen.opened.get(host) == opened
                    and seen.cases[host].verdict is not model.Verdict.ALIVE})
