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

"""Every limit and wait that a decision uses."""

from __future__ import annotations

from dataclasses import dataclass

from kaopu_ha.core.policy import Policy

_RESTART_PAUSE_SECONDS_MAX, _DOUBLED_MAX = 3600.0, 16


@dataclass(frozen=True)
class Rules:
    """Every limit and wait that a decision uses; made from configuration in wiring.

    Times in seconds.  ``patent_*`` hold for a case in which the host's kernel answered once.
    ``settle_seconds``: for so long a request may lie in front of Nova; ``service_down_seconds``:
    for so long Nova shows a service up that reports no more.  ``blind_looks``: after so
    many looks in which a network told nothing, a leader gives way to one to which it does.
    """

    beat_ttl: float = 12.0
    ask_limit: float = 4.0
    look_interval: float = 5.0
    death_seconds: float = 300.0
    lock_seconds: float = 30.0
    patent_death_seconds: float = 300.0
    patent_lock_seconds: float = 30.0
    storm_hosts: int = 1
    storm_share: float = 0.334
    storm_window: float = 600.0
    storm_cooldown: float = 120.0
    brake_told_seconds: float = 300.0
    flapping_times: int = 3
    flapping_seconds: float = 600.0
    healthy_seconds: float = 60.0
    fences: tuple[str, ...] = ('ceph_blocklist',)
    client_networks: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    proof_seconds: float = 10.0
    attempt_limit: float = 120.0
    settle_seconds: float = 60.0
    service_down_seconds: float = 60.0
    give_up_seconds: float = 3600.0
    attempts_max: int = 3
    per_target_max: int = 4
    in_all_max: int = 20
    rounds_kept: int = 12
    closed_kept: int = 20
    keep_days: float = 90.0
    turn_step_seconds: float = 20.0
    blind_looks: int = 3
    remind_after: float = 600.0
    remind_again: float = 3600.0
    leaving_seconds: float = 120.0
    restarts: bool = True
    restart_places: int = 4
    restart_pauses: tuple[float, ...] = (5.0, 15.0, 60.0, 300.0)
    restart_settle_seconds: float = 30.0
    admission_mute_seconds: float = 60.0
    aftercare_seconds: float = 600.0
    aftercare_patience: float = 30.0
    policy: Policy = Policy()

    def death_wait(self, kernel_answered: bool) -> float:
        """Seconds of silence that the stage DYING takes."""
        return max(self.death_seconds, self.patent_death_seconds if kernel_answered else 0.0)

    def lock_wait(self, kernel_answered: bool) -> float:
        """Seconds of silence that the stage LOCKED takes."""
        return max(self.lock_seconds, self.patent_lock_seconds if kernel_answered else 0.0)

    def restart_pause(self, calls: int) -> float:
        """Seconds before the next call: growing, for a bad minute shall not be the end.

        After the given pauses a start has failed; from then on each is twice the last one.
        """
        if not calls or not self.restart_pauses:
            return 0.0
        more = calls - len(self.restart_pauses)
        if more <= 0:
            return self.restart_pauses[calls - 1]
        return min(self.restart_pauses[-1] * 2.0 ** min(more, _DOUBLED_MAX),
                   _RESTART_PAUSE_SECONDS_MAX)
