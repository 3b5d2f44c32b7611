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

"""Mutants of whose instances are moved, and in which order.  See ``mutants``."""

import dataclasses

from kaopu_ha.core import left, planning, policy, restart
from kaopu_ha.core.policy import Priority, Ruling
from kaopu_ha.worker.queue import RecordQueue
from tests.unit.sim.mutants import mutant, put


def _answering(change):
    real = policy.answer
    return [put(policy, 'answer', lambda server, given: change(real(server, given), server))]


@mutant('what opted out is moved')
def moved_all_the_same():
    return _answering(lambda said, server: dataclasses.replace(said, left=''))


@mutant('what opted out is started again in place')
def started_all_the_same():
    return [put(restart, '_not_ours', lambda seen, rules: ''),
            put(left, 'from_the_start', lambda record, servers, says, at: (record, ()))]


@mutant('what its owner replaces is moved')
def taken_from_its_owner():
    return [put(policy, '_is_managed', lambda server, rule: False)]


@mutant('a mark that is not understood counts as no')
def doubt_leaves():
    return _answering(lambda said, server: dataclasses.replace(
        said, left='it opted out: by a doubt') if said.wrong and not said.left else said)


@mutant('marks on flavors are not read')
def no_flavors():
    def without(marks, named, values):
        return real([mark for mark in marks if mark.source.value != 'flavor'], named, values)
    real = policy._read
    return [put(policy, '_read', without)]


@mutant('what is not marked is left')
def unmarked_is_left():
    return _answering(lambda said, server: said if server.marks or said.left else Ruling(
        left='nobody marked it as protected'))


@mutant('room is given in the order of names')
def room_by_name():
    class ByName:
        def __getattr__(self, name):
            return getattr(policy, name)

        def in_turns(self, items, owner, has):
            return sorted(range(len(items)), key=lambda place: items[place].instance)
    return [put(planning, 'policy', ByName())]


@mutant('low and high change places')
def upside_down():
    return [put(Priority, 'rank', property(
        lambda priority: 2 - tuple(Priority).index(priority)))]


@mutant('workers take tasks in the order of names')
def taken_by_name():
    real = RecordQueue.free

    def free(queue):
        return sorted(real(queue), key=lambda each: each.key)
    return [put(RecordQueue, 'free', free)]
