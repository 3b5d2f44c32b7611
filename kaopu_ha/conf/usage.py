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

"""Who tells how full hosts are."""

from __future__ import annotations

from oslo_config import cfg

GROUP = 'usage'

OPTS = [
    cfg.StrOpt('driver', default='placement',
               help='Usage driver (namespace kaopu_ha.usage).  Targets are ranked by what it '
                    'says of cores and memory, the least used first: "placement" by what is set '
                    'aside for instances, "inventory" likewise where there is no OpenStack, '
                    '"agent" by what the hosts truly use, as their agents measure it.  Whether an '
                    'instance fits is always a matter of what is set aside.'),
    cfg.FloatOpt('live_weight', default=1.0, min=0.0, max=1.0,
                 help='How much live use counts in the rank of a host; the rest is what is set '
                      'aside there.  0.5 is the mean of both: then a host that is idle by chance '
                      'is not filled before all others.  For the driver agent only.  The default '
                      'ranks as the method has it, by use; what is set aside then decides between '
                      'equals.'),
    cfg.FloatOpt('core_ratio', default=4.0, min=1.0, max=64.0,
                 help='Cores of domains that are taken for one core of a host.  For the driver '
                      'inventory, and agent without OpenStack.  The default is Nova\'s for new '
                      'hosts.'),
    cfg.IntOpt('reserved_memory_mb', default=512, min=0,
               help='MiB of a host\'s memory that domains are not given.  For the driver '
                    'inventory, and agent without OpenStack.  The default is Nova\'s.'),
]
