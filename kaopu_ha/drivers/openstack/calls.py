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

"""Plain GET, PUT and POST on one OpenStack service, and what their failures mean.

Reading may be done again by whoever reads; an act is sent **once**, by a process that was handed
its token, so that it need not ask Keystone first (and never knows the password)::

    act()   could not connect                    -> PortError
            400, 403, 404, 409                   -> Refused
            401: not done; a new token is needed -> Stale
            anything else but a success          -> OutcomeUnknown
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
import contextlib
import re
import ssl
import time
from typing import Any
from urllib import parse

from keystoneauth1 import adapter, token_endpoint
from keystoneauth1 import exceptions as keystone_errors
from keystoneauth1 import session as keystone_session
import requests
import urllib3

from kaopu_ha import ports

# What the system or the TLS library said, inside of what urllib3 and requests make of it.
_CAUSE = re.compile(r'(?:\[Errno -?\d+\] |\[SSL: [A-Z_]+\] )([^"\')]+)')
_DECISIONS = (400, 403, 404, 409)
_SHAPES = (LookupError, TypeError, ValueError, AttributeError)
_FAILURES = (keystone_errors.ClientException, requests.RequestException, OSError)
# Raised by urllib3 while there is no connection yet, so nothing was sent.
_NEVER_SENT = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError,
               ssl.SSLCertVerificationError)


class Stale(ports.PortError):
    """The service does not take the token (any more); nothing was done."""


class ServiceClient:
    """One service (``compute``, ``placement``) at one microversion.  Safe for threads."""

    _adapter: Any

    def __init__(self, service: str, microversion: str, limit: float) -> None:
        self._service, self._microversion, self._limit = service, microversion, limit

    def read(self, path: str, microversion: str = '', **query: str) -> requests.Response:
        """GET, whatever the status of the answer; PortError if there was none."""
        with translated(f'{self._service} {path}'):
            answer: requests.Response = self._adapter.get(
                path, params=query, microversion=microversion or self._microversion,
                raise_exc=False, connect_retries=0, status_code_retries=0, timeout=self._limit)
            return answer

    def rehearse(self, method: str, path: str, body: Any) -> requests.Response:
        """Send what the service must refuse to do, to see as which kind of refusal it comes.

        PortError if there was no answer.
        """
        with translated(f'{self._service} {path}'):
            answer: requests.Response = self._adapter.request(
                path, method, json=body, microversion=self._microversion, raise_exc=False,
                redirect=False, connect_retries=0, status_code_retries=0, timeout=self._limit)
            return answer

    def get(self, path: str, microversion: str = '', **query: str) -> Any:
        """GET; the JSON of a success, PortError for anything else."""
        answer = self.read(path, microversion, **query)
        with translated(f'{self._service} {path}'):
            if answer.status_code == requests.codes.unauthorized:
                raise Stale(f'{self._service} {path}: {reason(answer)}')
            if answer.status_code != requests.codes.ok:
                raise ports.PortError(f'{self._service} {path}: {reason(answer)}')
            return answer.json()

    def pages(self, path: str, noun: str, microversion: str = '',
              **query: str) -> Iterator[dict[str, Any]]:
        """GET a list, page after page, for as long as there is a link to a next one."""
        until = time.monotonic() + self._limit
        while True:
            page = self.get(path, microversion, **query)
            yield from page[noun]
            onward = [link['href'] for link in page.get(f'{noun}_links', ())
                      if link['rel'] == 'next']
            if not onward or not page[noun]:
                return
            if time.monotonic() > until:
                raise ports.PortError(f'{self._service} {path}: too many pages for the limit')
            query = dict(parse.parse_qsl(parse.urlsplit(onward[0]).query))


class TokenClient(ServiceClient):
    """The service for a process that another one gives its token: no Keystone, no password."""

    def __init__(self, auth: Mapping[str, str], service: str, microversion: str,
                 limit: float) -> None:
        super().__init__(service, microversion, limit)
        self._session = session(auth, limit)

    def use(self, token: str, endpoint: str) -> None:
        """Send what comes from now on there, with this token."""
        plugin = token_endpoint.Token(endpoint, token)
        self._adapter = adapter.Adapter(self._session, service_type=self._service, auth=plugin)

    def act(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        """Send the request once; never a second time."""
        try:
            answer = self._adapter.request(
                path, method, json=body, microversion=self._microversion, raise_exc=False,
                allow_reauth=False, redirect=False, connect_retries=0, status_code_retries=0,
                timeout=self._limit)
        except _FAILURES as failure:
            if _never_sent(failure):
                raise ports.PortError(f'{self._service} {path}: {plain(failure)}') from failure
            raise ports.OutcomeUnknown(f'{self._service} {path}: {plain(failure)}') from failure
        _judge(answer)


def session(auth: Mapping[str, str], limit: float, plugin: Any = None) -> keystone_session.Session:
    """A session with the options ``cafile``, ``certfile``, ``keyfile`` and ``insecure``."""
    careless = auth.get('insecure', '').lower() in ('1', 'true', 'yes', 'on')
    certificate, key = auth.get('certfile'), auth.get('keyfile')
    return keystone_session.Session(
        plugin, timeout=limit, verify=not careless and (auth.get('cafile') or True),
        cert=(certificate, key) if certificate and key else certificate)


def reason(answer: requests.Response) -> str:
    """Name the status of an answer, with the message that the service gave."""
    try:
        told = next(iter(answer.json().values()))
        # Nova: {"badRequest": {"message": ..}}; Placement: {"errors": [{"detail": ..}]}.
        message = told[0]['detail'] if isinstance(told, list) else told['message']
    except (*_SHAPES, StopIteration, requests.RequestException):
        message = answer.reason or 'no reason given'
    return f'{message} (HTTP {answer.status_code})'


def plain(failure: object) -> str:
    """What a failure says to people: without the pools and retries of the libraries."""
    told, pool, inside = ' '.join(str(failure).split()).partition('HTTPConnectionPool(')
    if not pool:
        told, pool, inside = told.partition('HTTPSConnectionPool(')
    cause = _CAUSE.search(inside)
    # A reason of the TLS library's ends with a place in its source.
    return f'{told}{cause[1].partition(" (_")[0]}' if cause else (
        told.rstrip(': ') or f'{pool}{inside}')


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Make a PortError of each failure of the libraries, and of answers of another shape."""
    try:
        yield
    except _FAILURES as failure:
        raise ports.PortError(f'{what}: {plain(failure)}') from failure
    except _SHAPES as failure:
        raise ports.PortError(f'{what}: not understood: {failure!r}') from failure


# ---------------------------------------------------------------- private


def _judge(answer: requests.Response) -> None:
    status = answer.status_code
    if 200 <= status < 300:
        return
    if status in _DECISIONS:
        raise ports.Refused(reason(answer))
    if status == requests.codes.unauthorized:
        raise Stale(reason(answer))
    if 400 <= status < 500:
        raise ports.PortError(reason(answer))
    raise ports.OutcomeUnknown(reason(answer))


def _never_sent(failure: BaseException | None) -> bool:
    """Look for the root: the libraries wrap it several times."""
    for _ in range(12):
        if failure is None:
            return False
        inner = getattr(failure, 'reason', None)
        if isinstance(failure, _NEVER_SENT) or isinstance(inner, _NEVER_SENT):
            return True
        failure = failure.__cause__ or failure.__context__
    return False
