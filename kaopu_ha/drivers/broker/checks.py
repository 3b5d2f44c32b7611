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

"""Asks a message broker through oslo.messaging, with the login, TLS and options that it will use.

A queue is asked about without being made: the broker says how many listen there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import functools
from typing import Any

from oslo_messaging._drivers import common

from kaopu_ha import ports
from kaopu_ha.core.checkup import Finding, good, unasked, wrong
from kaopu_ha.drivers import aside

_NOT_FOUND = 404


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Who is to listen at a queue of the broker that ``section`` names; no queue: to be let in.

    ``lost``: what is lost in a failure without that.  ``nobody`` makes the finding that none
    listens, with ``advice``.
    """

    whose: str
    section: str
    lost: str
    queue: str = ''
    who: str = ''
    nobody: Callable[[str, str, str, str], Finding] = wrong
    advice: str = ''


def found(transport: Any, wanted: Wanted, limit: float) -> list[Finding]:
    """Whether the broker lets us in, and whether those listen there that are to."""
    try:
        count = listeners(transport, wanted.queue, limit)
    except ports.PortError as failure:
        return [unasked(wanted.whose, str(failure), wanted.lost,
                        f'look at [{wanted.section}] transport_url, and at the broker')]
    if not wanted.queue:
        return [good(wanted.whose, 'it lets us in')]
    if not count:
        return [wanted.nobody(wanted.who, f'none listens at the queue {wanted.queue}',
                              wanted.lost, wanted.advice)]
    return [good(wanted.who, f'{count} listening at the queue {wanted.queue}')]


def listeners(transport: Any, queue: str, limit: float) -> int | None:
    """How many listen at the queue; None if there is none, or none is named.

    Raises PortError if the broker did not let us in by the limit.
    """
    asked = aside.Aside(functools.partial(_ask, transport, queue), 'broker')
    if not asked.ended(limit):
        raise ports.PortError(f'the broker does not answer within {limit:.0f} s')
    return asked.result()


def _ask(transport: Any, queue: str) -> int | None:
    try:
        with transport._driver._get_connection(common.PURPOSE_SEND, retry=0) as link:
            return _declared(link.connection.connection.channel(), queue) if queue else None
    except Exception as failure:  # noqa: BLE001  kombu's and amqp's have no common parent
        # Its reply only: what else it says may have the URL in it, and so the password.
        why = f'{type(failure).__name__} {getattr(failure, "reply_text", "")}'.strip()
        raise ports.PortError(f'the broker does not let us in: {why}') from None


def _declared(channel: Any, queue: str) -> int | None:
    try:
        return int(channel.queue_declare(queue, passive=True).consumer_count)
    except Exception as failure:  # noqa: BLE001  as above
        if getattr(failure, 'code', getattr(failure, 'reply_code', 0)) != _NOT_FOUND:
            raise
        return None
