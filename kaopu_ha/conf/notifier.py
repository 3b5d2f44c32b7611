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

"""Who is told of news, besides those who look."""

from __future__ import annotations

import os
import stat
from typing import Any
from urllib import parse

from oslo_config import cfg

from kaopu_ha.conf.errors import ConfigError

GROUP = 'notifier'

_SECRET_BYTES_MIN = 16

OPTS = [
    cfg.ListOpt('drivers', default=['log'],
                help='Notifier drivers (namespace kaopu_ha.notifier): any of "log", '
                     '"oslo_messaging", "webhook", "horizon", or one from outside.  Only the log '
                     'is told by default, because every other one needs an address.'),
    cfg.FloatOpt('timeout', default=30.0, min=1.0, max=300.0,
                 help='Seconds that a driver may take for one notice, its tries included; then '
                      'the notice is lost and counted.  30 s outlast the restart of a receiver.  '
                      'Nothing else waits meanwhile.'),
    cfg.ListOpt('projects', default=['*'],
                help='Ids of the projects that may be told of their own instances, "*" for all.  '
                     'An instance\'s project asks for it itself: by the metadata '
                     'kaopu_ha.notify=true of the server.  Not told to the log.'),
    cfg.StrOpt('transport_url', default='', secret=True,
               help='RabbitMQ for the driver oslo_messaging, as in other OpenStack services: '
                    'rabbit://user:password@host:5672/vhost.  More about the connection (TLS, '
                    'durable queues) can be set in [oslo_messaging_rabbit].'),
    cfg.StrOpt('exchange', default='kaopu_ha_notifications',
               help='Exchange at the broker for notices; one of their own, so that the settings '
                    'of other exchanges do not meet theirs.'),
    cfg.StrOpt('topic', default='kaopu_ha_notifications',
               help='Topic for operators; the queue is <topic>.<priority>, priority being info, '
                    'warn or error.'),
    cfg.StrOpt('project_topic', default='kaopu_ha_project_notifications',
               help='Topic for what projects are told of their instances, all in one: a queue for '
                    'each project would fill up unread.'),
    cfg.StrOpt('webhook_url', default='', secret=True,
               help='http or https URL to which notices are posted.  A secret, since many '
                    'receivers know their callers by it.'),
    cfg.StrOpt('webhook_secret', default='', secret=True,
               help='Key of the signature, 16 bytes at least.  Set it or webhook_secret_file.'),
    cfg.StrOpt('webhook_secret_file', default='',
               help='File with the key, not readable by others; the end of its line is left out.'),
    cfg.StrOpt('webhook_ca', default='',
               help='PEM file with the certificates by which the receiver is checked; empty for '
                    'the system\'s own list.  They are always checked.'),
    cfg.StrOpt('horizon_path', default='/var/lib/kaopu-ha-messages',
               help='Folder on this machine in which a controller keeps message files for '
                    'Horizon: the one that MESSAGES_PATH of its local_settings.py names.  The '
                    'default is made by the controller\'s unit of systemd; any other one must be '
                    'there, and be writable for the controller.'),
    cfg.BoolOpt('horizon_names_hosts', default=False,
                help='Whether the message files for Horizon name hosts.  Horizon shows them to '
                     'everybody who logs in, users of all projects too, so by default they only '
                     'say how many.  Instances are never named.'),
]


def oslo_messaging(conf: cfg.ConfigOpts) -> dict[str, Any]:
    """Where the bus is.  Holds its password: never log it.  Raises ConfigError."""
    group = conf[GROUP]
    if not group.transport_url:
        raise ConfigError('[notifier] transport_url is not set: the driver "oslo_messaging" '
                          'reaches its broker by it')
    return {'conf': conf, 'url': group.transport_url, 'exchange': group.exchange,
            'topic': group.topic, 'project_topic': group.project_topic}


def webhook(conf: cfg.ConfigOpts) -> dict[str, Any]:
    """Where notices are posted.  Holds secrets: never log it.  Raises ConfigError."""
    url = conf[GROUP].webhook_url
    try:
        parts = parse.urlsplit(url)
        good = parts.scheme in ('http', 'https') and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ConfigError('[notifier] webhook_url is no http or https URL: the driver "webhook" '
                          'posts to it')
    if parts.username is not None or not url.isascii() or any(char <= ' ' for char in url):
        raise ConfigError('[notifier] webhook_url may have no user, password, space or character '
                          'outside of ASCII')
    return {'url': url, 'secret': _secret(conf), 'ca': conf[GROUP].webhook_ca}


def horizon(conf: cfg.ConfigOpts) -> dict[str, Any]:
    """Where messages for Horizon are kept, and whether they name hosts.  Raises ConfigError."""
    folder = conf[GROUP].horizon_path
    if not os.path.isabs(folder):
        raise ConfigError('[notifier] horizon_path must be a path from the root on: the folder '
                          'that MESSAGES_PATH of Horizon names')
    return {'folder': folder, 'names_hosts': conf[GROUP].horizon_names_hosts}


def _secret(conf: cfg.ConfigOpts) -> bytes:
    given, path = conf[GROUP].webhook_secret, conf[GROUP].webhook_secret_file
    if bool(given) is bool(path):
        raise ConfigError('set one of [notifier] webhook_secret and webhook_secret_file: the '
                          'driver "webhook" signs what it posts')
    secret = given.encode() if given else _read(path)
    if len(secret) < _SECRET_BYTES_MIN:
        raise ConfigError(f'the secret of [notifier] webhook has {len(secret)} bytes, '
                          f'{_SECRET_BYTES_MIN} at least are needed: openssl rand -hex 32')
    return secret


def _read(path: str) -> bytes:
    try:
        with open(path, 'rb') as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o007:
                raise ConfigError(f'[notifier] webhook_secret_file: {path} is open to others: '
                                  f'chmod 0640')
            return file.read(4096).rstrip(b'\r\n')
    except OSError as failure:
        raise ConfigError(f'[notifier] webhook_secret_file: {path} can\'t be read: '
                          f'{failure.strerror}') from failure
