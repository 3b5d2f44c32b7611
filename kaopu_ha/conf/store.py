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

from oslo_config import cfg

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
