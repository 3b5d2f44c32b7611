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

"""Work in a child process that ends on time, whatever the library in it does.

libvirt, librados and HTTP calls can block for minutes, and a thread that hangs in one can't be
ended.  So they run in exec'd children (never forked: gRPC and threads do not survive a fork), one
request at a time, as JSON lines over a socket pair::

    parent                                   child (``serve``)
    ask   {"do": m, "with": {...}, "s": 2} -> alarm(s); call; alarm off -> {"ok": ...}
    act   {"arm": 3}                       -> alarm(3)                  -> {"armed": true}
          permit.holds()?  read from the store once more
          {"do": m, "with": {...}}         -> call; alarm off           -> {"ok": ...}

The alarm has no handler: the kernel ends the process.  A process that was stopped past its alarm
dies at SIGCONT before its next instruction, so a frozen and thawed act is not carried out late.
The address space of a child holds no secret that its command line or environment would show: what
it needs comes as the first line on its socket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
import json
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

from kaopu_ha import ports

LOG = logging.getLogger(__name__)

# The child dies by its own alarm first; the parent's limit is for a child that cannot even start.
_GRACE = 0.3

Handler = Callable[..., Any]


class ChildDied(ports.PortError):
    """The child ended before it answered: its deadline passed, or it crashed."""


class Child:
    """One warm child, started when first needed and again after it died.  Safe for threads."""

    def __init__(self, module: str, settings: Mapping[str, Any], start_limit: float = 20.0) -> None:
        self._module = module
        self._settings = dict(settings)
        self._start_limit = start_limit
        self._mutex = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._rest = b''

    def ask(self, name: str, limit: float, **given: Any) -> Any:
        """Have the child call its handler ``name``; its result, within ``limit`` seconds.

        A warm child answers within the limit; one that must be started first takes longer.
        Raises PortError with the child's reason, ChildDied if the limit passed.
        """
        with self._held(limit):
            return self._exchange({'do': name, 'with': given, 's': limit}, limit + _GRACE)

    def act(self, name: str, permit: ports.Permit, **given: Any) -> Any:
        """The same for an outside act: the deadline is armed before the permit is read again.

        Raises NotPermitted if nothing was done, OutcomeUnknown if the child died on the way.
        """
        with self._held(permit.seconds()):
            seconds = permit.seconds()
            if seconds <= 0:
                raise ports.NotPermitted('no time is left of the lease')
            began = time.monotonic()
            self._exchange({'arm': seconds}, seconds + _GRACE)
            if not permit.holds():
                self._exchange({'disarm': True}, seconds + _GRACE)
                raise ports.NotPermitted('the record or the lease is no longer ours')
            left = seconds - (time.monotonic() - began)
            try:
                return self._exchange({'do': name, 'with': given}, max(left, 0.0) + _GRACE)
            except ChildDied as died:
                raise ports.OutcomeUnknown(str(died)) from died

    def warm(self) -> None:
        """Start the child now, so that the first ask need not wait for its imports."""
        with self._mutex:
            self._start()

    def close(self) -> None:
        """Kill the child; it may be started again by a later call."""
        with self._mutex:
            self._kill()

    # ------------------------------------------------------------ private

    def _held(self, limit: float) -> _Held:
        return _Held(self, limit)

    def _start(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._kill()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, '-m', self._module, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self._link, self._rest = ours, b''
        self._exchange({'settings': self._settings}, self._start_limit)

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._link is not None:
            self._link.close()
        self._process = self._link = None

    def _exchange(self, message: dict[str, Any], limit: float) -> Any:
        assert self._link is not None
        try:
            self._link.sendall(json.dumps(message).encode() + b'\n')
            answer = json.loads(self._line(time.monotonic() + limit))
        except (OSError, ValueError) as failure:
            self._kill()
            raise ChildDied(f'{self._module} did not answer within {limit:.1f} s') from failure
        if 'ok' in answer:
            return answer['ok']
        error = {'refused': ports.Refused, 'unknown': ports.OutcomeUnknown}.get(answer['kind'])
        raise (error or ports.PortError)(answer['error'])

    def _line(self, deadline: float) -> bytes:
        assert self._link is not None
        while b'\n' not in self._rest:
            self._link.settimeout(max(deadline - time.monotonic(), 0.001))
            more = self._link.recv(1 << 20)
            if not more:
                raise OSError('the child closed its end')
            self._rest += more
        line, self._rest = self._rest.split(b'\n', 1)
        return line


class _Held:
    """The child, started and ours alone; waiting for it has the same limit as the work."""

    def __init__(self, child: Child, limit: float) -> None:
        self._child, self._limit = child, limit

    def __enter__(self) -> None:
        if not self._child._mutex.acquire(timeout=max(self._limit, 0.001)):
            raise ports.PortError('the child process is busy with another request')
        try:
            self._child._start()
        except BaseException:
            self._child._mutex.release()
            raise

    def __exit__(self, *_: object) -> None:
        self._child._mutex.release()


def serve(make: Callable[[dict[str, Any]], Mapping[str, Handler]]) -> None:
    """Be a child: make the handlers from the settings, then answer until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    link = socket.socket(fileno=int(sys.argv[1]))
    handlers: Mapping[str, Handler] = {}
    with link, link.makefile('rwb') as lines:
        for line in lines:
            message = json.loads(line)
            if 'settings' in message:
                handlers, answer = make(message['settings']), {'ok': True}
            elif 'arm' in message:
                signal.setitimer(signal.ITIMER_REAL, message['arm'])
                answer = {'ok': True}
            elif 'disarm' in message:
                signal.setitimer(signal.ITIMER_REAL, 0)
                answer = {'ok': True}
            else:
                if 's' in message:
                    signal.setitimer(signal.ITIMER_REAL, message['s'])
                answer = _answer(handlers[message['do']], message['with'])
                signal.setitimer(signal.ITIMER_REAL, 0)
            lines.write(json.dumps(answer).encode() + b'\n')
            lines.flush()


def _answer(handler: Handler, given: dict[str, Any]) -> dict[str, Any]:
    try:
        return {'ok': handler(**given)}
    except ports.Refused as failure:
        return {'kind': 'refused', 'error': str(failure)}
    except ports.OutcomeUnknown as failure:
        return {'kind': 'unknown', 'error': str(failure)}
    except Exception as failure:  # noqa: BLE001  every failure of a library becomes an answer
        return {'kind': 'error', 'error': f'{type(failure).__name__}: {failure}'}
