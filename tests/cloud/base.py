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
"""One real cloud for all trials; each begins on a fresh one and ends with the judge."""

import subprocess
import threading
import time

import testtools

from minicloud import bare as bare
from minicloud import cinder as cinder
from minicloud import demo, kaopu, secure
from minicloud import disks as disks
from minicloud import volumes as volumes
from minicloud.cloud import Cloud
from minicloud.layout import address as address
from minicloud.rest import Refused as Refused

ROOT = kaopu.KEYS
HEAL_SECONDS = 180


class Trial(testtools.TestCase):
    """A life of the cloud: six instances on three hosts, fast pace, everything runs.

    With Nova three more: from a volume, with a second volume, with a volume and a local disk.
    """

    cloud: Cloud
    openstack = True
    horizon = False
    hosts = 3

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.cloud = Cloud()
        cls.cloud.up(cls.hosts, 'fast', openstack=cls.openstack, with_horizon=cls.horizon)

    def setUp(self) -> None:
        super().setUp()
        self.cloud.reset()
        self.boot()
        demo.wait_beating(self.cloud)
        self.before = {one.uuid: one for one in self.cloud.instances()}

    def boot(self) -> None:
        """What the trial begins with."""
        self.cloud.boot(6)

    # ------------------------------------------------------------ looking

    def on(self, host: str) -> list[str]:
        """The instances of a host that were powered on when the trial began, by UUID.

        But for those with a disk in the host itself: these die with it, and that is told.
        """
        return [uuid for uuid, one in self.before.items()
                if one.host == host and one.status != 'SHUTOFF' and one.role != 'local']

    def role(self, role: str, host: str) -> str:
        """The instance of this role on the host."""
        return next(uuid for uuid, one in self.before.items()
                    if one.role == role and one.host == host)

    def records(self, prefix: str) -> dict[str, dict]:
        """The records under a prefix, by the rest of their keys."""
        return kaopu.records(self.cloud.layout, prefix)

    def case(self, host: str) -> dict:
        return self.records('case/').get(host, {})

    def recovery(self, host: str) -> dict:
        found = [one for one in self.records('recovery/').values() if one['host'] == host]
        return found[-1] if found else {}

    def evacuations(self, uuid: str) -> list[dict]:
        """Nova's evacuation records of an instance: one for each move."""
        query = f'/os-migrations?migration_type=evacuation&instance_uuid={uuid}'
        return self.cloud.rest.nova('GET', query)['migrations']

    def host_of(self, uuid: str) -> str:
        return next(one.host for one in self.cloud.instances() if one.uuid == uuid)

    def wait(self, what: str, reached, seconds: float = HEAL_SECONDS, every: float = 0.4):
        """Wait until it is reached; what it was then."""
        end = time.monotonic() + seconds
        while not (found := reached()):
            if time.monotonic() > end:
                self.fail(f'{what}: not within {seconds} s; case: {self.records("case/")}, '
                          f'recovery: {self.records("recovery/")}')
            time.sleep(every)
        return found

    def wait_finished(self, host: str) -> dict:
        """Until the recovery of the host is finished."""
        return self.wait(f'the recovery of {host}', lambda: (
            found := self.recovery(host)) and found['stage'] == 'finished' and found)

    def restart(self, host: str) -> dict:
        """What is started again after the host's boot of now; nothing if it is of a former one."""
        found = self.records('restart/').get(host, {})
        return found if found.get('boot_id') == self.records('inventory/')[host]['boot_id'] else {}

    def wait_restarted(self, host: str, wanted: dict[str, str]) -> None:
        """Until what is started again in place is where it is wanted; more may be listed."""
        self.wait('what was on to run', lambda: wanted.items() <= {
            one['instance']: one['phase'] for one in self.restart(host).get(
                'starts', ())}.items())

    def rounds(self, host: str, verdict: str) -> int:
        """How many rounds of this verdict the open case on the host counts."""
        return sum(item['count'] for item in self.case(host).get('rounds', ())
                   if item['verdict'] == verdict)

    def ha(self, *argv: str) -> subprocess.CompletedProcess:
        """Run `kaopu-ha` as an operator does."""
        return subprocess.run(self.cloud.command('ctl', [*demo.command(self.cloud), *argv]),
                              env=self.cloud.environment(), capture_output=True, text=True,
                              check=False)

    def console(self, host: str, uuid: str) -> str:
        """What the instance has printed on this host."""
        if not self.openstack:
            return bare.console(self.cloud.layout, host, uuid)
        path = self.cloud.layout.node(host) / 'fs/var/lib/nova/instances' / uuid / 'console.log'
        return path.read_text(errors='replace') if path.exists() else ''

    # ------------------------------------------------------------ judging

    def judge(self, seconds: float = 150) -> None:
        """The judge is green for every instance, at the latest after so many seconds."""
        end = time.monotonic() + seconds
        while True:
            judged = self.cloud.judge(4)
            wrong = [f'{one.expected.name} ({one.expected.role}): {reason}' for one in judged
                     for reason in one.reasons]
            if not wrong or any('conflict' in reason or 'turns' in reason for reason in wrong):
                break
            if time.monotonic() > end:
                break
        printed = [f'{one.expected.name} printed last: '
                   f'{self.console(one.expected.host, one.expected.uuid)[-600:]!r}'
                   for one in judged if wrong and one.reasons]
        self.assertEqual([], wrong + printed)
        self.assertEqual(set(self.before), {one.expected.uuid for one in judged})

    def assert_moved_once(self, host: str, uuids: list[str], targets: set[str]) -> None:
        """Each of the instances ran on the host, was moved once, and goes on where it stopped."""
        judged = {one.expected.uuid: one for one in self.cloud.judge(4)}
        for uuid in uuids:
            self.assertEqual(1, len(self.evacuations(uuid)), self.before[uuid].name)
            self.assertIn(judged[uuid].expected.host, targets)
            self.assertEqual('ACTIVE', judged[uuid].expected.status)
            handover = judged[uuid].handover
            self.assertEqual(handover.counter_before + 1, handover.counter_after)

    def assert_nobody_moved(self) -> None:
        """Every instance is where it was, and Nova was never asked for an evacuation."""
        self.assertEqual({uuid: one.host for uuid, one in self.before.items()},
                         {one.uuid: one.host for one in self.cloud.instances()})
        self.assertEqual([], [uuid for uuid in self.before if self.evacuations(uuid)])


class Watch:
    """Every change under a prefix, as `etcdctl watch` prints it, seen by a thread."""

    def __init__(self, cloud: Cloud, prefix: str, wanted: str, act=lambda: None) -> None:
        self.lines: list[str] = []
        self._wanted, self._act, self.seen = wanted, act, threading.Event()
        self._process = subprocess.Popen(
            cloud.command('ctl', etcdctl(cloud, 'watch', '--prefix', ROOT + prefix)),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._process.stdout:
            self.lines.append(line)
            if self._wanted in line and not self.seen.is_set():
                self._act()
                self.seen.set()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join(5)


def etcdctl(cloud: Cloud, *argv: str) -> list[str]:
    return [*secure.etcdctl(cloud.layout), *argv]
