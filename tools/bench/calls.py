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

"""How fast are a dead host's instances called for, and how fairly those of many dead hosts?

    python -m tools.bench.calls one [instances]
    python -m tools.bench.calls many [instances] [hosts] [rate]

Controller and workers are processes as they are run, with their own wiring, the queue in a real
etcd, and Nova's driver with its children; so only Ceph, libvirt and the fence are played, and Nova
is a stub (``tools.bench.stub_nova``).  The hosts are confirmed and fenced when it begins.

``one``: seconds from the plan of one host to the last call that Nova took, beside raw calls of as
many threads as the workers have places; a place is free again when its instance has arrived,
which the raw calls ask for once a second.  All limits are those of the program's defaults.

``many``: Nova takes no more than ``rate`` calls in a second, and the workers have places for more
than that.  Printed are the share of that rate which is reached, and what each host has of the
calls while instances of every one of them still wait: the least beside the most, and Jain's index
(1: all have the same, 1/hosts: one has all).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
import concurrent.futures
import contextlib
import dataclasses
from dataclasses import dataclass
import multiprocessing
from multiprocessing import connection
import os
import pathlib
import sys
import tempfile
import threading
import time
from typing import Any

from oslo_config import cfg
import requests

from kaopu_ha import conf as options
from kaopu_ha import ports, records, wiring
from kaopu_ha.cmd import loops
from kaopu_ha.core import model
from kaopu_ha.core.model import Case, Recovery, RecoveryStage, Stage, Step
from kaopu_ha.core.news import Fact, News
from kaopu_ha.drivers.etcd.store import EtcdStore
from kaopu_ha.programs import controllers, workers
from kaopu_ha.wiring import runtime
from kaopu_ha.wiring.parts import Parts, Program, parts
from tests import etcd_single
from tools.bench.calls_played import CLUSTER, FENCE, Fence, Observers, Usage, address, order
from tools.bench.stub_nova import Pace, Stub

_TARGETS = 20
_LIMIT = 300.0
_TARGET_RATIO, _TARGET_SHARE = 1.10, 0.95


@dataclass(frozen=True)
class Setting:
    """What is measured; ``workers`` of ``places`` each."""

    instances: int
    hosts: int
    pace: Pace
    workers: int = 2
    places: int = 4
    per_target_max: int = 4
    in_all_max: int = 20

    @property
    def dead(self) -> list[str]:
        """The hosts that are lost."""
        return [f'dead-{number:02}' for number in range(self.hosts)]

    @property
    def targets(self) -> list[str]:
        """The hosts that are left."""
        return [f'target-{number:02}' for number in range(_TARGETS)]

    @property
    def guests(self) -> dict[str, str]:
        """The instances, with their hosts."""
        return {f'{number:08x}-0000-4000-8000-000000000000': self.dead[number % self.hosts]
                for number in range(self.instances)}

    @property
    def options(self) -> str:
        """What a configuration file says of it."""
        return (f'[worker]\nconcurrency = {self.places}\n'
                f'[evacuation]\nper_target_max = {self.per_target_max}\n'
                f'in_all_max = {self.in_all_max}\n')


def one(instances: int) -> Setting:
    """One host, and the program's defaults."""
    return Setting(instances, 1, Pace())


def many(instances: int, hosts: int, rate: float) -> Setting:
    """Many hosts, and places for what Nova takes in some seconds."""
    places = min(max(round(rate * 1.25), 4), 64)
    return Setting(instances, hosts, Pace(0.0, rate, move_seconds=0.5), places=places,
                   per_target_max=100, in_all_max=3 * places)


# ---------------------------------------------------------------- what is in the store


def fill(store: ports.Store, setting: Setting) -> None:
    """Write what agents and the leader would have written of hosts that are confirmed."""
    lease = store.grant(3600)
    for host in setting.targets:
        told = _inventory(host, ())
        store.commit([], [_put(records.INVENTORY + host, told), _put(
            records.ALIVE + host, records.Beat(told.host_uuid, told.boot_id, '1'), lease)])
    for host in setting.dead:
        told = _inventory(host, [uuid for uuid, its in setting.guests.items() if its == host])
        name = f'recovery-of-{host}'
        store.commit([], [
            _put(records.INVENTORY + host, told),
            _put(records.CASE + host, Case(host, Stage.CONFIRMED, told.boot_id, recovery=name)),
            _put(records.RECOVERY + name, Recovery(
                name, host, RecoveryStage.PROVEN, (order(address(host)),), checked=True,
                instances=told.instances,
                history=(Step('', 'bench', RecoveryStage.PROVEN.value, 'it holds'),)))])


def _put(key: str, record: Any, lease: int = 0) -> ports.Put:
    return ports.Put(key, records.encode(record), lease)


def _inventory(host: str, guests: Sequence[str]) -> model.Inventory:
    return model.Inventory(
        host, f'uuid-of-{host}', f'boot-of-{host}', f'qemu+tls://{host}/system',
        (address(host),), {CLUSTER: model.Sign.LIFE}, cores=1024, memory_mb=1 << 22,
        instances=tuple(model.Instance(
            uuid, f'vm-{uuid[:8]}', model.Power.ON,
            (model.Image(CLUSTER, 'vms', uuid, uuid[:8]),), cores=1, memory_mb=1024)
            for uuid in guests))


# ---------------------------------------------------------------- the processes


def controller(conf: cfg.ConfigOpts, its: Parts, setting: Setting, observer: int,
               told: Callable[[News], None]) -> Program:
    """A controller that leads, and recovers what is confirmed."""
    its = dataclasses.replace(its, store=controllers.mirrored(its.store))
    cloud = its.driver('cloud', conf.cloud.driver)
    env = runtime.runtime_of(runtime.name(conf), told)
    every, resign = controllers.loops(
        its.store, [], [Fence()], cloud, Observers(observer), Usage(setting.targets), its.queue(),
        wiring.rules(conf), conf.controller.leader_ttl, env)
    its.held.callback(resign)
    return its.program([loop for loop in every if loop.name in ('leadership', 'warm', 'recoverer')],
                       meets_at=records.LEADER, name=env.name)


def worker(conf: cfg.ConfigOpts, its: Parts, setting: Setting, observer: int,
           told: Callable[[News], None]) -> Program:
    """A worker, whole."""
    its = dataclasses.replace(its, store=workers.mirrored(its.store))
    probes = Observers(observer)
    env = runtime.runtime_of(f'{runtime.name(conf)}/{os.getpid()}', told)
    every, give_back = workers.loops(
        its.store, its.driver('cloud', conf.cloud.driver), its.queue(), probes, probes,
        wiring.rules(conf), conf.worker.claim_ttl, conf.worker.concurrency, env)
    its.held.callback(give_back)
    return its.program(every, meets_at=records.LEADER, name=env.name)


Make = Callable[[cfg.ConfigOpts, Parts, Setting, int, Callable[[News], None]], Program]


def _run(make: Make, path: str, setting: Setting, observer: int,
         pipe: connection.Connection) -> None:
    """Be one of the processes: warm first, and begin when told."""
    conf = cfg.ConfigOpts()
    options.register(conf)
    conf(['--config-file', path], project='kaopu-ha', default_config_dirs=[])

    def told(item: News) -> None:
        if item.fact is Fact.PLANNED:
            with contextlib.suppress(ConnectionError):
                pipe.send(time.monotonic())

    with parts(conf, 'worker') as its:
        program = make(conf, its, setting, observer, told)
        warm = next(each for each in program.loops if each.loop.name == 'warm')
        warm.loop.turn()
        runner = loops.Runner(program.loops)
        # Who holds the other end closes it in the end.
        with contextlib.suppress(EOFError, ConnectionError):
            pipe.send(warm.loop.trouble())
            pipe.recv()
            runner.start()
            pipe.recv()
        runner.stop(2.0)
        program.close()


@contextlib.contextmanager
def _running(makes: Sequence[Make], path: str, setting: Setting,
             observer: int) -> Iterator[list[connection.Connection]]:
    """These processes, warm; each begins when something is sent to it."""
    context = multiprocessing.get_context('spawn')
    pipes, processes = [], []
    try:
        for make in makes:
            ours, theirs = context.Pipe()
            processes.append(context.Process(target=_run,
                                             args=(make, path, setting, observer, theirs)))
            processes[-1].start()
            theirs.close()
            pipes.append(ours)
        for pipe in pipes:
            if trouble := pipe.recv():
                raise SystemExit(trouble)
        yield pipes
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.join(10)
            process.kill()


# ---------------------------------------------------------------- the two ways


def by_kaopu(setting: Setting, stub: Stub) -> tuple[float, list[tuple[str, float, float]]]:
    """When the first plan was written, and the calls that Nova took."""
    stub.begin([*setting.dead, *setting.targets], setting.guests, setting.pace)
    etcd = etcd_single.Etcd()
    store = EtcdStore([etcd.endpoint])
    try:
        with tempfile.TemporaryDirectory() as folder:
            conf = pathlib.Path(folder, 'kaopu-ha.conf')
            conf.write_text(setting.options + _access(etcd.endpoint, stub.url))
            with _running([controller, *[worker] * setting.workers], str(conf), setting,
                          stub.observer) as pipes:
                fill(store, setting)
                for pipe in pipes:
                    pipe.send('begin')
                planned: float = pipes[0].recv()
                return planned, _all_taken(setting, stub)
    finally:
        store.close()
        etcd.close()


def _access(endpoint: str, url: str) -> str:
    return (f'[store]\nendpoints = {endpoint}\n[detection]\npace = fast\n'
            f'[fence]\ndrivers = {FENCE}\n[ceph]\nclient_networks = 10.0.0.0/8\n'
            f'[nova]\nauth_url = {url}/v3\nusername = bench\npassword = bench\n'
            f'project_name = service\nuser_domain_name = Default\n'
            f'project_domain_name = Default\nregion_name = here\n')


def _all_taken(setting: Setting, stub: Stub) -> list[tuple[str, float, float]]:
    until = time.monotonic() + _LIMIT
    while len(found := stub.calls()) < setting.instances:
        if time.monotonic() > until:
            raise SystemExit(f'{len(found)} of {setting.instances} calls in {_LIMIT:g} s')
        time.sleep(0.5)
    return found


def by_hand(setting: Setting, stub: Stub) -> tuple[float, list[tuple[str, float, float]]]:
    """The same with as many threads as there are places, that call and wait, and nothing else."""
    stub.begin([*setting.dead, *setting.targets], setting.guests, setting.pace)
    places = min(setting.workers * setting.places, setting.in_all_max)
    own, targets = threading.local(), setting.targets

    def move(number: int, uuid: str) -> None:
        if not hasattr(own, 'session'):
            own.session = requests.Session()
        target, server = targets[number % len(targets)], f'{stub.url}/compute/v2.1/servers/{uuid}'
        own.session.post(f'{server}/action', json={'evacuate': {'host': target}},
                         timeout=30).raise_for_status()
        while True:
            time.sleep(1.0)
            shown = own.session.get(server, timeout=30).json()['server']
            if (shown['OS-EXT-SRV-ATTR:host'], shown['OS-EXT-STS:task_state']) == (target, None):
                return

    with concurrent.futures.ThreadPoolExecutor(places) as pool:
        began = time.monotonic()
        for done in [pool.submit(move, *each) for each in enumerate(setting.guests)]:
            done.result()
    return began, stub.calls()


# ---------------------------------------------------------------- what is printed


def shares(calls: Sequence[tuple[str, float, float]], setting: Setting) -> list[int]:
    """How many calls each host has while instances of all of them wait."""
    left = dict.fromkeys(setting.dead, 0)
    for host in setting.guests.values():
        left[host] += 1
    had = dict.fromkeys(setting.dead, 0)
    for host, _came, _taken in calls:
        had[host] += 1
        left[host] -= 1
        if not left[host]:
            break
    return sorted(had.values())


def jain(had: Sequence[int]) -> float:
    """1 if all have the same, 1/n if one of n has all."""
    return sum(had) ** 2 / (len(had) * sum(each * each for each in had)) if any(had) else 0.0


def told_of_one(setting: Setting, stub: Stub) -> str:
    """The seconds both ways, and their ratio."""
    planned, ours = by_kaopu(setting, stub)
    began, raw = by_hand(setting, stub)
    by_us, alone = ours[-1][2] - planned, raw[-1][2] - began
    places = min(setting.workers * setting.places, setting.in_all_max)
    return (f'{setting.instances} instances of one host, {places} at one time, a call of '
            f'{setting.pace.call_seconds:g} s and a move of {setting.pace.move_seconds:g} s: from '
            f'the plan to the last call taken {by_us:.2f} s (the first came after '
            f'{ours[0][1] - planned:.2f}), raw calls {alone:.2f} s, ratio {by_us / alone:.3f}, '
            f'{by_us / alone / _TARGET_RATIO:.2f} of the target of {_TARGET_RATIO:.2f}')


def told_of_many(setting: Setting, stub: Stub) -> str:
    """The share of the rate, and of each host."""
    planned, calls = by_kaopu(setting, stub)
    least = setting.instances / setting.pace.rate
    first, last = calls[0][2], calls[-1][2]
    share, whole = (least - 1 / setting.pace.rate) / (last - first), least / (last - planned)
    had = shares(calls, setting)
    return (f'{setting.instances} instances of {setting.hosts} hosts, '
            f'{setting.workers * setting.places} places, {setting.pace.rate:g} calls a second: '
            f'{100 * share:.1f} % of that rate from the first call to the last, {100 * whole:.1f} '
            f'% from the first plan on, {share / _TARGET_SHARE:.2f} of the target of '
            f'{100 * _TARGET_SHARE:g} %; of the calls while all hosts wait each has {had[0]} to '
            f'{had[-1]}, min/max {had[0] / max(had[-1], 1):.2f}, Jain {jain(had):.3f}')


def main(kind: str, *given: str) -> None:
    """Measure one of the two."""
    stub = Stub()
    try:
        if kind == 'one':
            print(told_of_one(one(*map(int, given or ['50'])), stub))
        else:
            instances, hosts, rate = (*given, *('1000', '20', '50')[len(given):])
            print(told_of_many(many(int(instances), int(hosts), float(rate)), stub))
    finally:
        stub.close()


if __name__ == '__main__':
    main(*(sys.argv[1:] or ['one']))
