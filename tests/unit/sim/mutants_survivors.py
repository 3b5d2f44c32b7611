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

"""Mutants that runs did not find for long, and one of the shared volume: see ``mutants``."""

import dataclasses
import math

from kaopu_ha.controller.brakekeeper import BrakeKeeper
from kaopu_ha.controller.detector import Detector
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import (
    admission,
    attempt,
    certain,
    detection,
    evacuation,
    evidence,
    planning,
    recovery,
    selection,
    suspicion,
)
from kaopu_ha.core.evacuation import Way
from kaopu_ha.core.model import Phase
from tests.unit.sim.mutants import mutant, put

_ASKING = ('images not asked', 'live at an address of nobody', 'runs elsewhere', 'live elsewhere',
           'silent elsewhere')


# ---------------------------------------------------------------- the verdict


@mutant('beats have no grace')
def no_grace():
    def begun(now, rules):
        return suspicion.Suspicion(trusted_from=now)
    return [put(detection, 'grace', lambda rules: 0.0), put(suspicion, 'begun', begun)]


@mutant('no brake')
def no_brake():
    return [put(BrakeKeeper, 'holds', lambda keeper, host: False)]


@mutant('the answer of a kernel is ignored')
def kernel_ignored():
    return [put(evidence, '_KERNEL', ())]


@mutant('blind management counts as silence')
def blind_is_silence():
    real = evidence._of_libvirt
    return [put(evidence, '_of_libvirt', lambda inventory, answer, other_reached: real(
        inventory, answer, True))]


@mutant('a verdict is written on an old look')
def old_look_written():
    real = Detector._commit

    def commit(detector, world, host, decision, looked):
        fresh = looked and dataclasses.replace(looked, ended=math.inf)
        return real(detector, world, host, decision, fresh)
    return [put(Detector, '_commit', commit)]


@mutant('a dying target is not asked about what comes to it')
def coming_unasked():
    return [put(evacuation, 'with_coming', lambda inventory, evacuations: inventory)]


# ---------------------------------------------------------------- moves


@mutant('nobody asks for live clients before the first call')
def clients_unasked():
    return [put(attempt, 'FIRST', tuple(row for row in attempt.FIRST if row.name not in _ASKING))]


@mutant('who is no target is taken for one')
def ineligible():
    return [put(selection, 'why_not_any', lambda candidate, clusters: '')]


@mutant('a beat without a lease makes a target')
def lasting_beat_counts():
    return [put(CloudView, 'beats_truly', lambda world, host: host in world.beats)]


@mutant('nothing is ever evacuated')
def nothing_evacuated():
    return [put(evacuation, '_first_phase', lambda *given: (Phase.LEFT, 'was powered off'))]


@mutant('what is not active is left')
def non_active_left():
    states = {state: found if state == 'active' else (Way.LEAVE, f'it is {state}')
              for state, found in evacuation._VM_STATES.items()}
    return [put(evacuation, '_VM_STATES', states)]


@mutant('one target only is tried')
def one_target():
    real = planning._turned_back

    def turned_back(item, seen, rules, dead, unplaced):
        if item.phase is Phase.REFUSED:
            return evacuation.went(item, Phase.FAILED, seen.at, seen.by,
                                   f'1 targets were tried; last: {item.reason}')
        return real(item, seen, rules, dead, unplaced)
    return [put(planning, '_turned_back', turned_back)]


@mutant('late arrivals are not looked for')
def no_arrivals():
    return [put(recovery, '_came', lambda recovery, seen: frozenset())]


@mutant('a sibling of a shared volume counts as the instance')
def sibling_counts():
    return [put(certain, 'absent_there', certain.nobody_there)]


# ---------------------------------------------------------------- admission


@mutant('left-over domains are not looked for')
def domains_left():
    def domains(case, seen, rules):
        return admission.Decision(admission.Act.NOTE, 'nobody looked', admission.Did.DOMAINS)
    return [put(admission, '_STEPS', admission._STEPS | {admission.Did.DOMAINS: domains})]
