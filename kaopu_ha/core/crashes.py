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

"""Guests that crashed, are stuck or hung: they went off by themselves on a host that lives, or an
I/O error of a disk, or their own watchdog, paused them.

::

    its agent sees it --+-- on_crash START ---------------> started in place: ``core.restart``
                        +-- on_crash TELL ----------------> told once, left to a person
    a notification -----+   (``core.notified``) ----------> started in place
          more than ``crashes_max`` within an hour -------> told, left to a person

What is stuck is resumed by that road, or else rebooted, as ``on_stuck`` says, or for a
notification; what hung is rebooted if ``on_hung`` says so.  That it is stuck, or hung, is told as
long as it is (``core.protection``).  What is left to a person is left until it was on once more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from kaopu_ha.core import model, restart, texts
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.restart import Restart, Start, StartPhase

REASON = 'its guest crashed'
STUCK = 'an I/O error of a disk paused it'
HUNG = 'its watchdog paused it'

# Of the guests of a host: if more have crashed than that, it is told of the host.
_MANY = 1 / 3


@dataclass(frozen=True)
class Opened:
    """The record as it is to be written, what is told then, and what of it is to be started."""

    record: Restart
    news: tuple[News, ...]
    begun: tuple[str, ...]


def seen(inventory: model.Inventory, before: Restart | None, lately: Mapping[str, int],
         at: str, by: str, rules: model.Rules) -> Opened | None:
    """What follows from the word of the host's own agent; None if nothing is new.

    ``lately``: how often each instance was to be started for that within ``crash_seconds``.
    """
    off = restart.stays_off(before)
    tells = rules.on_crash is model.OnCrash.TELL
    crashed = () if rules.on_crash is model.OnCrash.LEAVE else inventory.crashed
    stuck = () if rules.on_stuck is model.OnStuck.TELL else inventory.stuck
    hung = inventory.hung if rules.on_hung is model.OnHung.REBOOT else ()
    return _opened(inventory, before, [uuid for uuid in (*crashed, *stuck, *hung)
                                       if uuid not in off], lately, tells, at, by, rules)


def called(inventory: model.Inventory, before: Restart | None, instance: str,
           lately: Mapping[str, int], at: str, by: str, rules: model.Rules) -> Opened | None:
    """What follows from a notification that its guest crashed, or is stuck, if its host tells so.

    None if it is being started already, or is neither there.
    """
    return _opened(inventory, before, [instance], lately, False, at, by, rules)


# ---------------------------------------------------------------- private


def _opened(inventory: model.Inventory, before: Restart | None, uuids: Collection[str],
            lately: Mapping[str, int], tells: bool, at: str, by: str,
            rules: model.Rules) -> Opened | None:
    open_now = {start.instance for start in (before.unsettled if before else ())}
    reasons = {**dict.fromkeys(inventory.hung, HUNG), **dict.fromkeys(inventory.stuck, STUCK)}
    down = {one.uuid: one.name for one in inventory.instances if one.uuid in reasons
            or (one.power is model.Power.OFF and one.uuid in inventory.crashed)}

    def begun(uuid: str) -> Start:
        phase, reason = StartPhase.WAITING, reasons.get(uuid, REASON)
        if lately.get(uuid, 0) >= rules.crashes_max:
            phase, reason = StartPhase.LEFT, restart.TOO_OFTEN
        elif tells and uuid not in reasons:
            phase, reason = StartPhase.LEFT, restart.ONLY_TOLD
        return Start(uuid, down[uuid], phase, reason, at=at, crashed=True,
                     run=inventory.stuck_runs.get(uuid, ''), hung=uuid in inventory.hung)
    new = [begun(uuid) for uuid in sorted(set(uuids)) if uuid in down and uuid not in open_now]
    if not new:
        return None
    step = model.Step(at, by, 'crashed', f'guests crashed: {texts.few(one.name for one in new)}')
    record = restart.with_crashed(inventory, before, new, step)
    return Opened(record, (*_told(record.host, new, rules), *_many(inventory, before, record, new)),
                  tuple(one.instance for one in new if one.phase is StartPhase.WAITING))


def _told(host: str, new: Sequence[Start], rules: model.Rules) -> tuple[News, ...]:
    """Each way is told once, with all that go it: who crashes beside others is not passed over."""
    resumed = 'resumed' if rules.on_stuck is model.OnStuck.RESUME else (
        'resumed, or rebooted if that does not help,')
    ways = (
        (Fact.CRASHED, REASON, 'off, and started again where it was'),
        (Fact.STUCK, STUCK,
         f'an I/O error of a disk paused it: it is {resumed} where it is, once its host reaches '
         f'its storage'),
        (Fact.HUNG, HUNG, 'its watchdog paused it: it is rebooted where it is'),
        (Fact.CRASHED, restart.ONLY_TOLD,
         'off, and left to a person: [instances] crashed is tell'),
        (Fact.NOT_RESTARTED, restart.TOO_OFTEN,
         f'{restart.TOO_OFTEN}: a person has to see why, and start it'))
    found = []
    for fact, reason, text in ways:
        names = [one.name for one in new if one.reason == reason]
        if names:
            found.append(News(fact, host, f'{texts.few(names)}: {text}'))
    return tuple(found)


def _many(inventory: model.Inventory, before: Restart | None, record: Restart,
          new: Sequence[Start]) -> tuple[News, ...]:
    """Tell of the host when these are the ones that make it many."""
    had = {one.instance for one in (before.unsettled if before else ()) if one.crashed}
    have = {one.instance for one in record.unsettled if one.crashed} | {
        one.instance for one in new}
    all_here = have | {one.uuid for one in inventory.instances
                       if one.power is not model.Power.OFF}
    most = max(1.0, _MANY * len(all_here))
    if not len(had) <= most < len(have):
        return ()
    return (News(Fact.MANY_CRASHED, record.host,
                 f'{len(have)} of {len(all_here)}: is something wrong with the host?  What is to '
                 f'be started again is started there all the same'),)
