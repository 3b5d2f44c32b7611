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
"""Whom to look at, and when: which beats are missing, since when, and which of that is believed.

A small memory of one leader, by its own monotonic clock.  It is a value: whoever looks gets a new
one.  What must outlive a leader is not here but in the store: the case, the storm, the returns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
import dataclasses
from dataclasses import dataclass, field
import math

from kaopu_ha.core import detection, model
from kaopu_ha.core.news import Fact, News


@dataclass(frozen=True)
class Sighting:
    """What a look at the store says of one host.

    ``told`` is the newest event about it; ``lost`` are the clusters that it does not reach.
    ``said``: the value of its beat, as it was written.
    ``locked``: it was confirmed, and so cut off from its storage by us.
    """

    beat: bool
    told: int = 0
    lost: tuple[str, ...] = ()
    said: str = ''
    locked: bool = False


@dataclass(frozen=True)
class Memory:
    """What a leader remembers of one host.  ``last_dead`` is its last look that found it dead.

    ``beat_at``: when its beat was seen last, for people; ``said``: what that beat said.
    """

    missing_since: float | None = None
    next_look: float = 0.0
    last_dead: float | None = None
    told: int = 0
    lost: tuple[str, ...] = ()
    beat_at: str = ''
    said: str = ''


_NOTHING = Memory()


@dataclass(frozen=True)
class Suspicion:
    """What a leader remembers of all hosts; no missing beat is acted on before ``trusted_from``.

    ``missing``: those whose beat was missing when it was last looked for, which was ``at``, for
    people.  ``since``: what of ``hosts`` is another by what was done since.
    """

    trusted_from: float = math.inf
    hosts: Mapping[str, Memory] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    at: str = ''
    since: Mapping[str, Memory] = field(default_factory=dict)

    def of(self, host: str) -> Memory:
        """What is remembered of a host; of one that was never seen, nothing."""
        found = self.since.get(host) or self.hosts.get(host, _NOTHING)
        if found.missing_since is None and host in self.hosts:
            # It beat in the last look, as nearly all of them did in each.
            return dataclasses.replace(found, beat_at=self.at)
        return found


# ---------------------------------------------------------------- beats


def begun(now: float, rules: model.Rules) -> Suspicion:
    """A new term knows nothing: beats get a grace of one TTL."""
    return Suspicion(trusted_from=now + rules.beat_ttl)


def store_back(before: Suspicion, now: float, rules: model.Rules) -> Suspicion:
    """The store was away, and beats with it: they get a grace of one TTL."""
    return dataclasses.replace(before, trusted_from=now + rules.beat_ttl)


def seen(before: Suspicion, sightings: Mapping[str, Sighting], now: float, rules: model.Rules,
         at: str = '') -> Suspicion:
    """Remember which of the known hosts beat now.  Who is no longer known is forgotten."""
    gone = dict.fromkeys(before.hosts.keys() - sightings.keys())
    return seen_again(before, {**gone, **sightings}, now, rules, at)


def seen_again(before: Suspicion, changed: Mapping[str, Sighting | None], now: float,
               rules: model.Rules, at: str = '') -> Suspicion:
    """The same, if all other hosts are seen as in the last look; None: it is no longer known.

    Costs what has changed, and what was done since that look.
    """
    if not changed and not before.since:
        return dataclasses.replace(before, at=at)
    hosts = {**before.hosts, **{host: memory for host, memory in before.since.items()
                                if host in before.hosts}}
    missing = set(before.missing)
    for host in (before.since.keys() & before.hosts.keys()) - changed.keys() - missing:
        # What was counted of its silence is over, for it beat.
        hosts[host] = dataclasses.replace(before.of(host), last_dead=None)
    for host, sighting in changed.items():
        missing.discard(host)
        if sighting is None:
            hosts.pop(host, None)
            continue
        hosts[host] = _seen(before.of(host), sighting, now, rules)
        if not sighting.beat:
            missing.add(host)
    trusted_from = before.trusted_from
    if len(hosts) > 1 and len(missing) == len(hosts) and before.missing & hosts.keys() != missing:
        # All beats gone at once says more about etcd than about the hosts.
        trusted_from = max(trusted_from, now + rules.beat_ttl)
    return Suspicion(trusted_from, hosts, frozenset(missing), at)


def _seen(memory: Memory, sighting: Sighting, now: float,
          rules: model.Rules) -> Memory:
    told = max(memory.told, sighting.told)
    if sighting.beat:
        lost = memory.lost if sighting.locked else sighting.lost
        return Memory(next_look=memory.next_look, told=told, lost=lost, said=sighting.said)
    if memory.missing_since is None:
        return Memory(missing_since=now, told=told, lost=memory.lost, beat_at=memory.beat_at,
                      said=memory.said)
    if sighting.told > memory.told:
        # It may know more: a look decides.
        return dataclasses.replace(memory, told=told,
                                   next_look=min(memory.next_look, now + rules.event_look_seconds))
    return memory


def storage_news(before: Suspicion, after: Suspicion, hosts: Iterable[str]) -> tuple[News, ...]:
    """Which of these hosts lost their storage since, and which reach it again."""
    found = []
    for host in sorted(hosts):
        memory, was = after.of(host), before.of(host).lost
        if host not in after.hosts:
            continue
        if memory.lost and memory.lost != was:
            found.append(News(Fact.STORAGE_LOST, host, 'it lives, but does not reach its storage: '
                              + ', '.join(memory.lost)))
        if was and not memory.lost:
            found.append(News(Fact.STORAGE_BACK, host, 'it reaches its storage again'))
    return tuple(found)


# ---------------------------------------------------------------- looks


def due(suspicion: Suspicion, hosts: Iterable[str], now: float,
        rules: model.Rules) -> tuple[str, ...]:
    """Those of the hosts that have to be looked at now, sorted."""
    return tuple(sorted(host for host in hosts if host in suspicion.missing
                        and now >= _look_at(suspicion, suspicion.of(host), rules)))


def seconds_left(suspicion: Suspicion, hosts: Iterable[str], now: float,
                 rules: model.Rules) -> float:
    """Seconds until one of the hosts is due; at most an interval of looks: whose record can be read
    again since, nobody is woken for.
    """
    times = [_look_at(suspicion, suspicion.of(host), rules) for host in hosts
             if host in suspicion.missing]
    return min([rules.look_interval, *(max(at - now, 0.0) for at in times)])


def _look_at(suspicion: Suspicion, memory: Memory, rules: model.Rules) -> float:
    """The first round is asked while the beat still has its grace, so that it ends with it."""
    first = max(_grace_ends(memory, rules) - rules.ask_limit, suspicion.trusted_from)
    return max(first, memory.next_look)


def _grace_ends(memory: Memory, rules: model.Rules) -> float:
    assert memory.missing_since is not None
    return memory.missing_since + detection.grace(rules)


# ---------------------------------------------------------------- what a look found


def silent_for(suspicion: Suspicion, host: str, ended: float) -> float:
    """Seconds from the last look that found the host dead to one that ended now; 0 if none did."""
    last = suspicion.of(host).last_dead
    return 0.0 if last is None else ended - last


def too_early(suspicion: Suspicion, host: str, ended: float, rules: model.Rules) -> bool:
    """True if a round of that end says nothing yet: the beat may only have been late."""
    memory = suspicion.of(host)
    return memory.missing_since is not None and ended < _grace_ends(memory, rules)


def not_before_grace(before: Suspicion, host: str, rules: model.Rules) -> Suspicion:
    """Such a round is as if it had not been: the host is due when its beat has had its grace."""
    return put_off(before, host, _grace_ends(before.of(host), rules))


def interrupted(before: Suspicion, host: str) -> Suspicion:
    """The silence that was counted ends here: it did not last, or nobody knows how far it counted.
    """
    return _with(before, host, last_dead=None)


def judged(before: Suspicion, host: str, ended: float, verdict: model.Verdict,
           again: float) -> Suspicion:
    """A round that ended then was committed with this verdict."""
    dead = ended if verdict is model.Verdict.DEAD else None
    return _with(before, host, last_dead=dead, next_look=ended + again)


def refused(before: Suspicion, host: str, last_dead: float | None) -> Suspicion:
    """What was decided was not committed, for something had changed: look again at once."""
    return _with(before, host, last_dead=last_dead, next_look=0.0)


def put_off(before: Suspicion, host: str, until: float) -> Suspicion:
    """The host could not be worked on: let the others have their turn first."""
    return _with(before, host, last_dead=None, next_look=until)


def _with(before: Suspicion, host: str, *, last_dead: float | None,
          next_look: float | None = None) -> Suspicion:
    memory = before.of(host)
    memory = dataclasses.replace(memory, last_dead=last_dead, next_look=(
        memory.next_look if next_look is None else next_look))
    return dataclasses.replace(before, since={**before.since, host: memory})
