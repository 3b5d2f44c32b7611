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

"""The name by which a host is known."""

from __future__ import annotations

import socket

from oslo_config import cfg

GROUP = 'DEFAULT'

OPTS = [
    cfg.StrOpt('host', default=socket.gethostname(), sample_default='<the host name>',
               regex=r'^[^/\s]+$',
               help='Name of this host.  On a compute host it must be the name of its '
                    'nova-compute service ([DEFAULT] host of nova.conf), because the beat, the '
                    'case and the evacuation find each other by it alone.'),
]
