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

"""Mutants of moves: how they end, and how often Nova is called.  See ``mutants``."""

from kaopu_ha.core import attempt, certain, recovery
from tests.unit.sim.mutants import mutant, put


@mutant('second call while the first is unfinished')
def called_while_unfinished():
    return [put(attempt.Facts, 'ended_unseen', True)]


@mutant('done asks for the disks that the old host told of')
def disks_of_the_old_host():
    def open_there(seen):
        return bool(seen.images) and all(
            any(client.acknowledged and client.ip in seen.target_addresses
                for client in answer.clients) for answer in seen.images)
    return [put(certain, 'open_there', open_there)]


@mutant('a state is set while Nova is at work')
def set_at_work():
    return [put(attempt.Facts, 'over', True)]


@mutant('a state is set while its user is at it')
def set_while_in_a_task():
    return [put(attempt, 'UNDER_WAY', tuple(
        row for row in attempt.UNDER_WAY if row.name != 'arrived, and in a task'))]


@mutant('what Nova shows on a dead host only later is forgotten')
def late_in_nova():
    return [put(recovery, '_late_may_be_due', lambda item, seen, rules: False)]
