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

"""Events driver ``nova``: Nova's versioned notifications, by a pool of our own on its message bus.

::

    exchange nova -- versioned_notifications.info -- queue <pool> -- one of the controllers

Nova's own queue of the topic fills up or is read by others as before.  Only what has ended is heard
(``.end``), and ``service.update``, which Nova sends when a service is disabled or forced down, and
never for a lost heartbeat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
import logging
import re
import threading
import time
from typing import Any, Self

from oslo_config import cfg
import oslo_messaging
from oslo_messaging import opts as messaging_opts

from kaopu_ha import checkup, ports
from kaopu_ha.conf import events as conf_events
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.core.checkup import Finding, Seen
from kaopu_ha.core.events import NovaEvent
from kaopu_ha.core.model import Power
from kaopu_ha.drivers.broker import checks as brokers

LOG = logging.getLogger(__name__)

_UUID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', re.ASCII)
_HOST = re.compile(r'[A-Za-z0-9]([A-Za-z0-9._-]{0,253}[A-Za-z0-9])?', re.ASCII)
_VERSION = re.compile(r'1\.[0-9]{1,3}', re.ASCII)
_TIME = re.compile(r'[0-9T:. +Z-]{1,40}', re.ASCII)
_COMPUTE = 'nova-compute'

# What is heard, with the object that Nova puts in it.  Where its instance is says who publishes it:
# the payload of an evacuation still names the source.
_OF_INSTANCES = {
    'instance.create.end': 'InstanceCreatePayload',
    'instance.power_on.end': 'InstanceActionPayload',
    'instance.power_off.end': 'InstanceActionPayload',
    'instance.rebuild.end': 'InstanceActionRebuildPayload',
    'instance.live_migration_post_dest.end': 'InstanceActionPayload',
}
# A host with room that it had not before, or that may be a target now, or no more.
_OF_HOSTS = {
    'instance.delete.end': 'InstanceActionPayload',
    'service.update': 'ServiceStatusPayload',
}
_POWERS = {'active': Power.ON, 'stopped': Power.OFF}

# Unread messages stay at the broker, not in our memory.  What stands in the URL goes before.
_QUERY = {'rabbit_qos_prefetch_count': '100'}
# A process has to end within two seconds; what was not acknowledged goes to another controller.
_CLOSE_SECONDS = 0.2
# Until it knocks again at a broker that has refused it; while there is none, the library does.
_REFUSED_SECONDS = 10.0
# They have a line for every try to connect, and a traceback for every message that is none.
_LOUD = ('oslo.messaging._drivers.impl_rabbit', 'oslo_messaging._drivers.impl_rabbit',
         'oslo_messaging._drivers.amqpdriver', 'oslo_messaging.notify.dispatcher',
         'oslo_messaging.notify.listener')
_SAME_SECONDS = 60.0
_LATE = 'what Nova does is known some seconds later; nothing else depends on it'


class NovaEvents(ports.Events, checkup.Checkable):
    """Listens at the bus at ``url``; it waits for a broker that is away, and says nothing then.

    Raises ValueError for a URL that is none.
    """

    options = {conf_events.GROUP: conf_events.OPTS}

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, store: ports.Store) -> Self:
        """Made as configured.  Raises ConfigError."""
        group = conf.events
        if not group.transport_url:
            raise ConfigError('[events] transport_url is not set: the events driver "nova" listens '
                              'at the broker that it names')
        return cls(conf, group.transport_url, exchange=group.exchange, topic=group.topic,
                   pool=group.pool)

    def __init__(self, conf: cfg.ConfigOpts, url: str, *, exchange: str, topic: str,
                 pool: str) -> None:
        # Else it would register some on its global configuration only, and miss them here.
        for group, opts in messaging_opts.list_opts():
            conf.register_opts(opts, group=group)
        for name in _LOUD:
            _say_seldom(logging.getLogger(name))
        try:
            parsed = oslo_messaging.TransportURL.parse(conf, url)
            parsed.query = {**_QUERY, **parsed.query}
            self._transport = oslo_messaging.get_notification_transport(conf, url=parsed)
        except (oslo_messaging.InvalidTransportURL, oslo_messaging.DriverLoadFailure):
            # What it says has the URL in it, and so the password.
            raise ValueError('[events] transport_url is no URL of a message broker; write '
                             'rabbit://user:password@host:5672/vhost') from None
        self._target = oslo_messaging.Target(exchange=exchange, topic=topic)
        self._pool = pool
        self._server: Any = None
        self._closed = threading.Event()

    def listen(self, tell: Callable[[NovaEvent], None]) -> None:
        """As promised: it connects in a thread, however long that takes."""
        threading.Thread(target=self._listen, args=(tell,), name='events-bus', daemon=True).start()

    def checks(self, seen: Seen) -> tuple[checkup.Check, ...]:
        """The broker: who listens to Nova's events comes and goes with the leader."""
        return (checkup.Check('events of Nova', self._reached, _LATE),)

    def _reached(self, limit: float) -> list[Finding]:
        return brokers.found(self._transport, brokers.Wanted(
            whose='the events\' broker', section='events', lost=_LATE), limit)

    def close(self) -> None:
        """As promised; a connection that hangs ends with the process."""
        self._closed.set()
        ending = threading.Thread(target=self._end, name='events-end', daemon=True)
        ending.start()
        ending.join(_CLOSE_SECONDS)

    def _listen(self, tell: Callable[[NovaEvent], None]) -> None:
        def heard(event: NovaEvent) -> None:
            if not self._closed.is_set():
                tell(event)
        said = ''
        while not self._closed.is_set():
            server = oslo_messaging.get_notification_listener(
                self._transport, [self._target], [_EventEndpoint(heard)], pool=self._pool)
            try:
                # One thread: events keep their order.
                server.start(override_pool_size=1)
            except Exception as failure:  # noqa: BLE001  kombu's and amqp's have no common parent
                # Its reply only: what else it says may have the URL in it.
                why = f'{type(failure).__name__} {getattr(failure, "reply_text", "")}'.strip()
                if why != said:
                    LOG.warning('Nova\'s events are not heard: the broker refuses: %s', why)
                said = why
                self._closed.wait(_REFUSED_SECONDS)
                continue
            self._server = server
            break
        if self._closed.is_set():
            self._end()

    def _end(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.stop()
            server.wait()
            self._transport.cleanup()


class _EventEndpoint:
    """Nova sends what we hear with the priority ``info``."""

    def __init__(self, tell: Callable[[NovaEvent], None]) -> None:
        self._tell = tell

    def info(self, ctxt: Any, publisher_id: Any, event_type: Any, payload: Any,
             metadata: Any) -> None:
        """Tell of one message; it is acknowledged whatever it is, so that none comes for ever."""
        at = metadata.get('timestamp') if isinstance(metadata, dict) else None
        event = read(publisher_id, event_type, payload, at)
        if event is None:
            LOG.debug('nothing to tell of a message %.60r', event_type)
            return
        self._tell(event)


def read(publisher: Any, kind: Any, payload: Any, at: Any = None) -> NovaEvent | None:
    """What a notification says; None if it says nothing for us, or is none of Nova's.

    Takes anything, and raises nothing: whoever may write to the bus may write what they like.
    """
    if not isinstance(kind, str):
        return None
    when = at if isinstance(at, str) and _TIME.fullmatch(at) else ''
    if kind in _OF_HOSTS:
        data = _data(payload, _OF_HOSTS[kind])
        compute = kind != 'service.update' or data.get('binary') == _COMPUTE
        host = _matching(_HOST, data.get('host'))
        return NovaEvent(host, kind, at=when) if host and compute else None
    if kind in _OF_INSTANCES:
        data = _data(payload, _OF_INSTANCES[kind])
        host, uuid = _publishing_host(publisher), _matching(_UUID, data.get('uuid'))
        state = data.get('state')
        power = _POWERS.get(state) if isinstance(state, str) else None
        return NovaEvent(host, kind, uuid, power, when) if host and uuid and power else None
    return None


def _data(payload: Any, name: str) -> Mapping[Any, Any]:
    """The data of a versioned object of this name, of a version that we know; else nothing."""
    if not isinstance(payload, dict):
        return {}
    data = payload.get('nova_object.data')
    known = (payload.get('nova_object.name') == name
             and payload.get('nova_object.namespace') == 'nova'
             and _matching(_VERSION, payload.get('nova_object.version')) != '')
    return data if known and isinstance(data, dict) else {}


def _publishing_host(publisher: Any) -> str:
    service, _, host = publisher.partition(':') if isinstance(publisher, str) else ('', '', '')
    return _matching(_HOST, host) if service == _COMPUTE else ''


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    return value if isinstance(value, str) and pattern.fullmatch(value) else ''


def _say_seldom(logger: logging.Logger) -> None:
    if not any(isinstance(each, _Seldom) for each in logger.filters):
        logger.addFilter(_Seldom())


class _Seldom(logging.Filter):
    """Lets one line of a kind pass in a while: a broker that is away is one fact, not a flood."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """True for the first of its kind, by its text without the values."""
        now = time.monotonic()
        if now - self._said.get(str(record.msg), -_SAME_SECONDS) < _SAME_SECONDS:
            return False
        self._said[str(record.msg)] = now
        return True
