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


"""What Nova and Placement believe once both hosts of a broken move are back.

The second host dies as the target of the first one's instances; both are taken back.  Placement
counts each instance where it runs, Nova shows it active, and ``status`` has nothing to say.
"""

import time

from tests.cloud import base

# Nova-compute took up its old messages 25 s and more after the second admission.
WATCHED_SECONDS = 120


class TestBothHostsOfAMove(base.Trial):

    def test_what_was_on_its_way_to_a_host_that_died_is_believed_rightly_in_the_end(self):
        on = self.on('c1')
        self._lose_both(on)
        held = {uuid: self._counted_on(uuid) for uuid in on}
        self.assertTrue(any({'c1', 'c2', 'c3'} <= hosts for hosts in held.values()), held)
        for host in ('c1', 'c2'):
            self.cloud.power_on(host)
        for host in ('c1', 'c2'):
            done = self.ha('host', 'admit', host, '--timeout', '180')
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self._assert_believed_rightly(time.monotonic() + WATCHED_SECONDS)
        self.judge()

    def _lose_both(self, on: list[str]) -> None:
        """c2 has the messages, has not begun, and dies with them; all of it ends on c3."""
        self.cloud.freeze('compute:c2')
        self.cloud.power_off('c1')
        self.wait('a call for a move to c2', lambda: any(
            item['target'] == 'c2' and item['phase'] == 'moving'
            for item in self.records('evacuation/').values()))
        self.cloud.power_off('c2')
        self.wait('c2 confirmed dead', lambda: self._released('c2'))
        for host in ('c1', 'c2'):
            self.wait_finished(host)
        self.assertEqual({'c3'}, {self.host_of(uuid) for uuid in on})

    def _released(self, host: str) -> bool:
        """Two of three are too many for the brake: a person says that they are dead."""
        self.ha('brake', 'release', '--why', 'the power of both was cut')
        return self.case(host).get('stage') == 'confirmed'

    def _assert_believed_rightly(self, until: float) -> None:
        """So it is, and so it is still, or again, at the end of that time."""
        self.wait('Placement and Nova have it right', lambda: not self._wrong(),
                  until - time.monotonic())
        while time.monotonic() < until:
            time.sleep(2)
        # What an old message spoiled a moment ago is shown rightly within two times the patience.
        self.wait('it is still so', lambda: not self._wrong(), 90)
        self.assertNotIn('since c', self.ha('status').stdout)

    def _wrong(self) -> dict[str, tuple[str, set[str]]]:
        found = {}
        for one in self.cloud.instances():
            counted = self._counted_on(one.uuid)
            before = self.before[one.uuid]
            expected = before.status if one.host == before.host else 'ACTIVE'
            if counted != {one.host} or one.status != expected:
                found[one.name] = one.status, counted
        return found

    def _counted_on(self, uuid: str) -> set[str]:
        rest = self.cloud.rest
        names = {found['id']: found['service']['host'] for found in rest.nova(
            'GET', '/os-hypervisors/detail')['hypervisors']}
        return {names[provider] for provider in rest.placement(
            'GET', f'/allocations/{uuid}')['allocations']}
