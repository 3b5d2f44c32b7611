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

"""Notifications: what somebody outside says of a host.

They are kept for whoever leads, and answered at once.  What came of one is written there, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
import uuid

from kaopu_ha import ports, records
from kaopu_ha.api import bodies, books, listing, times
from kaopu_ha.api.books import Transaction
from kaopu_ha.api.call import Call, Limits, Response
from kaopu_ha.api.faults import Fault, bad, conflict, missing
from kaopu_ha.api.handlers import hosts, workflow
from kaopu_ha.api.schemas.notifications import PAYLOADS
from kaopu_ha.api.versions import WITH_DETAILS
from kaopu_ha.core.segments import Notification, NotificationKind, NotificationStatus, SegmentHost

COLUMNS = ('id', 'notification_uuid', 'generated_time', 'source_host_uuid', 'type', 'status',
           'failover_segment_uuid', 'message', 'created_at', 'updated_at', 'deleted_at', 'deleted')
# Of what has ended so many of the oldest go with a new one, where there are too many.
_GO_AT_ONCE = 20


def index(call: Call) -> Response:
    """List them."""
    rows = [shown(one) for one in call.books.look().notifications.values()]
    kept = listing.same(rows, call.query, 'status', 'source_host_uuid', 'type')
    since = call.query.get('generated-since')
    if since is not None:
        try:
            begin = times.kept(since)
        except (ValueError, OverflowError):
            raise bad('Invalid generated-since value') from None
        kept = [row for row in kept if row['generated_time'] >= begin]
    return Response(200, {'notifications': listing.page(
        rows, kept, call.query, call.service.limits.rows_max, COLUMNS, 'notification_uuid')})


def show(call: Call, notification: str) -> Response:
    """Show one; from 1.1 on with what was done about it so far."""
    view = call.books.look(*books.MOVES)
    one = found(view, notification)
    details = workflow.details(view, one) if call.version >= WITH_DETAILS else None
    return Response(200, {'notification': shown(one, details)})


def create(call: Call) -> Response:
    """Keep one, if it is news of a host that is known and not on maintenance."""
    data, made = call.body['notification'], str(uuid.uuid4())
    kind = NotificationKind(data['type'])
    bodies.check(PAYLOADS[kind], data['payload'])

    def decide(view: records.View) -> Transaction[Notification]:
        host = _known(view, data['hostname'])
        if hosts.on_maintenance(view, host.name):
            raise conflict(f'Notification received from host {host.name} of type \'{kind.value}\''
                           f' is ignored as the host is already under maintenance.')
        number, given, counter = books.next_number(view, 'notification')
        one = Notification(number, made, kind, host.name, host.uuid, host.segment,
                           times.kept(data['generated_time']), times.kept(call.service.now()),
                           data['payload'], who=call.who)
        if _is_repeated(view, one, call.service.limits):
            raise conflict(f'Notification received from host {host.name} of type {kind.value} is '
                           f'duplicate.')
        return Transaction(
            [counter, records.SEGMENT_HOST + host.uuid, records.SEGMENT + host.segment,
             records.HOST + host.name, records.LOCK + host.name],
            [given, books.put(records.NOTIFICATION + made, one),
             *_outdated(view, call.service.limits)], one)
    return Response(202, {'notification': shown(call.books.change(decide))})


def shown(one: Notification, details: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """As the API shows it."""
    more: Mapping[str, Any] = {} if details is None else {'recovery_workflow_details': details}
    return {'id': one.number, 'notification_uuid': one.uuid, 'generated_time': one.generated_at,
            'source_host_uuid': one.host_uuid, 'type': one.kind.value, 'payload': one.payload,
            'status': one.status.value, **more, 'failover_segment_uuid': one.segment,
            'message': one.message or None, 'created_at': one.created_at,
            'updated_at': times.shown(one.updated_at), 'deleted_at': None, 'deleted': False}


def found(view: records.View, ident: str) -> Notification:
    """The notification of this uuid, or number.  Raises Fault 404."""
    one = books.by_ident(view.notifications, ident)
    if one is None:
        raise missing(f'No notification with id {ident}.')
    return one


# ---------------------------------------------------------------- private


def _known(view: records.View, name: str) -> SegmentHost:
    holder = view.one(records.Holder, records.segment_host_name(name))
    host = view.segment_hosts.get(holder.uuid) if holder else None
    if host is None:
        raise bad(f'Host with name {name} could not be found.')
    return host


def _is_repeated(view: records.View, new: Notification, limits: Limits) -> bool:
    """True if the same was said about that time.  What failed may be said again."""
    return any(
        (old.kind, old.host_uuid, old.payload) == (new.kind, new.host_uuid, new.payload)
        and old.status is not NotificationStatus.FAILED
        and times.seconds(old.generated_at, new.generated_at) <= limits.duplicate_seconds
        for old in view.notifications.values())


def _outdated(view: records.View, limits: Limits) -> list[ports.Delete]:
    """The oldest of those that have ended, where there are too many.

    Raises Fault 429 if none of them has.
    """
    excess = len(view.notifications) + 1 - limits.notifications_max
    if excess <= 0:
        return []
    ended = sorted((one for one in view.notifications.values() if one.status.ended),
                   key=lambda one: one.number)
    if not ended:
        raise Fault(429, f'{len(view.notifications)} notifications are not finished: no more are '
                         f'taken. Is a controller of Kaopu HA there?')
    return [ports.Delete(records.NOTIFICATION + one.uuid)
            for one in ended[:min(excess, _GO_AT_ONCE)]]
