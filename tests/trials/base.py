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
"""What the trials share: a diary of what Nova and Placement say while hosts are treated so."""

import json
import threading
import time

from tests.cloud import base
from tests.cloud.base import Refused as Refused
from tests.cloud.base import disks as disks
from tests.cloud.base import secure as secure


class LongTrial(base.Trial):
    """A trial that writes down what is seen, with the seconds since it began; told if it fails."""

    def setUp(self) -> None:
        super().setUp()
        self.begin = time.monotonic()

    def tell(self, text: str) -> None:
        """Note something in the diary."""
        print(f'{time.monotonic() - self.begin:7.1f}  {text}', flush=True)

    def name(self, uuid: str) -> str:
        return self.before[uuid].name

    def said(self, *argv: str) -> str:
        """What `kaopu-ha` says, with whatever exit code."""
        done = self.ha(*argv)
        return done.stdout + done.stderr

    def admit(self, host: str) -> None:
        """Take the host back as soon as its libvirt answers, and see that it is back."""
        self.wait(f'the admission of {host}', lambda: self.ha(
            'host', 'admit', host, '--timeout', '150').returncode == 0, 300, 3)
        self.assertEqual({}, self.case(host))
        self.tell(f'{host} is admitted')

    def lose_target(self) -> list[str]:
        """Take the power of c1, then that of c2 with what is on its way to it: that."""
        self.cloud.freeze('compute:c2')
        self.cloud.power_off('c1')
        self.tell('c1 has no power')
        under_way = self.wait('moves to c2', lambda: [
            key.rpartition('/')[2] for key, one in self.records('evacuation/').items()
            if one['target'] == 'c2' and one['phase'] == 'moving'])
        time.sleep(3)
        self.cloud.power_off('c2')
        self.tell(f'c2 has no power: {[self.name(uuid) for uuid in under_way]} were on their way')
        return under_way

    def server(self, uuid: str) -> dict:
        return self.cloud.rest.nova('GET', f'/servers/{uuid}')['server']

    def allocations(self, uuid: str) -> dict[str, dict]:
        """What Placement counts for the instance, by the names of the providers."""
        given = self.cloud.rest.placement('GET', f'/allocations/{uuid}')['allocations']
        names = {one['uuid']: one['name'] for one in self.cloud.rest.placement(
            'GET', '/resource_providers')['resource_providers']}
        return {names[provider]: one['resources'] for provider, one in sorted(given.items())}

    def diary(self, uuids: list[str], every: float = 0.5) -> 'Diary':
        """Follow what Nova and Placement say of these instances until the trial ends."""
        diary = Diary(self, uuids, every)
        self.addCleanup(diary.close)
        return diary


class Diary:
    """A thread that tells each change of what Nova and Placement say of instances."""

    def __init__(self, trial: LongTrial, uuids: list[str], every: float) -> None:
        self._trial, self._uuids, self._every = trial, uuids, every
        self._end, self._last = threading.Event(), dict.fromkeys(uuids, '')
        self.states: dict[str, list[str]] = {uuid: [] for uuid in uuids}
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._end.set()
        self._thread.join(20)

    def _follow(self) -> None:
        while not self._end.wait(self._every):
            for uuid in self._uuids:
                try:
                    self._look(uuid)
                except (OSError, Refused) as trouble:
                    self._trial.tell(f'{self._trial.name(uuid)}: {trouble}')

    def _look(self, uuid: str) -> None:
        server = self._trial.server(uuid)
        status, task = server['status'], server['OS-EXT-STS:task_state']
        moves = [f'{one["source_compute"]}>{one["dest_compute"]} {one["status"]}'
                 for one in sorted(self._trial.evacuations(uuid), key=lambda one: one['id'])]
        counted = self._trial.allocations(uuid)
        seen = (f'{status}/{task} on {server["OS-EXT-SRV-ATTR:host"]}; records {moves}; '
                f'Placement {json.dumps(sorted(counted))}')
        if seen != self._last[uuid]:
            self._last[uuid] = seen
            self.states[uuid].append(f'{status}/{task}')
            self._trial.tell(f'{self._trial.name(uuid)}: {seen}')
