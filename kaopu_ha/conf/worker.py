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

"""What a worker needs."""

from __future__ import annotations

from oslo_config import cfg

GROUP = 'worker'

OPTS = [
    cfg.IntOpt('claim_ttl', default=15, min=2, max=300,
               help='Seconds after which the claims of a worker that was not heard of are free. '
                    'Whole seconds, at least 2.  Longer than [nova] timeout: a call ends before '
                    'the claim could lapse.'),
    cfg.IntOpt('concurrency', default=4, min=1, max=64,
               help='Evacuations that this worker has in hand at one time.'),
]
