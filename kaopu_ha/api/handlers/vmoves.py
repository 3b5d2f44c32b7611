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

"""VM moves: a view of the evacuations of the recovery that came of a notification.

They have no records of their own: a move's uuid is made of its recovery and its instance, its id is
its place among those of the notification.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
import uuid

from kaopu_ha import records
from kaopu_ha.api import books, listing, times
from kaopu_ha.api.call import Call, Response
from kaopu_ha.api.faults import bad, missing
from kaopu_ha.api.handlers import notifications
from kaopu_ha.core.model import Evacuation, Phase
from kaopu_ha.core.segments import Notification, NotificationKind

COLUMNS = ('id', 'uuid', 'notification_uuid', 'instance_uuid', 'instance_name', 'source_host',
           'dest_host', 'start_time', 'end_time', 'type', 'status', 'message', 'created_at',
           'updated_at', 'deleted_at', 'deleted')
STATUS: Mapping[Phase, str] = {
    Phase.WAITING: 'pending', Phase.QUEUED: 'pending', Phase.REFUSED: 'pending',
    Phase.CALLING: 'ongoing', Phase.MOVING: 'ongoing', Phase.DONE: 'succeeded',
    Phase.FAILED: 'failed', Phase.NOT_RECOVERABLE: 'failed', Phase.LEFT: 'ignored'}
_NAMESPACE = uuid.UUID('6d1c8a0e-6f0b-5b0f-9a53-0c9f7a5f3f10')


def index(call: Call, notification: str) -> Response:
    """List those of a notification about a host."""
    rows = _rows(call, notification)
    kept = listing.same(rows, call.query, 'status', 'type')
    return Response(200, {'vmoves': listing.page(
        rows, kept, call.query, call.service.limits.rows_max, COLUMNS)})


def show(call: Call, notification: str, vmove: str) -> Response:
    """Show one of a notification about a host."""
    row = next((row for row in _rows(call, notification)
                if vmove in (row['uuid'], str(row['id']))), None)
    if row is None:
        raise missing(f'No vm move with id {vmove}.')
    return Response(200, {'vmove': row})


def evacuations(view: records.View, one: Notification) -> list[Evacuation]:
    """The moves of its recovery: those that were listed first come first."""
    if not one.recovery:
        return []
    prefix = f'{records.EVACUATION}{one.recovery}/'
    entries = view.snapshot.under(prefix)
    moves = view.every(Evacuation, prefix)
    return [moves[name] for name in sorted(moves, key=lambda name: (entries[name].created, name))]


# ---------------------------------------------------------------- private


def _rows(call: Call, ident: str) -> list[dict[str, Any]]:
    view = call.books.look(*books.MOVES)
    one = notifications.found(view, ident)
    if one.kind is not NotificationKind.COMPUTE_HOST:
        raise bad(f'This notification {one.uuid} without vm moves.')
    return [_shown(one, move, place)
            for place, move in enumerate(evacuations(view, one), start=1)]


def _shown(one: Notification, move: Evacuation, place: int) -> dict[str, Any]:
    begun = [times.kept(attempt.at) for attempt in move.attempts if attempt.at]
    steps = [times.kept(step.at) for step in move.history if step.at]
    return {'id': place, 'uuid': str(uuid.uuid5(_NAMESPACE, f'{move.recovery}/{move.instance}')),
            'notification_uuid': one.uuid, 'instance_uuid': move.instance,
            'instance_name': move.name, 'source_host': move.source,
            'dest_host': move.target or None, 'start_time': begun[0] if begun else None,
            'end_time': steps[-1] if steps and move.phase.ended else None,
            'type': 'evacuation', 'status': STATUS[move.phase], 'message': move.reason or None,
            'created_at': steps[0] if steps else one.created_at,
            'updated_at': steps[-1] if steps[1:] else None, 'deleted_at': None, 'deleted': False}
