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

"""The queue ``rq`` on a real Redis."""

import os
import subprocess
import sys
import unittest

import redis
import rq

from kaopu_ha.testing import queue
from tests import etcd_single, redis_single


class Poison:
    """Unpickled, it ends the process."""

    def __reduce__(self):
        return os._exit, (66,)


class RedisQueueTest(queue.BrokerContract, unittest.TestCase):
    """The contract."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if redis_single.missing():
            raise unittest.SkipTest(redis_single.missing())
        cls.endpoint = etcd_single.until(cls.addClassCleanup).endpoint
        cls.broker = redis_single.Redis()
        cls.addClassCleanup(cls.broker.close)

    def settings(self):
        return {'driver': 'rq', 'redis_url': self.broker.url}

    def test_a_job_of_another_kind_is_dropped_and_never_unpickled_or_run(self):
        with redis.Redis.from_url(self.broker.url) as client:
            strange = rq.Queue(self.name, connection=client)
            strange.enqueue(os._exit, 66)
            strange.enqueue(print, Poison())
            client.rpush(strange.key, 'a job that is not there')
            client.hset('rq:job:spoilt', 'data', 'spoilt')
            client.rpush(strange.key, 'spoilt')
            keys = self.write(3)
            self.queue().offer(keys)
            self.taken(keys, self.queue())
            self.assertEqual(0, len(strange))

    def test_rq_info_shows_what_waits(self):
        self.queue().offer(self.write(3))

        def shown():
            told = subprocess.run(
                [sys.executable, '-m', 'rq.cli', 'info', '--url', self.broker.url, '--raw'],
                capture_output=True, text=True, check=True, timeout=30)
            return f'queue {self.name} 3' in told.stdout
        self.await_true(shown, 'rq info does not show them')
