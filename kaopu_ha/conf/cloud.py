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

"""Which compute API evacuates."""

from __future__ import annotations

from oslo_config import cfg

GROUP = 'cloud'

OPTS = [
    cfg.StrOpt('driver', default='nova',
               help='Cloud driver (namespace kaopu_ha.cloud).  "libvirt": there is no OpenStack; '
                    'agents publish the definitions of their domains, and workers start those of '
                    'a dead host on others.  It must be the same for agents, controllers and '
                    'workers; the usage driver is "inventory" then.'),
    cfg.ListOpt('networks', default=['*'],
                help='With the driver "libvirt": bridges, networks of libvirt and interfaces '
                     'that an instance may be attached to when it is started on another host.  '
                     'One that names another is not started there, and told.  "*": any of them, '
                     'since only you know what yours are called.  Name those of guests, so that a '
                     'stolen host can\'t have a guest of its own put onto another network of a '
                     'healthy one.'),
]
