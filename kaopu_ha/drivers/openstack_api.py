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

"""OpenStack's APIs through one Keystone session per process.

openstacksdk gives the session and an adapter for each service; the calls are plain GET, PUT and
POST with a named microversion, since its resource calls negotiate a newer one and retry as the
configuration pleases.  Reading may be done again by whoever reads; an act is sent **once**::

    prepare()   token and endpoint: nothing of the act is sent yet     -> PortError
    act()       the one request   could not connect                    -> PortError
                                  400, 403, 404, 409                   -> Refused
                                  401: not done; a new token, once more
                                  anything else but a success          -> OutcomeUnknown
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
import contextlib
import functools
import ssl
import threading
import time
from typing import Any, TypeVar
from urllib import parse

from keystoneauth1 import exceptions as keystone_errors
from keystoneauth1 import session as keystone_session
from keystoneauth1.identity import generic
from openstack import connection
from openstack import exceptions as sdk_errors
import requests
import urllib3

from kaopu_ha import ports

# Reads that hang at one time, each in a thread that can't be ended before its socket gives up.
_HANGING_MAX = 16

_DECISIONS = (400, 403, 404, 409)
_NOT_PLUGIN = ('auth_type', 'region_name', 'interface', 'cafile', 'certfile', 'keyfile', 'insecure')
_SHAPES = (LookupError, TypeError, ValueError, AttributeError)
_FAILURES = (keystone_errors.ClientException, sdk_errors.SDKException,
             requests.RequestException, OSError)
# Raised by urllib3 while there is no connection yet, so nothing was sent.
_NEVER_SENT = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError,
               ssl.SSLCertVerificationError)

Result = TypeVar('Result')


class Api:
    """One service (``compute``, ``placement``) at one microversion.  Safe for threads."""

    def __init__(self, auth: Mapping[str, str], service: str, microversion: str,
                 limit: float) -> None:
        self._connection = _connection(tuple(sorted(auth.items())), limit)
        self._service = service
        self._microversion = microversion
        self._limit = limit

    # ------------------------------------------------------------ reading

    def read(self, path: str, microversion: str = '', **query: str) -> requests.Response:
        """GET, whatever the status of the answer; PortError if there was none."""
        with translated(f'{self._service} {path}'):
            answer: requests.Response = self._adapter.get(
                path, params=query, microversion=microversion or self._microversion,
                raise_exc=False, connect_retries=0, status_code_retries=0, timeout=self._limit)
            return answer

    def get(self, path: str, microversion: str = '', **query: str) -> Any:
        """GET; the JSON of a success, PortError for anything else."""
        answer = self.read(path, microversion, **query)
        with translated(f'{self._service} {path}'):
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

    # ------------------------------------------------------------ acting

    def prepare(self) -> None:
        """Have a token and know the endpoint, so that an act need only send its own request."""
        with translated(f'{self._service} endpoint'):
            if not self._adapter.get_token() or not self._adapter.get_endpoint():
                raise ports.PortError(f'no endpoint of {self._service} in the catalog')

    def act(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        """Send the request once; never a second time, but after a 401, which did nothing."""
        self.prepare()
        answer = self._send(method, path, body)
        if answer.status_code == requests.codes.unauthorized:
            self._adapter.invalidate()
            self.prepare()
            answer = self._send(method, path, body)
        _judge(answer)

    # ------------------------------------------------------------ private

    @property
    def _adapter(self) -> Any:
        try:
            return getattr(self._connection, self._service)
        except keystone_errors.EndpointNotFound:
            # The catalog comes with the token and is kept as long: ask for both afresh next time.
            self._connection.session.invalidate()
            raise

    def _send(self, method: str, path: str, body: Mapping[str, Any]) -> requests.Response:
        try:
            answer: requests.Response = self._adapter.request(
                path, method, json=body, microversion=self._microversion, raise_exc=False,
                allow_reauth=False, redirect=False, connect_retries=0, status_code_retries=0,
                timeout=self._limit)
            return answer
        except _FAILURES as failure:
            if _never_sent(failure):
                raise ports.PortError(f'{self._service} {path}: {failure}') from failure
            raise ports.OutcomeUnknown(f'{self._service} {path}: {failure}') from failure


def within(limit: float, work: Callable[[], Result]) -> Result:
    """Give what ``work`` gives, by the limit, whatever it hangs in; PortError if it is late.

    A read that hangs past it (name resolution has no timeout, a slow answer none for its whole)
    is left to a thread that ends when its socket does.
    """
    until = time.monotonic() + limit
    if not _hanging.acquire(timeout=limit):
        raise ports.PortError(f'{_HANGING_MAX} earlier calls hang')
    result: futures.Future[Result] = futures.Future()
    threading.Thread(target=_fill, args=(result, work), name='openstack-api', daemon=True).start()
    try:
        return result.result(max(until - time.monotonic(), 0.0))
    except futures.TimeoutError as late:
        raise ports.PortError(f'no answer within {limit:.1f} s') from late


def reason(answer: requests.Response) -> str:
    """Name the status of an answer, with the message that the service gave."""
    try:
        told = next(iter(answer.json().values()))
        # Nova: {"badRequest": {"message": ..}}; Placement: {"errors": [{"detail": ..}]}.
        message = told[0]['detail'] if isinstance(told, list) else told['message']
    except (*_SHAPES, StopIteration, requests.RequestException):
        message = answer.reason or 'no reason given'
    return f'{message} (HTTP {answer.status_code})'


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Make a PortError of each failure of the libraries, and of answers of another shape."""
    try:
        yield
    except _FAILURES as failure:
        raise ports.PortError(f'{what}: {failure}') from failure
    except _SHAPES as failure:
        raise ports.PortError(f'{what}: not understood: {failure!r}') from failure


# ---------------------------------------------------------------- private

_hanging = threading.BoundedSemaphore(_HANGING_MAX)


def _fill(result: futures.Future[Result], work: Callable[[], Result]) -> None:
    try:
        result.set_result(work())
    except BaseException as failure:  # noqa: BLE001  it is raised where the result is awaited
        result.set_exception(failure)
    finally:
        _hanging.release()


@functools.cache
def _connection(auth: tuple[tuple[str, str], ...], limit: float) -> connection.Connection:
    given = dict(auth)
    options: dict[str, Any] = {key: value for key, value in given.items() if key not in _NOT_PLUGIN}
    careless = given.get('insecure', '').lower() in ('1', 'true', 'yes', 'on')
    certificate, key = given.get('certfile'), given.get('keyfile')
    session = keystone_session.Session(
        generic.Password(**options), timeout=limit,
        verify=not careless and (given.get('cafile') or True),
        cert=(certificate, key) if certificate and key else certificate)
    # Strict: otherwise a service that the catalog lacks once is taken as lacking for ever.
    return connection.Connection(session=session, region_name=given.get('region_name'),
                                 interface=given.get('interface', 'public'), strict_proxies=True)


def _judge(answer: requests.Response) -> None:
    status = answer.status_code
    if 200 <= status < 300:
        return
    if status in _DECISIONS:
        raise ports.Refused(reason(answer))
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
