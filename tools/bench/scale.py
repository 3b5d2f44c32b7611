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

"""What do so many hosts cost, and is one of them missed as soon as one of ten is?

    PYTHONPATH=. python tools/bench/scale.py --hosts 10000 --pace fast

A real etcd of three members with TLS; the agents as one process with a real lease for each host; a
leader and a standby with real loops.  Of the hosts, the networks and Nova answer at once.  Printed
are the shares of a processor and the memory of each, the look, how long it takes from the last
beat of one host, and of many, to CONFIRMED, with its ratio to that of one of ten hosts, and how
long from a leader's death to the next one's verdict.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time
from typing import Any

from kaopu_ha.conf.rules import PACES
from tests import etcd_cluster
from tools.bench import agents

_TREE = pathlib.Path(__file__).resolve().parents[2]
_TICK = os.sysconf('SC_CLK_TCK')
_SETTLE_SECONDS = 20.0


class Child:
    """A process of this measurement, that takes lines and answers each with one."""

    def __init__(self, module: str, given: dict[str, Any], held: contextlib.ExitStack) -> None:
        self._process = subprocess.Popen(
            [sys.executable, '-m', f'tools.bench.{module}', json.dumps(given)], cwd=_TREE,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {'PYTHONPATH': str(_TREE)})
        held.callback(self.kill)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def ask(self, *words: str) -> Any:
        """What it answers."""
        assert self._process.stdin and self._process.stdout
        print(*words, file=self._process.stdin, flush=True)
        for line in self._process.stdout:
            return json.loads(line)['answer']
        raise AssertionError('it has ended')

    def kill(self) -> None:
        """End it without notice."""
        self._process.kill()
        self._process.wait()


class Cloud:
    """So many hosts, with a leader, and a standby."""

    def __init__(self, hosts: int, args: argparse.Namespace, held: contextlib.ExitStack) -> None:
        self.hosts, self._pace = agents.names(hosts), args.pace
        self.etcd = etcd_cluster.EtcdCluster(tls=True)
        self.etcd.setUp()
        held.callback(self.etcd.cleanUp)
        pair = self.etcd.authority.issue('kaopu-ha')
        self.store = {'endpoints': [self.etcd.url(each) for each in range(3)],
                      'ca': str(self.etcd.authority.ca), 'cert': str(pair.cert),
                      'key': str(pair.key)}
        times = PACES[args.pace]
        self.agents = Child('agents', {
            'store': self.store, 'hosts': hosts, 'instances': args.instances,
            'interval': times.beat_interval, 'ttl': times.beat_ttl}, held)
        self.agents.ask('ready')
        self.leader = self.controller('first', held)
        while self.leader.ask('leads') == '':
            time.sleep(0.1)

    def controller(self, name: str, held: contextlib.ExitStack) -> Child:
        """Another controller."""
        return Child('leader', {'store': self.store, 'pace': self._pace, 'name': name}, held)

    def members(self) -> list[float]:
        """The processor's seconds that each member of etcd has taken."""
        return [_spent(process.pid) for process in self.etcd._processes]

    def seconds_to_confirmed(self, by: Child, hosts: Sequence[str]) -> list[float]:
        """How long it takes from the last beat of each of these."""
        times, beaten = PACES[self._pace], self.agents.ask('lose', *hosts)
        limit = time.monotonic() + 60 + 3 * (times.beat_ttl + times.death_ttl + times.lock_ttl)
        while time.monotonic() < limit:
            confirmed = by.ask('confirmed')
            if all(host in confirmed for host in hosts):
                return sorted(confirmed[host] - beaten[host] for host in hosts)
            time.sleep(0.2)
        print('\n'.join(by.ask('told')[-40:]))
        raise AssertionError(f'not confirmed: {set(hosts) - set(confirmed)}')


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description='What do so many hosts cost?')
    parser.add_argument('--hosts', type=int, default=1000, help='how many (1000)')
    parser.add_argument('--instances', type=int, default=20, help='on each of them (20)')
    parser.add_argument('--lost', type=int, default=100, help='at once, of the hosts (100)')
    parser.add_argument('--pace', choices=sorted(PACES), default='fast', help='(fast)')
    parser.add_argument('--idle', type=float, default=30, help='seconds to look on (30)')
    parser.add_argument('--few', type=float, default=0.0, help='what one of ten hosts took')
    parser.add_argument('--profile', action='store_true', help='where the leader spends its time')
    args = parser.parse_args(argv)
    few = args.few or _of_ten(args)
    print(f'one of 10 hosts: CONFIRMED {few:.1f} s after its last beat', flush=True)
    with contextlib.ExitStack() as held:
        began = time.monotonic()
        cloud = Cloud(args.hosts, args, held)
        print(f'{args.hosts} hosts after {time.monotonic() - began:.0f} s', flush=True)
        standby = cloud.controller('second', held)
        standby.ask('leads')
        time.sleep(_SETTLE_SECONDS)
        _idle(cloud, standby, args)
        one = cloud.seconds_to_confirmed(cloud.leader, cloud.hosts[-1:])
        print(f'one of {args.hosts}: {one[0]:.1f} s, ratio {one[0] / few:.2f}', flush=True)
        many = cloud.seconds_to_confirmed(cloud.leader, cloud.hosts[:args.lost])
        print(f'{args.lost} of them at once: {many[0]:.1f} to {many[-1]:.1f} s, '
              f'ratio {many[-1] / few:.2f}', flush=True)
        _told('while they were lost, the leader', cloud.leader.ask('figures'))
        began = time.monotonic()
        cloud.leader.kill()
        while standby.ask('leads') != 'second':
            time.sleep(0.1)
        print(f'the next leader after {time.monotonic() - began:.1f} s', flush=True)
        again = cloud.seconds_to_confirmed(standby, cloud.hosts[-2:-1])
        print(f'a host lost then: {again[0]:.1f} s after its last beat', flush=True)
        print(f'agents: {cloud.agents.ask("figures")}')
    return 0


def _of_ten(args: argparse.Namespace) -> float:
    with contextlib.ExitStack() as held:
        cloud = Cloud(10, args, held)
        time.sleep(PACES[args.pace].beat_ttl + 2)
        return cloud.seconds_to_confirmed(cloud.leader, cloud.hosts[-1:])[0]


def _idle(cloud: Cloud, standby: Child, args: argparse.Namespace) -> None:
    for each in (cloud.leader, standby, cloud.agents):
        each.ask('figures')
    before, agents_before, began = cloud.members(), _spent(cloud.agents.pid), time.monotonic()
    if args.profile:
        print(cloud.leader.ask('profile', str(args.idle)))
    else:
        time.sleep(args.idle)
    seconds = time.monotonic() - began
    for name, each in (('leader', cloud.leader), ('standby', standby)):
        _told(name, each.ask('figures'))
    shares = [(now - then) / seconds for now, then in zip(cloud.members(), before, strict=True)]
    print('members of etcd: ' + ', '.join(f'{share:.2f}' for share in shares) + ' of a core; '
          f'agents {(_spent(cloud.agents.pid) - agents_before) / seconds:.2f}: '
          f'{cloud.agents.ask("figures")}', flush=True)


def _told(name: str, figures: dict[str, Any]) -> None:
    print(f'{name}: {figures["share"]:.2f} of a core, {figures["mib"]:.0f} MiB, at most '
          f'{figures["peak"]:.0f}, in {figures["seconds"]:.0f} s')
    for loop, (turns, middle, most, spent) in figures['loops'].items():
        print(f'    {loop:12} {turns:5} turns, {1000 * middle:7.1f} ms, at most '
              f'{1000 * most:7.1f}, {1000 * spent / max(turns, 1):7.1f} ms of its own a turn, '
              f'{spent / figures["seconds"]:.3f} of a core')


def _spent(pid: int) -> float:
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text(encoding='ascii').rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


if __name__ == '__main__':
    sys.exit(main())
