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

"""What a worker does."""

from __future__ import annotations

from collections.abc import Callable
import dataclasses

from kaopu_ha import ports, records
from kaopu_ha.core.rules import Rules
from kaopu_ha.mirrored import Mirrored
from kaopu_ha.programs import Loop, warming
from kaopu_ha.runtime import Runtime
from kaopu_ha.worker.worker import Worker

# What its loops look at again and again: what it may take, at all times; and whose each address
# is, from its first call on.  An idle one keeps no copy of what all hosts told.
_FOLLOWED_FOR_TASKS = (records.EVACUATION, records.CLAIM)
_FOLLOWED_FOR_CALLS = (records.INVENTORY, records.TOOL, records.CLAIMS)


def loops(store: ports.Store, cloud: ports.Cloud, queue: ports.Queue, images: ports.ImageObserver,
          libvirt: ports.LibvirtObserver, rules: Rules, claim_ttl: int, concurrency: int,
          env: Runtime) -> tuple[tuple[Loop, ...], Callable[[], None]]:
    """The loops of a worker, and what gives its claims back."""
    work = Worker(store, cloud, queue, images, libvirt, dataclasses.replace(env, rules=rules),
                  claim_ttl=claim_ttl, concurrency=concurrency)
    return (
        Loop('claims', work.claims.turn, trouble=lambda: work.claims.trouble),
        warming(cloud),
        Loop('evacuations', work.turn, (records.EVACUATION, records.CLAIM),
             work.listen, lambda: work.trouble)), work.close


def mirrored(store: ports.Store) -> ports.Store:
    """The store for a worker: what it looks at again and again is read from mirrors."""
    return Mirrored(Mirrored(store, *_FOLLOWED_FOR_TASKS), *_FOLLOWED_FOR_CALLS)
