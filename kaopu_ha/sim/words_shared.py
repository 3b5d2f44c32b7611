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

"""Clients of volumes that instances share, which are slow to begin: see ``words``."""

from __future__ import annotations

from kaopu_ha.sim.sentences import Vocabulary
from kaopu_ha.sim.world import World

WORDS = Vocabulary()


@WORDS.take('new clients of shared volumes on {host} are listed {seconds} s late')
def _listed_late(world: World, host: str, seconds: str) -> None:
    """Until Ceph lists it, a client writes nothing and acknowledges nothing."""
    world.machines[host].unlisted_seconds = float(seconds)


@WORDS.take('new clients of shared volumes on {host} are mute for {seconds} s')
def _mute(world: World, host: str, seconds: str) -> None:
    """They are listed, and write, and do not acknowledge in time: their guest is busy."""
    world.machines[host].mute_seconds = float(seconds)


def quicken(world: World) -> None:
    """Have new clients on all hosts be as quick as others, and those that are slow get quick."""
    for machine in world.machines.values():
        machine.unlisted_seconds = machine.mute_seconds = 0.0
    for cluster in world.clusters.values():
        for disk in cluster.disks.values():
            for client in disk.clients:
                client.listed_from = client.mute_until = 0.0
        cluster.changed = True
