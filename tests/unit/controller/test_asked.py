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

"""Who asks for an admission, and what is read to know it."""

import unittest

from kaopu_ha import ports, records
from kaopu_ha.controller import admitter
from kaopu_ha.core.news import Fact
from kaopu_ha.core.requests import OF_ADMISSIONS, RequestState, RequestVerb
from tests.core import values
from tests.unit.controller import scene
from tests.unit.controller.scene import Store


class Reads(Store):
    """Keeps what was read, and how much came of it."""

    def __init__(self):
        super().__init__()
        self.ranges, self.entries = [], 0

    def read(self, *ranges):
        found = super().read(*ranges)
        self.ranges += ranges
        self.entries += len(found.entries)
        return found


def asked(host, **other):
    return records.Request(**{'verb': RequestVerb.ADMIT, 'host': host, 'who': 'w',
                              'at': 'noon'} | other)


class Asked(unittest.TestCase):

    def setUp(self):
        self.store, self.clock, self.told = Reads(), scene.Clock(), []
        self.leader = scene.a_leader(self.store, 'controller-1', self.clock)
        self.leader.turn()
        self.admitter = admitter.Admitter(self.store, self.leader, [], None, None,
                                          scene.an_env(self.clock, self.told.append))

    def write(self, things):
        for key, record in things.items():
            self.store.commit([], [ports.Put(key, records.encode(record))])

    def test_an_admission_is_asked_by_people_only(self):
        self.write({records.CASE + host: values.a_case() for host in ('c1', 'c2', 'c3', 'c4')})
        self.write({records.REQUEST + name: request for name, request in {
            'admit-c1': asked('c1'), 'admit-c3': asked('c3', state=RequestState.DONE),
            'c2/x': asked('c2'), 'c2/admit-c2': asked('c2'), 'admit-c4': asked('c1'),
            'c2/restart': asked('c2', verb=RequestVerb.RESTART_COMPUTE)}.items()})
        self.assertEqual(['c1'], list(self.admitter._asked()))

    def test_what_was_asked_of_a_former_boot_is_asked_anew_at_once(self):
        verbs = dict(zip(OF_ADMISSIONS, ('', 'boot-1', 'boot-2'), strict=True))
        self.write({records.request_to('c1', verb): asked('c1', verb=verb, boot_id=boot_id,
                                                          state=RequestState.REFUSED)
                    for verb, boot_id in verbs.items()})
        self.assertEqual({verb for verb, boot_id in verbs.items() if boot_id != 'boot-1'},
                         set(self.admitter._answers('c1', 'boot-2')))

    def test_what_hosts_wrote_is_not_read_however_much_it_is(self):
        self.write({records.CASE + 'c1': values.a_case(),
                    **{f'{records.REQUEST}c1/{number}': asked('c1') for number in range(300)}})
        self.store.ranges, self.store.entries = [], 0
        self.admitter.turn()
        self.assertNotIn(records.REQUEST, self.store.ranges)
        self.assertLess(self.store.entries, 5)

    def test_what_was_asked_of_a_former_case_is_refused(self):
        self.write({records.REQUEST + 'admit-c1': asked('c1')})
        self.write({records.CASE + 'c1': values.a_case()})
        self.admitter.turn()
        self.assertEqual([Fact.ADMIT_REFUSED], [news.fact for news in self.told])
        entry = self.store.read(records.admit_request('c1')).get(records.admit_request('c1'))
        self.assertIs(RequestState.REFUSED, records.decode(records.Request, entry.value).state)

    def test_what_cannot_be_read_is_told_and_the_others_are_asked(self):
        self.write({records.CASE + host: values.a_case() for host in ('c1', 'c2')})
        self.store.commit([], [ports.Put(records.admit_request('c1'), 'junk')])
        self.write({records.admit_request('c2'): asked('c2')})
        self.assertEqual(['c2'], list(self.admitter._asked()))
        self.assertEqual([Fact.RECORD], [news.fact for news in self.told])

    def test_so_many_cases_fit_in_no_transaction_and_all_are_asked(self):
        hosts = [f'c{number:03}' for number in range(250)]
        self.write({records.CASE + host: values.a_case() for host in hosts})
        self.write({records.admit_request(host): asked(host) for host in hosts})
        self.assertEqual(hosts, sorted(self.admitter._asked()))


if __name__ == '__main__':
    unittest.main()
