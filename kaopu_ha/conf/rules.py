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

"""The rules of decisions, made from the configuration once, and the checks that refuse a start.

A configuration that could condemn a live host, or fence nothing, is not begun with: each refusal
has the sum in its message.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from oslo_config import cfg

from kaopu_ha.conf import ceph, policy
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.core import detection
from kaopu_ha.core.rules import OnCrash, OnHung, OnStuck, Rules


@dataclass(frozen=True)
class DetectionTimes:
    """The times of detection in seconds: those of the pace, each unless set by itself."""

    beat_interval: float
    beat_ttl: int
    ask_limit: float
    look_interval: float
    death_ttl: int
    lock_ttl: int


@dataclass(frozen=True)
class TimeShare:
    """A part of the way from the power cut to the first call, and how long it takes at most."""

    what: str
    seconds: float


PACES = {
    'patent': DetectionTimes(beat_interval=4.0, beat_ttl=12, ask_limit=4.0, look_interval=5.0,
                             death_ttl=300, lock_ttl=30),
    'fast': DetectionTimes(beat_interval=1.0, beat_ttl=3, ask_limit=1.5, look_interval=1.5,
                           death_ttl=2, lock_ttl=3),
}

_PATENT = PACES['patent']

# A call that ends by its limit may have to wait for a processor; and no turn is given up sooner
# than in the least time, for there are calls whose limits are not configured.
_STEP_MARGIN_SECONDS = 10.0
_STEP_LEAST_SECONDS = 20.0
# Where no Nova keeps the servers, one call to the cloud makes up to so many to the store.
_STORE_CALLS_MAX = 3


def times(conf: cfg.ConfigOpts) -> DetectionTimes:
    """The times of the configured pace, checked.  Raises ConfigError."""
    pace = PACES[conf.detection.pace]
    given = {name: conf.detection[name] for name in vars(pace)}
    chosen = DetectionTimes(**{name: getattr(pace, name) if value is None else value
                               for name, value in given.items()})
    _check_beat(chosen)
    return chosen


def rules(conf: cfg.ConfigOpts, *, fence_proves: bool) -> Rules:
    """The rules of the configuration, checked.  Raises ConfigError.

    ``fence_proves``: a configured fence gives proof; without one the patent's waits are the least.
    """
    chosen = times(conf)
    _check_lock(chosen)
    _check_fence(conf, chosen, fence_proves)
    _check_notes(conf)
    return dataclasses.replace(
        of_detection(conf),
        restarts=conf.restart.policy == 'start', restart_places=conf.restart.per_host_max,
        on_crash=OnCrash(conf.instances.crashed),
        on_stuck=OnStuck(conf.instances.stuck), on_hung=OnHung(conf.instances.hung),
        fences=tuple(conf.fence.drivers), client_networks=ceph.client_networks(conf),
        tools=ceph.tools(conf),
        attempt_limit=conf.evacuation.attempt_limit, attempts_max=conf.evacuation.attempts_max,
        settle_seconds=conf.nova.call_limit, service_down_seconds=conf.nova.service_down_time,
        give_up_seconds=conf.evacuation.give_up_after,
        notes_moves=conf.evacuation.note_in_metadata,
        joins_aggregates=conf.evacuation.reserved_host_to_aggregates,
        per_target_max=conf.evacuation.per_target_max, in_all_max=conf.evacuation.in_all_max,
        remind_after=conf.controller.remind_after, remind_again=conf.controller.remind_again,
        turn_step_seconds=turn_step_seconds(conf, chosen.ask_limit),
        closed_kept=conf.controller.closed_kept, keep_days=conf.controller.keep_days,
        policy=policy.policy(conf))


def of_detection(conf: cfg.ConfigOpts) -> Rules:
    """The rules as far as ``[detection]`` has them, the others as they are by default.

    For whoever looks only: that needs no fence.  Raises ConfigError.
    """
    chosen, group = times(conf), conf.detection
    return Rules(
        beat_ttl=float(chosen.beat_ttl), ask_limit=chosen.ask_limit,
        look_interval=chosen.look_interval,
        death_seconds=float(chosen.death_ttl), lock_seconds=float(chosen.lock_ttl),
        patent_death_seconds=float(_PATENT.death_ttl), patent_lock_seconds=float(_PATENT.lock_ttl),
        leaving_seconds=group.leaving_seconds,
        storm_hosts=group.storm_hosts, storm_share=group.storm_share,
        storm_window=group.storm_window, storm_cooldown=group.storm_cooldown,
        flapping_times=group.flapping_times, flapping_seconds=group.flapping_seconds,
        healthy_seconds=group.healthy_seconds,
        trust_notifications=group.trust_notifications)


def for_showing(conf: cfg.ConfigOpts) -> Rules:
    """The same with whose instances are moved, for the API.  Raises ConfigError."""
    return dataclasses.replace(of_detection(conf), policy=policy.policy(conf))


def turn_step_seconds(conf: cfg.ConfigOpts, ask_limit: float) -> float:
    """After how long a single call of a leader hangs: longer than the longest may honestly take."""
    of_cloud = (_STORE_CALLS_MAX * conf.store.timeout if conf.cloud.driver == 'libvirt'
                else conf.nova.timeout)
    longest = max(of_cloud, conf.store.timeout, ask_limit)
    return float(max(longest + _STEP_MARGIN_SECONDS, _STEP_LEAST_SECONDS))


def seconds_to_confirmed(rules: Rules) -> tuple[TimeShare, ...]:
    """How long it takes, up to about, from the power cut to CONFIRMED, part by part.

    For a host whose networks fall silent at once, while store, leader and observers are well.
    Before the first call to Nova come the fence, its proof, and Nova's service forced down.
    """
    return (TimeShare('the beat is gone', rules.beat_ttl),
            TimeShare('a lost beat may be late, and the first round',
                      max(detection.grace(rules), rules.ask_limit)),
            TimeShare('death', rules.death_seconds),
            TimeShare('lock', rules.lock_seconds),
            TimeShare('last look', rules.ask_limit))


def told(terms: tuple[TimeShare, ...]) -> str:
    """The terms as a sum, in one line."""
    parts = ' + '.join(f'{term.what} {term.seconds:g} s' for term in terms)
    return f'{sum(term.seconds for term in terms):g} s = {parts}'


# ---------------------------------------------------------------- checks


def _check_beat(chosen: DetectionTimes) -> None:
    if 3 * chosen.beat_interval > chosen.beat_ttl:
        raise ConfigError(
            f'[detection] beat_interval is too long: 3 x {chosen.beat_interval:g} s > beat_ttl '
            f'{chosen.beat_ttl} s; two lost beats would be a lost host: set beat_interval to at '
            f'most {chosen.beat_ttl / 3:.3g}, or beat_ttl to at least {3 * chosen.beat_interval:g}')


def _check_lock(chosen: DetectionTimes) -> None:
    if 2 * chosen.ask_limit > chosen.lock_ttl:
        raise ConfigError(
            f'[detection] ask_limit is too long: 2 x {chosen.ask_limit:g} s > lock_ttl '
            f'{chosen.lock_ttl} s; a host must have time to show life within the lock: set '
            f'ask_limit to at most {chosen.lock_ttl / 2:g}, or lock_ttl to at least '
            f'{2 * chosen.ask_limit:g}')


def _check_fence(conf: cfg.ConfigOpts, chosen: DetectionTimes, fence_proves: bool) -> None:
    if not conf.fence.drivers:
        raise ConfigError('[fence] drivers is empty: name a fence (ceph_blocklist); without one '
                          'an instance could run twice, so nothing would ever be evacuated')
    short = [f'{name} {value} s < {least} s' for name, value, least in (
        ('death_ttl', chosen.death_ttl, _PATENT.death_ttl),
        ('lock_ttl', chosen.lock_ttl, _PATENT.lock_ttl)) if value < least]
    if short and not fence_proves:
        raise ConfigError(
            f'[detection] is faster than the patent ({", ".join(short)}), and no fence in [fence] '
            f'drivers ({", ".join(conf.fence.drivers)}) gives proof: set pace = patent and longer '
            f'times, or add a fence that does (ceph_blocklist)')


def _check_notes(conf: cfg.ConfigOpts) -> None:
    if conf.evacuation.note_in_metadata and conf.cloud.driver == 'libvirt':
        raise ConfigError('[evacuation] note_in_metadata is on, and [cloud] driver is libvirt: '
                          'without Nova nothing has metadata; set note_in_metadata to false')
