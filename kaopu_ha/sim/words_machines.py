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

"""What may happen to machines, cables and processes, to etcd and Ceph: see ``words``."""

from __future__ import annotations

from collections.abc import Iterable
import math

from kaopu_ha import records
from kaopu_ha.sim import daemon
from kaopu_ha.sim.ceph import SimCeph
from kaopu_ha.sim.libvirt import SimLibvirt
from kaopu_ha.sim.machine import Libvirtd
from kaopu_ha.sim.sentences import UnknownWords, Vocabulary
from kaopu_ha.sim.words_fences import stays_off
from kaopu_ha.sim.world import World

WORDS = Vocabulary()


# ---------------------------------------------------------------- hosts and cables


def note_unwatched(world: World, host: str) -> None:
    """Note what goes off with its host, and what nobody has ever told of.

    Its agent did not run, or had not yet set right what somebody else had written in its name.
    What that told before it ended, and what libvirt told since, counts.  An agent that runs looks
    every few seconds: what began since is its user's, who has just asked for it.
    """
    machine, case, inventory = world.machines[host], world.case(host), world.told_by(host)
    if not machine.node.powered:
        return
    watched = world.agents[host].runs and inventory is not None
    since = world.kernel.now - world.setup.times.inventory_interval - 1.0 if watched else -math.inf
    told = {instance.uuid for instance in (inventory.on if inventory else ())}
    told |= set(case.guests if case else ())
    world.unwatched.setdefault(host, set()).update(
        uuid for uuid, guest in machine.guests.items() if machine.runs(uuid) and uuid not in told
        and all(client.since >= since for client in guest.clients))


@WORDS.take('power off {host}')
def _power_off(world: World, host: str) -> None:
    machine = world.machines[host]
    note_unwatched(world, host)
    machine.power_off()
    world.computes[host].kill()
    world.agents[host].kill()


@WORDS.take('power on {host}')
def _power_on(world: World, host: str) -> None:
    if stays_off(world, host):
        world.note('world', f'{host} stays off: a person has given his word')
        return
    power_on(world, host)


@WORDS.take('{host} is switched on against a person\'s word')
def power_on(world: World, host: str) -> None:
    """Switch it on, whatever people have said of it."""
    machine = world.machines[host]
    if machine.node.powered:
        _power_off(world, host)
    if not world.confirmed(host):
        world.excused.update(dict.fromkeys(
            world.unwatched.pop(host, ()),
            'it was on, its host was booted, and no agent of that had told of it: nobody knows'))
    machine.power_on()
    world.computes[host].start()
    world.agents[host].start()


@WORDS.take('freeze {host}')
def _freeze(world: World, host: str) -> None:
    world.machines[host].node.black = True
    world.computes[host].freeze(True)
    world.agents[host].freeze()


@WORDS.take('thaw {host}')
def thaw(world: World, host: str) -> None:
    """Let a host go on where it stood."""
    world.machines[host].node.black = False
    world.changed()
    world.computes[host].freeze(False)
    world.agents[host].thaw()


def _link(world: World, name: str, network: str, up: bool) -> None:
    node = world.node(name)
    for each in networks(network):
        if up:
            node.mend(each)
        else:
            node.links[each] = False


def networks(said: str) -> tuple[str, ...]:
    """The networks that a sentence names.  Raises UnknownWords."""
    every = ('management', 'storage')
    if said != 'both' and said not in every:
        raise UnknownWords(f'{said} is no network: management, storage, both')
    return every if said == 'both' else (said,)


@WORDS.take('cut {node} {network}')
def _cut(world: World, node: str, network: str) -> None:
    _link(world, node, network, False)


@WORDS.take('mend {node} {network}')
def _mend(world: World, node: str, network: str) -> None:
    _link(world, node, network, True)


# ---------------------------------------------------------------- processes


def a_daemon(world: World, name: str) -> daemon.Daemon:
    """A process by its role; ``the leader`` is who leads, ``the worker`` who has a claim."""
    if name == 'leader':
        entry = world.etcd.entries.get(records.LEADER)
        name = records.record(records.Leader, entry).name.split('/')[0] if entry else \
            world.controllers[0].role
    if name == 'worker':
        claims = [entry for key, entry in sorted(world.etcd.entries.items())
                  if key.startswith(records.CLAIM)]
        name = records.record(records.Claim, claims[0]).worker.split('/')[0] if claims else \
            world.workers[0].role
    return next(each for each in world.daemons() if each.role == name)


@WORDS.take('kill {process}', 'kill the {process}')
def _kill(world: World, process: str) -> None:
    a_daemon(world, process).kill()


@WORDS.take('start {process}')
def _start(world: World, process: str) -> None:
    found = a_daemon(world, process)
    if found.node.powered:
        found.start()


@WORDS.take('start all processes')
def start_all(world: World) -> None:
    """Start every process that its machine lets."""
    for each in world.daemons():
        if each.node.powered:
            each.start()


@WORDS.take('stop {process} for a while', 'stop the {process} for a while')
def _freeze_process(world: World, process: str) -> None:
    a_daemon(world, process).freeze()


@WORDS.take('a {role} stops at its next act for {seconds} s')
def _stop_at_act(world: World, role: str, seconds: str) -> None:
    """Between the permit's yes and the act: it is frozen, and thawed when all may have changed."""
    world.stops_at_act[role] = float(seconds)


@WORDS.take('let {process} go on')
def _thaw_process(world: World, process: str) -> None:
    a_daemon(world, process).thaw()


@WORDS.take('let all processes go on')
def thaw_all(world: World) -> None:
    """Let every process go on that its machine lets."""
    for each in world.daemons():
        if not each.node.black:
            each.thaw()


@WORDS.take('libvirtd of {host} dies')
def _libvirtd_dies(world: World, host: str) -> None:
    world.machines[host].libvirtd = Libvirtd.DEAD


@WORDS.take('libvirtd of {host} freezes')
def _libvirtd_freezes(world: World, host: str) -> None:
    world.machines[host].libvirtd = Libvirtd.FROZEN


@WORDS.take('libvirtd of {host} runs')
def _libvirtd_runs(world: World, host: str) -> None:
    world.machines[host].libvirtd = Libvirtd.RUNNING


@WORDS.take('nova-compute of {host} dies')
def _compute_dies(world: World, host: str) -> None:
    world.computes[host].kill()


@WORDS.take('nova-compute of {host} starts')
def _compute_starts(world: World, host: str) -> None:
    if world.machines[host].node.powered:
        world.computes[host].start()


# ---------------------------------------------------------------- etcd, Ceph, observers


@WORDS.take('etcd goes away')
def _etcd_away(world: World) -> None:
    world.etcd.away = True


@WORDS.take('etcd comes back')
def _etcd_back(world: World) -> None:
    world.etcd.away = False


@WORDS.take('etcd elects another leader')
def _etcd_leader(world: World) -> None:
    world.etcd.change_leader()


@WORDS.take('etcd loses the keys of all leases')
def _etcd_leases(world: World) -> None:
    world.etcd.expire_all()


@WORDS.take('etcd is compacted')
def _etcd_compacted(world: World) -> None:
    world.etcd.compact()


@WORDS.take('etcd loses {percent} % of its answers')
def _etcd_answers(world: World, percent: str) -> None:
    world.etcd.lost_answers = float(percent) / 100


@WORDS.take('the monitors of {cluster} lose their quorum')
def _no_quorum(world: World, cluster: str) -> None:
    world.clusters[cluster].quorum = False


@WORDS.take('the monitors of {cluster} have a quorum')
def _quorum(world: World, cluster: str) -> None:
    world.clusters[cluster].quorum = True


@WORDS.take('cluster {cluster} hangs')
def _hangs(world: World, cluster: str) -> None:
    world.clusters[cluster].hung = True
    world.clusters[cluster].hung_at = world.kernel.now


@WORDS.take('cluster {cluster} goes on')
def _goes_on(world: World, cluster: str) -> None:
    world.clusters[cluster].hung = False
    world.clusters[cluster].went_on_at = world.kernel.now


@WORDS.take('somebody takes {host} off the blocklist')
def _unlisted(world: World, host: str) -> None:
    for cluster in world.clusters.values():
        for entry in [each for each in cluster.blocklist
                      if each.startswith(tuple(
                          f'{address}:' for address in world.machines[host].used))]:
            cluster.remove_from_blocklist(entry)


@WORDS.take('tasks come twice and late')
def _tasks_twice(world: World) -> None:
    world.broker.doubles = True


def _probes_of(world: World, controller: str) -> Iterable[tuple[SimLibvirt, SimCeph]]:
    role = a_daemon(world, controller).role
    return world.probes[role], world.observers[role]


@WORDS.take('the probes of {controller} fail')
def _sick(world: World, controller: str) -> None:
    for libvirt, ceph in _probes_of(world, controller):
        libvirt.sick = ceph.sick = True


@WORDS.take('the storage probe of {controller} fails')
def _storage_sick(world: World, controller: str) -> None:
    for _, ceph in _probes_of(world, controller):
        ceph.sick = True


@WORDS.take('the storage probe of {controller} works')
def _storage_well(world: World, controller: str) -> None:
    for _, ceph in _probes_of(world, controller):
        ceph.sick = False


@WORDS.take('the probes of {controller} work')
def _well(world: World, controller: str) -> None:
    for libvirt, ceph in _probes_of(world, controller):
        libvirt.sick = ceph.sick = False


@WORDS.take('time passes')
def _time(world: World) -> None:
    """Nothing happens; but what comes then comes no sooner."""
