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

"""A controller as one process: real loops and a real store; the hosts' networks are silent.

What is asked of a host without a beat is answered at once: nothing is there.  Nova has no servers.
It takes lines; see ``scale``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import json
import logging
import pathlib
import resource
import statistics
import sys
import threading
import time
from typing import Any

from kaopu_ha import ports, programs, records
from kaopu_ha.cmd.loops import Runner
from kaopu_ha.conf.rules import PACES
from kaopu_ha.core import model
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.rules import Rules
from kaopu_ha.drivers.etcd import store as etcd
from kaopu_ha.wiring import runtime
from kaopu_ha.wiring.parts import RunningLoop
from kaopu_ha.wiring.wakes import Wakes
from tools.bench.agents import answered

_LEADER_TTL = 10


class Silent(ports.Probe):
    """A network on which no suspect shows itself."""

    def __init__(self, network: model.Network) -> None:
        self.network = network

    def ask(self, suspects: Sequence[model.Inventory], peers: Sequence[model.Inventory],
            limit: float, known: Any) -> Mapping[str, model.Evidence]:
        """Nothing came back."""
        return {each.host: model.Evidence(self.network, model.Sign.SILENCE, 'nothing came back')
                for each in suspects}

    def close(self) -> None:
        """Nothing is held."""


class Absent:
    """A cloud, its use, its queue and a libvirt of which nothing is known, and that do nothing."""

    def servers(self, host: str) -> tuple[model.Server, ...]:
        """None are there."""
        return ()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def away(*given: Any, **named: Any) -> Any:
            raise ports.PortError('there is none in this measurement')
        return away


def rules_of(pace: str) -> Rules:
    """The limits and waits of a pace; all else as it is if nobody says otherwise."""
    times = PACES[pace]
    return Rules(beat_ttl=float(times.beat_ttl), ask_limit=times.ask_limit,
                 look_interval=times.look_interval, death_seconds=float(times.death_ttl),
                 lock_seconds=float(times.lock_ttl))


class Measured:
    """The loops of a controller, with what each of their turns cost."""

    def __init__(self, store: ports.Store, rules: Rules, name: str) -> None:
        self.confirmed: dict[str, float] = {}
        self.news: list[str] = []
        self._seconds: dict[str, list[float]] = {}
        self._spent: dict[str, float] = {}
        absent: Any = Absent()
        probes = [Silent(network) for network in model.Network]
        loops, self.resign = programs.controller(
            store, probes, [], absent, absent, absent, absent, rules, _LEADER_TTL,
            runtime.surroundings(name, self._tell), observing=probes)
        running = [RunningLoop(self._timed(loop)) for loop in loops]
        self._wakes = Wakes(store, [(each.wake, each.loop.woken_by) for each in running])
        self._runner = Runner(running)
        self._began = time.monotonic(), time.process_time()
        self._runner.start()

    def _timed(self, loop: programs.Loop) -> programs.Loop:
        seconds = self._seconds.setdefault(loop.name, [])
        self._spent[loop.name] = 0.0

        def turn() -> float:
            began, spent = time.monotonic(), time.thread_time()
            try:
                return loop.turn()
            finally:
                seconds.append(time.monotonic() - began)
                self._spent[loop.name] += time.thread_time() - spent
        return programs.Loop(loop.name, turn, loop.woken_by, loop.listen, loop.trouble)

    def _tell(self, item: News) -> None:
        if item.fact is Fact.CONFIRMED:
            self.confirmed[item.host] = time.monotonic()
        self.news.append(f'{time.monotonic():.2f} {item.fact.name} {item.host} {item.text[:150]}')

    def figures(self) -> dict[str, Any]:
        """What was spent since this was asked last."""
        now, before = (time.monotonic(), time.process_time()), self._began
        loops = {name: (len(each), statistics.median(each) if each else 0.0,
                        max(each, default=0.0), self._spent[name])
                 for name, each in self._seconds.items()}
        for name, each in self._seconds.items():
            each.clear()
            self._spent[name] = 0.0
        self._began = now
        return {'share': (now[1] - before[1]) / (now[0] - before[0]), 'mib': _resident(),
                'peak': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                'seconds': now[0] - before[0], 'loops': loops}

    def told(self) -> list[str]:
        """The news since this was asked last."""
        found, self.news = self.news, []
        return found


def _resident() -> float:
    pages = int(pathlib.Path('/proc/self/statm').read_text(encoding='ascii').split()[1])
    return pages * resource.getpagesize() / 2 ** 20


def main(told: str) -> None:
    """Run the loops, and take lines."""
    logging.basicConfig(level=logging.WARNING)
    given = json.loads(told)
    store = etcd.EtcdStore(**given['store'])
    measured = Measured(programs.mirrored(store), rules_of(given['pace']), given['name'])

    def leads() -> str:
        found = records.if_readable(records.Leader, store.read(records.LEADER).get(records.LEADER))
        return found.name if found else ''

    def profile(seconds: str) -> str:
        return _profiled(float(seconds))
    answered({'figures': measured.figures, 'told': measured.told, 'leads': leads,
              'confirmed': lambda: measured.confirmed, 'profile': profile})


def _profiled(seconds: float) -> str:
    """Where the threads are, by samples: the innermost lines of ours."""
    found: dict[str, int] = {}
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        time.sleep(0.005)
        count += 1
        for ident, frame in sys._current_frames().items():
            if ident == threading.get_ident():
                continue
            at, lines = frame, []
            while at is not None and len(lines) < 4:
                lines.append(f'{pathlib.Path(at.f_code.co_filename).name}:{at.f_lineno}:'
                             f'{at.f_code.co_name}')
                at = at.f_back
            if 'threading.py' in lines[0] or 'queue' in lines[0] or 'wait' in lines[0]:
                continue
            key = ' < '.join(lines)
            found[key] = found.get(key, 0) + 1
    best = sorted(found.items(), key=lambda each: -each[1])[:25]
    return '\n'.join(f'{100 * number / count:5.1f} % {line}' for line, number in best)


if __name__ == '__main__':
    main(sys.argv[1])
