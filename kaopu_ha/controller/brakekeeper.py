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
"""The brake as a leader keeps it: in the store, so that another leader goes on from there."""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses

from kaopu_ha import ports, records
from kaopu_ha.controller.term import Term
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import brake, model
from kaopu_ha.core.news import Fact, News
from kaopu_ha.runtime import Runtime

# Whoever falls silent in a storm is told by name, but not each by himself.
_MORE_TOLD_SECONDS = 10.0


class BrakeKeeper:
    """Advances the storm once a turn, tells of it, and says who may be condemned."""

    def __init__(self, store: ports.Store, term: Term, env: Runtime) -> None:
        self._store, self._term, self._rules = store, term, env.rules
        self._clock, self._tell = env.clock, env.tell
        self._storm: brake.Storm | None = None
        self._seen = brake.Seen('', '', 0.0, frozenset(), {})
        self._looked = 0.0
        self._told_at: float | None = None
        self._told: frozenset[str] = frozenset()

    def begin(self) -> None:
        """A new term: what was kept counts, and no time that this leader did not see pass."""
        self._storm = self._told_at = None
        self._told = frozenset()

    def look(self, world: CloudView, fresh: Mapping[str, model.Verdict]) -> bool:
        """Decide how things stand, by rounds that have just ended too, and keep it.

        False if it could not be kept: then nobody is to be judged by it.
        """
        kept, release = world.storm, _release(world)
        known = kept if self._storm is None else brake.joined(self._storm, kept)
        seen = self._see(world, fresh, release)
        storm = brake.advance(known, seen, self._rules)
        writes = [*_kept(storm, kept, self._rules), *_shortened(world, release, brake.still_good(
            release, storm, seen))]
        if writes and self._store.commit(
                [*self._term.compares(), *world.compare(records.BRAKE)], writes) is None:
            return False
        self._storm, self._seen, self._looked = storm, seen, self._clock()
        self._tells(kept, storm)
        return True

    def holds(self, host: str) -> bool:
        """True if the host may not be condemned now."""
        return self._storm is None or not brake.may_go_on(host, self._storm, self._seen)

    def condemning(self, host: str) -> ports.Put:
        """What has to be written beside the verdict on a host."""
        return ports.Put(records.STORM, records.encode(
            brake.with_condemned(self._storm or brake.Storm(), host)))

    def condemned(self, host: str) -> None:
        """The verdict on the host was committed."""
        self._storm = brake.with_condemned(self._storm or brake.Storm(), host)

    # ------------------------------------------------------------ private

    def _see(self, world: CloudView, fresh: Mapping[str, model.Verdict],
             release: brake.Release) -> brake.Seen:
        most = 2 * max(self._rules.look_interval, self._rules.ask_limit)
        elapsed = 0.0 if self._storm is None else min(self._clock() - self._looked, most)
        cases = world.cases | {host: dataclasses.replace(world.cases[host], verdict=verdict)
                               for host, verdict in fresh.items() if host in world.cases}
        known = world.inventories
        return brake.Seen(
            self._term.now(), self._term.name, elapsed, frozenset(known), cases,
            opened=world.opened,
            beating=frozenset(known.keys() & world.snapshot.under(records.ALIVE).keys()),
            on_hold=world.held, release=release,
            empty=frozenset(host for host in cases if host in known and not known[host].images),
            unread=frozenset(world.snapshot.under(records.ALIVE)) - frozenset(known))

    def _tells(self, kept: brake.Storm, storm: brake.Storm) -> None:
        if kept.on and not storm.on:
            self._tell(News(Fact.BRAKE_OFF, '', 'fewer hosts are silent, for '
                            f'{self._rules.storm_cooldown:g} s by now'))
        if storm.on and not kept.on:
            self._note(Fact.BRAKE_ON, storm, f'too many hosts are silent at once ({_all(storm)}): '
                       'nobody is condemned; `kaopu-ha brake release` lets these go on')
        elif storm.braked and self._is_to_tell(storm):
            left = self._rules.storm_cooldown - (storm.calm or 0.0)
            until = '' if storm.calm is None else (
                f', and for {left:.0f} s more if no others fall silent')
            self._note(Fact.BRAKE_HOLDS, storm, f'{", ".join(storm.braked)}: not condemned, for '
                       f'{storm.seconds - storm.since:.0f} s by now{until}; `kaopu-ha brake '
                       'release` lets these go on')

    def _is_to_tell(self, storm: brake.Storm) -> bool:
        if self._told_at is None:
            return True
        age = self._clock() - self._told_at
        return age >= self._rules.brake_told_seconds or (
            age >= _MORE_TOLD_SECONDS and not self._told.issuperset(storm.braked))

    def _note(self, fact: Fact, storm: brake.Storm, text: str) -> None:
        self._told_at, self._told = self._clock(), frozenset(storm.braked)
        self._tell(News(fact, '', text))


def _all(storm: brake.Storm) -> str:
    condemned = [one.host for one in storm.condemned]
    lately = f'; condemned lately: {", ".join(condemned)}' if condemned else ''
    return ', '.join(storm.silent) + lately


def _kept(storm: brake.Storm, kept: brake.Storm,
          rules: model.Rules) -> list[ports.Put | ports.Delete]:
    if not brake.is_worth_keeping(storm, kept, rules):
        return []
    return [ports.Delete(records.STORM) if storm.is_idle else
            ports.Put(records.STORM, records.encode(storm))]


def _release(world: CloudView) -> brake.Release:
    setting = world.release
    if setting is None:
        return brake.Release()
    return brake.given(setting.released_for, setting.cases,
                       world.snapshot.entries[records.BRAKE].modified, world.opened)


def _shortened(world: CloudView, release: brake.Release,
               left: brake.Release) -> list[ports.Put | ports.Delete]:
    if not left.cases:
        return [ports.Delete(records.BRAKE)] * world.has(records.BRAKE)
    if left == release or world.release is None:
        return []
    return [ports.Put(records.BRAKE, records.encode(dataclasses.replace(
        world.release, cases=dict(left.cases), released_for=tuple(sorted(left.cases)))))]
