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

"""What a host's agent is asked to resume, as the records have it.

The question stands under a lease: nobody resumes what was asked long ago.  It is written with the
start that it is for, in one transaction, and is all that the leader does.
"""

from __future__ import annotations

from collections.abc import Sequence
import math

from kaopu_ha import ports, records
from kaopu_ha.core import model, texts
from kaopu_ha.core.requests import RequestState, RequestVerb
from kaopu_ha.core.restart import Act, Decision, Restart, Start, StartPhase


def present(store: ports.Store, record: Restart) -> records.Request | None:
    """What its agent is asked now, with the answer; None if nothing.  Raises StoreError."""
    if not any(map(_is_asked, record.starts)):
        return None
    key = records.request_to(record.host, RequestVerb.RESUME_DOMAINS)
    entry = store.read(key).get(key)
    try:
        # The agent may have written anything there.
        return records.record(records.Request, entry) if entry is not None else None
    except records.RecordError:
        return None


def answer(request: records.Request | None) -> str:
    """What the agent said; '' if it did not (yet)."""
    return texts.bounded(request.answer, texts.LINE_BYTES_MAX) if request is not None else ''


def asked(store: ports.Store, inventory: model.Inventory, decisions: Sequence[Decision], at: str,
          by: str, rules: model.Rules) -> list[ports.Put]:
    """The write that asks for those that are to be resumed; nothing without any.

    With those that were asked for before and whose answer is not there: there is one key for all.
    Raises PortError.
    """
    if not any(decision.act is Act.RESUME for decision in decisions):
        return []
    before = present(store, Restart(inventory.host, '', tuple(
        decision.start for decision in decisions)))
    waits = before is not None and before.state is RequestState.ASKED
    given = [part for decision in decisions if decision.act is Act.RESUME or (
        waits and _is_asked(decision.start)) for part in _run(inventory, decision.start)]
    request = records.Request(RequestVerb.RESUME_DOMAINS, inventory.host, by, at, tuple(given),
                              boot_id=inventory.boot_id)
    return [ports.Put(records.request_to(inventory.host, request.verb), records.encode(request),
                      store.grant(math.ceil(rules.inventory_seconds)))]


def _is_asked(start: Start) -> bool:
    return start.resumed and start.phase is StartPhase.STARTING


def _run(inventory: model.Inventory, start: Start) -> tuple[str, ...]:
    run = inventory.stuck_runs.get(start.instance, '')
    return (start.instance, run) if run else ()
