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

"""Scenes of hosts that are ranked by what they truly use.  See ``scenes``."""

from __future__ import annotations

from collections.abc import Iterator
import dataclasses
import random

from kaopu_ha.sim.faults_use import uses
from kaopu_ha.sim.scenes import alive_everywhere, scene
from kaopu_ha.sim.scenes_policy import SCENES as SCENES
from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup

# What was measured by then is settled.
_SETTLED = 40.0


def _measured(chance: random.Random, setup: Setup) -> Setup:
    """Agents measure, hosts are ranked by that alone, and what is set aside says something else.

    All that dies has room on one host.  In half of the worlds it moves one after the other.
    """
    setup = alive_everywhere(chance, setup)
    first = setup.instances[0]
    more = tuple(dataclasses.replace(first, name=f'big{number}', cores=3, memory_mb=1536)
                 for number in range(chance.randint(0, len(setup.hosts) - 1)))
    vms = tuple(dataclasses.replace(vm, cores=chance.choice((1, 1, 2)))
                for vm in setup.instances)
    rules = dataclasses.replace(setup.times.rules, per_target_max=chance.choice((1, 4)))
    return dataclasses.replace(
        setup, live_weight=1.0, instances=vms + more,
        times=dataclasses.replace(setup.times, rules=rules))


@scene('hosts are as busy as nothing that is set aside says', _measured)
def _busy(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """One of them may get busy where nobody measures it any more; then a host dies.

    Or one is a little less busy than all the others, until something comes to it.
    """
    alike = chance.random() < 0.4
    for host in setup.hosts[1:]:
        much = 20 if host == setup.hosts[1] else 25
        yield (Event(1.0, f'{host} uses {much} % of its cores and {much} % of its memory') if alike
               else uses(chance, host, 1.0))
    if not alike and chance.random() < 0.8:
        blind = chance.choice(setup.hosts[1:])
        yield Event(1.1, f'{blind} uses 5 % of its cores and 5 % of its memory')
        fails = at + chance.uniform(6.0, 12.0)
        yield Event(fails, f'the kernel of {blind} does not tell its use')
        yield Event(fails + 1.0, f'{blind} uses 95 % of its cores and 95 % of its memory')
    if chance.random() < 0.2:
        yield Event(at, f'the agent of {chance.choice(setup.hosts[1:])} says that it is idle')
    dies = at + _SETTLED + chance.uniform(0.0, 10.0)
    yield Event(dies, f'power off {setup.hosts[0]}')
    yield Event(dies + 30.0, 'time passes')
