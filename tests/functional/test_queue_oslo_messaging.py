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

"""The queue ``oslo_messaging`` on a real RabbitMQ."""

import logging
import unittest

import oslo_messaging

from kaopu_ha.testing import queue
from tests import etcd_single, rabbitmq_single


class MessagingQueueTest(queue.BrokerContract, unittest.TestCase):
    """The contract."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not rabbitmq_single.is_possible():
            raise unittest.SkipTest('there is no rabbitmq-server here')
        cls.endpoint = etcd_single.until(cls.addClassCleanup).endpoint
        cls.broker = rabbitmq_single.RabbitMQ()
        cls.addClassCleanup(cls.broker.close)

    def setUp(self):
        # It says at length that the broker is away.
        for name in ('oslo.messaging', 'oslo_messaging', 'amqp'):
            library = logging.getLogger(name)
            self.addCleanup(library.setLevel, library.level)
            library.setLevel(logging.CRITICAL + 1)
        super().setUp()

    def settings(self):
        return {'driver': 'oslo_messaging', 'transport_url': self.broker.url}

    def test_a_notification_of_another_kind_is_dropped(self):
        conf = self.conf(queue.NEVER)
        transport = oslo_messaging.get_notification_transport(
            conf, url=f'{self.broker.url}?amqp_durable_queues=true')
        self.addCleanup(transport.cleanup)
        strange = oslo_messaging.Notifier(transport, publisher_id='somebody', retry=0,
                                          driver='messagingv2', topics=[self.name])
        for payload in ('a text', None, 7, [], {}, {'task': 7}, {'task': None}):
            strange.info({}, 'compute.instance.update', payload)
        keys = self.write(3)
        self.queue().offer(keys)
        self.taken(keys, self.queue())
