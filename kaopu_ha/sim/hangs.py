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


"""Threads that hang: at the next call of a kind, for ever or for a while.

What the drivers of a controller are asked goes through a ``Gate``, where it may be held up; the
call is made when it is let go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
import functools
from typing import Any, TypeVar, cast

from kaopu_ha.sim.kernel import Kernel, Signal

P = TypeVar('P')

# What may hang, by the port's method.
STORE = {name: name for name in ('read', 'commit', 'grant', 'renew')}
MANAGEMENT = {'ask': 'management-ask', 'contact': 'contact'}
STORAGE = {'ask': 'storage-ask'}
# Stories have the words of the first ports.
FENCE = {'forbidden': 'forbidden', 'fence': 'cut', 'verify': 'prove', 'unfence': 'mend'}
CLOUD = {name: name for name in ('services', 'servers', 'migrations')} | {
    'force_down': 'force-down'}
USAGE = {'usage': 'usage'}
QUEUE = {'offer': 'offer'}
CALLS = tuple(name for port in (STORE, MANAGEMENT, STORAGE, FENCE, CLOUD, USAGE, QUEUE)
              for name in port.values())


class Hangs:
    """Which call of which process hangs next, and which hang now, since when."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._next: dict[str, tuple[str, float]] = {}
        self._let_go = Signal()
        # Told who hangs where, when it begins to.
        self.noted: Callable[[str, str], None] = lambda who, call: None
        self.since: dict[str, float] = {}

    def at_next(self, role: str, call: str, seconds: float) -> None:
        """Have the next such call of a process with this role hang for so long."""
        self._next[call] = role, seconds

    def let_go(self) -> None:
        """Let every thread go on, and none hang that was to."""
        self._next.clear()
        self.since.clear()
        held, self._let_go = self._let_go, Signal()
        held.set()

    def gate(self, who: str, port: P, calls: Mapping[str, str]) -> P:
        """The same port, at whose calls of these names the process ``who`` may hang."""
        return cast(P, _Gate(port, calls, functools.partial(self._pass, who)))

    def _pass(self, who: str, call: str) -> None:
        role, seconds = self._next.get(call, ('', 0.0))
        if not role or not who.startswith(f'{role}/'):
            return
        del self._next[call]
        self.since.setdefault(who, self._kernel.now)
        self.noted(who, call)
        self._kernel.wait(self._let_go, seconds)
        self.since.pop(who, None)


class _Gate:
    """A port in front of another one of its kind."""

    def __init__(self, port: Any, calls: Mapping[str, str], passing: Callable[[str], None]) -> None:
        self._port, self._calls, self._passing = port, calls, passing

    def __getattr__(self, name: str) -> Any:
        found, call = getattr(self._port, name), self._calls.get(name)
        if call is None:
            return found

        def called(*given: Any, **named: Any) -> Any:
            self._passing(call)
            return found(*given, **named)
        # Found there from now on: ``__getattr__`` is asked for what is missing only.
        self.__dict__[name] = called
        return called
