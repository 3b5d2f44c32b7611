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

"""Looks who begins on a fenced host while its instances still wait to be called for.

A worker asks for live clients just before it calls.  One that begins at an address that nobody told
and is cut off again is listed for half a minute more, and may write once its link is back: if it
takes longer until somebody calls, nobody would know of it.  So the leader looks meanwhile, and has
what falls silent fenced by its nonce, like what fell silent before the verdict (decision 0081).
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses

from kaopu_ha import ports, records
from kaopu_ha.controller.alone import Alone
from kaopu_ha.controller.leadership import Leadership
from kaopu_ha.controller.term import Term
from kaopu_ha.controller.whose import whose_clients
from kaopu_ha.controller.world import RANGES, CloudView
from kaopu_ha.core import casefile, certain, kept, model
from kaopu_ha.core.model import Phase, Recovery
from kaopu_ha.runtime import Runtime

# Ceph lists a client for 30 s after its last word; a look or two may fail.
_LOOK_SECONDS = 8.0


class Latecomers:
    """Looks at the disks of what waits, of each fenced host for itself."""

    def __init__(self, store: ports.Store, leadership: Leadership, images: ports.ImageObserver,
                 env: Runtime) -> None:
        self._store, self._term = store, Term(leadership, lambda: None)
        self._images, self._rules, self._tell = images, env.rules, env.tell
        self.alone = Alone(store, env.clock, env.tell)

    def turn(self) -> float:
        """Look once; seconds until the next turn."""
        if not self._term.begins():
            return 0.5
        try:
            world = CloudView(self._store.read(*RANGES, records.RECOVERY, records.EVACUATION),
                              self._tell)
            waiting = {item.host: item for item in world.every(
                Recovery, records.RECOVERY).values()
                if kept.is_open(item) and kept.keeps_its_fence(world.cases.get(item.host), item)}
            self.alone.each(waiting, 'who has its disks open while they wait',
                            lambda host: self._one(world, waiting[host]))
        except ports.PortError:
            # The detector tells that the store is away.
            return 1.0
        return _LOOK_SECONDS

    def _one(self, world: CloudView, item: Recovery) -> None:
        case, images = world.cases[item.host], _images(world, item)
        if not images:
            return
        answers = self._images.clients(images, self._rules.storage_limit)
        silent = certain.silent(item.host, answers.values(), item.orders, whose_clients(
            self._store, world, self._rules, answers.values()))
        clients = casefile.with_more(case.clients, [client.address for client in silent])
        if clients != case.clients:
            key = records.CASE + item.host
            self._store.commit([*self._term.compares(), *world.compare(key)], [ports.Put(
                key, records.encode(dataclasses.replace(case, clients=clients)))])


def _images(world: CloudView, item: Recovery) -> Sequence[model.Image]:
    """The disks of what was on there and is not called for yet, nor given up."""
    moves = {move.instance: move for move in world.evacuations if move.recovery == item.id}
    waits = [moves.get(one.uuid, one) for one in item.instances if one.uuid not in moves
             or moves[one.uuid].phase in (Phase.WAITING, Phase.QUEUED)]
    return sorted({image for one in waits for image in one.images if image.header})
