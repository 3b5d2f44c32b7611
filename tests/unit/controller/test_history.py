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

"""Which recoveries outlive which."""

import dataclasses
import unittest

from kaopu_ha import ports, records
from kaopu_ha.controller import history
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import model
from kaopu_ha.core.model import Phase, RecoveryStage, Stage
from tests.core import values


def world(*things):
    """The records under their keys, each created after the one before."""
    entries = {}
    for created, (key, record) in enumerate(things, 1):
        text = record if isinstance(record, str) else records.encode(record)
        entries[key] = ports.Entry(key, text, created, created)
    return CloudView(ports.Snapshot(99, entries), lambda news: None)


def a_recovery(name, host):
    return (records.RECOVERY + name, model.Recovery(name, host, RecoveryStage.FINISHED))


class Outlived(unittest.TestCase):

    def test_the_newest_recovery_of_each_host_is_kept(self):
        seen = world(a_recovery('z-1', 'c1'), a_recovery('c2-2', 'c2'), a_recovery('a-3', 'c1'))
        self.assertEqual(('z-1',), history.outlived(seen))

    def test_the_recovery_of_an_open_case_is_kept_whatever_its_age(self):
        case = model.Case('c1', Stage.CONFIRMED, recovery='c1-1')
        seen = world(a_recovery('c1-1', 'c1'), a_recovery('c1-2', 'c1'),
                     (records.CASE + 'c1', case))
        self.assertEqual((), history.outlived(seen))

    def test_a_recovery_is_kept_while_a_target_of_it_is_confirmed(self):
        moved = values.under_way(Phase.DONE, recovery='c1-1', target='c3')
        former = dataclasses.replace(moved.attempts[0], target='c2')
        moved = dataclasses.replace(moved, attempts=(former, *moved.attempts))
        for host, wanted in (('c2', ()), ('c3', ()), ('c4', ('c1-1',))):
            case = model.Case(host, Stage.CONFIRMED, recovery=f'{host}-9')
            seen = world((records.EVACUATION + 'c1-1/i1', moved), a_recovery('c1-1', 'c1'),
                         a_recovery('c1-2', 'c1'), (records.CASE + host, case))
            self.assertEqual(wanted, history.outlived(seen), host)

    def test_a_recovery_of_which_something_cannot_be_read_is_kept(self):
        seen = world((records.EVACUATION + 'c1-1/i1', '?'), a_recovery('c1-1', 'c1'),
                     a_recovery('c1-2', 'c1'))
        self.assertEqual((), history.outlived(seen))

    def test_all_that_belongs_to_a_recovery_goes_its_own_record_last(self):
        moved = model.Evacuation('c1-1', 'uuid', 'web', 'c1', Phase.DONE)
        seen = world((records.EVACUATION + 'c1-1/uuid', moved),
                     (records.EVACUATION + 'c1-1/x', '?'),
                     (records.EVACUATION + 'c1-10/uuid', moved), a_recovery('c1-1', 'c1'))
        self.assertEqual((records.EVACUATION + 'c1-1/uuid', records.EVACUATION + 'c1-1/x',
                          records.PROOF + 'c1-1', records.NOTES + 'c1-1',
                          records.RECOVERY + 'c1-1'),
                         history.keys(seen, 'c1-1'))
