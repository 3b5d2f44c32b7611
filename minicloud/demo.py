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
"""The demo: a real cloud loses a host, and heals while you watch."""

import json
import subprocess
import time

from . import kaopu, machines
from .cloud import Cloud
from .judge import Expected, Judgement
from .shell import say, wait_for

_LEAST = 6
_VICTIM = 'c1'
_HEAL_SECONDS = {'fast': 240, 'patent': 700}


def demo(
    cloud: Cloud, pace: str, hosts: int | None = None, openstack: bool | None = None
) -> int:
    """Bring the cloud up, cut the power of a host, show what happens, judge; 0 if all is well."""
    _ready(cloud, pace, hosts, openstack)
    before = {found.uuid: found for found in cloud.instances()}
    victims = [found for found in before.values() if found.host == _VICTIM]
    on = [found.uuid for found in victims if found.status != 'SHUTOFF']
    say(f'{_VICTIM} carries {len(victims)} instances, {len(on)} of them powered on')
    say(f'pace {pace}: ' + ('seconds, safe because the fence gives a proof; `--pace patent` '
                            'waits 300 s and 30 s' if pace == 'fast' else
                            'the waits of the patent, 300 s and 30 s'))
    print(f'\n=== the power of {_VICTIM} is cut; from here on `kaopu-ha watch` speaks ===\n',
          flush=True)
    cloud.power_off(_VICTIM)
    healed = watch_until_finished(cloud, _VICTIM, _HEAL_SECONDS[pace])
    print(flush=True)
    if not healed:
        say('the recovery did not finish in time: see `tools/minicloud exec ctl` and the logs in '
            f'{cloud.layout.log}')
    _wait_writing(cloud, on)
    return report(cloud, before, on, _VICTIM) if healed else 1


def _ready(cloud: Cloud, pace: str, hosts: int | None, openstack: bool | None) -> None:
    if kaopu.pace(cloud.layout) != pace and machines.recorded_daemons(cloud.layout, 'ctl'):
        cloud.set_pace(pace)
    cloud.up(hosts, pace, openstack=openstack)
    found = cloud.instances()
    if not all(host['beat'] for host in client(cloud, 'host', 'list')) or any(
            one.status == 'ERROR' for one in found):
        say('the cloud is not fresh: it is reset first')
        cloud.reset()
        found = []
    if not [one for one in found if one.host == _VICTIM]:
        if found:
            cloud.reset()
        cloud.boot(_LEAST)
    wait_beating(cloud)


def wait_beating(cloud: Cloud, seconds: float = 60) -> None:
    """Until every host beats and tells of the instances that Nova has there."""
    def told() -> bool:
        known = {host['host']: host for host in client(cloud, 'host', 'list')}
        there = [one.host for one in cloud.instances()]
        return all(host in known and known[host]['beat']
                   and sum(known[host]['instances'].values()) == there.count(host)
                   for host in cloud.layout.hosts)
    wait_for('beat and inventory of every host', told, seconds, 0.5)


def client(cloud: Cloud, *argv: str) -> list | dict:
    """What `kaopu-ha ARGV --json` says."""
    text = cloud.run_on('ctl', *command(cloud), *argv, '--json')
    return json.loads(text)


def command(cloud: Cloud) -> list[str]:
    """The command kaopu-ha with its configuration, to be run in ctl."""
    conf = kaopu.conf_path(cloud.layout, 'ctl')
    return [cloud.layout.kaopu_bin('kaopu-ha'), '--config-file', str(conf)]


def watch_until_finished(cloud: Cloud, host: str, seconds: float) -> bool:
    """Show `kaopu-ha watch` until the host's recovery is finished; False if it is not in time."""
    argv = cloud.command('ctl', [*command(cloud), 'watch', '--until-finished', host,
                                 '--timeout', str(seconds)])
    return subprocess.run(argv, check=False, env=cloud.environment()).returncode == 0


def _wait_writing(cloud: Cloud, uuids: list[str], seconds: float = 90) -> None:
    """Give the moved guests time for their first write; the judge tells if it was too little."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        judged = {one.expected.uuid: one for one in cloud.judge(2)}
        if all(judged[uuid].growing for uuid in uuids if uuid in judged):
            return


def report(cloud: Cloud, before: dict[str, Expected], on: list[str], host: str) -> int:
    """The table of what was moved and the verdict; 0 only if all that was on runs elsewhere."""
    judged = {one.expected.uuid: one for one in cloud.judge()}
    wrong = [reason for uuid in before
             for reason in _wrong(before[uuid], judged.get(uuid), uuid in on, host)]
    line = '{:10} {:20} {:8} {:10} {:>12} {:>15} {:>15}  {}'
    print(line.format('instance', 'role', 'from', 'to', 'seconds down', 'counter before',
                      'counter after', 'judge'))
    for uuid, was in before.items():
        one = judged.get(uuid)
        if was.host != host or one is None:
            continue
        moved = one.handover if uuid in on else None
        print(line.format(
            was.name, was.role, was.host, one.expected.host if uuid in on else 'stays (off)',
            f'{moved.gap_seconds:.1f}' if moved else '-',
            moved.counter_before if moved else '-', moved.counter_after if moved else '-',
            one.verdict))
    others = [one for uuid, one in judged.items() if before[uuid].host != host]
    print(f'{len(others)} instances on other hosts went on undisturbed' if all(
        one.verdict == 'GREEN' for one in others) else 'an instance elsewhere was disturbed')
    for reason in wrong:
        print(f'wrong: {reason}')
    verdict = 'RED' if wrong else 'GREEN: every one runs elsewhere, its disk goes on, one writer'
    print(f'\njudge: {verdict}', flush=True)
    return 1 if wrong else 0


def _wrong(was: Expected, now: Judgement | None, on: bool, host: str) -> list[str]:
    if now is None:
        return [f'{was.name} is gone']
    found = [f'{was.name}: {reason}' for reason in now.reasons]
    if was.host != host:
        return found
    if on and (now.expected.host == host or now.expected.status != 'ACTIVE'):
        found.append(f'{was.name} is {now.expected.status} on {now.expected.host}')
    if on and (now.handover is None or now.handover.counter_after != now.handover.counter_before
               + 1):
        found.append(f'{was.name} did not go on where it stopped')
    if not on and now.expected.host != host:
        found.append(f'{was.name} was off and was moved')
    return found

