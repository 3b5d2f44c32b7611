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

"""The hosts of a segment.

``on_maintenance`` is no field of theirs: it is true while a person holds the host, and while the
host is locked because it was confirmed dead.  To set it is to hold the host, to clear it to release
it, as by ``kaopu-ha host hold`` and ``host release``.
"""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
from typing import Any
import uuid

from kaopu_ha import ports, records
from kaopu_ha.api import books, listing, times
from kaopu_ha.api.books import Transaction
from kaopu_ha.api.call import Call, Response
from kaopu_ha.api.faults import bad, conflict, missing
from kaopu_ha.api.handlers import segments
from kaopu_ha.api.handlers.segments import truth
from kaopu_ha.core.segments import Segment, SegmentHost

COLUMNS = ('id', 'uuid', 'name', 'failover_segment_id', 'type', 'reserved', 'control_attributes',
           'on_maintenance', 'created_at', 'updated_at', 'deleted_at', 'deleted')
_NOTIFICATIONS = records.COUNTER + 'notification'
_WHY = 'on_maintenance was set by the API'


def index(call: Call, segment: str) -> Response:
    """List those of a segment."""
    view = call.books.look()
    its = segments.found(view, segment)
    rows = [shown(view, one, its) for one in view.segment_hosts.values() if one.segment == its.uuid]
    kept = listing.same(rows, call.query, 'type', 'name')
    for name in ('on_maintenance', 'reserved'):
        kept = listing.strictly(kept, call.query, name)
    return Response(200, {'hosts': listing.page(
        rows, kept, call.query, call.service.limits.rows_max, COLUMNS)})


def show(call: Call, segment: str, host: str) -> Response:
    """Show one."""
    if not _is_id(host):
        raise missing(f'No host with id {host}.')
    view = call.books.look()
    one = found(view, segment, host)
    return Response(200, {'host': shown(view, one, view.segments[one.segment])})


def create(call: Call, segment: str) -> Response:
    """Put a compute host into a segment; it is in no other."""
    data, made = call.body['host'], str(uuid.uuid4())
    segments.found(call.books.look(), segment)
    _insist_on_service(call, data['name'])

    def decide(view: records.View) -> Transaction[dict[str, Any]]:
        its = segments.found(view, segment)
        looked, name = _free_name(view, data['name'])
        number, given, counter = books.next_number(view, 'segment-host')
        one = SegmentHost(number, made, data['name'], its.uuid, data['type'],
                     times.kept(call.service.now()), reserved=truth(data.get('reserved', False)),
                     control_attributes=data['control_attributes'])
        held, writes = _held(call, view, one.name, data.get('on_maintenance'), may_release=False)
        return Transaction(
            [records.SEGMENT + its.uuid, counter, *looked, *_of_hold(one.name)],
            [given, books.put(records.SEGMENT_HOST + made, one),
             books.put(name, records.Holder(made)), *writes],
            shown(view, one, its) | {'on_maintenance': held})
    return Response(201, {'host': call.books.change(decide)})


def update(call: Call, segment: str, host: str) -> Response:
    """Change what is named, if no notification about the host is at work.

    To hold it, or to release it, is possible at any time.
    """
    data = call.body['host']
    before = found(call.books.look(), segment, host)
    if 'name' in data:
        _insist_on_service(call, data['name'])

    def decide(view: records.View) -> Transaction[dict[str, Any]]:
        one = found(view, segment, before.uuid)
        after = dataclasses.replace(_changed(one, data), updated_at=times.kept(call.service.now()))
        if data.keys() != {'on_maintenance'}:
            _insist_on_unused(view, one, 'updated')
        looked = [records.SEGMENT_HOST + one.uuid, _NOTIFICATIONS, *_of_hold(after.name)]
        writes: list[ports.Put | ports.Delete] = [books.put(records.SEGMENT_HOST + one.uuid, after)]
        if after.name != one.name:
            more, name = _free_name(view, after.name)
            looked += more
            writes += [books.put(name, records.Holder(one.uuid)),
                       ports.Delete(records.segment_host_name(one.name))]
        held, more_writes = _held(call, view, after.name, data.get('on_maintenance'))
        return Transaction(looked, [*writes, *more_writes], shown(
            view, after, view.segments[one.segment]) | {'on_maintenance': held})
    return Response(200, {'host': call.books.change(decide)})


def delete(call: Call, segment: str, host: str) -> Response:
    """Take it out of its segment, if no notification about it is at work.  A hold stays."""
    def decide(view: records.View) -> Transaction[None]:
        one = found(view, segment, host)
        _insist_on_unused(view, one, 'deleted')
        return Transaction([records.SEGMENT_HOST + one.uuid, _NOTIFICATIONS],
                           [ports.Delete(records.SEGMENT_HOST + one.uuid),
                            ports.Delete(records.segment_host_name(one.name))], None)
    call.books.change(decide)
    return Response(204)


def shown(view: records.View, one: SegmentHost, its: Segment) -> dict[str, Any]:
    """As the API shows it."""
    return {'id': one.number, 'uuid': one.uuid, 'name': one.name,
            'failover_segment_id': its.uuid, 'failover_segment': segments.shown(its),
            'type': one.kind, 'reserved': one.reserved,
            'control_attributes': one.control_attributes,
            'on_maintenance': on_maintenance(view, one.name), 'created_at': one.created_at,
            'updated_at': times.shown(one.updated_at), 'deleted_at': None, 'deleted': False}


def on_maintenance(view: records.View, host: str) -> bool:
    """True while a person holds the host, and while it is locked for good."""
    return host in view.held or view.permanent(host)


def found(view: records.View, segment: str, host: str) -> SegmentHost:
    """The host of this uuid, or number, in that segment.  Raises Fault 404."""
    its = {each.uuid for each in view.segments.values()
           if segment in (each.uuid, str(each.number))}
    one = next((each for each in view.segment_hosts.values()
                if each.segment in its and host in (each.uuid, str(each.number))), None)
    if one is None:
        raise missing(f'Host \'{host}\' under failover_segment \'{segment}\' could not be found.')
    return one


# ---------------------------------------------------------------- private


def _is_id(text: str) -> bool:
    try:
        return text.isdigit() or bool(uuid.UUID(text))
    except ValueError:
        return False


def _changed(one: SegmentHost, data: Mapping[str, Any]) -> SegmentHost:
    changes = {'kind' if name == 'type' else name: value for name, value in data.items()
               if name != 'on_maintenance'}
    if 'reserved' in changes:
        changes['reserved'] = truth(changes['reserved'])
    return dataclasses.replace(one, **changes)


def _insist_on_service(call: Call, name: str) -> None:
    """Raise Fault 400 if there is no such compute host, 503 if nobody can say."""
    try:
        services = call.service.cloud.services()
    except ports.PortError as failure:
        raise books.away(failure) from failure
    if name not in services:
        raise bad(f'Compute service with name {name} could not be found.')


def _insist_on_unused(view: records.View, one: SegmentHost, what: str) -> None:
    if any(each.host_uuid == one.uuid and not each.status.ended
           for each in view.notifications.values()):
        raise conflict(f'Host {one.uuid} can\'t be {what} as it is in-use to process '
                       f'notifications.')


def _free_name(view: records.View, name: str) -> tuple[list[str], str]:
    """What says that nobody has the name, and the key that guards it.  Raises Fault 409."""
    key = records.segment_host_name(name)
    holder = view.one(records.Holder, key)
    if holder is None:
        if view.has(key):
            raise _taken(name)
        return [key], key
    # What is left of a deleted segment's host has no name any more.
    entry = view.one(SegmentHost, records.SEGMENT_HOST + holder.uuid)
    if entry is None or view.has(records.SEGMENT + entry.segment):
        raise _taken(name)
    return [key, records.SEGMENT + entry.segment], key


def _taken(name: str) -> Exception:
    return conflict(f'Host with name {name} already exists.')


def _of_hold(host: str) -> list[str]:
    return [records.HOST + host, records.LOCK + host]


def _held(call: Call, view: records.View, host: str, asked: bool | str | None,
          may_release: bool = True) -> tuple[bool, list[ports.Put | ports.Delete]]:
    """Whether the host is on maintenance afterwards, and what is written for that.

    A hold that is there keeps its words: who shows all fields and sends them back changes none.
    """
    now = on_maintenance(view, host)
    if asked is None or truth(asked) == now:
        return now, []
    if truth(asked):
        return True, [books.put(records.HOST + host, records.HostSetting(
            hold=True, who=call.who, at=call.service.now(), why=_WHY))]
    if not may_release:
        return now, []
    if view.permanent(host):
        raise conflict(f'Host {host} was confirmed dead and is on maintenance until it is taken '
                       f'back: kaopu-ha host admit {host}')
    return False, [ports.Delete(records.HOST + host)]
