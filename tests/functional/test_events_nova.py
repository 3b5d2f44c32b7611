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

"""The events driver ``nova`` against a real RabbitMQ, at which Nova's part is played."""

import copy
import json
import pathlib
import time
import unittest
from unittest import mock

import amqp
import kombu
from oslo_config import cfg
import oslo_messaging
from oslo_messaging import opts

from kaopu_ha.core.events import NovaEvent
from kaopu_ha.core.model import Power
from kaopu_ha.drivers.openstack import events as nova
from kaopu_ha.drivers.openstack.events import NovaEvents
from kaopu_ha.testing import events
from tests import rabbitmq_single

EXCHANGE, TOPIC, POOL = 'nova', 'versioned_notifications', 'kaopu_ha_events_nova'
SAMPLES = {each['event_type']: each for each in json.loads(
    (pathlib.Path(__file__).parents[1] / 'unit/drivers/nova_notifications.json').read_text())}


def a_conf():
    conf = cfg.ConfigOpts()
    for group, options in opts.list_opts():
        conf.register_opts(options, group=group)
    conf([], default_config_files=[])
    return conf


class NovaBus(events.Publisher):
    """Nova's part, by the library that Nova uses."""

    def __init__(self, rabbit, exchange=EXCHANGE, topic=TOPIC, query=''):
        self._rabbit = rabbit
        # Read when a transport is made.
        oslo_messaging.set_transport_defaults(exchange)
        self._transport = oslo_messaging.get_notification_transport(a_conf(),
                                                                    url=rabbit.url + query)
        self._notifier = oslo_messaging.Notifier(
            self._transport, driver='messagingv2', topics=[topic])

    def say(self, event):
        sample = copy.deepcopy(SAMPLES[event.kind])
        sample['payload']['nova_object.data']['uuid'] = event.instance
        self._send(f'nova-compute:{event.host}', event.kind, sample['payload'])

    def say_nonsense(self):
        for kind in (None, 7, 'instance.power_off.end', 'service.update', 'x' * 1000):
            for payload in (None, [], 'text', {}, {'nova_object.data': []}):
                self._send('nova-compute:c1', kind, payload)
        with kombu.Connection(self._rabbit.url.replace('rabbit:', 'amqp:')) as connection:
            producer = connection.Producer()
            for body in (b'', b'{', b'[]', b'null', b'"x"', b'\xff\xfe', b'[' * 5000,
                         b'{"oslo.version": "2.0", "oslo.message": "[]"}',
                         b'{"oslo.version": "2.0", "oslo.message": "{"}',
                         b'{"oslo.version": "9.9", "oslo.message": "{}"}',
                         b'{"priority": 7, "payload": {}}', b'{"priority": "INFO"}'):
                producer.publish(body, exchange=EXCHANGE, routing_key=f'{TOPIC}.info',
                                 content_type='application/json', content_encoding='utf-8')

    def stop(self):
        self._rabbit.kill()

    def start(self):
        self._rabbit.start()

    def close(self):
        """Free the connections."""
        self._transport.cleanup()

    def _send(self, publisher, kind, payload):
        self._notifier.prepare(publisher_id=publisher).info({}, kind, payload)


@unittest.skipUnless(rabbitmq_single.is_possible(), 'rabbitmq-server is not installed')
class NovaEventsTest(events.EventsSuite, unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.rabbit = rabbitmq_single.RabbitMQ()
        cls.addClassCleanup(cls.rabbit.close)

    def setUp(self):
        self.bus = NovaBus(self.rabbit)
        self.addCleanup(self.bus.close)
        self.url, self.exchange, self.topic = self.rabbit.url, EXCHANGE, TOPIC

    def make_events(self):
        return NovaEvents(a_conf(), self.url, exchange=self.exchange, topic=self.topic,
                          pool=f'kaopu_ha_events_{self.exchange}')

    def an_event(self, number):
        return NovaEvent('c1', 'instance.power_off.end',
                         f'178b0921-8f85-4257-88b6-{number:012x}', Power.OFF)

    def test_an_account_that_may_only_listen_is_enough(self):
        self.url = url = self.rabbit.add_user(
            'listener', 'of-the-test', configure=f'^({EXCHANGE}|{POOL})$', write=f'^{POOL}$',
            read=f'^({EXCHANGE}|{POOL})$')
        _, ear = self.listening()
        self.bus.say(self.an_event(1))
        self.assertEqual(self.plain([self.an_event(1)]), self.plain(ear.heard(1)))
        # And it may not say anything itself.
        with kombu.Connection(url.replace('rabbit:', 'amqp:')) as connection:
            channel = connection.channel()
            kombu.Producer(channel).publish({}, exchange=EXCHANGE, routing_key=f'{TOPIC}.info')
            with self.assertRaises(amqp.AccessRefused):
                channel.queue_declare(queue=POOL, passive=True)

    def test_an_account_that_is_refused_is_told_of_and_tries_again(self):
        self.url = self.rabbit.url_of('late', 'of-the-test')
        with mock.patch.object(nova, '_REFUSED_SECONDS', 0.5), self.assertLogs(
                nova.LOG, 'WARNING') as logs:
            _, ear = self.listening(ready=False)
            time.sleep(3.0)
            self.rabbit.add_user('late', 'of-the-test')
            self.await_an_echo(ear, 30.0)
        # The second: an account that has no rights yet.
        self.assertTrue(1 <= len(logs.output) <= 2, logs.output)
        self.assertIn('ACCESS_REFUSED', logs.output[0])
        self.assertNotIn('of-the-test', logs.output[0])

    def test_a_durable_exchange_is_listened_to_by_the_same_option_that_nova_has(self):
        # A topic of its own too, for Nova's own queue of it is then durable.
        self.exchange, self.topic, durable = 'durable', 'durable', '?amqp_durable_queues=true'
        self.bus = NovaBus(self.rabbit, self.exchange, self.topic, durable)
        self.addCleanup(self.bus.close)
        self.url = self.rabbit.url + durable
        _, ear = self.listening()
        self.bus.say(self.an_event(1))
        self.assertEqual(self.plain([self.an_event(1)]), self.plain(ear.heard(1)))

    def test_a_url_that_is_none_is_refused_without_the_password(self):
        for url in ('secret', 'nothing://u:secret@h/', '://secret'):
            with self.assertRaises(ValueError) as raised:
                NovaEvents(a_conf(), url, exchange=EXCHANGE, topic=TOPIC, pool=POOL)
            self.assertNotIn('secret', str(raised.exception))
