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

"""The API on one screen: what can be asked for, by path and method.

A path knows the methods that Masakari's routes know; one that nothing is done for is answered 405,
any other 404.
"""

from __future__ import annotations

from collections.abc import Mapping

from kaopu_ha.api.call import ApiAction
from kaopu_ha.api.handlers import extensions, hosts, notifications, segments, vmoves
from kaopu_ha.api.policies import rule
from kaopu_ha.api.schemas import hosts as host_bodies
from kaopu_ha.api.schemas import notifications as notification_bodies
from kaopu_ha.api.schemas import segments as segment_bodies

Methods = Mapping[str, ApiAction | None]

_SEGMENT, _HOSTS = '/segments/<segment>', '/segments/<segment>/hosts'
_NOTIFICATION, _MOVES = '/notifications/<notification>', '/notifications/<notification>/vmoves'
# Pages that Masakari's routes know for forms that nobody ever wrote.
_FORM: Methods = {'GET': None}
_ACTION: Methods = {'POST': None}

ROUTES: Mapping[str, Methods] = {
    '/extensions': {
        'GET': ApiAction(extensions.index, rule('extensions', 'index')),
        'POST': None},
    '/extensions/<alias>': {
        'GET': ApiAction(extensions.show, rule('extensions', 'detail')),
        'PUT': None,
        'DELETE': None},
    '/segments': {
        'GET': ApiAction(segments.index, rule('segments', 'index')),
        'POST': ApiAction(segments.create, rule('segments', 'create'), segment_bodies.create)},
    _SEGMENT: {
        'GET': ApiAction(segments.show, rule('segments', 'detail')),
        'PUT': ApiAction(segments.update, rule('segments', 'update'), segment_bodies.update),
        'DELETE': ApiAction(segments.delete, rule('segments', 'delete'))},
    _HOSTS: {
        'GET': ApiAction(hosts.index, rule('os-hosts', 'index')),
        'POST': ApiAction(hosts.create, rule('os-hosts', 'create'), host_bodies.create)},
    f'{_HOSTS}/<host>': {
        'GET': ApiAction(hosts.show, rule('os-hosts', 'detail')),
        'PUT': ApiAction(hosts.update, rule('os-hosts', 'update'), host_bodies.update),
        'DELETE': ApiAction(hosts.delete, rule('os-hosts', 'delete'))},
    '/notifications': {
        'GET': ApiAction(notifications.index, rule('notifications', 'index')),
        'POST': ApiAction(notifications.create, rule('notifications', 'create'),
                          notification_bodies.create)},
    _NOTIFICATION: {
        'GET': ApiAction(notifications.show, rule('notifications', 'detail')),
        'PUT': None,
        'DELETE': None},
    _MOVES: {
        'GET': ApiAction(vmoves.index, rule('vmoves', 'index')),
        'POST': None},
    f'{_MOVES}/<vmove>': {
        'GET': ApiAction(vmoves.show, rule('vmoves', 'detail')),
        'PUT': None,
        'DELETE': None},
    **{f'{path}/new': _FORM for path in ('/segments', _HOSTS, '/notifications', _MOVES)},
    **{f'{path}/edit': _FORM for path in (_SEGMENT, f'{_HOSTS}/<host>', _NOTIFICATION,
                                          f'{_MOVES}/<vmove>')},
    **{f'{path}/action': _ACTION for path in (_SEGMENT, _NOTIFICATION)},
}
# What a method that nothing is done for would have been called.
NAMES: Mapping[str, str] = {'GET': 'show', 'POST': 'create', 'PUT': 'update', 'DELETE': 'delete'}
