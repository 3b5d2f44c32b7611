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

"""Mutants that write too much, or let one host's record hurt others: see ``mutants``."""

from kaopu_ha import records
from kaopu_ha.agent.inventory import InventoryPublisher
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import casefile
from tests.unit.sim.mutants import mutant, put


@mutant('case written at each look')
def case_at_each_look():
    return [put(casefile, 'worth_writing', lambda *_: True)]


@mutant('inventory written at each look')
def inventory_at_each_look():
    real = InventoryPublisher._publish

    def publish(publisher, inventory):
        publisher._text = ''
        real(publisher, inventory)
    return [put(InventoryPublisher, '_publish', publish)]


@mutant('unreadable record ends the turn')
def unreadable_ends_the_turn():
    def every(world, kind, prefix):
        return {name: records.decode(kind, entry.value, entry.key)
                for name, entry in world.snapshot.under(prefix).items()}
    return [put(CloudView, 'every', every)]
