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

"""What cuts a dead host off from its disks."""

from __future__ import annotations

from oslo_config import cfg

GROUP = 'fence'

OPTS = [
    cfg.ListOpt('drivers', default=['ceph_blocklist'],
                help='Fence drivers (namespace kaopu_ha.fence), carried out in this order.  '
                     'Nothing is evacuated before each disk of the host is behind a fence that '
                     'was read back.'),
    cfg.StrOpt('user', default='',
               help='Ceph user of the fence, without "client.".  It must add and remove blocklist '
                    'entries.  Empty: that of [ceph].  With a user of its own here, the one of '
                    '[ceph], which every compute host has as well, need not be able to fence.'),
    cfg.StrOpt('keyring', default='',
               help='Keyring of the fence\'s user.  Empty: that of [ceph] if user is empty, else '
                    'where ceph.conf says.'),
]
