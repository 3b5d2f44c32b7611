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

"""How long it takes from a power cut to the first write of what was moved, against Nova alone.

    python -m tools.bench.power_cut

On the mini cloud at the fast pace: one host loses its power and Kaopu HA heals it.  Then, in the
same run and without Kaopu HA, another host loses its power, and a caller without a fence tries
`evacuate` once a second: Nova refuses it until it has found out by itself that the host is down.
"""

from collections.abc import Iterator
import contextlib
import pathlib
import subprocess
import threading
import time

from minicloud import disks, instances, judge, kaopu, machines, processes, secure
from minicloud.cloud import Cloud
from minicloud.judge import Expected
from tools.bench import on_cloud

_COUNT = 6
_SECOND_VICTIM, _SPARE = 'c2', 'c3'
_LIMIT = 240.0
_TARGETS = {'CONFIRMED': 16, 'first call taken by Nova': 19, 'first write of the first guest': 35}
_AGENT_TARGET_MB = 80
_CALL, _FIRST, _LAST = ('first call taken by Nova', 'first write of the first guest',
                        'first write of the last guest')

Times = dict[str, float]


def main() -> None:
    """Print the table, the agent's memory, and the ratios."""
    cloud = on_cloud.up()
    on_cloud.refresh(cloud, instances.plan(_COUNT, cloud.layout.hosts, set()))
    memory = _agent_memory(cloud)
    ours = _healed(cloud, on_cloud.VICTIM)
    on_cloud.stop_kaopu(cloud)
    alone = _by_nova_alone(cloud, _SECOND_VICTIM, _SPARE)
    print(f'\n{"seconds after the power cut":36}{"Kaopu HA":>10}{"target":>8}{"Nova alone":>12}'
          f'{"ratio":>7}')
    for what in dict.fromkeys((*ours, *alone)):
        ratio = f'{alone[what] / ours[what]:.1f}' if what in ours and what in alone else ''
        print(f'{what:36}{_told(ours, what):>10}{_TARGETS.get(what, ""):>8}'
              f'{_told(alone, what):>12}{ratio:>7}')
    for what, most in _TARGETS.items():
        print(f'{what}: {ours[what] / most:.2f} of the target')
    print(f'memory of an agent: {memory[0]:.0f} MB, {memory[0] / _AGENT_TARGET_MB:.2f} of the '
          f'target of {_AGENT_TARGET_MB} MB; its children: '
          f'{", ".join(f"{one:.0f} MB" for one in memory[1:]) or "none"}')


def _told(times: Times, what: str) -> str:
    return f'{times[what]:.1f}' if what in times else '-'


# ---------------------------------------------------------------- both ways


def _healed(cloud: Cloud, host: str) -> Times:
    """Cut the power of a host and let Kaopu HA heal it."""
    there = _on(cloud, host)
    boots = _boots(cloud, there)
    with _beat_gone(cloud, host) as gone:
        cut = time.time()
        cloud.power_off(host)
        recovery = on_cloud.wait_finished(cloud, host, _LIMIT)
    case = on_cloud.reached(kaopu.records(cloud.layout, 'case/')[host]['road'])
    stages = on_cloud.reached(recovery['road'])
    moves = [on_cloud.reached(one['road']) for one in
             kaopu.records(cloud.layout, f'evacuation/{recovery["id"]}/').values()]
    first, last = _first_writes(cloud, boots)
    found = {'the beat is gone': gone[0]}
    found |= {stage.upper(): case[stage] for stage in
              ('suspected', 'dying', 'locked', 'last look', 'confirmed')}
    found |= {stage.upper(): stages[stage] for stage in ('proven', 'planned')}
    found[_CALL] = min(one['moving'] for one in moves if 'moving' in one)
    found['last instance done'] = max(one['done'] for one in moves if 'done' in one)
    found |= {_FIRST: first, _LAST: last}
    return {what: at - cut for what, at in found.items()}


def _by_nova_alone(cloud: Cloud, host: str, target: str) -> Times:
    """Cut the power of a host and call evacuate until Nova takes it."""
    there = _on(cloud, host)
    boots = _boots(cloud, there)
    cut = time.time()
    cloud.power_off(host)
    first, *others = [one.uuid for one in there]
    taken = on_cloud.retry(lambda: on_cloud.evacuate(cloud, first, target), _LIMIT, 1)
    for uuid in others:
        on_cloud.retry(lambda uuid=uuid: on_cloud.evacuate(cloud, uuid, target), _LIMIT, 1)
    writes = _first_writes(cloud, boots)
    found = dict(zip((_CALL, _FIRST, _LAST), (taken, *writes), strict=True))
    return {what: at - cut for what, at in found.items()}


# ---------------------------------------------------------------- looking


def _on(cloud: Cloud, host: str) -> list[Expected]:
    return [one for one in cloud.instances() if one.host == host and one.status != 'SHUTOFF']


def _boots(cloud: Cloud, there: list[Expected]) -> dict[str, str]:
    """The boot that writes to the disk of each instance, by UUID."""
    found = disks.read(cloud.layout, [one.uuid for one in there])
    return {uuid: disk.head.boot for uuid, disk in found.items()
            if isinstance(disk, judge.Disk) and disk.head}


def _first_writes(cloud: Cloud, boots: dict[str, str]) -> tuple[float, float]:
    """When the first and when the last of the moved guests wrote first, by the guests' clocks.

    A guest's clock starts at a whole second: these times may be up to a second early.
    """
    while True:
        found = disks.read(cloud.layout, list(boots))
        runs = [judge.runs(disk.journal)[-1] for disk in found.values()
                if isinstance(disk, judge.Disk)]
        if len(runs) == len(boots) and not {run[0].boot for run in runs} & set(boots.values()):
            first = [run[0].ms / 1000 for run in runs]
            return min(first), max(first)
        time.sleep(1)


@contextlib.contextmanager
def _beat_gone(cloud: Cloud, host: str) -> Iterator[list[float]]:
    """The times at which the beat of a host went, seen by a watch."""
    argv = [*secure.etcdctl(cloud.layout), 'watch', f'{kaopu.KEYS}alive/{host}']
    process = subprocess.Popen(cloud.command('ctl', argv), stdout=subprocess.PIPE, text=True)
    gone: list[float] = []

    def read() -> None:
        for line in process.stdout or ():
            if line.startswith('DELETE'):
                gone.append(time.time())

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield gone
    finally:
        process.kill()
        process.wait()
        thread.join(5)


def _agent_memory(cloud: Cloud) -> list[float]:
    """The resident memory of an agent's process, then of its children, in MB."""
    agent = machines.daemon_pid(cloud.layout, _SPARE, kaopu.AGENT)
    assert agent, 'no agent runs'
    found = []
    for pid in processes.tree(agent):
        status = pathlib.Path(f'/proc/{pid}/status').read_text()
        line = next(line for line in status.splitlines() if line.startswith('VmRSS:'))
        found.append(int(line.split()[1]) / 1024)
    return found


if __name__ == '__main__':
    main()
