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

"""Mutants of guests that crash, are stuck or hung, which only runs with these find: see
``mutants``."""

from kaopu_ha.agent import processes
from kaopu_ha.core import crashes, protection
from tests.unit.sim.mutants import mutant, put


@mutant('who crashed is started though it is only to be told')
def started_unasked():
    real = crashes._opened

    def opened(inventory, before, uuids, lately, tells, at, by, rules):
        return real(inventory, before, uuids, lately, False, at, by, rules)
    return [put(crashes, '_opened', opened)]


@mutant('who is stuck is not told')
def stuck_untold():
    return [put(protection, '_stuck', lambda inventory: ())]


@mutant('a nova-compute that ended is not seen')
def compute_unseen():
    return [put(processes.ComputeWatch, 'is_gone', lambda watch, started, former: False)]
