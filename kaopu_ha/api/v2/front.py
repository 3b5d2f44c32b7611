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

"""One request for our own resources, from its first check to its answer.

The checks come in this order: method, who asks, the policy, content type and JSON, the query and
the body as they are declared; then whatever the records say.  So who may not hears nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
import functools
import logging
import time
from typing import Any

import flask
from oslo_context import context as oslo_context

from kaopu_ha import records
from kaopu_ha.api import front
from kaopu_ha.api.call import ApiService
from kaopu_ha.api.faults import UNEXPECTED, Fault, bad, conflict, missing
from kaopu_ha.api.v2 import declared
from kaopu_ha.api.v2.declared import OwnAction
from kaopu_ha.api.v2.inquiry import Inquiry
from kaopu_ha.api.v2.newsroom import Newsroom
from kaopu_ha.api.v2.projects import Projects
from kaopu_ha.api.v2.routes import PREFIX, ROUTES
from kaopu_ha.telling.named import NotNow, Nowhere

LOG = logging.getLogger(__name__)

_METHODS = ('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'CONNECT')


def add(app: Any, service: ApiService) -> None:
    """Add our own resources to the application of Masakari's API."""
    newsroom = Newsroom(service.books, service.now, service.limits.waiting_max)
    projects = Projects(service.cloud, time.monotonic)
    made = functools.partial(Inquiry, service, newsroom, projects)
    for path, methods in ROUTES.items():
        view = functools.partial(_answer, service, made, methods)
        app.add_url_rule(PREFIX + path, PREFIX + path, view, methods=_METHODS,
                         provide_automatic_options=False)


# ---------------------------------------------------------------- one request


def _answer(service: ApiService, made: functools.partial[Inquiry],
            methods: Mapping[str, OwnAction], **ids: str) -> Any:
    try:
        return _handled(service, made, methods, ids)
    except Fault as fault:
        sent = front.written(fault, None)
        if fault.code == 405:
            sent.headers['Allow'] = ', '.join(_allowed(methods))
        return sent
    except Exception:
        LOG.exception('%s %s failed', flask.request.method, flask.request.path)
        return front.written(Fault(500, UNEXPECTED), None)


def _handled(service: ApiService, made: functools.partial[Inquiry],
             methods: Mapping[str, OwnAction], ids: Mapping[str, str]) -> Any:
    method = 'GET' if flask.request.method == 'HEAD' else flask.request.method
    action = methods.get(method)
    if action is None:
        raise Fault(405, f'There is no {flask.request.method} here. There is: '
                         f'{", ".join(_allowed(methods))}.')
    creds = oslo_context.RequestContext.from_environ(flask.request.environ)
    if not creds.user_id:
        raise Fault(401, 'The token names no user.')
    if not service.allows(action.rule, creds):
        raise Fault(403, f'Policy doesn\'t allow {action.rule} to be performed.')
    body = _body(action)
    query = declared.checked(action.query, flask.request.args, list(flask.request.args))
    try:
        found = action.handle(made(front.who(creds), creds, query, body), **ids)
    except Nowhere as failure:
        raise missing(str(failure)) from failure
    except NotNow as failure:
        raise conflict(str(failure)) from failure
    except records.RecordError as failure:
        raise Fault(503, f'A record in the store can\'t be read: {failure}. Nothing was changed. '
                         'If it was written by a newer release, that release reads it.'
                    ) from failure
    return flask.Response(flask.json.dumps(found), action.code, mimetype='application/json')


def _body(action: OwnAction) -> Any:
    """What was sent along, as it is declared; where nothing is taken, nothing or ``{}`` is."""
    if flask.request.method not in ('POST', 'PUT', 'PATCH'):
        return None
    body = front.body_of('POST')
    if action.takes is None:
        if body:
            raise bad('the body: nothing is taken here')
        return None
    if flask.request.mimetype != 'application/json':
        raise Fault(415, 'The content type of the body has to be application/json.')
    declared.check_body(action.takes, body)
    return body


def _allowed(methods: Mapping[str, OwnAction]) -> list[str]:
    return sorted({*methods, *(['HEAD'] if 'GET' in methods else [])})
