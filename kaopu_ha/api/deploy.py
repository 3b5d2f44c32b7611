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

"""The whole WSGI application: who is asked before the API itself.

::

    /healthcheck       oslo.middleware's, for load balancers; nobody has to say who he is
    /, /v1 and /v2     what versions there are; likewise
    /v2/openapi.json   what our own resources are; likewise
    /v1/..., /v2/...   cors, http_proxy_to_wsgi, request_id, sizelimit, auth_token; then the API
    anything else      where it may be meant
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
import contextlib
import json
import logging
import re
from typing import Any

from keystonemiddleware import auth_token
from oslo_config import cfg
from oslo_middleware import cors, healthcheck, http_proxy_to_wsgi, request_id, sizelimit
from oslo_middleware.healthcheck import opts as health_options
from oslo_policy import opts as policy_options
from oslo_policy import policy
from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import LimitedStream

from kaopu_ha.api import front, policies, versions
from kaopu_ha.api.call import ApiService
from kaopu_ha.api.faults import UNEXPECTED, Fault
from kaopu_ha.api.v2 import front as v2_front
from kaopu_ha.api.v2 import openapi, routes

LOG = logging.getLogger(__name__)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]

# So much of a body that nobody wanted is taken from the client all the same.
_LEFT_MAX = 1 << 20
_PORTION = 1 << 16
# The project that an endpoint may have in its URL.
_PROJECT = re.compile(r'^/v1/([0-9a-f-]+)(/.+)$')
# While this file is there, load balancers are told to send nobody here.
_NO_HEALTH = '/etc/kaopu-ha/healthcheck_disable'
_DOCUMENT = f'{routes.PREFIX}/openapi.json'
_OPEN: Mapping[str, Callable[[str], Any]] = {
    '/': versions.listed, '/v1': versions.shown, '/v1/': versions.shown,
    '/v2': versions.shown_v2, '/v2/': versions.shown_v2, _DOCUMENT: openapi.document}


def enforcer(conf: cfg.ConfigOpts) -> policy.Enforcer:
    """Who may do what: our rules, and what ``policy.yaml`` says instead."""
    policy_options.set_defaults(conf)
    found = policy.Enforcer(conf)
    found.register_defaults(list(policies.list_rules()))
    return found


def application(conf: cfg.ConfigOpts, service: ApiService) -> Wsgi:
    """All of it.  ``conf``: what the middleware of OpenStack reads its options from."""
    inner = front.application(service)
    v2_front.add(inner, service)
    # The last one is asked first.
    asked: Any = auth_token.AuthProtocol(inner, {'oslo_config_config': conf})
    asked = sizelimit.RequestBodySizeLimiter(asked, conf)
    asked = _answered(request_id.RequestId(asked, conf))
    health = _healthcheck(conf)
    outer: Any = http_proxy_to_wsgi.HTTPProxyToWSGI(_mounted(asked, health, conf), conf)
    return _read_to_the_end(cors.CORS(outer, conf))


def _read_to_the_end(inner: Wsgi) -> Wsgi:
    """The same, but that the client is heard to his end, also where he is refused before it.

    uWSGI closes a connection with what was not read, and the client's kernel then throws the
    answer away: instead of 401 he would see nothing but a connection that was cut off, and a
    client with an old token would not take a new one.
    """
    def heard(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        length = environ.get('CONTENT_LENGTH') or '0'
        if not length.isdigit() or length == '0':
            return inner(environ, start)
        # Nobody reads beyond the body: there some servers would wait for more.
        body = LimitedStream(environ['wsgi.input'], int(length))
        environ['wsgi.input'] = body
        answer = inner(environ, start)
        with contextlib.suppress(OSError, ClientDisconnected):
            left = _LEFT_MAX
            while left > 0 and (portion := body.read(min(left, _PORTION))):
                left -= len(portion)
        return answer
    return heard


def _answered(inner: Wsgi) -> Wsgi:
    """The same, but that whatever goes wrong is answered: a server would only hang up."""
    def answered(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        try:
            return inner(environ, start)
        except Exception:
            # Keystone's middleware asks others, and lets some of their failures through.
            LOG.exception('%s %s failed', environ['REQUEST_METHOD'], environ.get('PATH_INFO'))
            return _told(environ, start, '500 Internal Server Error',
                         json.loads(Fault(500, UNEXPECTED).text))
    return answered


def _healthcheck(conf: cfg.ConfigOpts) -> Any:
    """Says OK while the process runs, and no file says otherwise; asks nobody else."""
    conf.register_opts([*health_options.HEALTHCHECK_OPTS, *health_options.DISABLE_BY_FILE_OPTS],
                       'healthcheck')
    conf.set_default('backends', ['disable_by_file'], 'healthcheck')
    conf.set_default('disable_by_file_path', _NO_HEALTH, 'healthcheck')
    return healthcheck.Healthcheck(None, conf)


def _mounted(asked: Wsgi, health: Wsgi, conf: cfg.ConfigOpts) -> Wsgi:
    def mounted(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        path = environ.get('PATH_INFO') or '/'
        if path == '/healthcheck':
            return health(environ, start)
        if path in _OPEN and environ['REQUEST_METHOD'] in ('GET', 'HEAD'):
            return _told(environ, start, '200 OK', _OPEN[path](_base(environ, conf)))
        if path.startswith(f'{routes.PREFIX}/'):
            return asked(environ, start)
        if not f'{path}/'.startswith('/v1/'):
            return _told(environ, start, '300 Multiple Choices',
                         versions.choices(_base(environ, conf), path))
        return asked(_without_project(environ, path), start)
    return mounted


def _without_project(environ: Environ, path: str) -> Environ:
    """The request with its path alone: the project of the URL is compared later."""
    found = _PROJECT.match(path)
    if found is not None:
        environ[front.PROJECT] = found[1]
        path = f'/v1{found[2]}'
    environ['PATH_INFO'] = path.removesuffix('.json')
    return environ


def _base(environ: Environ, conf: cfg.ConfigOpts) -> str:
    """The URL in front of the versions, as clients are to use it."""
    if conf.api.link_prefix:
        return str(conf.api.link_prefix).rstrip('/')
    host = environ.get('HTTP_HOST') or f'{environ["SERVER_NAME"]}:{environ["SERVER_PORT"]}'
    return f'{environ["wsgi.url_scheme"]}://{host}{environ.get("SCRIPT_NAME", "")}'.rstrip('/')


def _told(environ: Environ, start: StartResponse, status: str, body: Any) -> Iterable[bytes]:
    text = json.dumps(body).encode()
    start(status, [('Content-Type', 'application/json'), ('Content-Length', str(len(text)))])
    return [] if environ['REQUEST_METHOD'] == 'HEAD' else [text]


def allows(rules: policy.Enforcer) -> Callable[[str, Any], bool]:
    """Whether somebody may do what a rule is about: on what is of his own project."""
    def allowed(rule: str, creds: Any) -> bool:
        target = {'project_id': creds.project_id, 'user_id': creds.user_id}
        return bool(rules.authorize(rule, target, creds, do_raise=False))
    return allowed
