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

"""How long Kaopu HA takes to evacuate the instances of a dead host, against raw calls to Nova.

    python -m tools.bench.evacuations [count]

Both ways begin on a fresh cloud whose first host has all the instances and loses its power.  The
time begins when that host's fence is proven, and ends when the last instance is ACTIVE on another
host, without a task, with its disk open there, as one and the same observer sees it.  In between
both have the service forced down, list the servers and call evacuate.

The raw calls know the targets beforehand, write nothing down and ask nothing but Nova.  They keep
as many evacuations under way as Kaopu HA does with its defaults: four to each target (`[evacuation]
per_target_max`; two workers with `[worker] concurrency` 4 make eight in all, too), each of them
asked for once a second.

The instances have an empty disk: a guest that boots does so under emulation here, on the processors
that Nova needs, and the time would be its (20 instances then took three minutes either way).
"""

from collections.abc import Callable, Iterator
import concurrent.futures
import contextlib
import json
import subprocess
import sys
import time
from typing import Any

from minicloud import ceph, demo, disks, instances, network
from minicloud.cloud import Cloud
from minicloud.layout import POOL, address
from minicloud.shell import CloudError
from tools.bench import on_cloud

_PER_TARGET = 4
_POLL_SECONDS = 1.0
_OBSERVE_SECONDS = 0.5
_LIMIT = 600.0
_TARGET_RATIO = 1.15

# A program that stays: to start one for each look would take half a second of processor time.
_WATCHERS = f"""
import json, sys, rados, rbd
cluster = rados.Rados(conffile='/etc/ceph/ceph.conf')
cluster.connect()
pool = cluster.open_ioctx({POOL!r})
for line in sys.stdin:
    with rbd.Image(pool, json.loads(line), read_only=True) as image:
        print(json.dumps([watcher['addr'] for watcher in image.watchers_list()]), flush=True)
"""

Watchers = Callable[[str], list[str]]


def main(count: int) -> None:
    """Print both times and their ratio."""
    cloud = on_cloud.up()
    ours = _measured('Kaopu HA', _by_kaopu, cloud, count)
    raw = _measured('raw calls', _by_hand, cloud, count)
    print(f'{count} instances evacuated: Kaopu HA {ours:.1f} s, raw calls {raw:.1f} s, '
          f'ratio {ours / raw:.2f}, {ours / raw / _TARGET_RATIO:.2f} of the target of '
          f'{_TARGET_RATIO}')


def _measured(who: str, way: Callable[[Cloud, list[str], Watchers], tuple[float, list[float]]],
              cloud: Cloud, count: int) -> float:
    """The seconds from the proven fence to the last instance; tells of those between, too."""
    uuids = _boot(cloud, count)
    with _watchers() as watchers:
        began, done = way(cloud, uuids, watchers)
    seconds = sorted(at - began for at in done)
    broken = [one.name for one in cloud.instances() if one.status != 'ACTIVE']
    print(f'{who}: first {seconds[0]:.1f} s, half of them {seconds[len(seconds) // 2]:.1f} s, '
          f'last {seconds[-1]:.1f} s after the proof; in the end not '
          f'ACTIVE: {", ".join(broken) or "none"}', flush=True)
    return seconds[-1]


def _boot(cloud: Cloud, count: int) -> list[str]:
    """That many instances on the first host of a fresh cloud, ACTIVE and told of by its agent."""
    cloud.reset()
    made = instances.boot_empty(cloud.rest, on_cloud.VICTIM, count)
    demo.wait_beating(cloud)
    return made


# ---------------------------------------------------------------- the two ways


def _by_kaopu(cloud: Cloud, uuids: list[str], watchers: Watchers) -> tuple[float, list[float]]:
    cloud.power_off(on_cloud.VICTIM)
    on_cloud.retry(lambda: 'proven' in _road(cloud), _LIMIT, 0.5)
    return _road(cloud)['proven'], _observed(cloud, uuids, watchers)


def _road(cloud: Cloud) -> dict[str, float]:
    return on_cloud.reached(on_cloud.recovery_of(cloud, on_cloud.VICTIM).get('road', []))


def _by_hand(cloud: Cloud, uuids: list[str], watchers: Watchers) -> tuple[float, list[float]]:
    on_cloud.stop_kaopu(cloud)
    cloud.power_off(on_cloud.VICTIM)
    ceph.ceph(cloud.layout, 'osd', 'blocklist', 'add', f'{address(on_cloud.VICTIM, "stor")}:0/0')
    targets = [host for host in cloud.layout.hosts if host != on_cloud.VICTIM]
    with contextlib.ExitStack() as pools:
        began = time.time()
        service = on_cloud.service(cloud, on_cloud.VICTIM)
        cloud.rest.nova('PUT', f'/os-services/{service["id"]}', {'forced_down': True})
        there = [one.uuid for one in cloud.instances() if one.host == on_cloud.VICTIM]
        slots = {target: pools.enter_context(concurrent.futures.ThreadPoolExecutor(_PER_TARGET))
                 for target in targets}
        moves = [slots[target].submit(_move, cloud, uuid, target)
                 for number, uuid in enumerate(there)
                 if (target := targets[number % len(targets)])]
        done = _observed(cloud, uuids, watchers)
        for move in moves:
            move.result()
    return began, done


def _move(cloud: Cloud, uuid: str, target: str) -> None:
    """Call evacuate and wait until Nova is through with it: then the slot is free."""
    if not on_cloud.evacuate(cloud, uuid, target):
        raise CloudError('Nova does not know that the host is down')

    def arrived() -> bool:
        return _is_there(instances.server(cloud.rest, uuid), target)

    on_cloud.retry(arrived, _LIMIT, _POLL_SECONDS)


# ---------------------------------------------------------------- the observer


def _observed(cloud: Cloud, uuids: list[str], watchers: Watchers) -> list[float]:
    """When each of the instances was done."""
    done: dict[str, float] = {}

    def all_done() -> bool:
        listed = cloud.rest.nova('GET', '/servers/detail?all_tenants=1')['servers']
        for server in listed:
            uuid, host = server['id'], server['OS-EXT-SRV-ATTR:host']
            if uuid not in done and host != on_cloud.VICTIM and _is_there(server, host):
                opened = f'{address(host, "stor")}:'
                if any(client.startswith(opened) for client in watchers(disks.image(uuid))):
                    done[uuid] = time.time()
        return set(done) == set(uuids)

    on_cloud.retry(all_done, _LIMIT, _OBSERVE_SECONDS)
    return list(done.values())


def _is_there(server: dict[str, Any], host: str) -> bool:
    return (server['OS-EXT-SRV-ATTR:host'] == host and server['status'] == 'ACTIVE'
            and server['OS-EXT-STS:task_state'] is None)


@contextlib.contextmanager
def _watchers() -> Iterator[Watchers]:
    """What lists the addresses of an image's clients."""
    argv = network.within('ctl', ['/usr/bin/python3', '-c', _WATCHERS])
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    to, answers = process.stdin, process.stdout

    def ask(image: str) -> list[str]:
        to.write(json.dumps(image) + '\n')
        to.flush()
        return list(json.loads(answers.readline()))

    try:
        yield ask
    finally:
        to.close()
        process.wait(10)


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
