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
import enum

from kaopu_ha.core.policy import Policy

# A float has room for so many doublings, and no pause is that long.
_DOUBLED_MAX = 16


class OnCrash(enum.Enum):
    """What is done when an agent sees that a guest crashed."""

    START = 'start'
    TELL = 'tell'
    LEAVE = 'leave'


class OnStuck(enum.Enum):
    """What is done when an agent sees that an I/O error of a disk paused a guest."""

    RESUME = 'resume'
    REBOOT = 'reboot'
    TELL = 'tell'


class OnHung(enum.Enum):
    """What is done when an agent sees that a guest's watchdog paused it."""

    REBOOT = 'reboot'
    TELL = 'tell'
    LEAVE = 'leave'


@dataclass(frozen=True)
class Rules:
    """Every limit and wait that a decision uses; made from configuration in wiring.

    Times in seconds.  ``patent_*`` hold for a case in which the host's kernel answered once.
    ``settle_seconds``: for so long a request may lie in front of Nova; ``service_down_seconds``:
    for so long Nova shows a service up that reports no more.  ``blind_looks``: after so
    many looks in which a network told nothing, a leader gives way to one to which it does.
    ``joins_aggregates``: a reserved host that is taken is added to those of the lost host, with
    ``joins_max`` calls for each.  ``notes_moves``: a server that was moved is told so in its
    metadata, by at most ``notes_calls_max`` calls.  ``trust_notifications``: one that a host is
    dead counts as a person's word that it is off.
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
    restart_pause_max: float = 3600.0
    restart_settle_seconds: float = 30.0
    admission_mute_seconds: float = 60.0
    aftercare_seconds: float = 600.0
    aftercare_patience: float = 30.0
    aftercare_resets_max: int = 5
    aftercare_pauses_max: int = 20
    joins_aggregates: bool = False
    joins_max: int = 3
    notes_moves: bool = False
    notes_calls_max: int = 4
    policy: Policy = Policy()
    on_crash: OnCrash = OnCrash.TELL
    on_stuck: OnStuck = OnStuck.TELL
    on_hung: OnHung = OnHung.TELL
    trust_notifications: bool = False

    # Rounds that end at once (a refused connection) must not make a loop that only writes.
    round_pause: float = 0.25
    # Where there is nothing to ask about, only a beat brings news: a look now and then is enough.
    nothing_to_ask_seconds: float = 60.0
    # An OSD waits for acknowledgements in whole seconds: of the shortest limit, a busy machine
    # would have too little left to tell of silence in time.
    storage_more_seconds: float = 0.5
    # After an event about a suspect it is looked at so soon, if it was not due before.  Not at
    # once, or a storm of events were one of looks.
    event_look_seconds: float = 0.5
    # So many others are enough for a probe to know that its own observer is well; and so many hosts
    # in doubt are enough to know which controller sees.
    peers_asked_max: int = 3
    doubtful_asked_max: int = 4
    # A case that only counted on is written so often: people see by it that somebody looks.
    case_written_seconds: float = 30.0
    # What is counted of a storm is kept so often: a new leader may count so much again.  Of ten
    # minutes that is little, and for as long a store need not be written to.
    storm_written_seconds: float = 60.0
    # What crashes more often than that is not helped by one more start.
    crashes_max: int = 3
    crash_seconds: float = 3600.0
    # An agent looks at its domains every other second, and its beat says so if it did not for 30 s.
    # As long it has for what it is asked to resume.
    inventory_seconds: float = 40.0
    # Whom a resume has not helped so often it does not help: what may be rebooted is.
    resumes_max: int = 2
    # As long as an agent tells it of what went off lately.
    went_off_seconds: float = 120.0
    # Before a host's agent is asked once more for what it could not do.
    agent_again_seconds: float = 5.0
    # A nova-compute cleans up when it starts, within seconds; one that is busy is given more.
    compute_again_seconds: float = 60.0

    # Between two plans while nothing began, ended or died: room may have come, or a host.
    plan_seconds: float = 5.0
    # What Nova and Placement said is good for a plan for so long: a batch plans often, and each
    # time they are asked they have less time to move instances.
    plan_fresh_seconds: float = 5.0
    # Between two looks for what Nova shows on a dead host only after all of its moves have ended.
    late_plan_seconds: float = 60.0
    # Between rounds, and between looks at what only waits: the first pause; each is twice the last.
    pause_seconds: float = 30.0
    pause_seconds_max: float = 600.0
    # Of ``attempt_limit``: after this, what is waited for is told.
    patience_share: float = 0.25
    # A nova-compute that finds an instance off has Nova stop it within a few seconds.
    user_stop_seconds: float = 20.0
    # Nova shows an instance that arrives active on its source for 4.5 s at most.
    quiet_seconds: float = 10.0
    # Of one instance that are fenced by the word of a worker: one or two, if nobody plays with it.
    clients_fenced_max: int = 16

    @property
    def storage_limit(self) -> float:
        """Seconds that an ask of the storage may take."""
        return self.ask_limit + self.storage_more_seconds

    def death_wait(self, kernel_answered: bool) -> float:
        """Seconds of silence that the stage DYING takes."""
        return max(self.death_seconds, self.patent_death_seconds if kernel_answered else 0.0)

    def lock_wait(self, kernel_answered: bool) -> float:
        """Seconds of silence that the stage LOCKED takes."""
        return max(self.lock_seconds, self.patent_lock_seconds if kernel_answered else 0.0)

    def pause(self, number: int) -> float:
        """Seconds of the pause of this number: behind a round, or of what was put aside."""
        return min(self.pause_seconds * 2.0 ** max(number - 1, 0), self.pause_seconds_max)

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
                   self.restart_pause_max)
