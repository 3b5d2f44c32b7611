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

"""Mutants of addresses, and of evidence that is old: see ``mutants``."""

from kaopu_ha.controller import detector
from kaopu_ha.core import evidence
from kaopu_ha.core.addresses import Known
from tests.unit.sim.mutants import mutant, put


@mutant('a client of nobody counts as silence')
def nobody_is_silence():
    return [put(Known, 'is_nobodys', lambda known, address: False)]


@mutant('one silent image is enough')
def one_image_is_enough():
    return [put(evidence, '_answered_for', lambda *answers: (1, 1))]


@mutant('a list of guests that is old counts')
def old_list_counts():
    return [put(detector, 'confirmed', lambda inventory, case: inventory)]
