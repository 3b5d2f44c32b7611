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

"""One request, from its first check to its answer.

The checks come in this order, as clients know it: microversion, content type, method, JSON, the
project in the URL, the body by its schema, the policy; then whatever the records say.
"""

from __future__ import annotations

from collections.abc import Mapping
import functools
import json
import logging
from typing import Any

import flask
from oslo_context import context as oslo_context
import webob.exc

from kaopu_ha.api import bodies, versions
from kaopu_ha.api.call import ApiAction, ApiService, Call, Response
from kaopu_ha.api.faults import UNEXPECTED, Fault, bad, missing
from kaopu_ha.api.routes import NAMES, ROUTES, Methods

LOG = logging.getLogger(__name__)

# Where the project of the URL stands, once it was taken out of the path.
PROJECT = 'kaopu_ha.project_id'

_JSON = 'application/json'
_TYPES = (_JSON, 'application/vnd.openstack.masakari+json')
_VERBS = ('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH')
_PREFIX = '/v1'


def application(service: ApiService) -> Any:
    """The API as a WSGI application, behind everything that knows who asks."""
    app = flask.Flask(__name__, static_folder=None)
    # The paths are as they are written, and nobody is sent elsewhere.
    app.url_map.strict_slashes, app.url_map.merge_slashes = False, False
    for path, methods in ROUTES.items():
        view = functools.partial(_answer, service, methods, path)
        app.add_url_rule(_PREFIX + path, path, view, methods=_VERBS,
                         provide_automatic_options=False)
    for code in (404, 405):
        app.register_error_handler(code, lambda _: written(_nowhere(), None))
    return app


# ---------------------------------------------------------------- the checks, in their order


def _answer(service: ApiService, methods: Methods, path: str, **ids: str) -> Any:
    version: versions.Version | None = None
    try:
        version = versions.asked(dict(flask.request.headers))
        return _sent(_handled(service, methods, path, version, ids), version)
    except Fault as fault:
        return written(fault, version)
    except Exception:
        LOG.exception('%s %s failed', flask.request.method, flask.request.path)
        return written(Fault(500, UNEXPECTED), version)


def _handled(service: ApiService, methods: Methods, path: str, version: versions.Version,
             ids: Mapping[str, str]) -> Response:
    method = 'GET' if flask.request.method == 'HEAD' else flask.request.method
    _check_content_type()
    action = _action(methods, method, path)
    body = body_of(method)
    creds = oslo_context.RequestContext.from_environ(flask.request.environ)
    if not creds.user_id:
        raise Fault(401, 'The token names no user.')
    _check_project(creds)
    if action.body is not None:
        bodies.check(action.body(version), body)
    if not service.allows(action.rule, creds):
        raise Fault(403, f'Policy doesn\'t allow {action.rule} to be performed.')
    return action.handle(Call(service, version, who(creds), creds, flask.request.args, body),
                         **ids)


def _check_content_type() -> None:
    kind = flask.request.mimetype
    if kind and kind != 'text/plain' and kind not in _TYPES:
        raise Fault(415, 'Unsupported Content-Type')


def _action(methods: Methods, method: str, path: str) -> ApiAction:
    if method not in methods:
        raise _nowhere()
    action = methods[method]
    if action is None:
        last = path.rpartition('/')[2]
        name = last if last in ('new', 'edit', 'action') else NAMES[method]
        raise Fault(405, f'The request method: \'{method}\' with action: \'{name}\' is not allowed '
                         f'on this resource')
    return action


def _nowhere() -> Fault:
    return missing('The resource could not be found.')


def body_of(method: str) -> Any:
    """What was sent along; nothing at all is null."""
    if method not in ('POST', 'PUT'):
        return None
    try:
        text = flask.request.get_data()
        found = json.loads(text.decode(), parse_constant=_no_number) if text else None
        # Half of a character may be spelled in JSON, and can be in no record.
        json.dumps(found, ensure_ascii=False).encode()
    except webob.exc.HTTPRequestEntityTooLarge:
        raise Fault(413, 'The body is too large.') from None
    except (ValueError, RecursionError):
        raise bad('Malformed request body') from None
    return found


def _no_number(name: str) -> None:
    raise ValueError(name)


def _check_project(creds: Any) -> None:
    project = flask.request.environ.get(PROJECT)
    if project is not None and project != creds.project_id:
        raise bad(f'Malformed request URL: URL\'s project_id \'{project}\' doesn\'t match '
                  f'Context\'s project_id \'{creds.project_id}\'')


def who(creds: Any) -> str:
    """Who asks, for people."""
    return f'user {creds.user_name or creds.user_id} by the API'


# ---------------------------------------------------------------- the answer


def _sent(response: Response, version: versions.Version) -> Any:
    if response.body is None:
        made = flask.Response(status=response.code)
        del made.headers['Content-Type']
    else:
        kind = flask.request.accept_mimetypes.best_match(_TYPES, _JSON)
        made = flask.Response(json.dumps(response.body), response.code)
        made.headers['Content-Type'] = kind or _JSON
    return _marked(made, version)


def written(fault: Fault, version: versions.Version | None) -> Any:
    """The answer that a fault is."""
    made = flask.Response(fault.text, fault.code)
    made.headers['Content-Type'] = 'application/json; charset=UTF-8'
    return _marked(made, version)


def _marked(made: Any, version: versions.Version | None) -> Any:
    """With the version that it is in; none where none was meant."""
    if version is not None:
        made.headers[versions.HEADER] = f'{versions.SERVICE_TYPE} {versions.told(version)}'
        made.headers['Vary'] = versions.HEADER
    return made
