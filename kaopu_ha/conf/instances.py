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

"""What is done about guests that go wrong while their host is well."""

from __future__ import annotations

from oslo_config import cfg

GROUP = 'instances'

OPTS = [
    cfg.StrOpt('stuck', default='tell',
               choices=[('resume', 'once its host reaches its storage, its agent resumes it, again '
                                   'and again after pauses of up to an hour; nothing is lost'),
                        ('reboot', 'the same; if it was resumed twice in vain, it is rebooted hard '
                                   'where it is'),
                        ('tell', 'it is listed and told as long as it is so')],
               help='What becomes of an instance whose guest an I/O error of a disk paused: most '
                    'often its pool is full.  Nova shows it active, and nobody resumes it.  By '
                    'default nothing is done.  Of resume and reboot alike it is left to a '
                    'person when it gets stuck a fourth time within an hour.  A reboot loses what '
                    'the guest has in memory.  Who sends a notification of Masakari\'s for it '
                    'asks for reboot, where this is tell.  Where etcd has users, agents need a key '
                    'more to resume: kaopu-ha secure etcd --apply.'),
    cfg.StrOpt('hung', default='tell',
               choices=[('reboot', 'it is rebooted hard where it is; after three times within an '
                                   'hour it is left to a person'),
                        ('tell', 'it is listed and told as long as it is so'),
                        ('leave', 'nothing is done, and nothing told')],
               help='What becomes of an instance that its own watchdog paused, for its guest had '
                    'not fed it in time: it has a watchdog if its flavor or image says '
                    'hw:watchdog_action (hw_watchdog_action) pause.  Nova shows it active, and '
                    'takes no notice.  Who wants a reset at once says reset there, and QEMU does '
                    'it; here its console can be looked at first, and the reboots are counted.'),
    cfg.StrOpt('crashed', default='tell',
               choices=[('start', 'it is started again where it is, unless its user had stopped '
                                  'it; after three crashes within an hour it is left to a person'),
                        ('tell', 'it is told, once for each crash'),
                        ('leave', 'nothing is done, and nothing told')],
               help='What becomes of an instance whose agent sees that its guest crashed: libvirt '
                    'says that its QEMU ended without being told to, or that the guest panicked.  '
                    'Nova leaves such an instance off.  By default nothing is done that nobody '
                    'asked for: a guest that ended by itself may have been meant to.  Who sends a '
                    'notification of Masakari\'s (masakari-instancemonitor) asks for it: that '
                    'instance is started whatever this says.'),
]
