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

"""Segments: hosts that are recovered in one way."""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
from typing import Any
import uuid

from oslo_utils import strutils

from kaopu_ha import ports, records
from kaopu_ha.api import books, listing, times
from kaopu_ha.api.books import Transaction
from kaopu_ha.api.call import Call, Response
from kaopu_ha.api.faults import conflict, missing
from kaopu_ha.core.segments import RecoveryMethod, Segment, SegmentHost

COLUMNS = ('id', 'uuid', 'name', 'service_type', 'enabled', 'description', 'recovery_method',
           'created_at', 'updated_at', 'deleted_at', 'deleted')
# Who compares these sees every host, or notification, that was made meanwhile.
_HOSTS, _NOTIFICATIONS = records.COUNTER + 'segment-host', records.COUNTER + 'notification'


def index(call: Call) -> Response:
    """List them."""
    rows = [shown(segment) for segment in call.books.look().segments.values()]
    kept = listing.same(rows, call.query, 'recovery_method', 'service_type', 'name')
    kept = listing.alike(kept, call.query, 'enabled')
    return Response(200, {'segments': listing.page(
        rows, kept, call.query, call.service.limits.rows_max, COLUMNS)})


def show(call: Call, segment: str) -> Response:
    """Show one."""
    return Response(200, {'segment': shown(found(call.books.look(), segment))})


def create(call: Call) -> Response:
    """Make one; its name is nobody else's."""
    data, made = call.body['segment'], str(uuid.uuid4())

    def decide(view: records.View) -> Transaction[Segment]:
        name = _free_name(view, data['name'])
        number, given, counter = books.next_number(view, 'segment')
        segment = Segment(
            number, made, data['name'], data['service_type'],
            RecoveryMethod(data['recovery_method']), times.kept(call.service.now()),
            enabled=truth(data.get('enabled', True)), description=data.get('description'))
        return Transaction([counter, name], [
            given, books.put(records.SEGMENT + made, segment),
            books.put(name, records.Holder(made))], segment)
    return Response(201, {'segment': shown(call.books.change(decide))})


def update(call: Call, segment: str) -> Response:
    """Change what is named, if no notification is at work in it."""
    data = call.body['segment']

    def decide(view: records.View) -> Transaction[Segment]:
        before = found(view, segment)
        if in_use(view, before):
            raise conflict(f'Failover segment {before.uuid} can\'t be updated as it is in-use to '
                           f'process notifications.')
        after = dataclasses.replace(_changed(before, data),
                                    updated_at=times.kept(call.service.now()))
        looked = [records.SEGMENT + before.uuid, _NOTIFICATIONS]
        writes: list[ports.Put | ports.Delete] = [
            books.put(records.SEGMENT + before.uuid, after)]
        if after.name != before.name:
            name = _free_name(view, after.name)
            looked.append(name)
            writes += [books.put(name, records.Holder(before.uuid)),
                       ports.Delete(records.segment_name(before.name))]
        return Transaction(looked, writes, after)
    return Response(200, {'segment': shown(call.books.change(decide))})


def delete(call: Call, segment: str) -> Response:
    """Take it away, and with it its hosts, if no notification is at work in it.

    They are gone with their segment, whenever their own records are removed.
    """
    def decide(view: records.View) -> Transaction[None]:
        gone = found(view, segment)
        if in_use(view, gone):
            raise conflict(f'Failover segment ({gone.uuid}) can\'t be deleted as it is in-use to '
                           f'process notifications.')
        return Transaction([records.SEGMENT + gone.uuid, _HOSTS, _NOTIFICATIONS],
                           [ports.Delete(records.SEGMENT + gone.uuid),
                            ports.Delete(records.segment_name(gone.name))], None)
    call.books.change(decide)
    call.books.tidy(_orphans)
    return Response(204)


def shown(segment: Segment) -> dict[str, Any]:
    """As the API shows it."""
    return {'id': segment.number, 'uuid': segment.uuid, 'name': segment.name,
            'service_type': segment.service_type, 'enabled': segment.enabled,
            'description': segment.description,
            'recovery_method': segment.recovery_method.value, 'created_at': segment.created_at,
            'updated_at': times.shown(segment.updated_at), 'deleted_at': None, 'deleted': False}


def found(view: records.View, ident: str) -> Segment:
    """The segment of this uuid, or number.  Raises Fault 404."""
    one = books.by_ident(view.segments, ident)
    if one is None:
        raise missing(f'No failover segment with id {ident}.')
    return one


def in_use(view: records.View, segment: Segment) -> bool:
    """True while a notification about a host of it has not ended."""
    return any(each.segment == segment.uuid and not each.status.ended
               for each in view.notifications.values())


def truth(value: bool | str) -> bool:
    """What a word of a body means; the schema let no other pass."""
    return value if isinstance(value, bool) else bool(strutils.bool_from_string(value, strict=True))


# ---------------------------------------------------------------- private


def _changed(segment: Segment, data: Mapping[str, Any]) -> Segment:
    changes = dict(data)
    if 'recovery_method' in changes:
        changes['recovery_method'] = RecoveryMethod(changes['recovery_method'])
    if 'enabled' in changes:
        changes['enabled'] = truth(changes['enabled'])
    return dataclasses.replace(segment, **changes)


def _free_name(view: records.View, name: str) -> str:
    """The key that guards the name.  Raises Fault 409 if another has it."""
    key = records.segment_name(name)
    if view.has(key):
        raise conflict(f'Failover segment with name {name} already exists.')
    return key


def _orphans(view: records.View) -> list[str]:
    """What is left of hosts whose segment is gone."""
    left = []
    for one in view.every(SegmentHost, records.SEGMENT_HOST).values():
        if not view.has(records.SEGMENT + one.segment):
            left.append(records.SEGMENT_HOST + one.uuid)
            name = records.segment_host_name(one.name)
            holder = view.one(records.Holder, name)
            left += [name] if holder is not None and holder.uuid == one.uuid else []
    return left
