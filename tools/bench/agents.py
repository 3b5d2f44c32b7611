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

"""Agents of many hosts as one process: their inventories, and their beats under real leases.

It takes lines: ``lose host ...`` has these hosts beat no more, and answers with the time of the
last beat of each.  See ``scale``.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Sequence
import concurrent.futures
import functools
import json
import os
import sys
import threading
import time
from typing import Any
import uuid

from kaopu_ha import ports, records
from kaopu_ha.core import model
from kaopu_ha.drivers.etcd import store as etcd
from kaopu_ha.drivers.etcd import wire

CLUSTER = '6e5b1c1e-0000-4000-8000-000000000001'
_AT_ONCE = 8
_TOGETHER = 40
_LIMIT = 5.0


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


class Agents:
    """The beats of hosts by one member, each under a lease of its own, renewed over one stream."""

    def __init__(self, store: etcd.EtcdStore, interval: float, ttl: int) -> None:
        self._store, self._calls = store, store._calls
        self._interval, self._ttl = interval, ttl
        self._leases: dict[str, int] = {}
        self._due: collections.deque[tuple[float, str]] = collections.deque()
        self.beaten: dict[str, float] = {}
        self.late = 0.0
        self.lapsed: set[int] = set()
        threading.Thread(target=self._renew, daemon=True).start()

    def begin(self, instances: int, hosts: Sequence[str]) -> None:
        """Write down what these hosts have, and have them beat."""
        self._store.commit([], [ports.Put(records.INVENTORY + host, records.encode(
            inventory(host, instances))) for host in hosts])
        for host in hosts:
            lease = self._store.grant(self._ttl)
            self._store.commit([], [ports.Put(records.ALIVE + host, records.encode(beat(host)),
                                              lease)])
            self._leases[host], self.beaten[host] = lease, time.monotonic()
            self._due.append((time.monotonic() + self._interval, host))

    def lose(self, hosts: Sequence[str]) -> dict[str, float]:
        """Have those of them that are here beat no more; when each did last."""
        mine = [host for host in hosts if self._leases.pop(host, 0)]
        time.sleep(0.1)
        return {host: self.beaten[host] for host in mine}

    def _renew(self) -> None:
        call = self._calls.stream(self._calls.member, wire.KEEP_ALIVE, self._requests(), _LIMIT)
        for reply in self._calls.replies(self._calls.member, call):
            if reply.TTL <= 0:
                self.lapsed.add(reply.ID)

    def _requests(self) -> Iterator[wire.Message]:
        while True:
            now = time.monotonic()
            if not self._due or self._due[0][0] > now:
                time.sleep(min(self._interval, 0.02))
                continue
            at, host = self._due.popleft()
            lease = self._leases.get(host)
            if lease is None:
                continue
            self.late = max(self.late, now - at)
            self.beaten[host] = now
            self._due.append((max(at + self._interval, now), host))
            yield wire.LeaseKeepAliveRequest(ID=lease)


def answered(answers: dict[str, Callable[..., Any]]) -> None:
    """Answer each line that comes, until no more do: a name and words, with JSON."""
    for line in sys.stdin:
        name, *words = line.split()
        print(json.dumps({'answer': answers[name](*words)}), flush=True)
    # Whoever asked has ended, and there may be threads that do not.
    os._exit(0)


def main(told: str) -> None:
    """Have the hosts beat, say so, and take lines."""
    given = json.loads(told)
    by_member = [Agents(etcd.EtcdStore(**given['store'], first=each), given['interval'],
                        given['ttl']) for each in range(len(given['store']['endpoints']))]
    hosts = names(given['hosts'])
    portions = [hosts[start:start + _TOGETHER] for start in range(0, len(hosts), _TOGETHER)]
    with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda each: by_member[each % len(by_member)].begin(
            given['instances'], portions[each]), range(len(portions))))

    def lose(*lost: str) -> dict[str, float]:
        return functools.reduce(lambda one, other: one | other,
                                (each.lose(lost) for each in by_member))

    def figures() -> dict[str, Any]:
        late, lapsed = max(each.late for each in by_member), sum(
            len(each.lapsed) for each in by_member)
        for each in by_member:
            each.late = 0.0
        return {'late': late, 'lapsed': lapsed}
    answered({'lose': lose, 'ready': lambda: True, 'figures': figures})


if __name__ == '__main__':
    main(sys.argv[1])
