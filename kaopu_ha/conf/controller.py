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

"""What a controller needs."""

from __future__ import annotations

from oslo_config import cfg

GROUP = 'controller'

OPTS = [
    cfg.IntOpt('leader_ttl', default=5, min=2, max=60,
               help='Seconds after which a leader that was not heard of is replaced.  Whole '
                    'seconds, at least 2.  Short: a recovery waits for it; not shorter than an '
                    'outside act needs, because acts end before the lease could lapse.'),
    cfg.FloatOpt('remind_after', default=600.0, min=10.0, max=86400.0,
                 help='Seconds after which what is open and does not move is told: a host that is '
                      'not judged, a recovery, an instance, a start in place or an admission '
                      'that waits.  Longer than the waits of the patent\'s pace (about 360 s), so '
                      'that a death that goes its way is not told twice.'),
    cfg.FloatOpt('remind_again', default=3600.0, min=60.0, max=86400.0,
                 help='Seconds after which it is told again, for as long as it is open.  An hour: '
                      'often enough for the next person on duty, not so often that it is '
                      'silenced.'),
    cfg.IntOpt('closed_kept', default=20, min=1, max=1000,
               help='Ended cases that are kept of each host, for "kaopu-ha explain".  20: with '
                    '10 KiB each a cloud of 1,000 hosts keeps at most 200 MiB, a tenth of the '
                    'quota that etcd has by default.'),
    cfg.IntOpt('keep_days', default=90, min=1, max=3650,
               help='Days after which ended cases, finished recoveries and answered requests are '
                    'removed from etcd, also the last ones of a host.  What the admission of a '
                    'host still has to know is kept.  90: a quarter, so that a report about it '
                    'can be written.'),
]
