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

"""Mutants of hosts that come back, and of hosts that are shut down in good order."""

import dataclasses

from kaopu_ha.agent import leaving
from kaopu_ha.controller import restarter as restarters
from kaopu_ha.controller.restarter import Restarter
from kaopu_ha.core import admission, casefile, elsewhere, restart, unseen, users
from tests.unit.sim.mutants import mutant, put


@mutant('nothing is started again in place')
def nothing_restarted():
    return [put(Restarter, 'turn', lambda restarter: 60.0)]


@mutant('what its user stopped is started again')
def stopped_is_started():
    return [put(users, 'stopped_by_user', lambda actions: False)]


@mutant('what went off just before the end is forgotten')
def lately_forgotten():
    real = leaving.Past.look

    def look(past, former, boot_id, domains, limit):
        past._local.stopping = lambda limit: False
        told = real(past, former, boot_id, domains, limit)
        return leaving.Looked(told.domains, told.interrupted, (), False)
    return [put(leaving.Past, 'look', look)]


@mutant('a host that is taken back is not watched')
def not_watched():
    return [put(admission, '_lost', lambda admit, seen, rules: None)]


@mutant('what went off while its agent was dead had not been on')
def unseen_forgotten():
    real = casefile.with_guests

    def with_guests(case, new, told, rules):
        return dataclasses.replace(real(case, new, told, rules), went_off={})
    return [put(casefile, 'with_guests', with_guests)]


@mutant('what is still to be started was off if its host is lost')
def unsettled_off():
    return [put(unseen, 'with_unsettled', lambda inventory, before: inventory)]


@mutant('who stopped it is asked last')
def stopped_asked_last():
    first = [row for row in restart._ROWS if row[0] == 'it may run elsewhere']
    others = [row for row in restart._ROWS if row[0] != 'it may run elsewhere']
    return [put(restart, '_ROWS', (*first, *others))]


@mutant('what came while its agent was dead is not started again')
def came_unseen():
    return [put(restart, 'told_by_libvirt', lambda *seen: None)]


@mutant('a stop counts at every later boot')
def stopped_for_ever():
    return [put(restarters, '_on_again', lambda world, record: frozenset())]


@mutant('who shares a volume keeps the other one off')
def shared_keeps_off():
    return [put(elsewhere, 'why_not', lambda hosts, said: 'somebody has it open' if hosts else '')]


@mutant('what was to be started is forgotten by the next boot')
def former_boot_dropped():
    real = restart._added

    def added(before, host, boot_id, *given):
        if before is not None and before.boot_id != boot_id:
            before = dataclasses.replace(before, starts=tuple(
                start for start in before.starts if start.phase.settled))
        return real(before, host, boot_id, *given)
    return [put(restart, '_added', added)]
