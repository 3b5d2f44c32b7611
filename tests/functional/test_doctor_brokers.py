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

"""What ``kaopu-ha doctor`` finds on a real RabbitMQ and a real Redis: who listens there."""

import logging
import time
import unittest

from oslo_config import cfg

from kaopu_ha.core.checkup import Seen, Severity
from kaopu_ha.drivers.broker import notifier, queue
from kaopu_ha.drivers.openstack import events as nova
from tests import rabbitmq_single, redis_single

LIMIT, HARD_LIMIT = 15.0, 240.0


def a_conf():
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[])
    return conf


def found(made, limit=LIMIT):
    (check,) = made.checks(Seen())
    (finding,) = check.ask(limit)
    return finding


class Case(unittest.TestCase):

    def made(self, kind, *given, **more):
        made = kind(*given, **more)
        self.addCleanup(made.close)
        return made

    def until(self, severity, made):
        """By then a worker has connected, and the broker of a busy machine has let us in."""
        until = time.monotonic() + HARD_LIMIT
        told = found(made)
        while (told.severity is not severity or not told.asked) and time.monotonic() < until:
            time.sleep(0.2)
            told = found(made)
        self.assertIs(severity, told.severity, told)
        return told


class OnRabbitMQ(Case):

    @classmethod
    def setUpClass(cls):
        if not rabbitmq_single.is_possible():
            raise unittest.SkipTest('there is no rabbitmq-server here')
        cls.broker = rabbitmq_single.RabbitMQ()
        cls.addClassCleanup(cls.broker.close)

    def setUp(self):
        super().setUp()
        for name in ('oslo.messaging', 'oslo_messaging', 'amqp'):
            library = logging.getLogger(name)
            self.addCleanup(library.setLevel, library.level)
            library.setLevel(logging.CRITICAL + 1)

    def queue(self, name, url=''):
        return self.made(queue.MessagingQueue, a_conf(), url or self.broker.url, name)

    def notifier(self, url=''):
        return self.made(notifier.MessagingNotifier, a_conf(), url or self.broker.url,
                         exchange='news', topic='news', project_topic='news_for_projects')

    def test_a_queue_without_workers_is_found_and_not_made(self):
        for _ in range(2):
            told = self.until(Severity.WRONG, self.queue('lonely'))
            self.assertIn('none listens', told.found)

    def test_a_worker_that_listens_is_counted(self):
        self.queue('busy').take(1)
        self.assertEqual('1 listening at the queue busy.info', self.until(
            Severity.GOOD, self.queue('busy')).found)

    def test_a_wrong_password_could_not_be_asked_and_is_not_told(self):
        url = self.broker.url_of(self.broker.user, 'wrong-word')
        for made in (self.queue('any', url), self.notifier(url), self.made(
                nova.NovaEvents, a_conf(), url, exchange='nova', topic='t', pool='p')):
            told = found(made)
            self.assertEqual((Severity.WRONG, False), (told.severity, told.asked))
            self.assertNotIn('wrong-word', str(told))

    def test_a_broker_that_is_not_there_could_not_be_asked(self):
        told = found(self.queue('any', 'rabbit://u:hidden@127.0.0.1:9/'), 5.0)
        self.assertFalse(told.asked)
        self.assertNotIn('hidden', str(told))

    def test_notices_that_nobody_reads_are_told(self):
        told = self.until(Severity.WEAK, self.notifier())
        self.assertEqual('none listens at the queue news.error', told.found)

    def test_the_broker_of_novas_events_lets_us_in(self):
        made = self.made(nova.NovaEvents, a_conf(), self.broker.url, exchange='nova', topic='t',
                         pool='p')
        self.until(Severity.GOOD, made)


class OnRedis(Case):

    @classmethod
    def setUpClass(cls):
        if redis_single.missing():
            raise unittest.SkipTest(redis_single.missing())
        cls.broker = redis_single.Redis()
        cls.addClassCleanup(cls.broker.close)

    def queue(self, url=''):
        # Loaded where the library is known to be there.
        from kaopu_ha.drivers.broker import queue_rq as rq
        return self.made(rq.RedisQueue, url or self.broker.url, 'tasks')

    def test_nobody_waits_and_then_a_worker(self):
        self.until(Severity.WRONG, self.queue())
        self.queue().take(1)
        self.assertEqual('1 wait at Redis for a task', self.until(Severity.GOOD,
                                                                  self.queue()).found)

    def test_a_redis_that_is_not_there_could_not_be_asked(self):
        told = found(self.queue('redis://:hidden@127.0.0.1:9/0'))
        self.assertFalse(told.asked)
        self.assertNotIn('hidden', str(told))


if __name__ == '__main__':
    unittest.main()
