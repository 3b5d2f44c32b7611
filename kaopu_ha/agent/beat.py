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

"""The beat: ``alive/<host>`` under a lease, kept while this process lives.

::

    renewed -> BEATING        lease gone -> look -> nothing against it -> registered at once
                                                 -> lock is permanent  -> LOCKED    no beat
                                                 -> another host's key -> REFUSED   no beat
    store does not answer -> STORE AWAY, tried again in a quarter of the interval

It has a thread of its own, and nothing that can block stands beside it: a frozen libvirtd or a
lost storage network must not cost a beat.
"""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
from dataclasses import dataclass
import enum

from kaopu_ha import ports, records
from kaopu_ha.agent.runtime import HostRuntime
from kaopu_ha.core import model
from kaopu_ha.core.news import Fact

# Of the interval: the limit of one renewal, so that a turn ends before the next is due.
_RENEW_SHARE = 0.75
# Of the interval: the wait after a turn that failed.  A lease of three intervals has nine of them.
_RETRY_SHARE = 0.25
# A host without a beat for a reason that people must mend is told again after this time.
_TELL_SECONDS = 300.0
_PAUSE_MIN = 0.02


class BeatState(enum.Enum):
    """Does the host beat, and if not, why not."""

    STARTING = 'starting'
    BEATING = 'beating'
    LOCKED = 'locked'
    REFUSED = 'refused'
    STORE_AWAY = 'store away'


_FACTS = {BeatState.BEATING: Fact.BEATS, BeatState.LOCKED: Fact.NO_BEAT,
          BeatState.REFUSED: Fact.BEAT_REFUSED,
          BeatState.STORE_AWAY: Fact.NO_BEAT}


@dataclass(frozen=True)
class BeatStatus:
    """The state of the beat, with its reason in a sentence."""

    state: BeatState
    reason: str


class BeatKeeper:
    """Keeps the beat of one host.  ``turn`` is for one thread, ``standing`` for any."""

    def __init__(self, env: HostRuntime, identity: records.Beat, *, interval: float, ttl: int,
                 behind: Callable[[], str] = str) -> None:
        """Take whose beat it is, and its interval; ``ttl`` is what outlives lost renewals.

        ``behind`` says why the inventory is not kept up, '' while it is; it never waits.
        """
        self._env, self._store, self._clock = env, env.store, env.clock
        self._host, self._identity = env.host, identity
        self._interval, self._ttl, self._behind = interval, ttl, behind
        self._alive, self._lock = records.ALIVE + env.host, records.LOCK + env.host
        self._inventory = records.INVENTORY + env.host
        self._lease = 0
        self._look_at = 0.0
        self._tell_at = 0.0
        self._standing = BeatStatus(BeatState.STARTING, 'it has not registered yet')

    @property
    def standing(self) -> BeatStatus:
        """Does the host beat, and if not, why not."""
        return self._standing

    @property
    def beating(self) -> bool:
        """True if the host beat when that was tried last."""
        return self._standing.state is BeatState.BEATING

    def turn(self) -> float:
        """Renew the beat, or register again; the seconds until the next turn.  Raises nothing."""
        began = self._clock()
        share = _RETRY_SHARE
        try:
            share = 1.0 if self._keep() else _RETRY_SHARE
        except ports.PortError as failure:
            self._stand(BeatState.STORE_AWAY, f'{self._host} does not beat: the store is away: '
                                          f'{failure}')
        return max(began + share * self._interval - self._clock(), _PAUSE_MIN)

    # ------------------------------------------------------------ private

    def _keep(self) -> bool:
        """Renew, and now and then look; False if a transaction lost a race."""
        if self._lease and self._store.renew(self._lease, self._interval * _RENEW_SHARE) <= 0:
            self._lease = 0
            self._env.say(Fact.BEAT_LAPSED,
                          f'the lease of {self._host}\'s beat was gone; it registers again')
        # A renewal tells nothing of the key itself: a person may have deleted it.
        changed = bool(self._behind()) is not bool(self._identity.behind)
        if self._lease and self._clock() < self._look_at and not changed:
            return self._beats()
        return self._look()

    def _look(self) -> bool:
        seen = self._store.read(self._alive, self._lock, self._inventory)
        try:
            against = self._against(seen)
        except records.RecordError as failure:
            against = BeatStatus(BeatState.REFUSED, f'{self._host} does not beat: {failure}')
        if against is not None:
            self._let_go()
            self._stand(against.state, against.reason)
            return True
        alive = seen.get(self._alive)
        if self._lease and alive is not None and alive.lease == self._lease:
            self._say_behind(alive)
            self._look_at = self._clock() + self._ttl
            return self._beats()
        return self._register(seen)

    def _say_behind(self, alive: ports.Entry) -> None:
        """Write into the beat whether the inventory is kept up, if that changed."""
        behind = self._behind()
        if bool(behind) is bool(self._identity.behind):
            return
        identity = dataclasses.replace(self._identity, behind=behind)
        if self._store.commit([ports.Compare(self._alive, modified=alive.modified)], [
                ports.Put(self._alive, records.encode(identity), self._lease)]) is not None:
            self._identity = identity

    def _against(self, seen: ports.Snapshot) -> BeatStatus | None:
        """What forbids a beat, if anything does."""
        entry = seen.get(self._lock)
        lock = records.record(records.Lock, entry) if entry else None
        if lock is not None and lock.permanent:
            return BeatStatus(BeatState.LOCKED,
                              f'{self._host} does not beat: it was confirmed dead by '
                              f'{lock.by} at {lock.at}; a person takes it back: '
                              f'kaopu-ha host admit {self._host}')
        other = self._other(seen)
        if other:
            return BeatStatus(BeatState.REFUSED,
                              f'{self._host} does not beat: {other}; if that machine '
                              f'is gone for good: kaopu-ha host forget {self._host}')
        return None

    def _other(self, seen: ports.Snapshot) -> str:
        """Who else has this name, if anyone does.

        What can't be read is nobody's: only this host may write there, so it is written anew.
        """
        beats = records.readable(records.Beat, _there(seen, self._alive))
        for beat in beats.values():
            if beat.host_uuid != self._identity.host_uuid:
                return f'another host beats under this name, UUID {beat.host_uuid}'
        told = records.readable(model.Inventory, _there(seen, self._inventory))
        for inventory in told.values():
            if inventory.host_uuid != self._identity.host_uuid:
                return ('the inventory of this name is of another host, '
                        f'UUID {inventory.host_uuid}')
        return ''

    def _register(self, seen: ports.Snapshot) -> bool:
        alive = seen.get(self._alive)
        self._let_go()
        lease = self._store.grant(self._ttl)
        done = self._store.commit(
            [_unchanged(seen, self._lock), _unchanged(seen, self._alive)],
            [ports.Put(self._alive, records.encode(self._identity), lease)])
        if done is None:
            self._store.revoke(lease)
            return False
        self._lease = lease
        self._look_at = self._clock() + self._ttl
        if alive is not None:
            self._env.say(Fact.BEAT_TAKEN_OVER,
                          f'{self._host} took over the beat of its former agent')
        return self._beats()

    def _let_go(self) -> None:
        lease, self._lease = self._lease, 0
        if lease:
            self._store.revoke(lease)

    def _beats(self) -> bool:
        back = self._standing.state is BeatState.STORE_AWAY
        self._stand(BeatState.BEATING, f'{self._host} beats; the store is back' if back
                    else f'{self._host} beats')
        return True

    def _stand(self, state: BeatState, reason: str) -> None:
        now = self._clock()
        again = state in (BeatState.LOCKED, BeatState.REFUSED) and now >= self._tell_at
        entered = state is not self._standing.state
        self._standing = BeatStatus(state, reason)
        if entered or again:
            self._env.say(_FACTS[state], reason)
            self._tell_at = now + _TELL_SECONDS


def _there(seen: ports.Snapshot, key: str) -> dict[str, ports.Entry]:
    entry = seen.get(key)
    return {} if entry is None else {key: entry}


def _unchanged(seen: ports.Snapshot, key: str) -> ports.Compare:
    entry = seen.get(key)
    return ports.Compare(key, modified=entry.modified if entry else 0)
