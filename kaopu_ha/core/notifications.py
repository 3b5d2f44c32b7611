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

"""What becomes of a notification: somebody outside says that a host is dead, or back.

(What he says of a guest or a process: ``notified``.)

It condemns nobody, and it spares nobody (where it is trusted: ``trusting``).  Whether the host is
dead is seen by our own observers, as always; a notification is followed to what came of that, so
that who sent it can read it there::

    new ---> running (the host is looked at) ---> running (its recovery) ---> finished, failed
     |          |
     +----------+---> ignored: it lives, it is on hold, or this is nothing that is acted on
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
from dataclasses import dataclass

from kaopu_ha.core import model, notified, texts
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.phase import Phase
from kaopu_ha.core.segments import Notification, NotificationKind, NotificationStatus

# Masakari's own words, which somebody may look for.
DISABLED = 'Recovery aboart: the segment HA is disabled.'

_ENDED_BADLY = (Phase.FAILED, Phase.NOT_RECOVERABLE)


@dataclass(frozen=True)
class Seen:
    """What a leader sees of the host that is meant.

    ``enabled``: its segment is there and enabled.  ``known``: its agent told of it once.
    ``beating_seconds``: for so long this leader has seen it beat since the notification came, 0 if
    it does not.  ``case``: its open one.  ``recovery``: that of the notification or else of the
    case, with its moves; None if there is none, or it is gone.  ``host``: what matters to what is
    said of a guest or a process.  ``opened``: at which revision the case was; ``told``: of what its
    agent told last.
    """

    at: str
    enabled: bool = True
    known: bool = True
    held: bool = False
    beats: bool = False
    beating_seconds: float = 0.0
    case: model.Case | None = None
    recovery: model.Recovery | None = None
    moves: Sequence[model.Evacuation] = ()
    host: notified.HostSeen = notified.HostSeen()
    opened: int = 0
    told: int = 0


def advance(one: Notification, seen: Seen, rules: model.Rules) -> Notification:
    """The notification as it is to be kept now; the same if nothing is new."""
    if one.status.ended:
        return one
    of_host = one.kind is NotificationKind.COMPUTE_HOST
    case = seen.case if of_host else None
    recovery = one.recovery or (case.recovery if case is not None else '')
    found = _decided(dataclasses.replace(one, recovery=recovery), seen, rules)
    after = dataclasses.replace(one, status=found.status, message=texts.bounded(
        found.message, texts.LINE_BYTES_MAX), recovery=recovery, taken=one.taken or found.takes)
    return one if after == one else dataclasses.replace(after, updated_at=seen.at)


def told(after: Notification) -> tuple[News, ...]:
    """What is told when a notification has become what it is now."""
    if after.status is NotificationStatus.FINISHED and after.message == notified.DOWN:
        return (News(Fact.COMPUTE_DOWN, after.host, after.message),)
    return ()


def is_call(one: Notification) -> bool:
    """True if it says that its host is dead: only then there is something to look at."""
    return (one.kind is NotificationKind.COMPUTE_HOST and one.payload.get('event') == 'STOPPED'
            and one.payload.get('host_status') == 'NORMAL')


# ---------------------------------------------------------------- private

_Said = tuple[NotificationStatus, str]


def _decided(one: Notification, seen: Seen, rules: model.Rules) -> notified.Followed:
    if one.recovery:
        return notified.Followed(*_of_recovery(one, seen))
    if one.payload.get('event') == 'STARTED':
        return notified.Followed(NotificationStatus.FINISHED)
    if not seen.enabled and not one.taken:
        return notified.Followed(NotificationStatus.IGNORED, DISABLED)
    if one.kind is not NotificationKind.COMPUTE_HOST:
        return notified.followed(one, seen.host, rules)
    return notified.Followed(*_of_host(one, seen, rules))


def _of_host(one: Notification, seen: Seen, rules: model.Rules) -> _Said:
    if not is_call(one):
        return (NotificationStatus.IGNORED, 'its host_status is not NORMAL: who sent it does not '
                                            'know')
    if seen.held:
        return NotificationStatus.IGNORED, 'a person holds the host'
    if seen.case is not None:
        return (NotificationStatus.RUNNING, f'the host is looked at: its case is '
                                            f'{seen.case.stage.value}')
    if not seen.known:
        return (NotificationStatus.FAILED, 'no agent of Kaopu HA ever told of this host: it can\'t '
                                           'be judged')
    if seen.beats and seen.beating_seconds >= patience(rules):
        return NotificationStatus.IGNORED, 'the host beats: it is alive'
    return NotificationStatus.RUNNING, 'the host is looked at'


def patience(rules: model.Rules) -> float:
    """Seconds after which a beat is not the last one of a host that has just died."""
    return 2 * rules.beat_ttl


def _of_recovery(one: Notification, seen: Seen) -> _Said:
    recovery = seen.recovery
    if recovery is None:
        return NotificationStatus.FINISHED, f'its recovery {one.recovery} is over'
    if not recovery.stage.finished:
        return NotificationStatus.RUNNING, f'its recovery is {recovery.stage.value}'
    lost = [move for move in seen.moves if move.phase in _ENDED_BADLY]
    if not lost:
        return NotificationStatus.FINISHED, ''
    return (NotificationStatus.FAILED, f'{len(lost)} of {len(seen.moves)} instances were not '
                                       f'moved: {texts.few(move.name for move in lost)}')
