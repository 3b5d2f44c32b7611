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

"""A notification that a host is dead, where it counts as a person's word that the host is off.

Only if the operator says so (``trust_notifications``), who fences outside before he sends one.  It
is that word and no more (``core.saying``): it stands for what nobody could ask while the host is
judged; every sign of life is believed more, the waits, the brake and the fence with its proof come
as always.  It never stands for the proof.

It counts once, and not if its host was heard of since a leader saw it first: by a beat, by
its agent, or in a look.  What was so then is kept with it, to be compared, and no date is.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from kaopu_ha.core import detection, model, notifications, saying
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.segments import Notification, NotificationStatus


@dataclass(frozen=True)
class Weighed:
    """The notification as it is to be kept, and the case with its word, if that is given now."""

    notification: Notification
    case: model.Case | None = None
    news: tuple[News, ...] = ()


def weighed(before: Notification, after: Notification, seen: notifications.Seen, by: str,
            rules: model.Rules) -> Weighed:
    """What the word of a notification does now.  ``before``: as it was kept until this look."""
    if not rules.trust_notifications or not notifications.is_call(after) or after.spent or (
            after.status.ended):
        return Weighed(after)
    one = _as_first_seen(after, seen) if before.status is NotificationStatus.NEW else after
    if seen.opened and not one.opened:
        one = dataclasses.replace(one, opened=seen.opened)
    if not one.who or _was_heard_of(one, seen):
        return Weighed(dataclasses.replace(one, spent=True))
    case = seen.case
    if case is None or case.stage not in detection.JUDGING or case.word is not None or (
            seen.beats or saying.why_not(case, held=seen.held)):
        return Weighed(one)
    word = model.Word(one.who, seen.at, f'notification {one.uuid}, of {one.generated_at}',
                      inventory=one.told)
    return Weighed(dataclasses.replace(one, spent=True), saying.given(case, word, seen.at, by),
                   (News(Fact.WORD_GIVEN, one.host, word.text),))


def _as_first_seen(one: Notification, seen: notifications.Seen) -> Notification:
    return dataclasses.replace(one, told=seen.told, opened=seen.opened, life=_life(seen.case))


def _was_heard_of(one: Notification, seen: notifications.Seen) -> bool:
    """True if anything of its host is newer than the notification.

    A beat that is back closes its case, and the next one has another revision.
    """
    case = seen.case
    return seen.told != one.told or (case is not None and (
        case.verdict is model.Verdict.ALIVE or seen.opened != one.opened
        or _life(case) != one.life))


def _life(case: model.Case | None) -> str:
    """When the last look was taken that showed life; '' if none is in the file."""
    return next((one.at for one in reversed(case.rounds if case else ())
                 if one.verdict is model.Verdict.ALIVE), '')
