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

"""Notifier ``webhook``: each notice is one HTTP POST of JSON, signed.

::

    X-Kaopu-HA-Timestamp: 1790000000                          seconds since 1970, of this attempt
    X-Kaopu-HA-Signature: sha256=<hex>                        HMAC of "<timestamp>.<body>"
    X-Kaopu-HA-Event: news.case_opened

A status of 2xx is a yes.  No connection, no answer, 408, 429 and 5xx are tried again within the
limit, with growing pauses; every other answer is a no, a redirect too: the body goes to the
receiver that was configured or to nobody.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import socket
import ssl
import threading
import time
from typing import Self
from urllib import parse

from oslo_config import cfg
import tenacity

from kaopu_ha import checkup, ports
from kaopu_ha.conf import notifier as conf_notifier
from kaopu_ha.core.checkup import Finding, Seen, good, unasked
from kaopu_ha.core.notice import Notice

_TRY_SECONDS = 10.0
_AGAIN = (408, 429)
_AGENT = 'kaopu-ha'
_UNTOLD = 'what happens is not told there'


class _NotNow(Exception):
    """This attempt failed, the next one may not."""


class Webhook(ports.Notifier, checkup.Checkable):
    """Posts to one URL.  Certificates are always checked, against ``ca`` or the system's list."""

    options = {conf_notifier.GROUP: conf_notifier.OPTS}

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, store: ports.Store) -> Self:
        """Made as configured.  Raises ConfigError."""
        return cls(**conf_notifier.webhook(conf))

    def __init__(self, url: str, secret: bytes, *, ca: str = '') -> None:
        parts = parse.urlsplit(url)
        self._host, self._port = parts.hostname or '', parts.port
        self._path = parse.urlunsplit(('', '', parts.path or '/', parts.query, ''))
        self._secret = secret
        self._tls = ssl.create_default_context(cafile=ca or None) if (
            parts.scheme == 'https') else None

    def notify(self, notice: Notice, limit: float) -> None:
        """Post the notice until it is taken, refused, or the limit is over."""
        body = json.dumps(notice.message(), sort_keys=True).encode()
        until = time.monotonic() + limit
        tries = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_NotNow),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=5.0),
            stop=tenacity.stop_before_delay(limit), reraise=True)
        try:
            tries(self._post, notice.event_type, body, until)
        except _NotNow as why:
            raise ports.PortError(f'the webhook at {self._host} did not take it within {limit:g} '
                                  f's: {why}') from None

    def checks(self, seen: Seen) -> tuple[checkup.Check, ...]:
        """Whether the receiver lets us connect; nothing is posted."""
        return (checkup.Check('webhook', self._reached, _UNTOLD),)

    def _reached(self, limit: float) -> list[Finding]:
        connection = self._connection(min(limit, _TRY_SECONDS))
        try:
            connection.connect()
        except (OSError, http.client.HTTPException, ValueError) as failure:
            return [unasked(f'the webhook at {self._host}', f'{type(failure).__name__}: {failure}',
                            _UNTOLD, 'look at [notifier] webhook_url and webhook_ca')]
        finally:
            connection.close()
        return [good(f'the webhook at {self._host}', 'it takes connections')]

    def close(self) -> None:
        """Nothing is held: each attempt has a connection of its own."""

    # ------------------------------------------------------------ private

    def _post(self, event_type: str, body: bytes, until: float) -> None:
        left = max(min(until - time.monotonic(), _TRY_SECONDS), 0.05)
        try:
            status = self._status(event_type, body, left)
        except ssl.SSLCertVerificationError as failure:
            raise ports.PortError(f'the certificate of the webhook at {self._host} is not good: '
                                  f'{failure.verify_message}') from None
        except (OSError, http.client.HTTPException, ValueError) as failure:
            raise _NotNow(f'{type(failure).__name__}: {failure}'.rstrip(': ')) from None
        if status in _AGAIN or status >= 500:
            raise _NotNow(f'HTTP {status}')
        if not 200 <= status < 300:
            raise ports.PortError(f'the webhook at {self._host} refuses it: HTTP {status}')

    def _status(self, event_type: str, body: bytes, limit: float) -> int:
        """The status of the answer, all within the limit, however slowly the bytes come."""
        connection = self._connection(limit)
        ending = threading.Timer(limit, _cut, [connection])
        ending.daemon = True
        ending.start()
        try:
            connection.request('POST', self._path, body, self._headers(event_type, body))
            return connection.getresponse().status
        finally:
            ending.cancel()
            connection.close()

    def _connection(self, limit: float) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=limit)
        return http.client.HTTPSConnection(self._host, self._port, timeout=limit,
                                           context=self._tls)

    def _headers(self, event_type: str, body: bytes) -> dict[str, str]:
        timestamp = str(int(time.time()))
        return {'Content-Type': 'application/json', 'User-Agent': _AGENT,
                'X-Kaopu-HA-Event': event_type, 'X-Kaopu-HA-Timestamp': timestamp,
                'X-Kaopu-HA-Signature': f'sha256={signature(self._secret, timestamp, body)}'}


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256, in hex, of what a receiver has in hand: the timestamp, a dot, the body."""
    return hmac.new(secret, timestamp.encode() + b'.' + body, hashlib.sha256).hexdigest()


def _cut(connection: http.client.HTTPConnection) -> None:
    """Have whoever reads from the connection see its end."""
    sock = connection.sock
    if sock is not None:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
