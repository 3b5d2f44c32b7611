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

"""What others say of hosts, by Masakari's API: see ``words``."""

from __future__ import annotations

from collections.abc import Mapping

from kaopu_ha import ports, records
from kaopu_ha.core.segments import Notification, NotificationKind, RecoveryMethod, Segment
from kaopu_ha.sim import daemon
from kaopu_ha.sim.sentences import Vocabulary
from kaopu_ha.sim.world import World

WORDS = Vocabulary()

_SEGMENT = 'segment-1'
_STOPPED = {'event': 'STOPPED', 'cluster_status': 'OFFLINE', 'host_status': 'NORMAL'}


@WORDS.take('somebody says that {host} is dead')
def _say(world: World, host: str) -> None:
    """As a monitor of Masakari's does: true or not."""
    say(world, host, NotificationKind.COMPUTE_HOST, _STOPPED)


def say(world: World, host: str, kind: NotificationKind, payload: Mapping[str, str]) -> None:
    """Have a notification come in, of a host in a segment that has all of them."""
    at = f'{daemon.date(world.kernel.now)[:19]}.000000'
    number = 1 + sum(key.startswith(records.NOTIFICATION) for key in world.etcd.entries)
    segment = Segment(1, _SEGMENT, 'all', 'compute', RecoveryMethod.AUTO, at)
    said = Notification(number, f'notification-{number}', kind, host,
                        f'host-{world.machines[host].node.name}', _SEGMENT, at, at, dict(payload),
                        who='monitor')
    world.etcd.commit([], [
        ports.Put(records.SEGMENT + _SEGMENT, records.encode(segment)),
        ports.Put(records.NOTIFICATION + said.uuid, records.encode(said))], 'people')


def last_said(world: World, host: str) -> Notification | None:
    """What was said of the host last, as it is kept now."""
    said = [one for one in world.every(Notification, records.NOTIFICATION) if one.host == host]
    return max(said, key=lambda one: one.number, default=None)
