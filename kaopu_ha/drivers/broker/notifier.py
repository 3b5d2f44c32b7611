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

"""Notifier ``oslo_messaging``: notifications on the message bus, as other services of OpenStack do.

Notices go to an exchange of their own, and to a topic each for operators and for projects; a queue
is ``<topic>.<priority>``.  The options of ``[oslo_messaging_rabbit]`` count.

oslo.messaging's own notifier swallows every failure, with the payload in its log, so the transport
is asked here as that notifier asks it.  For a broker that takes a connection and then says nothing
it waits 100 s and more (measured): the limit is kept by a thread that is left alone.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, Self

from oslo_config import cfg
import oslo_messaging
from oslo_messaging import opts as messaging_opts

from kaopu_ha import checkup, ports
from kaopu_ha.conf import notifier as conf_notifier
from kaopu_ha.core.checkup import Finding, Seen, weak
from kaopu_ha.core.notice import PRIORITIES, Audience, Notice
from kaopu_ha.drivers.broker import checks as brokers

_THREAD = 'notify-bus'
_UNTOLD = 'what happens is told to nobody over the bus'


class MessagingNotifier(ports.Notifier, checkup.Checkable):
    """Sends to the bus at ``url``; connects when it is first used.

    Raises ValueError for a URL that is none.
    """

    options = {conf_notifier.GROUP: conf_notifier.OPTS}

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, store: ports.Store) -> Self:
        """Made as configured.  Raises ConfigError."""
        return cls(**conf_notifier.oslo_messaging(conf))

    def __init__(self, conf: cfg.ConfigOpts, url: str, *, exchange: str, topic: str,
                 project_topic: str) -> None:
        # oslo.messaging registers some options that it reads on its global configuration only.
        for group, opts in messaging_opts.list_opts():
            conf.register_opts(opts, group=group)
        for name in ('oslo.messaging._drivers.impl_rabbit', 'oslo_messaging._drivers.impl_rabbit'):
            logging.getLogger(name).addFilter(_told_elsewhere)
        try:
            self._transport = oslo_messaging.get_notification_transport(conf, url=url)
        except (oslo_messaging.InvalidTransportURL, oslo_messaging.DriverLoadFailure):
            # What it says has the URL in it, and so the password.
            raise ValueError('[notifier] transport_url is no URL of a message broker; write '
                             'rabbit://user:password@host:5672/vhost') from None
        self._exchange = exchange
        self._topics = {Audience.OPERATORS: topic, Audience.PROJECTS: project_topic}
        self._sending: _Sending | None = None

    def notify(self, notice: Notice, limit: float) -> None:
        """Publish the notice; it is taken when the broker has confirmed it."""
        target = oslo_messaging.Target(
            exchange=self._exchange,
            topic=f'{self._topics[notice.audience]}.{PRIORITIES[notice.priority]}')
        if self._sending is not None and not self._sending.ended(limit):
            raise ports.PortError('the message bus has not answered for the last notice yet')
        self._sending = _Sending(self._transport, target, notice.message())
        if not self._sending.ended(limit):
            raise ports.PortError(f'the message bus does not answer within {limit:g} s')
        sending, self._sending = self._sending, None
        if sending.failure is not None:
            raise ports.PortError(f'the message bus did not take it: '
                                  f'{type(sending.failure).__name__}')

    def checks(self, seen: Seen) -> tuple[checkup.Check, ...]:
        """The broker, and whether somebody listens there to what is urgent."""
        return (checkup.Check('notices over the bus', self._listeners, _UNTOLD),)

    def _listeners(self, limit: float) -> list[Finding]:
        return brokers.found(self._transport, brokers.Wanted(
            whose='the notifier\'s broker', section='notifier', lost=_UNTOLD,
            queue=f'{self._topics[Audience.OPERATORS]}.error', who='notices', nobody=weak,
            advice='start what reads them, or take oslo_messaging out of [notifier] drivers'),
            limit)

    def close(self) -> None:
        """End the connections, unless one hangs: it ends with the process."""
        if self._sending is None or self._sending.ended(0.0):
            self._transport.cleanup()


def _told_elsewhere(record: logging.LogRecord) -> bool:
    """Leave out its lines for each notice that fails: that notices are lost is told once, by us."""
    return record.threadName != _THREAD


class _Sending:
    """One notice on its way, in a thread of its own."""

    def __init__(self, transport: Any, target: oslo_messaging.Target,
                 message: dict[str, Any]) -> None:
        self.failure: Exception | None = None
        self._transport, self._target, self._message = transport, target, message
        self._done = threading.Event()
        threading.Thread(target=self._send, name=_THREAD, daemon=True).start()

    def ended(self, limit: float) -> bool:
        """True if it has ended, or does so within the limit."""
        return self._done.wait(limit)

    def _send(self) -> None:
        try:
            self._transport._send_notification(self._target, {}, self._message, version=2.0,
                                               retry=0)
        except Exception as failure:  # noqa: BLE001  kombu's and amqp's have no common parent
            self.failure = failure
        self._done.set()
