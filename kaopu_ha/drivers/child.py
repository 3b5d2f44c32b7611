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

    parent                                       child (``serve``)
    ask   {"do": m, "with": {...}, "until": t} -> alarm at t; call; alarm off -> {"ok": ...}
    act   {"arm": t}                           -> alarm at t                  -> {"ok": true}
          permit.holds()?  read from the store once more
          {"do": m, "with": {...}}             -> call; alarm off             -> {"ok": ...}

Deadlines are times of the monotonic clock, which both share: a message read late gives no more
time.  While a machine is suspended neither goes on: so an act also tells how far other clocks were
before that one, and the child does not begin if they have gone on alone.  The alarm has no
handler: the kernel ends the process.  A process that was stopped past its alarm dies at SIGCONT
before its next instruction, so a frozen and thawed act is not carried out late.  The address space
of a child holds no secret that its command line or environment would show: what it needs comes as
the first line on its socket.

A handler raises PortError, Refused or OutcomeUnknown, which arrive at the caller as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

from kaopu_ha import ports
from kaopu_ha.drivers.undead import Undead

# The child dies by its own alarm first; the parent's limit is for a child that cannot even start.
_GRACE = 0.3
# So many processes of one child may be left that can't be killed; each may hold 50 MiB.
_UNDEAD_MAX = 4
# So much may one clock go on more than another between the deadline and the act: they are read
# one after the other, and NTP slews.
_STILL_SECONDS = 0.5

Handler = Callable[..., Any]

_ERRORS = {'refused': ports.Refused, 'unknown': ports.OutcomeUnknown}


class ChildDied(ports.PortError):
    """The child ended before it answered: its deadline passed, or it crashed."""


class Child:
    """One warm child, started when first needed and again after it died.  Safe for threads."""

    def __init__(self, module: str, settings: Mapping[str, Any], start_limit: float = 20.0) -> None:
        self._module = module
        self._settings = dict(settings)
        self._start_limit = start_limit
        self._mutex = threading.Lock()
        self._undead = Undead(_UNDEAD_MAX)
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._rest = b''
        self._ready = False
        self._start_by = 0.0

    def ask(self, name: str, limit: float, **given: Any) -> Any:
        """Have the child call its handler ``name``; its result, within ``limit`` seconds.

        Raises PortError with the child's reason, ChildDied if the limit passed.  A child that is
        not yet up by then is left to go on starting, so a later ask finds it warm.
        """
        deadline = time.monotonic() + limit
        with self._held(deadline):
            if time.monotonic() >= deadline:
                raise ports.PortError('no time is left to ask')
            return self._exchange({'do': name, 'with': given, 'until': deadline}, deadline)

    def act(self, name: str, permit: ports.Permit, **given: Any) -> Any:
        """The same for an outside act: the deadline is armed before the permit is read again.

        Raises NotPermitted if nothing was done, OutcomeUnknown if the child died on the way, and
        what the permit raised when it could not be read (nothing was done then either).
        """
        with self._held(time.monotonic() + permit.seconds()):
            seconds = permit.seconds()
            if seconds <= 0:
                raise ports.NotPermitted('no time is left of the lease')
            clocks, deadline = _clocks(), time.monotonic() + seconds
            self._exchange({'arm': deadline}, deadline)
            if not self._permitted(permit, deadline):
                raise ports.NotPermitted('the record or the lease is no longer ours')
            try:
                return self._exchange({'do': name, 'with': given, 'clocks': clocks}, deadline)
            except ChildDied as died:
                raise ports.OutcomeUnknown(str(died)) from died

    def warm(self) -> None:
        """Start the child now, so that the first ask need not wait for its imports."""
        with self._held(time.monotonic() + self._start_limit):
            pass

    @property
    def is_up(self) -> bool:
        """Whether it was up when it was asked last, so that an ask need not wait for its start."""
        return self._process is not None and self._ready

    def close(self) -> None:
        """Kill the child; it may be started again by a later call."""
        with self._mutex:
            self._kill()

    # ------------------------------------------------------------ private

    @contextlib.contextmanager
    def _held(self, deadline: float) -> Iterator[None]:
        """The child, started and ours alone; waiting for it is part of the limit."""
        if not self._mutex.acquire(timeout=max(deadline - time.monotonic(), 0.001)):
            raise ports.PortError('the child process is busy with another request')
        try:
            self._start()
            self._await_start(deadline)
            yield
        finally:
            self._mutex.release()

    def _permitted(self, permit: ports.Permit, deadline: float) -> bool:
        """Read the permit; unless it holds, the alarm of the idle child is put off again."""
        holds = False
        try:
            holds = permit.holds()
        finally:
            if not holds:
                with contextlib.suppress(ChildDied):
                    self._exchange({'disarm': True}, deadline)
        return holds

    def _start(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._kill()
        self._undead.check()
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, '-m', self._module, str(theirs.fileno())],
                    pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL,
                    # Not in our group: Ctrl-C is for us alone, and would be told by each of them.
                    stdout=subprocess.DEVNULL, process_group=0)
            except OSError as failure:
                ours.close()
                raise ports.PortError(f'{self._module} could not be started: '
                                      f'{failure.strerror}') from failure
        self._link, self._rest, self._ready = ours, b'', False
        self._start_by = time.monotonic() + self._start_limit
        # One that is gone already is met when its answer is awaited.
        with contextlib.suppress(OSError):
            ours.sendall(json.dumps({'settings': self._settings}).encode() + b'\n')

    def _await_start(self, deadline: float) -> None:
        if self._ready:
            return
        try:
            self._result(self._line(min(deadline, self._start_by)))
            self._ready = True
        except TimeoutError as failure:
            if time.monotonic() >= self._start_by:
                self._kill()
            raise ports.PortError(f'{self._module} has not started yet') from failure
        except (OSError, ValueError) as failure:
            self._kill()
            raise ChildDied(f'{self._module} did not start') from failure
        except ports.PortError:
            self._kill()
            raise

    def _kill(self) -> None:
        if self._process is not None:
            self._undead.end(self._process)
        if self._link is not None:
            self._link.close()
        self._process = self._link = None

    def _exchange(self, message: dict[str, Any], deadline: float) -> Any:
        assert self._link is not None
        limit = max(deadline - time.monotonic(), 0.0) + _GRACE
        try:
            self._link.settimeout(limit)
            self._link.sendall(json.dumps(message).encode() + b'\n')
            line = self._line(deadline + _GRACE)
        except TimeoutError as failure:
            self._kill()
            raise ChildDied(f'{self._module} did not answer within {limit:.1f} s') from failure
        except OSError as failure:
            self._kill()
            raise ChildDied(f'{self._module} ended before it answered') from failure
        return self._result(line)

    def _line(self, deadline: float) -> bytes:
        assert self._link is not None
        while b'\n' not in self._rest:
            self._link.settimeout(max(deadline - time.monotonic(), 0.001))
            more = self._link.recv(1 << 20)
            if not more:
                raise ConnectionError('the child closed its end')
            self._rest += more
        line, self._rest = self._rest.split(b'\n', 1)
        return line

    def _result(self, line: bytes) -> Any:
        try:
            answer = json.loads(line)
            leaves, done, given = answer.get('leaves'), 'ok' in answer, answer.get('ok')
            kind, reason = str(answer.get('kind')), str(answer.get('error'))
        except (ValueError, RecursionError, AttributeError) as failure:
            # What it has of other machines may have got into it: a child that lost its way.
            self._kill()
            raise ChildDied(f'{self._module} said what is no answer') from failure
        if leaves:
            self._kill()
        if done:
            return given
        raise _ERRORS.get(kind, ports.PortError)(reason)


# ---------------------------------------------------------------- in the child


_leaves = False


def leave() -> None:
    """End this child after its present answer: what it holds is broken, a new one starts clean."""
    global _leaves
    _leaves = True


def seconds_left() -> float:
    """Seconds until the alarm of the present request; 0 if there is none."""
    return signal.getitimer(signal.ITIMER_REAL)[0]


class ChildPool:
    """Children of one kind: each act takes a free one.  Safe for threads."""

    def __init__(self, module: str, settings: Mapping[str, Any], count: int) -> None:
        self.children = tuple(Child(module, settings) for _ in range(count))
        # Last in, first out: a child that is warm is taken before one that was never started.
        self._free: queue.LifoQueue[Child] = queue.LifoQueue()
        for one in self.children:
            self._free.put(one)

    @contextlib.contextmanager
    def taken(self, limit: float) -> Iterator[Child]:
        """A free child, within ``limit`` seconds.  Raises PortError if every one is busy."""
        try:
            one = self._free.get(timeout=max(limit, 0.001))
        except queue.Empty:
            raise ports.PortError('every child is busy with another act') from None
        try:
            yield one
        finally:
            self._free.put(one)

    def warm(self) -> None:
        """Start every child, so that no act waits for that."""
        for one in self.children:
            one.warm()

    def close(self) -> None:
        """End every child."""
        for one in self.children:
            one.close()


def serve(make: Callable[[dict[str, Any]], Mapping[str, Handler]]) -> None:
    """Be a child: make the handlers from the settings, then answer until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    link = socket.socket(fileno=int(sys.argv[1]))
    handlers: dict[str, Handler] = {}
    # A parent that is gone while it is answered is no failure: it is what ends a child.
    gone = contextlib.suppress(BrokenPipeError, ConnectionResetError)
    with gone, link, link.makefile('rwb') as lines:
        for line in lines:
            answer = _reply(json.loads(line), handlers, make)
            if _leaves:
                answer['leaves'] = True
            lines.write(json.dumps(answer).encode() + b'\n')
            lines.flush()
            if _leaves:
                # Threads and destructors of a broken library could keep it from ending.
                os._exit(0)


def _reply(message: dict[str, Any], handlers: dict[str, Handler],
           make: Callable[[dict[str, Any]], Mapping[str, Handler]]) -> dict[str, Any]:
    if 'settings' in message:
        return _answer(lambda: handlers.update(make(message['settings'])))
    if 'disarm' in message:
        signal.setitimer(signal.ITIMER_REAL, 0)
        return {'ok': True}
    if 'arm' in message:
        _arm(message['arm'])
        return {'ok': True}
    if 'until' in message:
        _arm(message['until'])
    if 'clocks' in message and _stood_still(message['clocks']):
        signal.setitimer(signal.ITIMER_REAL, 0)
        return {'kind': 'error', 'error': 'this machine stood still before it came to act'}
    answer = _answer(lambda: handlers[message['do']](**message['with']))
    signal.setitimer(signal.ITIMER_REAL, 0)
    return answer


def _clocks() -> list[float]:
    """How far two clocks that go on while a machine is suspended are before the monotonic one.

    That one stands still then, and so do deadlines and alarms.
    """
    now = time.monotonic()
    return [time.clock_gettime(time.CLOCK_BOOTTIME) - now, time.time() - now]


def _stood_still(then: list[float]) -> bool:
    """True if one of them went on since then while the monotonic one did not."""
    return any(after - before > _STILL_SECONDS
               for before, after in zip(then, _clocks(), strict=True))


def _arm(deadline: float) -> None:
    # Not 0, which would put the alarm off.
    signal.setitimer(signal.ITIMER_REAL, max(deadline - time.monotonic(), 1e-6))


def _answer(call: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {'ok': call()}
    except ports.Refused as failure:
        return {'kind': 'refused', 'error': str(failure)}
    except ports.OutcomeUnknown as failure:
        return {'kind': 'unknown', 'error': str(failure)}
    except ports.PortError as failure:
        return {'kind': 'error', 'error': str(failure)}
    except Exception as failure:  # noqa: BLE001  every failure of a library becomes an answer
        return {'kind': 'error', 'error': f'{type(failure).__name__}: {failure}'}
