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
"""Mutants of the brake, and of looking at each host alone: see ``mutants``."""

from kaopu_ha.controller.alone import Alone
from kaopu_ha.core import brake
from tests.unit.sim.mutants import mutant, put


@mutant('no cooldown after a storm')
def no_cooldown():
    real = brake.advance

    def advance(storm, seen, rules):
        now = real(storm, seen, rules)
        if now.calm is None or not now.on:
            return now
        return brake.Storm(seconds=now.seconds, condemned=now.condemned)
    return [put(brake, 'advance', advance)]


@mutant('release of the brake never ends')
def release_for_ever():
    released = set()

    def is_released(host, release, opened):
        released.update(release.cases)
        return host in released
    return [put(brake, 'is_released', is_released)]


@mutant('confirmed hosts leave the count of the brake')
def confirmed_leave():
    return [put(brake, 'with_condemned', lambda storm, host: storm)]


@mutant('one host that fails ends the turn')
def not_alone():
    def tries(alone, host, what, work):
        work()
        return True
    return [put(Alone, 'tries', tries)]
