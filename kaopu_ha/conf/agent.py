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

"""What the agent of a compute host needs."""

from __future__ import annotations

from oslo_config import cfg

GROUP = 'agent'

OPTS = [
    cfg.StrOpt('libvirt_uri', default='qemu:///system',
               help='libvirt of this host, from which the agent lists the domains.'),
    cfg.StrOpt('management_uri', default='', sample_default='qemu+tls://<host>/system',
               help='libvirt of this host as the controllers reach it over the management '
                    'network.  Empty: qemu+tls://<[DEFAULT] host>/system.  Controllers take it '
                    'from the inventory, so that they need no list of hosts.'),
    cfg.StrOpt('compute_restart_command', default='systemctl restart nova-compute',
               help='Command that restarts nova-compute, in the words of a shell but run without '
                    'one.  A recovered host is taken back only after it, because nova-compute '
                    'removes evacuated instances when it starts and at no other time.'),
    cfg.FloatOpt('inventory_interval', default=2.0, min=0.5, max=300.0,
                 help='Seconds between two looks at the domains.  What was started or stopped '
                      'since the last look is not known when the host dies; the record is '
                      'written only if it has changed.'),
    cfg.FloatOpt('use_interval', default=60.0, min=0.0, max=3600.0,
                 help='Seconds at least between two writes of how busy the host is (cores and '
                      'memory, a mean of a minute in steps of 5 %, written only when it has '
                      'changed by more).  Hosts are ranked by it with [usage] driver = agent, and '
                      'kaopu-ha host rank shows it.  0: the host measures nothing, and with that '
                      'driver it is taken after all that do.  The default is the time of the '
                      'mean: sooner, a figure has hardly changed.'),
    cfg.StrOpt('state_path', default='/var/lib/kaopu-ha',
               help='Folder in which the agent remembers who the host is, for a start at which '
                    'libvirt does not answer.  It must outlive a reboot.'),
]
