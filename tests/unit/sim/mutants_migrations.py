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


"""Mutants of what becomes of live migrations that are cut short: see ``mutants``."""

from kaopu_ha.controller.admitter import Admitter
from kaopu_ha.controller.restarter import Restarter
from kaopu_ha.core import attempt, fencing, protection
from tests.unit.sim.mutants import mutant, put


@mutant('who is silent with a guest has it not')
def silent_has_it_not():
    return [put(attempt, 'FIRST', tuple(
        row for row in attempt.FIRST if row.name != 'silent elsewhere'))]


@mutant('where a live migration may have ended nobody asks at a boot')
def boots_over_it():
    return [put(Restarter, '_migrated_to', lambda *seen: {})]


@mutant('an admission leaves what Nova has elsewhere')
def left_by_admission():
    real = Admitter._nova
    return [put(Admitter, '_nova', lambda *seen: (*real(*seen)[:2], frozenset()))]


@mutant('a guest without its disk is not told of')
def mute_guest():
    return [put(protection, 'sample', lambda inventory, said, before: protection.Sample(
        said.strangers))]


@mutant('an admission takes off every client that was cut')
def every_client_taken_off():
    return [put(fencing, 'taken_back', lambda order, others: fencing.whole(order))]
