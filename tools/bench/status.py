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
"""How soon ``kaopu-ha status`` answers of a large cloud, as a ratio to the same of an empty one.

    python -m tools.bench.status [hosts] [instances of each]

Both ask a real etcd in one run: before its agents wrote anything, and after.  Each is run again and
again, and its best is taken: what comes on top of that is other people's work on the machine.
"""

import pathlib
import sys
import tempfile

from kaopu_ha import ports, records
from kaopu_ha.core import model
from kaopu_ha.drivers.etcd.store import EtcdStore
from tests import etcd_single
from tools.bench import command

_TARGET_SECONDS = 1.0
_CLUSTER = '5ebab1e0-1111-4000-8000-000000000001'
_LEASE_SECONDS = 3600
# Of large records in one transaction.
_AT_ONCE = 50
_ROUNDS = 5


def inventory(number: int, each: int) -> model.Inventory:
    """What the host of this number tells, with so many instances."""
    return model.Inventory(
        _host(number), f'{number:08x}-0000-4000-8000-000000000001',
        f'{number:08x}-0000-4000-8000-000000000002', f'qemu+tls://{_host(number)}/system',
        (f'10.9.{number // 250}.{number % 250 + 1}',), {_CLUSTER: model.Sign.LIFE},
        instances=tuple(_instance(number, n) for n in range(each)))


def _instance(number: int, n: int) -> model.Instance:
    uuid = f'{number:08x}-{n:04x}-4000-8000-000000000000'
    disk = model.Image(_CLUSTER, 'vms', f'{uuid}_disk', f'{number:08x}{n:06x}')
    return model.Instance(uuid, f'instance-{number * 100 + n:08x}', model.Power.ON, (disk,),
                          cores=2, memory_mb=4096)


def _host(number: int) -> str:
    return f'compute-{number:05}'


def fill(store: ports.Store, hosts: int, each: int) -> None:
    """Write what so many agents and a leader would have written."""
    lease = store.grant(_LEASE_SECONDS)
    store.commit([], [ports.Put(records.LEADER, records.encode(records.Leader(
        'controller-1', '2026-01-01T00:00:00Z')), lease), ports.Put(
            records.UNPROTECTED, records.encode(records.UnprotectedList((), 0, away=())))])
    for first in range(0, hosts, _AT_ONCE):
        some = range(first, min(first + _AT_ONCE, hosts))
        told = [inventory(number, each) for number in some]
        store.commit([], [
            put for one in told for put in (
                ports.Put(records.INVENTORY + one.host, records.encode(one)),
                ports.Put(records.ALIVE + one.host, records.encode(records.Beat(
                    one.host_uuid, one.boot_id, '1')), lease))])


def measured(hosts: int, each: int, rounds: int = _ROUNDS) -> tuple[float, float]:
    """The seconds of an empty cloud, and of this one."""
    etcd = etcd_single.Etcd()
    store = EtcdStore([etcd.endpoint])
    try:
        with tempfile.TemporaryDirectory() as folder:
            conf = pathlib.Path(folder, 'kaopu-ha.conf')
            conf.write_text(f'[store]\nendpoints = {etcd.endpoint}\n')
            asked = [sys.executable, '-m', 'kaopu_ha.cli.shell', '--config-file', str(conf),
                     'status']
            empty = command.best(asked, rounds)
            fill(store, hosts, each)
            return empty, command.best(asked, rounds)
    finally:
        store.close()
        etcd.close()


def main(hosts: int, each: int) -> None:
    """Print both times and their ratio."""
    empty, full = measured(hosts, each)
    print(f'kaopu-ha status of {hosts} hosts with {each} instances each: {full:.2f} s, of none '
          f'{empty:.2f} s, ratio {full / empty:.1f}; {full / _TARGET_SECONDS:.2f} of the target of '
          f'{_TARGET_SECONDS:g} s')


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000,
         int(sys.argv[2]) if len(sys.argv) > 2 else 20)
