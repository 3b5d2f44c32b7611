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

"""The keys of the records, and what each is for.

==================================  =========  ==============================================
``leader``                          lease      who decides; its revision is the epoch
``controller/<name>``               lease      what a controller sees of the hosts in doubt
``alive/<host>``                    lease      the beat
``death/<host>``                    lease      round 1 and the wait after it
``lock/<host>``                     lease      round 2; later permanent: the host is confirmed
``use/<host>``                      lease      what the host measures of its cores and memory; only
                                               it writes it, and renews it while it measures
``inventory/<host>``                durable    what the host told of itself; only it writes it
``case/<host>``                     durable    the open case
``recovery/<id>``                   durable    fences, proofs, plan of one confirmed host
``evacuation/<id>/<instance>``      durable    one instance's move: the queue's task
``proof/<id>``                      lease      there while the fence was read back lately
``restart/<host>``                  durable    what is started again in place after its last boot
``crashed/<instance>/<n>``          lease      its guest crashed lately, and was to be started; so
                                               often, that it is left to a person
``aftercare/<host>``                durable    what is looked after since it was taken back: bounded
                                               by what was moved; gone when nothing is wrong
``notes/<recovery>``                durable    what its users find at the moved servers: bounded
                                               by these; gone with the recovery
``claim/<instance>``                lease      the worker that has the instance
``process/<role>/<name>``           lease      a controller or worker runs; for people only
``closed/<host>/<n>``               durable    ended cases, bounded
``host/<host>``, ``brake``          durable    what people set
``tool/<address>``                  lease      a person named it as a tool's, until the lease ends
``storm``                           durable    too many are silent, or were lately; who was
                                               condemned lately.  Not there in quiet times
``returned/<host>/<n>``             lease      the host came back lately; so often, that it flaps
``fresh/<host>``                    lease      it came back just now: no target yet
``wish/<verb>/<subject>``           lease      what a person asked of a recovery, or an instance in
                                               it, with the answer; kept for a day
``request/admit-<host>``            durable    what people asked of the leader, with the answer
``request/<host>/<verb>``           durable    what the leader asked of a host's agent, likewise;
                                               a key for each verb (``core.requests``)
``claims/<host>``                   durable    since when the host claims its storage addresses;
                                               only the leader writes it
``unprotected``                     durable    what could not be judged or fenced rightly, or
                                               would not come back, and why
``event/instance/<instance>``       lease      what Nova told of it that its host has not (yet)
``event/host/<host>``               lease      Nova told of it what a plan depends on
``domain/<host>/<instance>``        durable    without OpenStack: a domain as the host defines it;
                                               only it writes it
``server/<instance>``               durable    without OpenStack: where a moved instance belongs
``service/<host>``                  durable    without OpenStack: is the host forced down
``segment/<uuid>``                  durable    of Masakari's API: a group of hosts
``segment-host/<uuid>``             durable    of that API: a host in a segment
``taking/<host>``                   durable    a reserved host that is taken for a recovery; gone
                                               with that, or when it is reserved again
``notification/<uuid>``             durable    of that API: what somebody outside says of a host,
                                               with what came of it; bounded in number
``name/<kind>/<name>``              durable    of that API: the uuid that has the name, one each
``counter/<kind>``                  durable    of that API: the number that was given last
==================================  =========  ==============================================
"""

from __future__ import annotations

from urllib.parse import quote

from kaopu_ha.core.requests import OF_AGENTS, RequestVerb
from kaopu_ha.core.wishes import Wish

PREFIX = '/kaopu-ha/'
LEADER = PREFIX + 'leader'
BRAKE = PREFIX + 'brake'
CONTROLLER = PREFIX + 'controller/'
STORM = PREFIX + 'storm'
ALIVE = PREFIX + 'alive/'
DEATH = PREFIX + 'death/'
LOCK = PREFIX + 'lock/'
INVENTORY = PREFIX + 'inventory/'
USE = PREFIX + 'use/'
CASE = PREFIX + 'case/'
CLOSED = PREFIX + 'closed/'
RECOVERY = PREFIX + 'recovery/'
EVACUATION = PREFIX + 'evacuation/'
PROOF = PREFIX + 'proof/'
RESTART = PREFIX + 'restart/'
CRASHED = PREFIX + 'crashed/'
AFTERCARE = PREFIX + 'aftercare/'
NOTES = PREFIX + 'notes/'
CLAIM = PREFIX + 'claim/'
PROCESS = PREFIX + 'process/'
HOST = PREFIX + 'host/'
TOOL = PREFIX + 'tool/'
CLAIMS = PREFIX + 'claims/'
UNPROTECTED = PREFIX + 'unprotected'
REQUEST = PREFIX + 'request/'
WISH = PREFIX + 'wish/'
RETURNED = PREFIX + 'returned/'
FRESH = PREFIX + 'fresh/'
EVENT = PREFIX + 'event/'
DOMAIN = PREFIX + 'domain/'
SERVER = PREFIX + 'server/'
SERVICE = PREFIX + 'service/'
SEGMENT = PREFIX + 'segment/'
SEGMENT_HOST = PREFIX + 'segment-host/'
TAKING = PREFIX + 'taking/'
NOTIFICATION = PREFIX + 'notification/'
NAME = PREFIX + 'name/'
COUNTER = PREFIX + 'counter/'


ADMIT = 'admit-'


def admit_request(host: str) -> str:
    """The key under which people ask to admit the host."""
    return f'{REQUEST}{ADMIT}{host}'


def wish(asked: Wish) -> str:
    """The key of what a person asked: one for each verb and subject."""
    return f'{WISH}{asked.verb.value.replace(" ", "-")}/{asked.instance or asked.host}'


def requests_to(host: str) -> str:
    """The prefix of what is asked of the host's agent: no other host's agent may write there."""
    return f'{REQUEST}{host}/'


def request_to(host: str, verb: RequestVerb) -> str:
    """The key under which the host's agent is asked this, and answers."""
    return requests_to(host) + verb.value.replace(' ', '-')


def is_request(name: str) -> bool:
    """True if some program reads what stands under this name behind ``request/``."""
    host, _, verb = name.partition('/')
    if not verb:
        return host.startswith(ADMIT) and host != ADMIT
    return name in {request_to(host, each)[len(REQUEST):] for each in OF_AGENTS}


def segment_name(name: str) -> str:
    """The key that guards the name of a segment: any text may be one, so it is spelled out."""
    return f'{NAME}segment/{quote(name, safe="")}'


def segment_host_name(name: str) -> str:
    """The key that guards the name of a host in any segment."""
    return f'{NAME}segment-host/{quote(name, safe="")}'
