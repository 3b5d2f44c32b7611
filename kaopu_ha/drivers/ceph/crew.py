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

"""The children that ask one cluster, and what each of them asks about.

One is always there.  When there is more to ask about than one can do in time, others are started,
and take their part from the next ask on: a child that has to start and to connect first would cost
a host its answer.  There are four at most; what they do not get to is not asked in time, and that
is what is said of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
import contextlib
import threading
import time
from typing import Any

from kaopu_ha import ports
from kaopu_ha.core import model
from kaopu_ha.drivers import child

# Each holds some 50 MiB.
CHILDREN_MAX = 4
# So many one child asks about in a tenth of a second, while a machine has one to spare.
IMAGES_EACH = 400
_START_SECONDS = 20.0
_IDLE_SECONDS = 600.0

# Of a host, by its name.
Part = tuple[str, Sequence[model.Image]]


class Crew:
    """The children for one cluster.  Safe for threads."""

    def __init__(self, module: str, settings: Mapping[str, Any]) -> None:
        self.first = child.Child(module, settings)
        self._others = tuple(child.Child(module, settings) for _ in range(CHILDREN_MAX - 1))
        self._mutex = threading.Lock()
        self._starting: set[child.Child] = set()
        self._wanted_at = 0.0

    def ready(self, wanted: int) -> list[child.Child]:
        """Those that are up, one at least and so many at most; the rest are started for later."""
        with self._mutex:
            now, others = time.monotonic(), self._others[:max(wanted - 1, 0)]
            if others:
                self._wanted_at = now
            up = [each for each in others if each not in self._starting and each.is_up]
            for each in others:
                if each not in self._starting and each not in up:
                    self._starting.add(each)
                    threading.Thread(target=self._start, args=(each,), name='more to ask Ceph',
                                     daemon=True).start()
            idle = [each for each in self._others if each not in self._starting and each.is_up
                    ] if now - self._wanted_at > _IDLE_SECONDS else []
        for each in idle:
            each.close()
        return [self.first, *up]

    def close(self) -> None:
        """End them."""
        for each in (self.first, *self._others):
            each.close()

    def _start(self, one: child.Child) -> None:
        """Start it, and have it connect."""
        with contextlib.suppress(ports.PortError):
            one.ask('fsid', _START_SECONDS)
        with self._mutex:
            self._starting.discard(one)


def parts(wanted: Mapping[str, Sequence[model.Image]]) -> list[Part]:
    """What there is to ask about, in parts that one child does in time, the small hosts first.

    So what there is no time for is of the host that has most, and costs no other one its answer.
    """
    return [(host, images[start:start + IMAGES_EACH])
            for host, images in sorted(wanted.items(), key=lambda each: (len(each[1]), each[0]))
            for start in range(0, len(images), IMAGES_EACH)]


def children_for(found: Sequence[Part]) -> int:
    """How many children that is work for."""
    images = sum(len(images) for _, images in found)
    return max(1, min(CHILDREN_MAX, -(-images // IMAGES_EACH)))


def shares(found: Sequence[Part], children: int) -> list[list[Part]]:
    """Which parts each child asks about, in this order: as even as they are."""
    given: list[list[Part]] = [[] for _ in range(children)]
    load = [0] * children
    for part in found:
        least = load.index(min(load))
        given[least].append(part)
        load[least] += len(part[1])
    return [each for each in given if each]


def in_turn(suspect: model.Inventory) -> tuple[model.Image, ...]:
    """The images of a host, one of each instance first: that one answers for the instance."""
    firsts = [instance.images[0] for instance in suspect.on if instance.images]
    return tuple(dict.fromkeys((*firsts, *suspect.images)))


def of_clusters(suspects: Iterable[model.Inventory]) -> dict[str, dict[str, list[model.Image]]]:
    """What there is to ask about in each cluster, by host."""
    found: dict[str, dict[str, list[model.Image]]] = {}
    for suspect in suspects:
        for image in in_turn(suspect):
            found.setdefault(image.cluster, {}).setdefault(suspect.host, []).append(image)
    return found
