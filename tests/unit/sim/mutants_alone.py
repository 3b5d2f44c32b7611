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


"""Mutants of what keeps the trouble of one from everybody: see ``mutants``."""

import json

from kaopu_ha.controller.leadership import Leadership
from kaopu_ha.controller.observer import Observer
from kaopu_ha.controller.turns import Turns
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import addresses, elsewhere, suspicion
from kaopu_ha.records import codec
from tests.unit.sim.mutants import mutant, put


@mutant('leadership renewed whatever hangs')
def renewed_in_any_case():
    return [put(Turns, 'overdue', lambda turns: '')]


@mutant('a blind leader keeps its leadership')
def blind_leader():
    return [put(Leadership, '_unfit', lambda leader: leader._overdue() and 'it hangs')]


@mutant('who cannot fence keeps the leadership')
def fence_unasked():
    return [put(Observer, '_begun', lambda *given: {})]


@mutant('one suspect is looked at in each turn')
def one_each_turn():
    real = suspicion.due
    return [put(suspicion, 'due', lambda *given: real(*given)[:1])]


@mutant('decode lets RecursionError through')
def too_deep():
    real = codec._decoded

    def decoded(kind, text, key, bounded):
        if '[[[[' in text:
            json.loads(text)
        return real(kind, text, key, bounded)
    return [put(codec, '_decoded', decoded)]


@mutant('whose record can\'t be read claims nothing')
def unreadable_claims():
    def claimed(world):
        return addresses.owners(world.inventories)
    return [put(CloudView, 'claimed', property(claimed))]


@mutant('of hosts that claim one address the last one has it')
def last_claim_wins():
    real = addresses.owners

    def owners(inventories, more=None):
        found = real(inventories, more or {})
        return {address: frozenset([max(hosts)]) for address, hosts in found.items()}
    # Nova's record of the live migration would still have the right host asked.
    return [put(addresses, 'owners', owners), put(elsewhere, 'migrated_to', lambda *seen: {})]
