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

"""Queue driver ``oslo_messaging``: tasks are notifications on RabbitMQ.

Of oslo.messaging's two ways it is notifications, since a queue of tasks needs what they have and
RPC has not: a message waits at the broker while no worker listens, one queue serves all workers, it
is acknowledged after it was dealt with, and it can be given back.  So a task leaves the broker when
a worker takes it, and not before::

    offer     thread of Outgoing     notifier, until the broker has confirmed (durable queue)
    take      thread of the server   waits for room a little, else gives the message back

oslo.messaging remembers the last 16 messages that a listener has dealt with.  One of them that
comes again, since its acknowledgement was lost with the broker, is neither delivered nor
acknowledged: it fills a place of the prefetch until the next reconnection (read in 18.3, and seen:
with a prefetch of 1 a worker got nothing any more).  With more places than it remembers, one is
always left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import logging
import threading
from typing import Any, Self

from oslo_config import cfg
import oslo_messaging

from kaopu_ha import checkup, ports
from kaopu_ha.conf import queue as conf_queue
from kaopu_ha.core.checkup import Finding, Seen, wrong
from kaopu_ha.drivers.broker import buffers
from kaopu_ha.drivers.broker import checks as brokers

LOG = logging.getLogger(__name__)

# An exchange of our own: the one of Nova may be declared differently.
_EXCHANGE = 'kaopu_ha'
_EVENT = 'evacuation'
# A message that this worker has no room for goes back after so long, perhaps to another.
_HELD_SECONDS = 0.2
# Few messages at a time, so that a worker which is busy holds back few; and a queue that survives
# its broker, which is called again every few seconds while it is away.  What stands in the URL
# goes before.
_QUERY = {'rabbit_qos_prefetch_count': '17', 'amqp_durable_queues': 'true',
          'rabbit_retry_backoff': '1', 'rabbit_interval_max': '5'}
_UNTAKEN = 'moves are taken from the store instead, minutes later, and by no worker if none runs'


class MessagingQueue(ports.Queue, checkup.Checkable):
    """A client of the queue ``name``, which connects when it is first used.

    Raises ValueError for a URL that is none.
    """

    options = {conf_queue.GROUP: conf_queue.OPTS}

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, store: ports.Store) -> Self:
        """Made as configured.  Raises ConfigError."""
        return cls(conf, conf_queue.needed(conf, 'transport_url'), conf.queue.name)

    def __init__(self, conf: cfg.ConfigOpts, url: str, name: str) -> None:
        oslo_messaging.set_transport_defaults(_EXCHANGE)
        try:
            parsed = oslo_messaging.TransportURL.parse(conf, url)
            parsed.query = {**_QUERY, **parsed.query}
            self._transport = oslo_messaging.get_notification_transport(conf, url=parsed)
        except (oslo_messaging.InvalidTransportURL, oslo_messaging.DriverLoadFailure, ValueError):
            # What it says has the URL in it, and so the password.
            raise ValueError('[queue] transport_url is no URL of a message broker; write '
                             'rabbit://user:password@host:5672/vhost') from None
        self._notifier = oslo_messaging.Notifier(
            self._transport, publisher_id=_EXCHANGE, driver='messagingv2', topics=[name])
        self._outgoing = buffers.Outgoing(self._send, most=1)
        self._incoming = buffers.Incoming()
        self._topic = name
        self._listening: threading.Thread | None = None
        self._server: Any = None

    def offer(self, tasks: Sequence[str]) -> None:
        """As promised."""
        self._outgoing.put(tasks)

    def take(self, most: int) -> tuple[str, ...]:
        """As promised; the first one begins to listen."""
        if self._listening is None:
            self._listening = threading.Thread(target=self._listen, name='tasks', daemon=True)
            self._listening.start()
        return self._incoming.take(most)

    def listen(self, tell: Callable[[], None]) -> None:
        """As promised."""
        self._incoming.listen(tell)

    def checks(self, seen: Seen) -> tuple[checkup.Check, ...]:
        """The broker, and how many workers listen."""
        return (checkup.Check('workers that listen', self._workers, _UNTAKEN),)

    def close(self) -> None:
        """Begin nothing more.  The connections end in their own time, or with the process."""
        self._outgoing.close()
        self._incoming.close()
        threading.Thread(target=self._end, name='tasks end', daemon=True).start()

    def _workers(self, limit: float) -> list[Finding]:
        # The notifier sends at the priority "info".
        return brokers.found(self._transport, brokers.Wanted(
            whose='the queue\'s broker', section='queue', lost=_UNTAKEN,
            queue=f'{self._topic}.info', who='workers', nobody=wrong,
            advice='start kaopu-ha-worker, with the [queue] of the controllers'), limit)

    def _send(self, tasks: Sequence[str]) -> None:
        # It comes back when the broker has it, however long that takes.
        for task in tasks:
            self._notifier.info({}, _EVENT, {'task': task})

    def _listen(self) -> None:
        """Connect, however long it takes, and have the server's threads do the rest."""
        targets = [oslo_messaging.Target(topic=self._topic)]
        self._server = oslo_messaging.get_notification_listener(
            self._transport, targets, [_Endpoint(self._incoming)], allow_requeue=True)
        self._server.start(override_pool_size=1)

    def _end(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server.wait()
        self._transport.cleanup()


class _Endpoint:
    """Puts each task where it is taken from, and has it acknowledged then."""

    def __init__(self, incoming: buffers.Incoming) -> None:
        self._incoming = incoming

    def info(self, ctxt: Mapping[str, Any], publisher_id: str, event_type: str, payload: Any,
             metadata: Mapping[str, Any]) -> Any:
        """Take one message; what is none of ours is dropped."""
        task = payload.get('task') if isinstance(payload, dict) else None
        if not isinstance(task, str):
            LOG.debug('a message is no task: %s of %s', event_type, publisher_id)
            return oslo_messaging.NotificationResult.HANDLED
        if not self._incoming.room(_HELD_SECONDS):
            return oslo_messaging.NotificationResult.REQUEUE
        self._incoming.put(task)
        return oslo_messaging.NotificationResult.HANDLED
