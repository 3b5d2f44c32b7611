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

"""Where the state lives."""

from __future__ import annotations

from typing import Any

from oslo_config import cfg

from kaopu_ha.conf import files
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.core import etcd_endpoint

GROUP = 'store'

OPTS = [
    cfg.StrOpt('driver', default='etcd',
               help='Store driver (namespace kaopu_ha.store).  All state is in the store: every '
                    'agent, controller and worker must name the same one.  etcd, or etcd3 for '
                    'those who must use the Python package of that name (the extra '
                    'kaopu-ha[etcd3]): both speak to the same etcd, and may be mixed.'),
    cfg.ListOpt('endpoints', default=['127.0.0.1:2379'],
                help='Members of the etcd cluster, host:port or URL each.  Name all of them: a '
                     'call goes to the next one when a member does not answer.'),
    cfg.FloatOpt('timeout', default=5.0, min=0.5, max=60.0,
                 help='Seconds that one call may take in all, the tries on other members '
                      'included.  5 s outlasts the election of a new etcd leader on a healthy '
                      'network; a longer one only makes a decision older before it is made.'),
    cfg.StrOpt('user', default='',
               help='User of etcd; empty where etcd asks for none.'),
    cfg.StrOpt('password', default='', secret=True,
               help='Password of the user.  Keep the file readable by this service alone.'),
    cfg.StrOpt('ca', default='',
               help='PEM file with the certificates by which members are checked.  TLS is used '
                    'if it is set or an endpoint begins with https://.'),
    cfg.StrOpt('cert', default='',
               help='PEM file with the certificate that this process shows to etcd, where etcd '
                    'checks its clients.'),
    cfg.StrOpt('key', default='',
               help='PEM file with the private key of the certificate.'),
]


def access(conf: cfg.ConfigOpts) -> dict[str, Any]:
    """How the members are reached, checked.  Holds the password: never log it.

    Raises ConfigError.  gRPC takes nearly everything, and then fails for ever, or ends the process.
    """
    group = conf[GROUP]
    if not group.endpoints:
        raise ConfigError('[store] endpoints is empty: name the members of etcd, host:port each')
    try:
        endpoints = [etcd_endpoint.parse(text) for text in group.endpoints]
    except ValueError as failure:
        raise ConfigError(f'[store] endpoints: {failure}') from failure
    _check_tls(group, {endpoint.scheme for endpoint in endpoints})
    return {'endpoints': group.endpoints,
            **{name: group[name] for name in ('timeout', 'user', 'password', 'ca', 'cert', 'key')}}


def _check_tls(group: Any, schemes: set[str]) -> None:
    """Refuse what speaks TLS by half: files without it, or a member without it."""
    files.both_or_none(GROUP, ('cert', 'key'), (group.cert, group.key))
    if 'http' in schemes and 'https' in schemes:
        raise ConfigError('[store] endpoints: some begin with http:// and some with https://: '
                          'write the same for all members')
    named = [name for name in ('ca', 'cert') if group[name]]
    if 'http' in schemes and named:
        raise ConfigError(f'[store] {named[0]} is set, but endpoints begin with http://: write '
                          f'https:// where etcd speaks TLS, or take {" and ".join(named)} out')
    if group.cert and not group.ca and 'https' not in schemes:
        raise ConfigError('[store] cert is set, but nothing asks for TLS: set ca, or write '
                          'https:// before each of the endpoints')
    if group.ca:
        files.certificates('[store] ca', group.ca)
    if group.cert:
        files.pair('[store] cert', group.cert, '[store] key', group.key)
