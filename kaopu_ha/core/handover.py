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

"""What came to a host by a live migration and was on there, while Nova shows it where it came from.

A guest is over before Nova writes that down.  If the nova-compute of its source hangs just then,
Nova shows it there until that goes on; if it ends, Nova shows it there for good (read in Nova).  So
when the other host is booted or lost, what Nova has elsewhere may belong here yet or runs nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses

from kaopu_ha.core import model, restart, roads
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.texts import bounded

_BROUGHT = 'a live migration brought it to its host before that was lost'


def comes_to(host: str, server: model.Server | None, migrations: Sequence[model.Migration]) -> str:
    """Why Nova may show it on this host yet, and shows it on another; empty if it will not.

    ``migrations``: newest first, and asked for before the server: Nova changes that first.
    """
    newest = _towards(host, server, migrations)
    return f'Nova has not ended its live migration from {newest.source}' if (
        newest and not _given_up(newest, server)) else ''


def back_on(host: str, server: model.Server | None, migrations: Sequence[model.Migration]) -> str:
    """Where Nova shows it since it gave up its live migration to this host; empty if it did not."""
    newest = _towards(host, server, migrations)
    return newest.source if newest and _given_up(newest, server) else ''


def _given_up(newest: model.Migration, server: model.Server | None) -> bool:
    """A nova-compute that starts ends the task, and of records only one that is ``running``."""
    return newest.status == 'error' or server is None or not server.task_state


def _towards(host: str, server: model.Server | None,
             migrations: Sequence[model.Migration]) -> model.Migration | None:
    """The newest record of it, if that is of a live migration to here from where Nova shows it."""
    newest = next(iter(migrations), None)
    if server is None or newest is None or (newest.kind, newest.source, newest.target) != (
            'live-migration', server.host, host):
        return None
    # One that failed was rolled back, and one that was cancelled never went over.
    return newest if newest.unfinished or newest.status == 'error' else None


def awaited(inventory: model.Inventory, before: restart.Restart | None,
            servers: Sequence[model.Server], at: str, by: str) -> restart.Restart:
    """The record of a host that was lost, with what came to it and Nova shows elsewhere.

    No plan has it while Nova does not show it there.  So it waits here, where the end of its live
    migration is asked for, for as long as that takes; and is told like all that waits.
    """
    new = tuple(restart.Start(one.uuid, bounded(one.name), restart.StartPhase.WAITING, _BROUGHT,
                              at=at)
                for one in servers)
    uuids = {start.instance for start in new}
    record = before or restart.Restart(inventory.host, inventory.boot_id)
    kept = tuple(start for start in record.starts if start.instance not in uuids)
    step = model.Step(at, by, 'lost', f'a live migration brought {len(new)}, Nova shows none here')
    return dataclasses.replace(record, starts=(*kept, *new),
                               history=roads.latest(record.history, step))


def is_known(before: restart.Restart | None, instance: str) -> bool:
    """True if the record has it already, or is through with it; not if it only ran here since."""
    return before is not None and any(
        start.instance == instance and start.phase is not restart.StartPhase.RUNS
        for start in before.starts)


def settled(decision: restart.Decision, back: str) -> restart.Decision:
    """What is decided of it on this host, if Nova shows it ``back`` where it came from.

    It is left here for good, until it is on here once more: after another boot of this host
    nobody could tell what went off with it from what was shut off there since.
    """
    if not back or decision.start.phase is not restart.StartPhase.LEFT:
        return decision
    start = dataclasses.replace(decision.start, reason=restart.GAVE_UP)
    return dataclasses.replace(decision, start=start, hands_to=back)


def runs(inventory: model.Inventory, instance: str) -> bool:
    """True if its agent tells that it is on there: it never went over."""
    return any(one.uuid == instance and one.power is not model.Power.OFF
               for one in inventory.instances)


def taken_over(inventory: model.Inventory, before: restart.Restart | None, start: restart.Start,
               at: str, by: str) -> restart.Restart | None:
    """The record of the host on which Nova shows it, with what is to be started there from now on.

    That host may not know its domain any more, and what became of it there earlier is over.
    """
    domain = model.Instance(start.instance, start.name, model.Power.OFF, untold=True)
    told = dataclasses.replace(inventory, instances=(domain,), interrupted=(start.instance,))
    if before is not None:
        before = dataclasses.replace(before, starts=tuple(
            one for one in before.starts if one.instance != start.instance))
    return restart.opened(told, before, at, by)


def told(host: str, start: restart.Start, to: str) -> News:
    """What is told of it, of the host on which Nova shows it."""
    return News(Fact.RESTART, to, f'{start.name} was being migrated to {host}, and was on there '
                                  f'before that was booted or lost: it is started where Nova '
                                  f'has it')


def nobody_starts(host: str, start: restart.Start, to: str) -> News:
    """What is told of it if no agent ever told of the host on which Nova shows it."""
    return News(Fact.NOT_RESTARTED, host, f'{start.name}: Nova has it on {to} by now, of which no '
                                          f'agent ever told: see that it runs there')
