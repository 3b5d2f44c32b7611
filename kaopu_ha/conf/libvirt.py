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

"""What the probe of the management network needs."""

from __future__ import annotations

from oslo_config import cfg

GROUP = 'libvirt'

OPTS = [
    cfg.ListOpt('anchors', default=[],
                help='Addresses on the management network, host:port each, that answer or refuse '
                     'a TCP connection whenever that network works: a gateway, a switch, another '
                     'controller.  A host counts as silent only if an anchor or another host was '
                     'reached in the same round; without one our own cable could be out.  Needed '
                     'with two hosts or fewer.'),
    cfg.StrOpt('pki_path', default='',
               help='Folder with cacert.pem, clientcert.pem and clientkey.pem, shown to the '
                    'libvirt of hosts asked over TLS.  Empty: where libvirt looks itself '
                    '(/etc/pki).  A folder of its own keeps the key from every other program '
                    'on the machine.'),
]
