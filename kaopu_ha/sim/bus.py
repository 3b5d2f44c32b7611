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

"""Nova's message bus in the false world: what is said goes to one of those who listen, in turn."""

from __future__ import annotations

from collections.abc import Callable

from kaopu_ha import ports
from kaopu_ha.core.events import NovaEvent
from kaopu_ha.sim.kernel import Process


class Bus:
    """The broker with the one pool of all controllers.  Nobody says anything by himself here."""

    def __init__(self) -> None:
        self._listening: list[tuple[Process, Callable[[NovaEvent], None]]] = []
        self._said = 0

    def join(self, process: Process, tell: Callable[[NovaEvent], None]) -> None:
        """Have a process told of its share, as long as it lives."""
        self._listening.append((process, tell))

    def say(self, event: NovaEvent) -> None:
        """Give an event to one of those who listen; while there is none it is lost."""
        self._listening = [each for each in self._listening if each[0].alive]
        if self._listening:
            self._said += 1
            self._listening[self._said % len(self._listening)][1](event)


class SimEvents(ports.Events):
    """The ears of one process."""

    def __init__(self, bus: Bus, process: Process) -> None:
        self._bus, self._process = bus, process

    def listen(self, tell: Callable[[NovaEvent], None]) -> None:
        """As promised."""
        self._bus.join(self._process, tell)

    def close(self) -> None:
        """As promised: a process of this world ends by its death."""
