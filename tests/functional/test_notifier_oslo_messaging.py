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

"""The notifier of oslo.messaging against a real RabbitMQ, and the samples of the documentation."""

import contextlib
import json
import pathlib
import unittest

import kombu
from oslo_config import cfg
from oslo_serialization import jsonutils

from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.notice import Audience
from kaopu_ha.drivers.broker import notifier as oslo_messaging
from kaopu_ha.testing import notifier
from tests import rabbitmq_single

SAMPLES = pathlib.Path(__file__).resolve().parents[2] / 'doc/notification_samples'
TOPICS = {Audience.OPERATORS: 'news', Audience.PROJECTS: 'news_for_projects'}


class Bus(notifier.Receiver):
    """Queues of ours on the broker, read as any consumer of OpenStack's notifications does."""

    def __init__(self, broker):
        self.broker = broker
        self._messages = {audience: [] for audience in Audience}
        self._gone = False

    def received(self, audience):
        with kombu.Connection(self.broker.url.replace('rabbit:', 'amqp:')) as connection:
            for priority in ('info', 'warn', 'error'):
                name = f'{TOPICS[audience]}.{priority}'
                queue = kombu.Queue(name, channel=connection, durable=False)
                queue.queue_declare()
                while (message := queue.get(no_ack=True)) is not None:
                    envelope = json.loads(message.body)
                    self._messages[audience].append(jsonutils.loads(envelope['oslo.message']))
        return [{name: value for name, value in message.items() if not name.startswith('_')}
                for message in self._messages[audience]]

    def freeze(self):
        self.broker.freeze()

    def thaw(self):
        self.broker.thaw()

    def vanish(self):
        self._gone = True
        self.broker.kill()

    def come_back(self):
        if self._gone:
            self._gone = False
            self.broker.start()


class OnRabbitMQ:
    """A broker for each class, and a notifier for each test."""

    @classmethod
    def setUpClass(cls):
        if not rabbitmq_single.is_possible():
            raise unittest.SkipTest('there is no RabbitMQ here')
        cls.broker = rabbitmq_single.RabbitMQ()
        cls.addClassCleanup(cls.broker.close)

    def make_receiver(self):
        # What a former test left.
        former = Bus(self.broker)
        for audience in Audience:
            former.received(audience)
        receiver = Bus(self.broker)
        self.addCleanup(receiver.come_back)
        return receiver

    def make_notifier(self, url=''):
        conf = cfg.ConfigOpts()
        conf([], default_config_files=[], default_config_dirs=[])
        return oslo_messaging.MessagingNotifier(
            conf, url or self.broker.url, exchange='kaopu_ha', topic=TOPICS[Audience.OPERATORS],
            project_topic=TOPICS[Audience.PROJECTS])


class MessagingNotifierTest(OnRabbitMQ, notifier.NotifierSuite, unittest.TestCase):
    """The contract."""

    secrets = (rabbitmq_single.RabbitMQ.password,)

    def test_a_wrong_password_is_a_failure_that_does_not_tell_it(self):
        self.notifier = self.make_notifier(self.broker.url.replace(self.broker.password, 'hidden'))
        self.addCleanup(self.notifier.close)
        self.secrets = ('hidden',)
        # What else is in this process may have something to say.
        with contextlib.ExitStack() as quiet:
            for name in ('oslo', 'oslo_messaging', 'amqp', 'kombu', 'kaopu_ha.drivers'):
                quiet.enter_context(self.assertNoLogs(name, level='INFO'))
            self.assert_lost(notifier.some_notices()[0], 5.0)


class TestSamples(OnRabbitMQ, unittest.TestCase):
    """The samples in the documentation are what a consumer gets from the broker."""

    maxDiff = None

    def sent(self, news, audience):
        self.receiver = self.make_receiver()
        sender = self.make_notifier()
        self.addCleanup(sender.close)
        for notice in notifier.some_notices(news):
            sender.notify(notice, notifier.LIMIT)
        [message] = self.receiver.received(audience)
        return message

    def assert_is_sample(self, name, message):
        self.assertEqual((SAMPLES / f'{name}.json').read_text(),
                         json.dumps(message, indent=4, sort_keys=True) + '\n')

    def test_news_of_a_host(self):
        news = News(Fact.CONFIRMED, 'compute-1', 'etcd, management and storage are silent')
        self.assert_is_sample('news-confirmed', self.sent(news, Audience.OPERATORS))

    def test_news_of_an_instance(self):
        self.assert_is_sample('news-moved', self.sent(None, Audience.OPERATORS))

    def test_what_is_told_of_an_instance_that_is_surely_dead(self):
        news = News(Fact.PLANNED, 'compute-1', '1 left', dead=(notifier.a_dead_instance(),))
        for name, audience in (('news-planned', Audience.OPERATORS),
                               ('instance-dead', Audience.PROJECTS)):
            self.assert_is_sample(name, self.sent(news, audience))

    def test_what_its_project_is_told_of_an_instance_that_was_moved(self):
        self.assert_is_sample('instance-evacuated', self.sent(None, Audience.PROJECTS))

    def test_what_its_project_is_told_of_an_instance_that_was_not_moved(self):
        outcome = notifier.an_outcome(result='not recoverable', target='',
                                      reason='on local disk: /var/lib/nova/instances/disk')
        news = News(Fact.PLANNED, 'compute-1', '1 not recoverable', (outcome,))
        self.assert_is_sample('instance-not-evacuated', self.sent(news, Audience.PROJECTS))
