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

"""What people may do: see ``words``."""

from __future__ import annotations

from kaopu_ha import ports, records
from kaopu_ha.core import brake
from kaopu_ha.core.requests import RequestState, RequestVerb
from kaopu_ha.sim import (
    daemon,
    words_books,
    words_fences,
    words_places,
    words_shared,
    words_thief,
)
from kaopu_ha.sim.machine import Libvirtd
from kaopu_ha.sim.network import Node
from kaopu_ha.sim.sentences import Vocabulary
from kaopu_ha.sim.store import QUOTA_BYTES
from kaopu_ha.sim.words_machines import start_all, thaw, thaw_all
from kaopu_ha.sim.words_nonsense import put_right
from kaopu_ha.sim.world import NETWORK, OTHER_NETWORK, World

WORDS = Vocabulary()


@WORDS.take('mend everything')
def _mend_everything(world: World) -> None:
    """All that can be mended is, but for the power: who has none stays without it."""
    words_thief.throw_out(world)
    words_shared.quicken(world)
    world.etcd.away, world.etcd.lost_answers = False, 0.0
    world.etcd.quota_bytes = QUOTA_BYTES
    words_thief.end_lasting_beats(world)
    world.nova.away, world.nova.slow_seconds, world.nova.calls_to_lose = False, 0.0, 0
    world.nova.disabled.clear()
    words_books.put_right(world)
    words_places.open_to_all(world)
    world.client_networks[:] = [NETWORK, OTHER_NETWORK]
    while world.tools:
        image, client = world.tools.pop()
        world.clusters[image.cluster].close(image, client)
    for folder in world.folders.by_role.values():
        folder.away = folder.hangs = False
    for cluster in world.clusters.values():
        cluster.hung, cluster.quorum = False, True
        cluster.chokes.clear()
    for host, machine in world.machines.items():
        machine.spawns, machine.cores, machine.stopping = True, 16, False
        machine.load.fails = False
        machine.failing.clear()
        machine.falling.clear()
        machine.load.lie(False)
        _mend_links(machine.node)
        if machine.node.powered:
            machine.libvirtd = Libvirtd.RUNNING
            thaw(world, host)
            world.computes[host].start()
    for probes in (*world.probes.values(), *world.observers.values()):
        for probe in probes:
            probe.sick = False
    world.hangs.let_go()
    world.stops_at_act.clear()
    world.pauses_at_act.clear()
    put_right(world)
    for each in world.daemons():
        _mend_links(each.node)
        each.node.disk_hangs = False
    thaw_all(world)
    words_fences.put_right(world)
    start_all(world)


def _mend_links(node: Node) -> None:
    for network in tuple(node.links):
        node.mend(network)


@WORDS.take('admit every confirmed host')
def _admit_all(world: World) -> None:
    for host, machine in world.machines.items():
        if machine.node.powered and world.confirmed(host):
            _admit(world, host)

def _write(world: World, key: str, record: object) -> None:
    world.etcd.commit([], [ports.Put(key, records.encode(record))], 'people')


@WORDS.take('hold {host}')
def _hold(world: World, host: str) -> None:
    _write(world, records.HOST + host, records.HostSetting(True, 'people', _now(world)))


@WORDS.take('release {host}')
def _release(world: World, host: str) -> None:
    world.etcd.commit([], [ports.Delete(records.HOST + host)], 'people')


@WORDS.take('release the brake')
def _release_brake(world: World) -> None:
    storm = world.record(brake.Storm, records.STORM)
    cases = {host: world.etcd.entries[records.CASE + host].created
             for host in (storm.silent if storm else ())
             if records.CASE + host in world.etcd.entries}
    if cases:
        _write(world, records.BRAKE, records.BrakeSetting(
            tuple(sorted(cases)), 'people', _now(world), cases=cases))


@WORDS.take('admit {host}')
def _admit(world: World, host: str) -> None:
    key = records.admit_request(host)
    entry = world.etcd.entries.get(key)
    if entry is None or records.record(records.Request, entry).state is not RequestState.ASKED:
        _write(world, key, records.Request(RequestVerb.ADMIT, host, 'people', _now(world)))


def _now(world: World) -> str:
    return daemon.date(world.kernel.now)
