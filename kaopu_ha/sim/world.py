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

"""The false world: hosts, clusters, Nova, etcd, and the real program running in it.

``World`` is built from a ``Setup`` and a seed.  What happens in it is said in the words of
``kaopu_ha.sim.words``.  ``timeline`` has every fact that the program told, and all that happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
import functools
from typing import Any, TypeVar

from kaopu_ha import ports, records
from kaopu_ha.agent.beat import BeatKeeper
from kaopu_ha.agent.inventory import InventoryPublisher
from kaopu_ha.agent.requests import RequestRunner
from kaopu_ha.agent.runtime import HostRuntime
from kaopu_ha.agent.storage import CephCluster
from kaopu_ha.core.model import Case, Image, ImageAnswer, Inventory, Stage
from kaopu_ha.core.news import News
from kaopu_ha.core.policy import Managed, Policy
from kaopu_ha.core.rules import Rules
from kaopu_ha.programs import Loop, agents, controllers, workers
from kaopu_ha.sim import hangs, load
from kaopu_ha.sim.ahead import ahead
from kaopu_ha.sim.blocklist import SimBlocklist
from kaopu_ha.sim.board import Folders
from kaopu_ha.sim.bus import Bus, SimEvents
from kaopu_ha.sim.ceph import Ceph, SimCeph, SimClient
from kaopu_ha.sim.compute import Compute
from kaopu_ha.sim.daemon import Daemon, SimRuntime
from kaopu_ha.sim.kernel import Kernel, Process
from kaopu_ha.sim.libvirt import SimLibvirt, SimLocal, monitor
from kaopu_ha.sim.machine import Machine, hosts_of, writing_hosts
from kaopu_ha.sim.network import Node
from kaopu_ha.sim.nova import Nova, SimNova, SimServer, SimUsage
from kaopu_ha.sim.queue import Broker, SimQueue
from kaopu_ha.sim.store import Etcd
from kaopu_ha.sim.terms import Terms

T = TypeVar('T')

NETWORK, NETWORK_STARTS = '10.91.0.0/16', '10.91.'
# One that hosts may have addresses in, and of which nobody has told the controllers.
OTHER_NETWORK = '10.92.0.0/16'
TOOLS = ('10.91.9.0/24',)
_RESTART = 'restart-nova-compute'


@dataclass(frozen=True)
class Times:
    """How fast the program goes in this world: its rules, and what is no rule of a decision."""

    rules: Rules
    beat_interval: float
    leader_ttl: int = 5
    claim_ttl: int = 15
    inventory_interval: float = 2.0


POLICY = Policy(managed=(Managed('Octavia', name='amphora-*'),
                         Managed('Nodepool', metadata='nodepool_node_id')))
PACES = {
    'patent': Times(Rules(client_networks=(NETWORK,), tools=TOOLS, policy=POLICY), 4.0),
    'fast': Times(Rules(client_networks=(NETWORK,), tools=TOOLS, policy=POLICY, beat_ttl=3.0,
                        ask_limit=1.5,
                        look_interval=1.5, death_seconds=2.0, lock_seconds=3.0), 1.0),
}


@dataclass(frozen=True)
class Vm:
    """An instance as a world begins with it.  ``clusters``: one disk on each."""

    name: str
    host: str
    power: str = 'on'
    exclusive_lock: bool = True
    clusters: tuple[str, ...] = ('a',)
    local: bool = False
    cores: int = 1
    memory_mb: int = 512


@dataclass(frozen=True)
class Setup:
    """What a world begins with.  ``events``: controllers listen at Nova's bus; ``horizon``: they
    keep message files for Horizon.  ``live_weight``: agents measure how busy hosts are, and that
    counts so much in their rank.
    """

    hosts: tuple[str, ...] = ('c1', 'c2', 'c3')
    instances: tuple[Vm, ...] = ()
    clusters: tuple[str, ...] = ('a',)
    times: Times = field(default_factory=lambda: PACES['fast'])
    controllers: int = 2
    workers: int = 2
    events: bool = False
    horizon: bool = False
    live_weight: float | None = None


@dataclass(frozen=True)
class TimelineEntry:
    """One line of the timeline."""

    at: float
    who: str
    text: str

    def __str__(self) -> str:
        return f'{self.at:8.1f}  {self.who:14}  {self.text}'


@functools.lru_cache(maxsize=256)
def case_of(text: str) -> Case:
    """The case in a record's text; each law looks at the same one, before and after a commit."""
    return records.decode(Case, text)


class World:
    """Everything that is there.  It begins with all hosts up and all processes running.

    ``happens`` is told each sentence just before that happens.
    """

    happens: Callable[[str], None] = staticmethod(lambda sentence: None)

    def __init__(self, setup: Setup, seed: int) -> None:
        self.setup, self.kernel = setup, (kernel := Kernel(seed))
        self.timeline: list[TimelineEntry] = []
        self.told: list[tuple[float, News]] = []
        self.life_heard: dict[str, float] = {}
        self.overheard: Callable[[ImageAnswer], None] = lambda answer: None
        # When something happened last to machines or networks.
        self.changed_at = 0.0
        # Instances that need not run in the end, with the reason.
        self.excused: dict[str, str] = {}
        # What went off with a host, and nobody had ever told of there.
        self.unwatched: dict[str, set[str]] = {}
        # What people named as the networks of Ceph's clients: only there a fence may cut.
        self.client_networks = [NETWORK]
        # Hosts that people said to be off: of which recovery, or case; wrongly; for ever.
        self.vouched: dict[str, str] = {}
        self.said_off: dict[str, int] = {}
        self.said_wrongly, self.destroyed = set[str](), set[str]()
        # Hosts that were stolen, each with what throws its thief out.
        self.thieves: dict[str, Callable[[], None]] = {}
        # What people opened with tools of their own, to be closed by them.
        self.tools: list[tuple[Image, SimClient]] = []
        # Not 0 when somebody has seen enough.
        self.stop: Callable[[], int] = lambda: 0
        self.heard_falsely: Callable[[str], None] = lambda host: None
        self.acts: Callable[[str, str], None] = lambda who, act: None
        self._records: dict[tuple[type, str], tuple[ports.Entry, Any]] = {}
        # Records that were spoiled, as they were, by their keys.
        self.spoiled: dict[str, str] = {}
        # Processes that stop at their next act, by the beginning of their names: for how long.
        self.stops_at_act: dict[str, float] = {}
        # The same of processes whose machines are paused there, their clocks with them.
        self.pauses_at_act: dict[str, float] = {}
        # What was done too late, unawares: who did what, and when.
        self.late: list[tuple[str, str, float]] = []
        self.kernel.before_act, self.kernel.at_late_act = self._before_act, self._acted_late
        self.hangs = hangs.Hangs(self.kernel)
        self.hangs.noted = lambda who, call: self.note('world', f'{who} hangs at its {call}')
        self.probes: dict[str, tuple[SimLibvirt, SimCeph]] = {}
        # The same for what a controller looks at beside its detector.
        self.observers: dict[str, tuple[SimLibvirt, SimCeph]] = {}
        self.etcd = Etcd(kernel, Node('etcd'))
        self.broker, self.bus, self.folders = Broker(kernel), Bus(), Folders(kernel)
        self.terms, self.nova = Terms(self.etcd), Nova(kernel, Node('nova'))
        self.clusters = {name: Ceph(kernel, name, nth) for nth, name in enumerate(setup.clusters)}
        self.machines = {name: Machine(kernel, name, number + 11, self.clusters)
                         for number, name in enumerate(setup.hosts)}
        self.computes = {name: Compute(kernel, self.nova, machine)
                         for name, machine in self.machines.items()}
        self.agents = {name: self._agent(machine) for name, machine in self.machines.items()}
        self.controllers = [self._controller(number + 1) for number in range(setup.controllers)]
        self.workers = [self._worker(number + 1) for number in range(setup.workers)]
        for vm in setup.instances:
            self.boot(vm)
        for compute in self.computes.values():
            compute.start()
        for daemon in self.daemons():
            daemon.start()

    # ------------------------------------------------------------ looking

    def daemons(self) -> Iterable[Daemon]:
        """Every process of the program."""
        return [*self.agents.values(), *self.controllers, *self.workers]

    def node(self, name: str) -> Node:
        """A machine of this name: a compute host, or one of a controller or worker."""
        if name in self.machines:
            return self.machines[name].node
        return next(daemon.node for daemon in self.daemons() if daemon.role == name)

    def row(self, name: str) -> SimServer | None:
        """A server by its name, None if it was deleted."""
        return next((row for row in self.nova.rows.values() if row.name == name), None)

    def case(self, host: str) -> Case | None:
        """The open case on a host, as committed."""
        return self.record(Case, records.CASE + host)

    def record(self, kind: type[T], key: str) -> T | None:
        """A record as it is in the store, None if there is none."""
        entry = self.etcd.entries.get(key)
        if entry is None:
            return None
        # Each law asks for the same ones, again and again: an entry is another one when written.
        known, record = self._records.get((kind, key), (None, None))
        if known is not entry:
            record = records.record(kind, entry)
            self._records[kind, key] = entry, record
        return record

    def told_by(self, host: str) -> Inventory | None:
        """What a host told of itself last; None if it never did, or if nobody can read it."""
        try:
            return self.record(Inventory, records.INVENTORY + host)
        except records.RecordError:
            return None

    def every(self, kind: type[T], prefix: str) -> list[T]:
        """All records under a prefix, in the order of their keys."""
        # A prefix may end within a name; what is read ends with a folder.
        snapshot = self.etcd.read((prefix.rpartition('/')[0] + '/',))
        return list(snapshot.once(('decoded', kind, prefix), lambda: [
            records.record(kind, entry)
            for entry in snapshot.under(prefix).values()]))

    def confirmed(self, host: str) -> bool:
        """True if the host is confirmed dead and not yet admitted again."""
        case = self.case(host)
        return case is not None and case.stage in (Stage.CONFIRMED, Stage.ADMITTING)

    def running_on(self, uuid: str) -> list[str]:
        """The hosts on which a QEMU of the instance runs, whether it can write or not."""
        return [name for name, machine in self.machines.items() if machine.runs(uuid)]

    def writing_on(self, row: SimServer) -> list[str]:
        """Where it can write every disk of its now; a sibling that shares one does not count."""
        if not row.images:
            return hosts_of(row.uuid, self.machines)
        places: list[set[str]] = []
        for image in row.images:
            cluster = self.clusters[image.cluster]
            cluster.settle()
            disk = cluster.disks.get(image.header)
            places.append(writing_hosts(cluster, disk, row.uuid, self.machines) if disk else set())
        return sorted(set.intersection(*places))

    # ------------------------------------------------------------ making things happen

    def boot(self, vm: Vm) -> None:
        """Have an instance on its host, as if it had been there for long."""
        uuid = f'{vm.name}-{len(self.nova.rows)}'
        images = () if vm.local else tuple(
            self.clusters[name].create(f'{uuid}_disk', vm.exclusive_lock) for name in vm.clusters)
        machine = self.machines[vm.host]
        local = (f'{uuid}_local',) if vm.local else ()
        row = self.nova.add(SimServer(uuid, vm.name, vm.host, images, local, vm.cores,
                                      vm.memory_mb))
        machine.define(uuid, vm.name, images, local)
        if vm.power == 'off':
            row.vm_state, row.power_state, row.wanted = 'stopped', 4, False
        elif machine.start(uuid) and vm.power == 'paused':
            self.computes[vm.host].pause(row, True)

    def changed(self) -> None:
        """Something happened to machines or networks: have the models notice."""
        self.changed_at = self.kernel.now
        self.nova.note_reports()
        for cluster in self.clusters.values():
            cluster.changed = True

    def note(self, who: str, text: str) -> None:
        """Put a line into the timeline."""
        self.timeline.append(TimelineEntry(self.kernel.now, who, text))

    def run(self, until: float) -> None:
        """Let the world go on until a time, or until somebody stops it."""
        self.kernel.run(until, self.stop)

    # ------------------------------------------------------------ the processes

    def _tell(self, who: str, news: News) -> None:
        self.told.append((self.kernel.now, news))
        self.note(who, news.line)

    def _agent(self, machine: Machine) -> Daemon:
        times, compute = self.setup.times, self.computes[machine.name]
        clusters = [CephCluster(name, 'vms', (monitor(name),)) for name in self.clusters]

        def make(its: SimRuntime) -> Iterable[Loop]:
            env = HostRuntime(
                machine.name, its.store,
                SimLocal(machine, compute.started, {_RESTART: lambda: self._restart(compute)},
                         compute.began_at),
                lambda news: self.note(its.name, news.line), its.env.clock,
                its.env.now, times.rules.ask_limit)
            reader = SimCeph(self.clusters, machine.node, address=lambda: machine.address)
            publisher = InventoryPublisher(
                env, reader, management_uri=machine.uri, client_networks=(NETWORK,),
                interval=times.inventory_interval, clusters=clusters, beats=lambda: beat.beating)
            beat = BeatKeeper(env, records.Beat(machine.host_uuid, machine.boot_id, its.name),
                              interval=times.beat_interval, ttl=int(times.rules.beat_ttl),
                              behind=lambda: publisher.behind)
            runner = RequestRunner(env, reader, restart_compute=(_RESTART,), clusters=clusters)
            live = load.publisher(machine.load, env, lambda: beat.beating
                                  ) if self.setup.live_weight is not None else None
            return agents.loops(machine.name, beat.turn, publisher, runner, live=live)
        return Daemon(self.kernel, self.etcd, f'agent-{machine.name}', machine.node, make,
                      self._tell)

    def _restart(self, compute: Compute) -> float:
        compute.kill()
        self.kernel.after(1.0, compute.start)
        return 1.5

    def _controller(self, number: int) -> Daemon:
        role, node, times = f'controller-{number}', Node(f'controller-{number}'), self.setup.times
        libvirt = SimLibvirt(self.kernel, node, self.machines, self._heard)
        ceph = SimCeph(self.clusters, node, self._heard)
        observing = SimLibvirt(self.kernel, node, self.machines), SimCeph(self.clusters, node)
        beside = SimCeph(self.clusters, node, listed=lambda answer: self.overheard(answer))

        def make(its: SimRuntime) -> Iterable[Loop]:
            self.probes[role], self.observers[role] = (libvirt, ceph), observing

            def gate(port: T, calls: Mapping[str, str]) -> T:
                return self.hangs.gate(its.name, port, calls)
            kv = self.terms.store(its.name, gate(controllers.mirrored(its.store), hangs.STORE))
            management = gate(libvirt, hangs.MANAGEMENT)
            usage: ports.UsageSource = SimUsage(self.nova, node)
            if self.setup.live_weight is not None:
                usage = load.SimLiveUsage(its.store, usage, self.setup.live_weight)
            loops, _ = controllers.loops(
                kv, [management, gate(ceph, hangs.STORAGE)],
                [gate(SimBlocklist(self.clusters, node, self.client_networks), hangs.FENCE)],
                gate(SimNova(self.nova, node), hangs.CLOUD), management,
                gate(usage, hangs.USAGE), gate(SimQueue(its.store, self.broker), hangs.QUEUE),
                times.rules, times.leader_ttl, its.env,
                SimEvents(self.bus, its.process) if self.setup.events else None,
                images=gate(beside, hangs.STORAGE),
                observing=[gate(observing[0], hangs.MANAGEMENT),
                           gate(observing[1], hangs.STORAGE)],
                fences_asked=[SimBlocklist(self.clusters, node, self.client_networks)],
                ahead=ahead(self.nova, self.clusters, node, self.client_networks),
                boards=self.folders.boards(role, self.setup))
            return self.terms.loops(loops)
        return Daemon(self.kernel, self.etcd, role, node, make, self._tell)

    def _worker(self, number: int) -> Daemon:
        role, node, times = f'worker-{number}', Node(f'worker-{number}'), self.setup.times
        libvirt, ceph = (SimLibvirt(self.kernel, node, self.machines), SimCeph(self.clusters, node))

        def make(its: SimRuntime) -> Iterable[Loop]:
            kv = workers.mirrored(its.store)
            return workers.loops(
                kv, SimNova(self.nova, node), SimQueue(kv, self.broker), ceph,
                libvirt, times.rules, times.claim_ttl, 4, its.env)[0]
        return Daemon(self.kernel, self.etcd, role, node, make, self._tell)

    def _before_act(self, process: Process, act: str) -> None:
        self.acts(process.name, act)
        for role in [role for role in self.stops_at_act if process.name.startswith(role)]:
            process.freeze()
            self.kernel.after(self.stops_at_act.pop(role), process.thaw)
            self.note('world', f'{process.name} stops where it was about to act')
        for role in [role for role in self.pauses_at_act if process.name.startswith(role)]:
            daemon = next(each for each in self.daemons() if each.name == process.name)
            daemon.pause_unaware()
            self.kernel.after(self.pauses_at_act.pop(role), daemon.thaw)
            self.note('world', f'the machine of {process.name} is paused where it was about to act')

    def _acted_late(self, who: str, act: str) -> None:
        self.late.append((who, act, self.kernel.now))
        self.note('world', f'{who} acts too late, and does not know: {act or "an act"}')

    def _heard(self, host: str, true: bool) -> None:
        self.life_heard[host] = self.kernel.now
        if not true:
            self.heard_falsely(host)
