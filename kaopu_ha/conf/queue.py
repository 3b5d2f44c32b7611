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

"""What carries evacuations to workers."""

from __future__ import annotations

from oslo_config import cfg

from kaopu_ha.conf.errors import ConfigError

GROUP = 'queue'

OPTS = [
    cfg.StrOpt('driver', default='etcd',
               help='Queue driver (namespace kaopu_ha.queue).  With "etcd" the records in the '
                    'store are the queue, so recovery depends on nothing more than detection '
                    'does.  "oslo_messaging" (RabbitMQ) and "rq" (Redis) carry the same tasks as '
                    'messages.  Controllers and workers must name the same one.'),
    cfg.StrOpt('transport_url', default='', secret=True,
               help='RabbitMQ for the driver oslo_messaging, as in other OpenStack services: '
                    'rabbit://user:password@host:5672/vhost.  More about the connection (TLS, '
                    'quorum queues) can be set in [oslo_messaging_rabbit].'),
    cfg.StrOpt('redis_url', default='', secret=True,
               help='Redis for the driver rq: redis://:password@host:6379/0, rediss:// with TLS, '
                    'or unix:///path.'),
    cfg.StrOpt('name', default='kaopu_ha_evacuations',
               help='Name of the queue at the broker.  Two clouds that share a broker need two '
                    'names: a worker can do nothing with the tasks of another cloud.'),
    cfg.FloatOpt('lost_after', default=5.0, min=0.5, max=300.0,
                 help='Seconds after which a worker takes an evacuation from the store that no '
                      'message brought.  It is what recovery waits for while the broker is away; '
                      'shorter than messages take, it makes workers run for the same tasks.'),
]


def needed(conf: cfg.ConfigOpts, name: str) -> str:
    """The option by which a driver reaches its broker.  Raises ConfigError if it is not set."""
    value: str = conf[GROUP][name]
    if not value:
        raise ConfigError(f'[queue] {name} is not set: the queue driver "{conf[GROUP].driver}" '
                          f'reaches its broker by it')
    return value
