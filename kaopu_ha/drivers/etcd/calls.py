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

"""Calls to a cluster of etcd members: failover, log-in, staleness, and what a failure means.

One member is used at a time, by all calls and streams, until it fails one of them; then the next.
What a failed call leaves behind is one of four (``After``), and only this module knows which; no
exception of gRPC's leaves it.

What the cluster was once seen to have reached (raft term, revision) it can't fall behind: a member
that answers from before that was cut off, or is another cluster's, and the next one is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
import enum
import os
import random
import threading
import time
from typing import Any, Protocol

import grpc

from kaopu_ha import ports
from kaopu_ha.drivers.etcd import tls as etcd_tls
from kaopu_ha.drivers.etcd import wire

# A write goes to a member that was heard this recently, or is asked for its status first: so a
# member that has long been away costs a try, and not the knowledge of what became of the write.
_RECENT_SECONDS = 2.5

# While the members elect a leader (one to two seconds) they hold writes back and do them then; to
# give up earlier would only turn a write that is done into one that nobody knows of.
_WRITE_TRIES = 2

_PAUSE_FIRST_SECONDS = 0.02
_PAUSE_MOST_SECONDS = 0.5

_NEVER_SENT = ('failed to connect', 'connections to all backends failing', 'dns resolution failed',
               'empty address list')
_NOT_TAKEN = ('etcdserver: no leader', 'etcdserver: too many requests')
_LOGGED_OUT = ('invalid auth token', 'user name is empty', 'revision of auth store is old')


Headers = tuple[tuple[str, str], ...]


class Member(Protocol):
    """The way to one member.  Connects when first used, and again whenever that is lost."""

    target: str

    def unary(self, method: wire.Method, request: wire.Message, limit: float,
              headers: Headers) -> wire.Message:
        """Call and wait for the reply.  Raises grpc.RpcError, and ValueError after ``close``."""

    def stream(self, method: wire.Method, requests: Iterator[wire.Message],
               headers: Headers) -> Any:
        """Open a stream: gRPC's call, which gives replies and can be cancelled.

        Raises ValueError after ``close``.
        """

    def close(self) -> None:
        """Break all that is under way."""


class After(enum.Enum):
    """What a failed call leaves behind."""

    NOT_DONE = 'not done; another member may do it'
    MAYBE_DONE = 'perhaps done'
    REFUSED = 'not done, and no member will do it'
    LOGGED_OUT = 'not done; the token must be renewed'


class Failed(Exception):
    """A call to one member failed.  Does not leave the driver."""

    def __init__(self, after: After, why: str) -> None:
        super().__init__(why)
        self.after = after


class CallRefused(ports.StoreError):
    """etcd said no, as any member would; nothing was done."""


@dataclass(frozen=True)
class Position:
    """How far a cluster was seen to have come."""

    cluster: int = 0
    term: int = 0
    revision: int = 0


def _judge(error: grpc.RpcError) -> Failed:
    """Say what an error of gRPC's means.  What is not known to be harmless is MAYBE_DONE."""
    code, why = error.code(), error.details() or ''
    words = why.lower()
    told = f'{code.name}: {why}' if code else why
    if code is grpc.StatusCode.UNAUTHENTICATED or any(part in words for part in _LOGGED_OUT):
        return Failed(After.LOGGED_OUT, told)
    if code is grpc.StatusCode.UNAVAILABLE and words.startswith(_NEVER_SENT + _NOT_TAKEN):
        return Failed(After.NOT_DONE, told)
    if code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND,
                grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.PERMISSION_DENIED,
                grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.UNIMPLEMENTED):
        return Failed(After.REFUSED, told)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and words.startswith(_NOT_TAKEN):
        return Failed(After.NOT_DONE, told)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and words.startswith('etcdserver: '):
        return Failed(After.REFUSED, told)
    return Failed(After.MAYBE_DONE, told)


class Login:
    """A user's token, fetched when first needed and again after the members forgot it."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password
        self._token: str | None = None if user else ''

    def is_due(self) -> bool:
        """Whether a token must be fetched before the next call."""
        return self._token is None

    def request(self) -> wire.Message:
        """The request that fetches a token."""
        return wire.AuthenticateRequest(name=self._user, password=self._password)

    def take(self, token: str) -> None:
        """Use this token from now on; '' if the members want none."""
        self._token = token

    def forget(self) -> bool:
        """Have the token fetched again; whether it can be: there is a user."""
        self._token = None if self._user else ''
        return bool(self._user)

    def headers(self) -> Headers:
        """The metadata that shows the token."""
        return (('token', self._token),) if self._token else ()


class ClusterClient:
    """The members of a cluster, as one that answers.  Safe for threads; not across a fork."""

    def __init__(self, members: Sequence[Member], files: etcd_tls.TlsFiles, login: Login, *,
                 timeout: float, try_limit: float, first: int | None) -> None:
        self._timeout = timeout
        self._try_limit = try_limit
        self._login, self._files = login, files
        self._members = tuple(members)
        self._pid = os.getpid()
        # Clients with the same list of members spread over them.
        self._member = random.randrange(len(members)) if first is None else first % len(members)
        self._mutex, self._logging_in = threading.Lock(), threading.Lock()
        self._position = Position()
        self._heard = [-_RECENT_SECONDS] * len(members)
        self._closed = threading.Event()

    # ------------------------------------------------------------ the member in use

    @property
    def member(self) -> int:
        """The member that is used now."""
        return self._member

    @property
    def position(self) -> Position:
        """How far the cluster was seen to have come; replies to later requests are not behind."""
        return self._position

    @property
    def tries(self) -> int:
        """How many members there are to try."""
        return len(self._members)

    def name(self, member: int) -> str:
        """The address of a member, for people."""
        return self._members[member].target

    def explained(self, why: str) -> str:
        """Why no member could be reached, with what our or its certificate has to do with it."""
        return self._files.explained(why)

    def leave(self, member: int) -> None:
        """Use the next member, unless this one was left already.

        That a stale member answers makes it no better: no write goes there unless it is roused.
        """
        with self._mutex:
            self._heard[member] = -_RECENT_SECONDS
            if self._member == member:
                self._member = (member + 1) % len(self._members)

    def hear(self, member: int) -> None:
        """Note that the member answered just now."""
        self._heard[member] = time.monotonic()

    def silence(self, member: int) -> float:
        """Seconds since anybody here heard the member; very many for one that was left since."""
        return time.monotonic() - self._heard[member]

    def log_out(self) -> None:
        """Have the next call log in again."""
        self._login.forget()

    def believe(self, header: wire.Message, floor: Position, *, lag: bool = False) -> None:
        """Raise Failed if a reply is from before ``floor``, the position when it was asked for.

        ``lag``: the reply comes from what this one member has, which may trail by some revisions.
        """
        if floor.cluster and header.cluster_id != floor.cluster:
            raise Failed(After.NOT_DONE, 'the member belongs to another cluster')
        if header.raft_term < floor.term:
            raise Failed(After.NOT_DONE, f'the member is stale: it is at term {header.raft_term}, '
                                         f'the cluster at {floor.term}')
        if not lag and header.revision < floor.revision:
            raise Failed(After.NOT_DONE, f'the member is stale: it is at revision '
                                         f'{header.revision}, the cluster at {floor.revision}')
        with self._mutex:
            self._position = Position(header.cluster_id,
                                      max(self._position.term, header.raft_term),
                                      max(self._position.revision, header.revision))

    # ------------------------------------------------------------ calls

    def repeat(self, method: wire.Method, request: wire.Message) -> wire.Message:
        """Make a call that does no harm if it is made twice; of several members if need be.

        Raises StoreError when none answered in time, CallRefused when none would do it.
        """
        why = ''
        for member, limit in self._attempts(self._try_limit):
            floor = self._position
            try:
                self._log_in(member, limit)
                reply = self._unary(member, method, request, limit)
                self.believe(reply.header, floor)
                return reply
            except Failed as failed:
                why = self._learn(member, failed)
        raise ports.StoreError(f'no member of etcd answered in {self._timeout:g} s: '
                               f'{self.explained(why)}')

    def revision(self, key: bytes) -> int:
        """The revision that the cluster is at, not older than the call.  Raises StoreError."""
        # A transaction that reads no key at all would not be linearizable: a member answers it
        # from what it has by itself.
        return int(self.repeat(wire.TXN, wire.TxnRequest(success=[wire.RequestOp(
            request_range=wire.RangeRequest(key=key, keys_only=True))])).header.revision)

    def once(self, method: wire.Method, request: wire.Message) -> wire.Message:
        """Make a call that must not be made twice: repeat it only while it surely was not done.

        Raises StoreError or CallRefused when it was not done, OutcomeUnknown when nobody knows.
        """
        why = ''
        for member, limit in self._attempts(_WRITE_TRIES * self._try_limit):
            floor = self._position
            try:
                self._log_in(member, min(limit, self._try_limit))
                self._rouse(member, min(limit, self._try_limit))
            except Failed as failed:
                why = self._learn(member, failed)
                continue
            try:
                reply = self._unary(member, method, request, limit)
            except Failed as failed:
                why = self._learn(member, failed)
                if failed.after is After.MAYBE_DONE:
                    raise ports.OutcomeUnknown(why) from failed
                continue
            try:
                self.believe(reply.header, floor)
            except Failed as failed:
                raise ports.OutcomeUnknown(self._learn(member, failed)) from failed
            return reply
        raise ports.StoreError(f'no member of etcd took the write in {self._timeout:g} s: '
                               f'{self.explained(why)}')

    def ask(self, member: int, method: wire.Method, request: wire.Message) -> wire.Message:
        """Ask this member and no other, once.  Raises Failed, and StoreError when it is closed."""
        self._log_in(member, self._try_limit)
        return self._unary(member, method, request, self._try_limit)

    def stream(self, member: int, method: wire.Method, requests: Iterable[wire.Message],
               limit: float) -> Any:
        """Open a stream to a member; to be read by ``replies``, ended by its ``cancel()``.

        A member that has no leader ends it.  Raises Failed; a log-in takes ``limit`` seconds at
        most.
        """
        self._log_in(member, limit)
        self._check()
        try:
            return self._members[member].stream(
                method, iter(requests), (*self._login.headers(), ('hasleader', 'true')))
        except ValueError as error:
            raise Failed(After.NOT_DONE, str(error)) from error

    def replies(self, member: int, call: Any) -> Iterator[wire.Message]:
        """The replies of a stream as they come.  Raises Failed when it breaks."""
        try:
            for reply in call:
                self.hear(member)
                yield reply
        except grpc.RpcError as error:
            failed = _judge(error)
            if failed.after is After.LOGGED_OUT:
                self.log_out()
            raise failed from error

    def close(self) -> None:
        """Break all streams and calls."""
        self._closed.set()
        for member in self._members:
            member.close()

    # ------------------------------------------------------------ one try

    def _attempts(self, limit: float) -> Iterator[tuple[int, float]]:
        """Give the member to try and the seconds for it, until the time is over."""
        end = time.monotonic() + self._timeout
        pause = _PAUSE_FIRST_SECONDS
        while (left := end - time.monotonic()) > 0:
            yield self._member, min(limit, left)
            self._closed.wait(min(pause, max(0.0, end - time.monotonic())))
            pause = min(2 * pause, _PAUSE_MOST_SECONDS)

    def _check(self) -> None:
        assert os.getpid() == self._pid, (
            'this EtcdStore was made before a fork, after which gRPC hangs: make it in the child')
        if self._closed.is_set():
            raise ports.StoreError('the store is closed')

    def _unary(self, member: int, method: wire.Method, request: wire.Message,
               limit: float) -> wire.Message:
        self._check()
        try:
            reply = self._members[member].unary(method, request, limit, self._login.headers())
        except grpc.RpcError as error:
            raise _judge(error) from error
        except ValueError as error:
            # What gRPC says to a call on a channel that was closed meanwhile.
            raise ports.StoreError('the store is closed') from error
        self.hear(member)
        return reply

    def _learn(self, member: int, failed: Failed) -> str:
        """Draw the conclusion from a failed try; its reason.  Raises CallRefused if it is final."""
        why = f'{self.name(member)}: {failed}'
        if failed.after is After.LOGGED_OUT and self._login.forget():
            return why
        if failed.after in (After.REFUSED, After.LOGGED_OUT):
            raise CallRefused(why) from failed
        self.leave(member)
        return why

    def _log_in(self, member: int, limit: float) -> None:
        if not self._login.is_due():
            return
        # One for all: etcd makes each of them slow on purpose, and a start brings many at once.
        if not self._logging_in.acquire(timeout=limit):
            raise Failed(After.NOT_DONE, 'the log-in takes long')
        try:
            if self._login.is_due():
                self._login.take(self._unary(member, wire.AUTHENTICATE, self._login.request(),
                                             limit).token)
        except Failed as failed:
            if 'authentication is not enabled' not in str(failed):
                raise
            self._login.take('')
        finally:
            self._logging_in.release()

    def _rouse(self, member: int, limit: float) -> None:
        """Make sure that a member not heard lately is there.  Raises Failed; nothing was done."""
        if time.monotonic() - self._heard[member] < _RECENT_SECONDS:
            return
        floor = self._position
        self.believe(self._unary(member, wire.STATUS, wire.StatusRequest(), limit).header, floor,
                     lag=True)
