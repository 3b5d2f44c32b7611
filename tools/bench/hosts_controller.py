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
It takes lines; see ``hosts``.
"""

from __future__ import annotations

import json
import logging
import pathlib
import resource
import statistics
import sys
import time
from typing import Any

from kaopu_ha import ports, programs
from kaopu_ha.cmd.loops import Runner
from kaopu_ha.core import model
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.rules import Rules
from kaopu_ha.drivers.etcd import store as etcd
from kaopu_ha.programs import controllers
from kaopu_ha.wiring import runtime
from kaopu_ha.wiring.parts import RunningLoop
from kaopu_ha.wiring.wakes import Wakes
from tools.bench import looks
from tools.bench.hosts_agents import answer


class Measured:
    """The loops of a controller, with what each of their turns cost.  Times are of the clock that
    all processes of a machine share."""

    def __init__(self, store: ports.Store, rules: Rules, name: str, leader_ttl: int) -> None:
        self.confirmed: dict[str, float] = {}
        self.first_look: float | None = None
        self._seconds: list[float] = []
        self._began = time.monotonic(), time.process_time()
        absent: Any = looks.Absent()
        probes = [looks.Silent(network) for network in model.Network]
        loops, _ = controllers.loops(
            store, probes, [], absent, absent, absent, absent, rules, leader_ttl,
            runtime.runtime_of(name, self._tell), observing=probes)
        self._leads_from: float | None = None
        running = [RunningLoop(self._timed(loop) if loop.name == 'detector' else loop)
                   for loop in loops]
        self._wakes = Wakes(store, [(each.wake, each.loop.woken_by) for each in running])
        self._runner = Runner(running)
        self._runner.start()

    def _timed(self, loop: programs.Loop) -> programs.Loop:
        def turn() -> float:
            leads, began = self._leads_from is not None, time.monotonic()
            pause = loop.turn()
            ended = time.monotonic()
            self._seconds.append(ended - began)
            if leads and self.first_look is None:
                self.first_look = ended
            return pause
        return programs.Loop(loop.name, turn, loop.woken_by, loop.listen, loop.trouble)

    def _tell(self, item: News) -> None:
        if item.fact is Fact.CONFIRMED:
            self.confirmed[item.host] = time.monotonic()
        if item.fact is Fact.LEADER and self._leads_from is None:
            self._leads_from = time.monotonic()

    def figures(self) -> dict[str, float]:
        """What was spent since this was asked last."""
        now, before = (time.monotonic(), time.process_time()), self._began
        self._began, seconds, self._seconds = now, self._seconds, []
        return {'share': (now[1] - before[1]) / (now[0] - before[0]), 'mib': _resident(),
                'peak': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                'looks': len(seconds), 'look': statistics.median(seconds or [0.0]),
                'longest': max(seconds, default=0.0)}


def _resident() -> float:
    pages = int(pathlib.Path('/proc/self/statm').read_text(encoding='ascii').split()[1])
    return pages * resource.getpagesize() / 2 ** 20


def main(told: str) -> None:
    """Run the loops, and take lines."""
    logging.basicConfig(level=logging.WARNING)
    given = json.loads(told)
    measured = Measured(controllers.mirrored(etcd.EtcdStore(**given['store'])),
                        Rules(**given['rules']), given['name'], given['leader_ttl'])
    answer({'figures': measured.figures, 'confirmed': lambda: measured.confirmed,
            'first_look': lambda: measured.first_look})


if __name__ == '__main__':
    main(sys.argv[1])
