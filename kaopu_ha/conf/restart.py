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

"""What is done with the instances of a host that came back by itself."""

from __future__ import annotations

from oslo_config import cfg

GROUP = 'restart'

OPTS = [
    cfg.StrOpt('policy', default='start',
               choices=[('start', 'what was on before the host was booted, and is off, is started '
                                  'again where it is'),
                        ('tell', 'it is listed and told until it runs, or a person waves it off')],
               help='What becomes of instances whose host was booted before it was condemned: the '
                    'commonest death of all.  What its user stopped is not started.  A start '
                    'that fails is told, and tried again with pauses of up to an hour.  With '
                    'resume_guests_state_on_host_boot in nova.conf Nova does it itself, and '
                    'nothing is left to be done.'),
    cfg.IntOpt('per_host_max', default=4, min=1, max=100,
               help='Instances that are being started at one time on one host.  More at once make '
                    'each slower.'),
]
