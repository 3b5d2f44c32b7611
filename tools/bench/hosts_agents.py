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

"""Agents of many hosts as one process: inventories, watches, and beats under real leases.

It takes lines: ``lose host ...`` has these hosts beat no more, and answers with the time of the
last beat of each.  See ``hosts``.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Sequence
import concurrent.futures
import json
import os
import sys
import threading
import time
from typing import Any

from kaopu_ha import ports, records
from kaopu_ha.drivers.etcd import calls as etcd_calls
from kaopu_ha.drivers.etcd import store as etcd
from kaopu_ha.drivers.etcd import wire
from tools.bench import looks

_AT_ONCE = 8
_TOGETHER = 40
_LIMIT = 5.0


class Agents:
    """Those whose beats go to one member: a lease for each, two watches, and a stream for all."""

    def __init__(self, store: etcd.EtcdStore, interval: float, ttl: int) -> None:
        self._store, self._calls = store, store._calls
        self._interval, self._ttl = interval, ttl
        self._leases: dict[str, int] = {}
        self._due: collections.deque[tuple[float, str]] = collections.deque()
        self._beaten: dict[str, float] = {}
        # Of renewals: how late the latest was; which found the lease gone; why there are no more.
        self.late, self.lapsed, self.broken = 0.0, set[int](), ''
        threading.Thread(target=self._renew, daemon=True).start()

    def begin(self, instances: int, hosts: Sequence[str]) -> None:
        """Write down what these hosts have, and watch."""
        now = self._store.commit([], [ports.Put(records.INVENTORY + host, records.encode(
            looks.inventory(host, instances))) for host in hosts])
        assert now is not None
        for host in hosts:
            for key in (records.LOCK + host, records.requests_to(host)):
                self._store.watch(key, lambda change: None, now)

    def beat(self, hosts: Sequence[str]) -> None:
        """Have them beat from now on."""
        leases = {host: self._store.grant(self._ttl) for host in hosts}
        self._store.commit([], [ports.Put(records.ALIVE + host, records.encode(looks.beat(host)),
                                          lease) for host, lease in leases.items()])
        self._leases |= leases
        for host in hosts:
            self._beaten[host] = time.monotonic()
            self._due.append((time.monotonic() + self._interval, host))

    def lose(self, hosts: Sequence[str]) -> dict[str, float]:
        """Have those of them that are here beat no more; when each did last."""
        mine = [host for host in hosts if self._leases.pop(host, 0)]
        # One may be on its way.
        time.sleep(0.1)
        return {host: self._beaten[host] for host in mine}

    def _renew(self) -> None:
        member = self._calls.member
        try:
            call = self._calls.stream(member, wire.KEEP_ALIVE, self._requests(), _LIMIT)
            for reply in self._calls.replies(member, call):
                if reply.TTL <= 0:
                    self.lapsed.add(reply.ID)
        except etcd_calls.Failed as failed:
            self.broken = str(failed)

    def _requests(self) -> Iterator[wire.Message]:
        while True:
            now = time.monotonic()
            if not self._due or self._due[0][0] > now:
                time.sleep(0.02)
                continue
            at, host = self._due.popleft()
            lease = self._leases.get(host)
            if lease is None:
                continue
            self.late = max(self.late, now - at)
            self._beaten[host] = now
            self._due.append((max(at + self._interval, now), host))
            yield wire.LeaseKeepAliveRequest(ID=lease)


def answer(answers: dict[str, Callable[..., Any]]) -> None:
    """Answer each line that comes, until no more do: a name and words, with JSON."""
    for line in sys.stdin:
        name, *words = line.split()
        print(json.dumps({'answer': answers[name](*words)}), flush=True)
    # Whoever asked has ended, and there may be threads that do not.
    os._exit(0)


def main(told: str) -> None:
    """Have the hosts beat, and take lines."""
    given = json.loads(told)
    by_member = [Agents(etcd.EtcdStore(**given['store'], first=each), given['interval'],
                        given['ttl']) for each in range(len(given['store']['endpoints']))]
    hosts = looks.names(given['hosts'])
    portions = [hosts[start:start + _TOGETHER] for start in range(0, len(hosts), _TOGETHER)]
    with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda each: by_member[each % len(by_member)].begin(
            given['instances'], portions[each]), range(len(portions))))
    # Only now: who beats has no time for more.
    for place, portion in enumerate(portions):
        by_member[place % len(by_member)].beat(portion)

    def lose(*lost: str) -> dict[str, float]:
        return {host: at for each in by_member for host, at in each.lose(lost).items()}

    def figures() -> dict[str, Any]:
        """Since this was asked last."""
        late = max(each.late for each in by_member)
        for each in by_member:
            each.late = 0.0
        return {'late': late, 'lapsed': sum(len(each.lapsed) for each in by_member),
                'broken': '; '.join(filter(None, (each.broken for each in by_member)))}
    answer({'ready': lambda: True, 'lose': lose, 'figures': figures})


if __name__ == '__main__':
    main(sys.argv[1])
