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

"""What a process is joined of: its drivers, its store and its loops, closed together in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
import contextlib
from dataclasses import dataclass, field
import threading
from typing import Any, TypeVar

from oslo_config import cfg

from kaopu_ha import ports, programs, wiring
from kaopu_ha.telling.contact import ContactWatch
from kaopu_ha.telling.dispatcher import Dispatcher
from kaopu_ha.telling.measures import Measures
from kaopu_ha.telling.presence import Presence
from kaopu_ha.wiring import drivers, telling
from kaopu_ha.wiring.wakes import Wakes

T = TypeVar('T')


@dataclass(frozen=True)
class RunningLoop:
    """A loop of a program with what wakes it early."""

    loop: programs.Loop
    wake: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Program:
    """What a process does.

    ``close`` gives leases back and ends the drivers.  Call it only when no turn is under way: an
    act relies on its lease for as long as it may last.
    """

    loops: tuple[RunningLoop, ...]
    close: Callable[[], None]


@dataclass(frozen=True)
class Parts:
    """The parts of one process.  What it makes is closed in the end, the last first."""

    conf: cfg.ConfigOpts
    process: str
    held: contextlib.ExitStack
    measures: Measures
    store: ports.Store

    def driver(self, port: str, name: str) -> Any:
        """A driver of its own, made as configured.  Raises ConfigError."""
        return self.kept(drivers.make(self.conf, port, name, self.store))

    def fences(self) -> list[ports.Fence]:
        """Every configured fence, in order.  Raises ConfigError."""
        return [self.driver('fence', name) for name in self.conf.fence.drivers]

    def queue(self) -> ports.Queue:
        """What carries tasks, measured.  Raises ConfigError."""
        made: ports.Queue = self.measures.queue(self.kept(drivers.queue(self.conf, self.store)))
        return made

    def dispatcher(self, names: Iterable[str]) -> Dispatcher:
        """What the news are told to: these notifiers.  Raises ConfigError."""
        return self.kept(telling.dispatcher(self.conf, self.store, self.process, self.measures,
                                            names))

    def boards(self) -> list[ports.Board]:
        """Where this machine shows people what is so.  Raises ConfigError."""
        return [self.driver('notifier', name)
                for name in dict.fromkeys(self.conf.notifier.drivers) if telling.is_board(name)]

    def kept(self, made: T) -> T:
        """It, to be closed in the end."""
        self.held.callback(made.close)  # type: ignore[attr-defined]
        return made

    def program(self, loops: Iterable[programs.Loop], *, meets_at: str, name: str = '') -> Program:
        """The program of these loops, and of those that meet the store and show the process there.

        ``meets_at``: a key that the process may read.  ``name``: as what it is shown; an agent is
        by its beat.
        """
        ask = ContactWatch(lambda: self.store.read(meets_at), ', '.join(self.conf.store.endpoints),
                           keeps=bool(name))
        first = [programs.Loop('contact', ask.turn)]
        if name:
            shown = self.kept(Presence(self.store, self.process, name))
            first.append(programs.Loop('presence', shown.turn))
        return joined(self.held, self.store, [*first, *self.measures.loops(loops)])


@contextlib.contextmanager
def parts(conf: cfg.ConfigOpts, process: str) -> Iterator[Parts]:
    """The parts of a process; closed if no program came of them.  Raises ConfigError."""
    with contextlib.ExitStack() as held:
        measures = telling.measures(conf, process)
        held.callback(measures.close)
        store = wiring.store(conf)
        held.callback(store.close)
        yield Parts(conf, process, held, measures, store)


def joined(held: contextlib.ExitStack, store: ports.Store,
           loops: Iterable[programs.Loop]) -> Program:
    """The loops with what wakes each, and all that is held, to be closed with them."""
    running = tuple(RunningLoop(loop) for loop in loops)
    for each in running:
        each.loop.listen(each.wake.set)
    held.callback(Wakes(store, [(each.wake, each.loop.woken_by) for each in running]).close)
    return Program(running, held.pop_all().close)
