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

"""What tells of Nova's instances and services between two reports of the agents."""

from __future__ import annotations

from oslo_config import cfg

GROUP = 'events'

OPTS = [
    cfg.StrOpt('driver', default='',
               help='Events driver (namespace kaopu_ha.events): "nova", or none if empty.  None is '
                    'the default, because it needs an account on Nova\'s message bus and nothing '
                    'depends on it.  Controllers read it.'),
    cfg.StrOpt('transport_url', default='', secret=True,
               help='RabbitMQ of Nova for the driver nova, as in other OpenStack services: '
                    'rabbit://user:password@host:5672/vhost.  Give it an account of its own, '
                    'which can not write to Nova\'s exchange.  Options of oslo.messaging may '
                    'follow, as in ?ssl=true&ssl_ca_file=/etc/ssl/bus.pem.'),
    cfg.StrOpt('exchange', default='nova',
               help='Exchange of Nova\'s notifications: control_exchange in nova.conf.  It is '
                    'declared as Nova has to declare it, or one of both fails: where nova.conf '
                    'has amqp_durable_queues=true or rabbit_quorum_queue=true, add '
                    '?amqp_durable_queues=true to transport_url.'),
    cfg.StrOpt('topic', default='versioned_notifications',
               help='Topic of the versioned notifications: versioned_notifications_topics in '
                    'nova.conf.'),
    cfg.StrOpt('pool', default='kaopu_ha_events',
               help='Name of the queue that all controllers share, so that each event comes to one '
                    'of them.  Two clouds on one broker need two names.  It must not be the name '
                    'of any other queue: it would swallow what that one is for.'),
]
