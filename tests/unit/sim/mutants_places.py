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

"""Mutants of where instances may be: see ``mutants``."""

import dataclasses

from kaopu_ha.core import placing
from tests.unit.sim.mutants import mutant, put


@mutant('zones are not known')
def no_zones():
    def begin(known, places, zones, real=placing._Map.__init__):
        real(known, places, dict.fromkeys(zones, ''))
    return [put(placing._Map, '__init__', begin)]


@mutant('groups are not known')
def no_groups():
    return [put(placing.Ground, '_of_group', lambda ground, item, group: ({}, {}, {}))]


@mutant('a refusal is not learnt for its kind')
def nothing_learnt():
    def reach(ground, item, real=placing.Ground.reach):
        return dataclasses.replace(real(ground, item), learnt=frozenset())
    return [put(placing.Ground, 'reach', reach)]


@mutant('what is doubtful is never tried')
def never_doubtful():
    return [put(placing, 'GUESSES_MAX', 0)]
