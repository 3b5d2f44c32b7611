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


"""How long it takes to say of every instance whether it would come back, against one by one.

    python -m tools.bench.protection [hosts] [instances of each]

Both ways ask the same store and the same cloud, which are in memory and answer at once: what is
left is the reading, the playing of the recoveries, and the choice of targets.  The plain way looks
for each instance anew, as a script would that asks about one after the other; it is timed for some
of them, and that is told as so many times the whole.  Seconds are the processor's: nothing here
waits for anybody.
"""

import concurrent.futures
import sys
import time

from kaopu_ha import ports, records
from kaopu_ha.controller.foresight import Foresight
from kaopu_ha.core import demands, model, prospect
from kaopu_ha.core.rules import Rules
from tests.unit.controller.scene import Store

_CLUSTER = '5ebab1e0-1111-4000-8000-000000000001'
_CORES = (1, 2, 4, 8)
_ZONES = 4
_ONE_BY_ONE = 20
_TARGET_SECONDS = 2.0


class _Cloud:
    """Nova and Placement, of hosts that are half full: zones, kinds, and a group for each ten."""

    def __init__(self, hosts: int, each: int) -> None:
        self.by_host = {_host(number): tuple(_server(number, n) for n in range(each))
                        for number in range(hosts)}
        self.asked = 0

    def services(self):
        self.asked += 1
        return {host: model.ComputeService(host, host, True, True, False, _zone(number))
                for number, host in enumerate(self.by_host)}

    def servers(self, host):
        self.asked += 1
        return self.by_host[host]

    def places(self, kinds):
        """Placement is asked once for each kind, and offers two hosts of three."""
        self.asked += len(kinds)
        offers = {kind: demands.Offer(frozenset(
            host for place, host in enumerate(self.by_host) if (place + number) % 3))
                  for number, kind in enumerate(kinds)}
        groups = []
        for number, servers in enumerate(zip(*self.by_host.values(), strict=True)):
            uuids = [server.uuid for server in servers]
            groups += [demands.Group(f'{number}-{first}', 'db', demands.APART,
                                     frozenset(uuids[first:first + 10]))
                       for first in range(0, len(uuids), 10)]
        return demands.Places(offers, (), tuple(groups))

    def actions(self, instance):
        return ()

    def usage(self):
        self.asked += 1
        return {host: model.Usage(
            2.0 * sum(one.cores for one in there), sum(one.cores for one in there),
            2.0 * sum(one.memory_mb for one in there), sum(one.memory_mb for one in there))
            for host, there in self.by_host.items()}


class _Fence:
    """Would cut what hosts tell of themselves, and may."""

    name = 'ceph_blocklist'

    def orders(self, inventory, clusters, clients):
        entries = tuple(f'{ip}:0/0' for ip in inventory.storage_addresses)
        return tuple(model.FenceOrder(self.name, cluster, entries) for cluster in clusters)

    def forbidden(self, order, limit):
        return {}


def _host(number):
    return f'compute-{number:04}'


def _zone(number):
    return f'az{number % _ZONES}'


def _uuid(number, n):
    return f'{number:08x}-0000-4000-8000-{n:012x}'


def _server(number, n):
    cores = _CORES[n % len(_CORES)]
    asks = demands.Part('', (demands.Amount('VCPU', cores),
                             demands.Amount('MEMORY_MB', 2048 * cores)))
    return model.Server(_uuid(number, n), f'web-{number}-{n}', _host(number), 'active',
                        power_state=1, cores=cores, memory_mb=2048 * cores,
                        demand=demands.Demand((asks,), _zone(number) if n % 2 else ''))


def _instance(number, n):
    image = model.Image(_CLUSTER, 'volumes', f'volume-{number}-{n}', f'{number:x}{n:x}')
    return model.Instance(_uuid(number, n), f'instance-{number}-{n}', model.Power.ON, (image,))


def _store(hosts, each):
    """A store with what so many agents and a leader wrote."""
    store = Store()
    store.commit([], [ports.Put(records.LEADER, records.encode(records.Leader('c', 'now')))])
    for number in range(hosts):
        host = _host(number)
        told = model.Inventory(
            host, 'uuid', 'boot', f'qemu+tls://{host}/system',
            (f'10.9.{number // 250}.{number % 250 + 1}',), {_CLUSTER: model.Sign.LIFE},
            instances=tuple(_instance(number, n) for n in range(each)))
        store.commit([], [ports.Put(records.INVENTORY + host, records.encode(told)),
                          ports.Put(records.ALIVE + host, records.encode(
                              records.Beat('uuid', 'boot', '1')), store.grant(60))])
    return store


def _looked(store, cloud, pool, name=''):
    rules = Rules(client_networks=('10.9.0.0/16',))
    return Foresight(store, cloud, cloud, [_Fence()], rules, pool, time.monotonic).look(name)


def main(hosts: int, each: int) -> None:
    """Print both times and their ratio."""
    store, cloud = _store(hosts, each), _Cloud(hosts, each)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        began = time.process_time()
        found = _looked(store, cloud, pool).prospects
        whole, asked = time.process_time() - began, cloud.asked
        began, count = time.process_time(), min(_ONE_BY_ONE, len(found))
        for one in found[:count]:
            _looked(store, cloud, pool, one.instance)
        one_by_one = (time.process_time() - began) / count * len(found)
    back = sum(one.answer is prospect.Forecast.PROTECTED for one in found)
    print(f'{len(found)} instances on {hosts} hosts, {back} would come back: all of them '
          f'{whole:.2f} s and {asked} questions, one by one {one_by_one:.1f} s (by {count} of '
          f'them), ratio {whole / one_by_one:.4f}; {whole / _TARGET_SECONDS:.2f} of the target of '
          f'{_TARGET_SECONDS:g} s')


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100,
         int(sys.argv[2]) if len(sys.argv) > 2 else 10)
