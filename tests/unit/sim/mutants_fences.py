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


"""Mutants of fences and of claims: see ``mutants``."""

from kaopu_ha.controller.latecomers import Latecomers
from kaopu_ha.core import addresses, evidence, fencing
from tests.unit.sim.mutants import mutant, put


@mutant('orders do not grow')
def orders_do_not_grow():
    return [put(fencing, 'grown', lambda orders, wanted: tuple(orders)),
            put(fencing, 'beyond', lambda orders, wanted: ())]


@mutant('a newcomer holds a fence up')
def newcomer_holds():
    return [put(addresses, 'is_older', lambda address, host, other, claims: False)]


@mutant('whoever dies was the first')
def the_dead_was_first():
    return [put(addresses, 'neighbours', lambda host, address, claimed, claims: frozenset())]


@mutant('a silent client of nobody is left')
def silent_is_left():
    return [put(evidence, '_is_left_behind', lambda host, client, answer, known: False)]


@mutant('nobody looks who begins while instances wait')
def no_latecomers():
    return [put(Latecomers, '_one', lambda self, world, item: None)]
