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

"""What is sent of news, to whom, and what projects are not told."""

import json
import pathlib
import unittest

from kaopu_ha.core.model import Phase
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.notice import PRIORITIES, Audience
from kaopu_ha.telling import notices
from kaopu_ha.testing.notifier import a_dead_instance, an_outcome, some_news, some_notices

SAMPLES = pathlib.Path(__file__).resolve().parents[2] / 'doc/notification_samples'


def made(outcome, projects=('*',)):
    return notices.made(some_news(outcomes=(outcome,)), publisher='a-publisher', at='now',
                        new_id=lambda: 'id', projects=projects)


def data(notice):
    return notice.payload['kaopu_ha_object.data']


class TestAudiences(unittest.TestCase):

    def test_a_project_is_told_if_it_asked_and_may_be_told(self):
        project = an_outcome().project
        for opted_in, projects, told in ((True, ['*'], True), (True, [project], True),
                                         (True, ['other'], False), (True, [], False),
                                         (False, ['*'], False), (False, [project], False)):
            with self.subTest(opted_in=opted_in, projects=projects):
                _, *rest = made(an_outcome(opted_in=opted_in), projects)
                self.assertEqual(told, bool(rest))

    def test_a_server_without_a_project_has_nobody_to_tell(self):
        self.assertEqual(1, len(made(an_outcome(project=''))))

    def test_news_without_instances_are_for_operators(self):
        [notice] = some_notices(News(Fact.BRAKE_ON, '', 'too many'))
        self.assertEqual((Audience.OPERATORS, 'news.brake_on', 'error', 'brake on: too many'), (
            notice.audience, notice.event_type, notice.priority, notice.line))
        self.assertEqual({'fact': 'brake_on', 'host': None, 'text': 'too many', 'instances': [],
                          'dead': []}, data(notice))

    def test_a_project_is_told_no_host_and_no_reason(self):
        for result in notices.RESULTS:
            outcome = an_outcome(result=result, reason='a-reason', source='a-source',
                                 target='a-target')
            told = json.dumps(made(outcome)[1].message())
            for word in ('a-reason', 'a-source', 'a-target', 'a-publisher'):
                self.assertNotIn(word, told)

    def test_a_project_knows_hosts_by_novas_own_ids(self):
        # nova.utils.generate_hostid('compute-1', <project>)
        self.assertEqual('eb4e0a96313459f4', data(some_notices()[1])['source_host_id'][:16])
        self.assertIsNone(data(made(an_outcome(target=''))[1])['target_host_id'])


class TestDead(unittest.TestCase):

    def made(self, projects=('*',), **changes):
        news = News(Fact.PLANNED, 'c1', '1 left', dead=(a_dead_instance(**changes),))
        return notices.made(news, publisher='a-publisher', at='now', new_id=lambda: 'id',
                            projects=projects)

    def test_operators_are_told_and_its_project_if_it_asked_and_may_be(self):
        for opted_in, projects, told in ((True, ['*'], ['instance.dead']), (False, ['*'], []),
                                         (True, [], []), (True, ['other'], [])):
            first, *rest = self.made(projects, opted_in=opted_in)
            self.assertEqual('news.planned', first.event_type)
            (dead,) = data(first)['dead']
            self.assertEqual('compute-1', dead['kaopu_ha_object.data']['source'])
            self.assertEqual(told, [notice.event_type for notice in rest])

    def test_a_project_is_told_no_host(self):
        _, notice = self.made(source='a-source')
        self.assertNotIn('a-source', json.dumps(notice.message()))
        self.assertIs(Audience.PROJECTS, notice.audience)


class TestSamples(unittest.TestCase):
    """Those in the documentation; what a broker makes of them: tests/functional."""

    def test_each_is_what_is_sent(self):
        dead = News(Fact.PLANNED, 'compute-1', '1 left', dead=(a_dead_instance(),))
        confirmed = News(Fact.CONFIRMED, 'compute-1', 'etcd, management and storage are silent')
        for names, notices_of in ((('news-moved', 'instance-evacuated'), some_notices()),
                                  (('news-planned', 'instance-dead'), some_notices(dead)),
                                  (('news-confirmed',), some_notices(confirmed))):
            for name, notice in zip(names, notices_of, strict=True):
                self.assertEqual((SAMPLES / f'{name}.json').read_text(),
                                 json.dumps(notice.message(), indent=4, sort_keys=True) + '\n')


class TestTimes(unittest.TestCase):

    def test_seconds_down_are_counted_from_the_first_look_without_life(self):
        self.assertEqual(352.2, notices.seconds_down(an_outcome()))

    def test_what_still_is_down_has_none(self):
        for result in ('failed', 'left', 'not recoverable'):
            self.assertIsNone(notices.seconds_down(an_outcome(result=result)))

    def test_clocks_that_differ_make_no_negative_time(self):
        self.assertEqual(0.0, notices.seconds_down(
            an_outcome(ended_at='2025-12-31T23:59:59.000+00:00')))

    def test_a_time_that_is_not_known_is_none(self):
        for since in ('', 'yesterday', '2026-01-01T00:00:00'):
            self.assertIsNone(notices.seconds_down(an_outcome(silent_since=since)))


class TestWords(unittest.TestCase):

    def test_every_way_in_which_a_move_ends_has_a_word(self):
        self.assertEqual({phase.value for phase in Phase if phase.ended}, set(notices.RESULTS))

    def test_every_fact_has_a_priority(self):
        for fact in Fact:
            message = some_notices(News(fact, 'c1', 'x'))[0].message()
            self.assertIn(message['priority'], {'INFO', 'WARN', 'ERROR'})
            self.assertIn(fact.level, PRIORITIES)

    def test_every_payload_is_plain_json(self):
        for notice in some_notices():
            self.assertEqual(notice.message(), json.loads(json.dumps(notice.message())))
