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

"""Law 9: a host that shows life is not condemned while that life could be seen.

Judged from the truth of the false world: what its kernel, its libvirt and its guests' clients
would answer, whatever the program believes to know of it.  What the method gives up is left out: a
kernel that answers for a libvirtd that does not, networks that are really cut, and guests that
came after the host had last been heard of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
import operator

from kaopu_ha import ports, records
from kaopu_ha.core import detection
from kaopu_ha.core.model import Case, ImageAnswer, Network, Sign, Stage
from kaopu_ha.sim import daemon
from kaopu_ha.sim.ceph import SimCeph
from kaopu_ha.sim.libvirt import SimLibvirt
from kaopu_ha.sim.world import World, case_of

# A guest is published by its agent within so many seconds, on a machine that is well.
_PUBLISHED_SECONDS = 5.0


class LivingHosts:
    """9. Nobody is condemned whose life anybody could see, on any network, at any address."""

    def __init__(self, world: World, say: Callable[[str, str], None]) -> None:
        self._world, self._say = world, say
        # When the leader's last look began in which the host's libvirt answered.
        self._heard: dict[str, float] = {}
        world.overheard = self._overheard

    def committed(self, who: str, writes: Sequence[ports.Put | ports.Delete],
                  before: Mapping[str, ports.Entry]) -> None:
        """Something was committed: look at the host itself if that condemns it."""
        if not who.startswith('controller'):
            return
        for write in writes:
            if not isinstance(write, ports.Put) or not write.key.startswith(records.CASE):
                continue
            case, entry = case_of(write.value), before.get(write.key)
            if case.rounds and case.rounds[-1].of(Network.MANAGEMENT).sign is Sign.LIFE:
                self._heard[case.host] = daemon.seconds(case.rounds[-1].at)
            was = case_of(entry.value).stage if entry else None
            if case.stage is Stage.CONFIRMED and was is not Stage.CONFIRMED:
                self._condemned(who, case)

    def _overheard(self, answer: ImageAnswer) -> None:
        """A loop that does not judge hears who lives, at an address that one host claims alone."""
        told = [self._world.told_by(host) for host in self._world.machines]
        for client in filter(operator.attrgetter('acknowledged'), answer.clients):
            theirs = [one for one in told if one and client.ip in one.storage_addresses]
            if len(theirs) == 1 and answer.image in theirs[0].images:
                self._world.life_heard[theirs[0].host] = self._world.kernel.now

    def _condemned(self, who: str, case: Case) -> None:
        if case.host in self._world.said_wrongly:
            return
        if self._world.changed_at >= daemon.seconds(case.rounds[-1].at):
            # It may have come back, or the observer, when the answers were in.
            return
        for sign in self._life(case, *self._world.probes[who.split('/')[0]]):
            self._say('the living are spared', f'{case.host} was condemned, but {sign}')

    def _life(self, case: Case, libvirt: SimLibvirt, ceph: SimCeph) -> Iterator[str]:
        machine = self._world.machines[case.host]
        if libvirt.could_hear(machine):
            yield 'its libvirt answers'
        for guest in machine.guests.values():
            for image, client in zip(guest.images, guest.clients, strict=False):
                if client.since < self._known_until(case) and ceph.could_hear(image, client):
                    yield f'{guest.name} answers at {client.ip}'

    def _known_until(self, case: Case) -> float:
        """Guests that came before were told of: by its agent, or by its libvirt to who asked."""
        return max(told_until(self._world, case), self._heard.get(case.host, 0.0))


def told_until(world: World, case: Case) -> float:
    """What was so on the host by then, its agent has told, on a machine that was well."""
    rules = world.setup.times.rules
    beat = daemon.seconds(case.history[0].at) - detection.grace(rules) - rules.beat_ttl
    # A leader that took over since opens the case later, and so does one whose store was away; and
    # who was back for a moment only had no time to tell what came while it could not.
    heard = world.etcd.heard.lasting(records.ALIVE + case.host, beat, _PUBLISHED_SECONDS)
    return heard - _PUBLISHED_SECONDS
