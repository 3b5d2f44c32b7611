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

"""Mutants of what is foretold: something that will stand in the way is not looked at.  See
``mutants``."""

import dataclasses

from kaopu_ha.controller.foresight import Foresight
from kaopu_ha.core import chances, prospect
from kaopu_ha.core.prospect import Forecast
from tests.unit.sim.mutants import mutant, put


@mutant('what must not be fenced is not asked before the day')
def not_asked_beforehand():
    return [put(Foresight, '_forbidden', lambda foresight, seen: {})]


@mutant('who its user stopped is foretold to come back')
def stopped_comes_back():
    return [put(Foresight, '_with_stopped', lambda foresight, seen: seen)]


@mutant('room is foretold to each alone')
def each_alone():
    real = prospect._aimed

    def aimed(move, alone, item):
        return real(dataclasses.replace(move, target=move.target or (*alone.places, '')[0]), alone,
                    item)
    return [put(prospect, '_aimed', aimed)]


@mutant('only those whose turn comes at once are foretold to come back')
def first_turn_only():
    return [put(prospect, '_ENOUGH', 1)]


@mutant('where instances may be is not asked before the day')
def places_not_asked():
    return [put(Foresight, '_with_places', lambda foresight, world, seen: (seen, ()))]


@mutant('what only Nova knows is foretold for sure')
def doubts_not_told():
    return [put(chances, '_doubts', lambda moves, ground, places: {})]


@mutant('a host on hold is foretold to be recovered')
def hold_not_foretold():
    real = prospect.of_host
    return [put(prospect, 'of_host', lambda host, seen, rules: real(
        host, dataclasses.replace(seen, held=()), rules))]


@mutant('local disks are foretold to move')
def disks_move():
    real = prospect._not_moved

    def not_moved(one, *given):
        found = real(one, *given)
        return dataclasses.replace(found, answer=Forecast.PROTECTED) if one.local_disks else found
    return [put(prospect, '_not_moved', not_moved)]
