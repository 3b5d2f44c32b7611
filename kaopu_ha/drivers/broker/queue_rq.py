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

"""Queue driver ``rq``: tasks are jobs of rq on Redis, as the patent has it.

Jobs are real ones: ``rq info`` shows them.  But nothing of a job is ever run: its only argument,
the key of an evacuation, is read as JSON (never as a pickle), and the job is deleted.  rq's own
worker is not used: it forks, and marks the job of a worker that was killed as failed for good.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import logging
import threading
from typing import Self

from oslo_config import cfg
import redis
import rq
from rq import exceptions as rq_errors
from rq import serializers

from kaopu_ha import checkup, ports
from kaopu_ha.conf import queue as conf_queue
from kaopu_ha.core.checkup import Finding, Seen, good, unasked, weak, wrong
from kaopu_ha.drivers.broker import buffers

LOG = logging.getLogger(__name__)

_CONNECT_SECONDS = 3.0
# Between two questions whether something came; a reply may take somewhat longer.
_WAIT_SECONDS = 5
_SOCKET_SECONDS = _WAIT_SECONDS + 5.0
_RETRY_SECONDS = 1.0
# A job that nobody took within the hour is of no use any more.
_JOB_SECONDS = 3600
_UNTAKEN = 'moves are taken from the store instead, minutes later, and by no worker if none runs'


def evacuation(key: str) -> None:
    """What the jobs name as their function: a label, which does nothing where somebody runs it."""


class RedisQueue(ports.Queue, checkup.Checkable):
    """A client of the queue ``name``, which connects when it is first used.

    Raises ValueError for a URL that is none.
    """

    options = {conf_queue.GROUP: conf_queue.OPTS}

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, store: ports.Store) -> Self:
        """Made as configured.  Raises ConfigError."""
        return cls(conf_queue.needed(conf, 'redis_url'), conf.queue.name)

    def __init__(self, url: str, name: str) -> None:
        try:
            self._redis = redis.Redis.from_url(
                url, socket_connect_timeout=_CONNECT_SECONDS, socket_timeout=_SOCKET_SECONDS)
        except ValueError:
            # What it says may have the password in it.
            raise ValueError('[queue] redis_url is no URL of a Redis; write '
                             'redis://:password@host:6379/0') from None
        self._queue = rq.Queue(name, connection=self._redis,
                               serializer=serializers.JSONSerializer)
        self._outgoing = buffers.Outgoing(self._send)
        self._incoming = buffers.Incoming()
        self._receiving: threading.Thread | None = None
        self._trouble = ''
        self._closing = threading.Event()

    def offer(self, tasks: Sequence[str]) -> None:
        """As promised."""
        self._outgoing.put(tasks)

    def take(self, most: int) -> tuple[str, ...]:
        """As promised; the first one begins to receive."""
        if self._receiving is None:
            self._receiving = threading.Thread(target=self._receive, name='tasks', daemon=True)
            self._receiving.start()
        found = self._incoming.take(most)
        if self._trouble and not found:
            raise ports.PortError(f'Redis: {self._trouble}')
        return found

    def listen(self, tell: Callable[[], None]) -> None:
        """As promised."""
        self._incoming.listen(tell)

    def checks(self, seen: Seen) -> tuple[checkup.Check, ...]:
        """Redis, and how many workers wait there."""
        return (checkup.Check('workers that wait', self._workers, _UNTAKEN),)

    def close(self) -> None:
        """Begin nothing more.  A question under way ends in its own time, or with the process."""
        self._closing.set()
        self._outgoing.close()
        self._incoming.close()
        self._redis.connection_pool.disconnect(inuse_connections=False)

    def _workers(self, limit: float) -> list[Finding]:
        del limit    # The socket has its own.
        try:
            self._redis.ping()
            waiting = sum(each.get('cmd') == 'blpop' for each in self._redis.client_list())
        except redis.ResponseError as failure:
            return [weak('workers', f'Redis does not tell who waits there: {_told(failure)}',
                         _UNTAKEN, 'look that kaopu-ha-worker runs')]
        except redis.RedisError as failure:
            return [unasked('the queue\'s Redis', _told(failure), _UNTAKEN,
                            'look at [queue] redis_url, and at Redis')]
        if not waiting:
            return [wrong('workers', 'none waits at Redis for a task', _UNTAKEN,
                          'start kaopu-ha-worker, with the [queue] of the controllers')]
        return [good('workers', f'{waiting} wait at Redis for a task')]

    def _send(self, tasks: Sequence[str]) -> None:
        jobs = [rq.Queue.prepare_data(evacuation, args=(task,), ttl=_JOB_SECONDS,
                                      description=task) for task in tasks]
        try:
            self._queue.enqueue_many(jobs)
        except redis.RedisError as failure:
            raise ports.PortError(f'Redis: {_told(failure)}') from failure

    # ------------------------------------------------------------ receiving

    def _receive(self) -> None:
        while not self._closing.is_set():
            if not self._incoming.room(_WAIT_SECONDS):
                continue
            try:
                self._one()
                self._trouble = ''
            except redis.RedisError as failure:
                self._trouble = _told(failure)
                self._closing.wait(_RETRY_SECONDS)

    def _one(self) -> None:
        """Take one job from the queue, waiting for it; one that is none of ours is dropped."""
        try:
            _, name = rq.Queue.lpop([self._queue.key], _WAIT_SECONDS, self._redis)
        except rq_errors.DequeueTimeout:
            return
        task = self._task(name)
        if task:
            self._incoming.put(task)

    def _task(self, name: bytes) -> str:
        """The task of a job, which is deleted; empty if it is none."""
        try:
            job = rq.job.Job.fetch(name.decode(), self._redis, self._queue.serializer)
            job.delete(remove_from_queue=False)
            return str(job.args[0])
        except redis.RedisError:
            raise
        except Exception as failure:  # noqa: BLE001  whatever a stranger has put there
            LOG.debug('job %r is no task: %r', name, failure)
            return ''


def _told(failure: Exception) -> str:
    return ' '.join(str(failure).split()) or type(failure).__name__
