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

"""What the probe of the management network needs, and whoever starts instances over it."""

from __future__ import annotations

from oslo_config import cfg

GROUP = 'libvirt'

PORTS = ('tls', 'tcp', 'ssh', 'libssh', 'libssh2')

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
    cfg.StrOpt('transport', default='', choices=['', *PORTS],
               sample_default='tls',
               help='How the libvirt of a host is reached.  A host tells its address and nothing '
                    'else of it: one that names another transport or port is not asked, so that '
                    'a stolen host can\'t have controllers show their password in the clear.  '
                    'Empty: the transport of [agent] management_uri if it is set in the same '
                    'file, else tls.'),
    cfg.PortOpt('port', default=0,
                help='Port of the libvirt of every host.  0: the one of the transport (tls 16514, '
                     'tcp 16509, ssh 22).'),
    cfg.ListOpt('management_networks', default=[],
                help='Networks in which the libvirt of a host may be, 192.0.2.0/24 each; an '
                     'address elsewhere is not asked.  Empty: any address.  Set it where the '
                     'transport is not tls: there no certificate says who answers.'),
]


def reach(conf: cfg.ConfigOpts) -> tuple[str, int, tuple[str, ...]]:
    """Transport, port and networks by which the libvirt of a host may be reached."""
    group, told = conf.libvirt, conf.agent.management_uri
    from_agent = told.partition(':')[0].partition('+')[2] if told else ''
    transport = group.transport or (from_agent if from_agent in PORTS else 'tls')
    return transport, group.port, tuple(group.management_networks)
