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

"""What does a look of each loop of a controller cost, with few hosts and with many?

    PYTHONPATH=. nice python tools/bench/looks.py --hosts 10000

The real loops on a store in memory that has a mirror, as etcd's has, and on a clock that goes on
only when all have had their turns.  So what is measured is the processor's time that the program
takes itself, whatever else the machine does.  Printed are, while all
is well, the share of a processor of each loop, and what it is with ten hosts; how long one host and
many take from the last beat to CONFIRMED, and what that costs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
import concurrent.futures
import contextlib
import cProfile
import gc
import pstats
import statistics
import sys
import time
from typing import Any
import uuid

from kaopu_ha import ports, records
from kaopu_ha.conf.rules import PACES
from kaopu_ha.core import copied, model
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.rules import Rules
from kaopu_ha.programs import controllers
from kaopu_ha.runtime import Runtime

CLUSTER = '6e5b1c1e-0000-4000-8000-000000000001'


def names(count: int) -> list[str]:
    """The names of so many hosts."""
    return [f'compute-{number:05}' for number in range(count)]


def inventory(host: str, instances: int) -> model.Inventory:
    """What an agent would tell of a host with so many instances, of which each has a disk."""
    number = int(host.rsplit('-', 1)[1])
    return model.Inventory(
        host, _uuid(host), _uuid(host, 'boot'), f'qemu+tls://{host}/system',
        storage_addresses=(f'10.{number >> 16}.{(number >> 8) % 256}.{number % 256}',),
        storage={CLUSTER: model.Sign.LIFE}, cores=64, memory_mb=262144,
        instances=tuple(_instance(host, each) for each in range(instances)))


def beat(host: str) -> records.Beat:
    """The beat of this host."""
    return records.Beat(_uuid(host), _uuid(host, 'boot'), f'{host}/1')


def _instance(host: str, number: int) -> model.Instance:
    name = _uuid(host, str(number))
    image = model.Image(CLUSTER, 'vms', f'{name}_disk', name[-12:])
    return model.Instance(name, f'instance-{number:08x}', model.Power.ON, (image,), cores=2,
                          memory_mb=4096)


def _uuid(*parts: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, '/'.join(parts)))


class Silent(ports.Probe):
    """A network on which no suspect shows itself."""

    def __init__(self, network: model.Network) -> None:
        self.network = network

    def ask(self, suspects: Sequence[model.Inventory], peers: Sequence[model.Inventory],
            limit: float, known: Any) -> Mapping[str, model.Evidence]:
        """Nothing came back."""
        return {each.host: model.Evidence(self.network, model.Sign.SILENCE, 'nothing came back')
                for each in suspects}

    def close(self) -> None:
        """Nothing is held."""


class Absent:
    """A cloud, its use, its queue and a libvirt of which nothing is known, and that do nothing."""

    def servers(self, host: str) -> tuple[model.Server, ...]:
        """None are there."""
        return ()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def away(*given: Any, **named: Any) -> Any:
            raise ports.PortError('there is none in this measurement')
        return away


def rules_of(pace: str) -> Rules:
    """The limits and waits of a pace; all else as it is if nobody says otherwise."""
    times = PACES[pace]
    return Rules(beat_ttl=float(times.beat_ttl), ask_limit=times.ask_limit,
                 look_interval=times.look_interval, death_seconds=float(times.death_ttl),
                 lock_seconds=float(times.lock_ttl))


class Memory(ports.Store):
    """Keys in memory.  A lease without end (0 seconds) lasts until it is revoked."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: dict[str, ports.Entry] = {}
        self._revision, self._granted = 1, 0
        self._leases: dict[int, tuple[float, int]] = {}
        self._copies: list[copied.Copy] = []
        self.changed: list[str] = []

    def read(self, *ranges: str) -> ports.Snapshot:
        """What is there."""
        self.lapse()
        found = {}
        for name in ranges:
            if name.endswith('/'):
                found |= {key: entry for key, entry in self._entries.items()
                          if key.startswith(name)}
            elif name in self._entries:
                found[name] = self._entries[name]
        return ports.Snapshot(self._revision, dict(sorted(found.items())))

    def follow(self, *ranges: str) -> copied.Mirror:
        """A copy that is told of each change as it is made."""
        copy = copied.Copy(ranges)
        copy.begin(self._revision, self._entries.values())
        self._copies.append(copy)
        return _Mirror(self, copy)

    def names(self, prefix: str, most: int) -> tuple[str, ...]:
        """The first names under a prefix."""
        return tuple(self.read(prefix).under(prefix))[:most]

    def sizes(self) -> Mapping[str, int]:
        """Nothing is told."""
        return {}

    def commit(self, compares: Sequence[ports.Compare],
               writes: Sequence[ports.Put | ports.Delete]) -> int | None:
        """All or nothing."""
        self.lapse()
        for compare in compares:
            entry = self._entries.get(compare.key)
            if compare.modified not in (None, entry.modified if entry else 0):
                return None
            if compare.created not in (None, entry.created if entry else 0):
                return None
        self._write(writes)
        return self._revision

    def grant(self, ttl: int) -> int:
        """A lease."""
        self._granted += 1
        if ttl:
            self._leases[self._granted] = self._clock() + ttl, ttl
        return self._granted

    def renew(self, lease: int, limit: float) -> int:
        """Let it last longer."""
        self.lapse()
        if lease not in self._leases:
            return 0
        ttl = self._leases[lease][1]
        self._leases[lease] = self._clock() + ttl, ttl
        return ttl

    def revoke(self, lease: int) -> None:
        """End it, and its keys."""
        self._leases.pop(lease, None)
        self._write([ports.Delete(entry.key) for entry in self._entries.values()
                     if entry.lease == lease])

    def watch(self, prefix: str, tell: Callable[[ports.Change], None],
              since: int = 0) -> ports.Watching:
        """Whoever watches asks ``changed``."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is held."""

    def lapse(self) -> None:
        """End the leases whose time is over."""
        for lease in [lease for lease, (until, ttl) in self._leases.items()
                      if until <= self._clock()]:
            self.revoke(lease)

    def _write(self, writes: Iterable[ports.Put | ports.Delete]) -> None:
        changes, self._revision = [], self._revision + 1
        for write in writes:
            before, entry = self._entries.pop(write.key, None), None
            if isinstance(write, ports.Put):
                entry = self._entries[write.key] = ports.Entry(
                    write.key, write.value, before.created if before else self._revision,
                    self._revision, write.lease)
            changes.append(ports.Change(write.key, entry, self._revision))
            self.changed.append(write.key)
        for copy in self._copies:
            copy.take(self._revision, changes)


class _Mirror(copied.Mirror):
    def __init__(self, store: Memory, copy: copied.Copy) -> None:
        self._store, self._copy = store, copy

    def at(self, limit: float) -> ports.Snapshot:
        """The copy is told at once."""
        self._store.lapse()
        return self._copy.snapshot()

    def close(self) -> None:
        """Nothing is held."""


class AtOnce(concurrent.futures.Executor):
    """Does what it is given before it says so."""

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Any:
        """Do it."""
        done: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            done.set_result(work(*given, **named))
        except Exception as failure:  # noqa: BLE001  it is whoever asks for the result who raises
            done.set_exception(failure)
        return done


class Controller:
    """The loops of a leader on a false clock.  ``spent`` is the processor's time of each."""

    def __init__(self, hosts: int, instances: int, rules: Rules) -> None:
        self.now = 1000.0
        self.store, self.hosts = Memory(lambda: self.now), names(hosts)
        self.confirmed: dict[str, float] = {}
        for host in self.hosts:
            lease = self.store.grant(0)
            self.store.commit([], [
                ports.Put(records.INVENTORY + host,
                          records.encode(inventory(host, instances))),
                ports.Put(records.ALIVE + host, records.encode(beat(host)), lease)])
        absent: Any = Absent()
        probes = [Silent(network) for network in model.Network]
        self.loops, _ = controllers.loops(
            controllers.mirrored(self.store), probes, [], absent, absent, absent, absent,
            rules, 10,
            Runtime('leader', lambda: self.now, lambda: f'{self.now:.3f}', self._tell,
                    lambda count, name: AtOnce()), observing=probes)
        self.spent = {loop.name: [0.0] for loop in self.loops}
        self._due = {loop.name: self.now for loop in self.loops}
        self.run(30)

    def run(self, seconds: float, until: Callable[[], bool] = bool) -> None:
        """Let the time pass."""
        end = self.now + seconds
        while self.now < end and not until():
            loop = min(self.loops, key=lambda loop: self._due[loop.name])
            self.now = max(self.now, self._due[loop.name])
            began = time.thread_time()
            pause = max(loop.turn(), 0.02)
            self.spent[loop.name].append(time.thread_time() - began)
            self.now += self.spent[loop.name][-1]
            self._due[loop.name] = self.now + pause
            self.store.lapse()
            changed, self.store.changed = self.store.changed, []
            for each in self.loops:
                if any(key.startswith(each.woken_by) for key in changed):
                    self._due[each.name] = min(self._due[each.name], self.now + 0.02)

    def lose(self, hosts: Sequence[str]) -> list[float]:
        """Seconds from when the beats of these are gone until each is confirmed."""
        began = self.now
        for host in hosts:
            entry = self.store.read(records.ALIVE + host).get(records.ALIVE + host)
            self.store.revoke(entry.lease if entry else -1)
        self.run(1000, lambda: all(host in self.confirmed for host in hosts))
        return sorted(self.confirmed[host] - began for host in hosts)

    def forget(self) -> None:
        """Count anew what is spent."""
        for each in self.spent.values():
            each[:] = []

    def _tell(self, item: News) -> None:
        if item.fact is Fact.CONFIRMED:
            self.confirmed[item.host] = self.now


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description='What does a look cost?')
    parser.add_argument('--hosts', type=int, default=10000, help='how many (10000)')
    parser.add_argument('--instances', type=int, default=20, help='on each of them (20)')
    parser.add_argument('--lost', type=int, default=100, help='at once, of the hosts (100)')
    parser.add_argument('--pace', choices=sorted(PACES), default='fast', help='(fast)')
    parser.add_argument('--idle', type=float, default=120, help='seconds to look on (120)')
    parser.add_argument('--profile', action='store_true', help='what takes the time meanwhile')
    args = parser.parse_args(argv)
    few = Controller(10, args.instances, rules_of(args.pace))
    few_idle, few_lost = _idle(few, args.idle), few.lose(few.hosts[:1])[-1]
    many = Controller(args.hosts, args.instances, rules_of(args.pace))
    gc.collect()
    profile = cProfile.Profile(time.thread_time)
    with profile if args.profile else contextlib.nullcontext():
        many_idle = _idle(many, args.idle)
    if args.profile:
        pstats.Stats(profile).sort_stats('tottime').print_stats(35)
    for name, (share, turns, middle, most) in many_idle.items():
        print(f'{name:12} {share:.4f} of a core, {turns:4} turns, {1000 * middle:7.2f} ms, at most '
              f'{1000 * most:7.2f}; with 10 hosts {1000 * few_idle[name][2]:.2f} ms')
    print(f'all loops: {sum(each[0] for each in many_idle.values()):.3f} of a core; with 10 hosts '
          f'{sum(each[0] for each in few_idle.values()):.3f}')
    one = _lost('one host', many, many.hosts[-1:], few_lost)
    _lost(f'{args.lost} hosts', many, many.hosts[:args.lost], one)
    return 0


def _idle(controller: Controller, seconds: float) -> dict[str, tuple[float, int, float, float]]:
    controller.forget()
    controller.run(seconds)
    return {name: (sum(each) / seconds, len(each), statistics.median(each or [0.0]),
                   max(each, default=0.0)) for name, each in controller.spent.items()}


def _lost(what: str, controller: Controller, hosts: Sequence[str], against: float) -> float:
    controller.forget()
    took = controller.lose(hosts)
    turns = controller.spent['detector']
    print(f'{what} lost: CONFIRMED after {took[0]:.2f} to {took[-1]:.2f} s, ratio '
          f'{took[-1] / against:.3f}; the detector {len(turns)} turns of '
          f'{1000 * statistics.median(turns):.1f} ms, at most {1000 * max(turns):.1f}, all loops '
          f'{sum(map(sum, controller.spent.values())):.2f} s')
    return took[-1]


if __name__ == '__main__':
    sys.exit(main())
