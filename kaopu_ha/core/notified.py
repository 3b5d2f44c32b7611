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

"""What becomes of a notification about a guest, or about a process of a host.

The word of our own agent counts, and a notification says where to look.  A guest that is said to
have crashed is started where it was if its host tells so, too; of a process only ``nova-compute``
matters, and whether that is up Nova says::

    VM       new --> running (has it crashed?) ---> running (it is started) --> finished, failed
    PROCESS  new --> running (does Nova notice?) -------------------------> finished, failed
                |
                +--> ignored: nothing that is acted on, or the host is in other hands
"""

from __future__ import annotations

from dataclasses import dataclass

from kaopu_ha.core import model, restart
from kaopu_ha.core.restart import Start, StartPhase
from kaopu_ha.core.segments import Notification, NotificationKind, NotificationStatus

# What Masakari's engine starts a guest again for (its ``instance_events``).
_EVENTS = frozenset({('LIFECYCLE', 'STOPPED_FAILED'), ('QEMU_GUEST_AGENT_ERROR', 'STOPPED_FAILED'),
                     ('IO_ERROR', 'IO_ERROR_REPORT')})
_COMPUTE = 'nova-compute'
DOWN = 'Nova shows its nova-compute down: until it is up the host is no target'
UNKNOWN = 'no agent of Kaopu HA ever told of this host'


@dataclass(frozen=True)
class HostSeen:
    """What a leader sees of the host that is meant, as far as a guest or a process is concerned.

    ``known``: its agent told of it once.  ``confirmed``: it was condemned, or is being taken back.
    ``seconds``: for so long this leader has known of the notification; of a guest, and its host's
    agent has told what is so now (``tells``), or has not.  ``power``: of the guest, None if its
    host does not know it; ``crashed``: it is off by a crash; ``stuck``: an I/O error paused it;
    ``start``: of the guest in place, None if there is none.
    ``service``: Nova's, None if Nova does not tell.
    """

    known: bool = True
    held: bool = False
    confirmed: bool = False
    tells: bool = True
    seconds: float = 0.0
    power: model.Power | None = None
    crashed: bool = False
    stuck: bool = False
    start: Start | None = None
    service: model.ComputeService | None = None


@dataclass(frozen=True)
class Followed:
    """How a notification stands now, in words, and whether its guest is to be started now."""

    status: NotificationStatus
    message: str = ''
    takes: bool = False


def needs_nova(one: Notification) -> bool:
    """True if Nova's word on the host's service decides what becomes of it."""
    return one.kind is NotificationKind.PROCESS and not one.status.ended and (
        one.payload.get('event') == 'STOPPED' and _is_compute(one))


def followed(one: Notification, seen: HostSeen, rules: model.Rules) -> Followed:
    """What becomes of a notification of kind VM or PROCESS.  Asked twice, it says the same."""
    if one.taken:
        return _started(seen)
    reason = _why_nothing(one) or _in_other_hands(seen)
    if reason:
        return _ignored(reason)
    if one.kind is NotificationKind.PROCESS:
        return _of_process(seen, rules)
    return _of_guest(seen, rules)


# ---------------------------------------------------------------- private


def _ignored(message: str) -> Followed:
    return Followed(NotificationStatus.IGNORED, message)


def _running(message: str) -> Followed:
    return Followed(NotificationStatus.RUNNING, message)


def _failed(message: str) -> Followed:
    return Followed(NotificationStatus.FAILED, message)


def _is_compute(one: Notification) -> bool:
    """True for the name, and for its path: a monitor tells the one by which it looks for it."""
    return one.payload.get('process_name', '').rpartition('/')[2] == _COMPUTE


def _why_nothing(one: Notification) -> str:
    """Why nothing at all is done about such a notification; '' if something may be."""
    if one.kind is NotificationKind.PROCESS:
        return '' if _is_compute(one) else (
            f'nothing is done about the process {one.payload.get("process_name", "")}: what ends '
            f'with it is seen by Kaopu HA itself')
    event = one.payload.get('event', ''), one.payload.get('vir_domain_event', '')
    return '' if event in _EVENTS else f'nothing is done about the event {" ".join(event)}'


def _in_other_hands(seen: HostSeen) -> str:
    """Why others bring back what was on its host.  A case that is open may yet spare it."""
    if seen.confirmed:
        return 'its host is confirmed dead: what becomes of the host becomes of what was on it'
    return 'a person holds the host' if seen.held else ''


def _of_process(seen: HostSeen, rules: model.Rules) -> Followed:
    """Nova shows a service up for ``service_down_seconds`` after its end: it is waited for."""
    service = seen.service
    if service is None:
        return _running('Nova does not tell of its nova-compute') if (
            seen.seconds < rules.attempt_limit) else _failed(
                'Nova did not tell of its nova-compute: nobody knows whether it is up')
    if not service.up:
        return Followed(NotificationStatus.FINISHED, DOWN)
    if seen.seconds < rules.service_down_seconds + rules.settle_seconds:
        return _running('Nova shows its nova-compute up yet')
    return Followed(NotificationStatus.FINISHED, 'Nova shows its nova-compute up')


def _of_guest(seen: HostSeen, rules: model.Rules) -> Followed:
    if not seen.known:
        return _failed(f'{UNKNOWN}: nobody knows whether the guest is off')
    if not seen.tells:
        return _running('its host does not tell what is on') if (
            seen.seconds < rules.attempt_limit) else _failed(
                'its host did not tell what is on: nobody knows whether the guest is off')
    start = seen.start
    if start is not None and start.phase is StartPhase.WAVED_OFF:
        return _ignored(f'a person waved it off: {start.reason}')
    if seen.crashed or seen.stuck:
        what = 'is stuck' if seen.stuck else 'crashed'
        return Followed(NotificationStatus.RUNNING, f'it {what}, and is started where it was',
                        takes=True)
    what = ('its host does not know it' if seen.power is None else
            'it is off, and not by a crash' if seen.power is model.Power.OFF else 'it is on')
    if seen.seconds < rules.inventory_seconds:
        return _running(f'{what} yet, as its host tells')
    return _ignored(f'{what}, as its host tells')


def _started(seen: HostSeen) -> Followed:
    """How the start stands that was made for it."""
    start = seen.start
    if start is None:
        is_on = seen.power not in (None, model.Power.OFF) and not seen.stuck
        return Followed(NotificationStatus.FINISHED) if is_on else _failed(
            'nothing is known any more of its start: was its host booted?')
    if start.phase is StartPhase.RUNS:
        return Followed(NotificationStatus.FINISHED)
    if start.phase is StartPhase.LEFT:
        wanted_off = not start.calls and start.reason not in restart.OF_A_PERSON
        return _ignored(start.reason) if wanted_off else _failed(start.reason)
    if start.phase is StartPhase.WAVED_OFF:
        return _failed(f'a person waved it off: {start.reason}')
    return _running(f'it is started where it was: {start.phase.value}: {start.reason}')
