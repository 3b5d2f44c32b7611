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

"""What is over for long goes; what an admission has to know, and what is young, stays."""

import dataclasses
import unittest

from kaopu_ha import archive, ports, records
from kaopu_ha.controller.housekeeper import Housekeeper
from kaopu_ha.controller.repeated import AGAIN_SECONDS, Repeated
from kaopu_ha.core import model
from kaopu_ha.core.model import RecoveryStage, Stage
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.noting import Note, Notes
from kaopu_ha.core.requests import RequestState, RequestVerb
from tests.core import values
from tests.unit.controller import scene

NOW = '2026-11-27T00:00:00.000+00:00'
OLD, YOUNG = '2026-08-01T00:00:00.000+00:00', '2026-11-01T00:00:00.000+00:00'


def step(at):
    return (model.Step(at, values.BY, 'stage', 'why'),)


def a_recovery(name, at, host='c1', stage=RecoveryStage.FINISHED):
    return {records.RECOVERY + name: model.Recovery(name, host, stage, history=step(at))}


def an_evacuation(recovery, instance, target):
    item = dataclasses.replace(values.an_evacuation(), recovery=recovery, instance=instance,
                               attempts=(model.Attempt(1, target),))
    return {f'{records.EVACUATION}{recovery}/{instance}': item}


class Kept(unittest.TestCase):

    def setUp(self):
        self.store, self.clock = scene.Store(), scene.Clock()
        self.leader = leader = scene.a_leader(self.store, 'controller-1', self.clock)
        leader.turn()
        self.told = []
        self.keeper = Housekeeper(self.store, leader, scene.an_env(
            self.clock, self.told.append, now=lambda: NOW))

    def left(self, things):
        """Which of the records are left after a look."""
        self.store.commit([], [ports.Put(key, records.encode(record))
                               for key, record in things.items()])
        self.clock.now += 200.0
        self.keeper.turn()
        return sorted(key for key in self.store.read(records.PREFIX).entries if key in things)

    def test_what_ended_long_ago_goes_and_what_ended_lately_stays(self):
        young = {records.CLOSED + 'c1/2': values.a_case(Stage.CLOSED, history=step(YOUNG)),
                 **a_recovery('c1-2', YOUNG),
                 records.REQUEST + 'admit-c2': records.Request(RequestVerb.ADMIT, 'c2', 'joe',
                                                               YOUNG,
                                                               state=RequestState.DONE)}
        old = {records.CLOSED + 'c1/1': values.a_case(Stage.CLOSED, history=step(OLD)),
               **a_recovery('c1-1', OLD), **an_evacuation('c1-1', 'i1', 'c2'),
               records.NOTES + 'c1-1': Notes('c1-1', 'c1', (Note('i1', 'web', 1),)),
               records.REQUEST + 'admit-c1': records.Request(RequestVerb.ADMIT, 'c1', 'joe', OLD,
                                                             state=RequestState.REFUSED)}
        self.assertEqual(sorted(young), self.left(young | old))

    def test_what_is_open_stays_whatever_its_age(self):
        things = {**a_recovery('c1-1', OLD, stage=RecoveryStage.EVACUATING),
                  records.CASE + 'c1': values.a_case(),
                  records.REQUEST + 'admit-c1': records.Request(RequestVerb.ADMIT, 'c1', 'joe',
                                                                OLD)}
        self.assertEqual(sorted(things), self.left(things))

    def test_what_an_admission_has_to_know_stays_whatever_its_age(self):
        for case, recovery in (
                (values.a_case(Stage.CONFIRMED, recovery='c1-1'), a_recovery('c1-1', OLD)),
                # c1 was the target of a recovery of c2, and is confirmed itself.
                (values.a_case(Stage.CONFIRMED, recovery='c1-9'),
                 a_recovery('c2-1', OLD, 'c2') | an_evacuation('c2-1', 'i1', 'c1'))):
            with self.subTest(case.recovery):
                self.setUp()
                things = {records.CASE + 'c1': case, **recovery}
                self.assertEqual(sorted(things), self.left(things))

    def test_one_without_a_date_stays(self):
        things = {records.CLOSED + 'c1/1': values.a_case(Stage.CLOSED)}
        self.assertEqual(sorted(things), self.left(things))

    def test_what_nobody_reads_goes(self):
        request = records.Request(RequestVerb.READ_STORAGE, 'c1', 'x', NOW)
        asked = {records.request_to('c1', RequestVerb.READ_STORAGE): request,
                 records.CASE + 'c1': values.a_case(),
                 # It is asked of a host that is well, and a lease ends it.
                 records.request_to('c2', RequestVerb.RESUME_DOMAINS): request}
        told = {records.request_to(f'c{number}', RequestVerb.READ_STORAGE): request
                for number in range(100, 220)}
        self.assertEqual(sorted(asked), self.left(asked | told))
        self.assertEqual([], self.told)

    def test_what_no_program_reads_goes_whatever_it_is_and_is_told_once_and_briefly(self):
        request = records.Request(RequestVerb.ADMIT, 'c1', 'joe', OLD, state=RequestState.DONE)
        read = {records.admit_request('c1'): dataclasses.replace(request, at=YOUNG),
                records.CASE + 'c1': values.a_case()}
        junk = {records.REQUEST + name: request for name in (
            'admit-', 'note', 'a' * 2000, 'c1/r1', 'c1/read-storage/2', 'c9/x', '/read-storage',
            *(f'junk-{number}' for number in range(100)))}
        self.assertEqual(sorted(read), self.left(read | junk))
        news, = self.told
        self.assertEqual((Fact.RECORD, ''), (news.fact, news.host))
        self.assertLess(len(news.text), 2000)
        self.left(read)
        self.assertEqual([news], self.told)

    def test_an_admission_that_cannot_be_read_stays_while_its_host_has_a_case(self):
        self.store.commit([], [ports.Put(records.admit_request(host), 'junk')
                               for host in ('c1', 'c9')])
        self.left({records.CASE + 'c1': values.a_case()})
        self.assertEqual([records.admit_request('c1')], [
            key for key in self.store.etcd.entries if key.startswith(records.REQUEST)])
        self.assertIn('admit-c9', self.told[-1].text)

    def test_what_was_asked_of_a_case_that_is_over_goes(self):
        # Else it would admit the host when it is next confirmed dead.
        self.assertEqual([], self.left({
            records.REQUEST + 'admit-c1': records.Request(RequestVerb.ADMIT, 'c1', 'joe', NOW)}))

    def test_what_a_host_wrote_by_the_thousand_goes_by_and_by_and_none_of_it_is_read(self):
        junk = {f'{records.REQUEST}c9/{number}': records.Request(RequestVerb.ADMIT, 'c9', 'x', NOW)
                for number in range(2500)}
        read = []
        real, self.store.read = self.store.read, lambda *ranges: (
            read.extend(ranges), real(*ranges))[1]
        for key, record in junk.items():
            self.store.commit([], [ports.Put(key, records.encode(record))])
        left = []
        for _ in range(3):
            self.clock.now += 200.0
            self.leader.turn()
            self.keeper.turn()
            left.append(self.under_request())
        self.assertEqual([1500, 500, 0], left)
        self.assertNotIn(records.REQUEST, read)

    def under_request(self):
        return len([key for key in self.store.etcd.entries if key.startswith(records.REQUEST)])

    def test_nobody_cleans_who_does_not_lead(self):
        things = a_recovery('c1-1', OLD)
        self.store.commit([], [ports.Delete(records.LEADER)])
        self.assertEqual(sorted(things), self.left(things))

    def test_a_shelf_holds_so_many(self):
        for revision in range(30):
            self.store.commit([], archive.put_away(self.store, values.a_case(Stage.CLOSED),
                                                   revision, 5))
        self.assertEqual([f'{number:016d}' for number in range(25, 30)],
                         sorted(self.store.read(records.CLOSED + 'c1/').under(
                             records.CLOSED + 'c1/')))


class OneUnreadableRecord(unittest.TestCase):

    def test_it_is_told_once_and_then_every_hour(self):
        told, clock = [], scene.Clock()
        tell = Repeated(told.append, clock)
        for _ in range(7200):
            tell(News(Fact.RECORD, 'c9', 'not a record'))
            clock.now += 1.0
        self.assertEqual(7200 / AGAIN_SECONDS, len(told))

    def test_another_is_told_at_once_and_other_news_always(self):
        told = []
        tell = Repeated(told.append, scene.Clock())
        for host in ('c1', 'c2', 'c1'):
            tell(News(Fact.RECORD, host, 'not a record'))
            tell(News(Fact.CONFIRMED, host, 'it is silent'))
        self.assertEqual(5, len(told))

    def test_nobody_can_fill_the_memory(self):
        told = []
        tell = Repeated(told.append, scene.Clock())
        for number in range(5000):
            tell(News(Fact.RECORD, 'c9', f'not a record: {number}'))
        self.assertLessEqual(len(tell._told), 1000)
