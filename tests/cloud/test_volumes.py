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
"""Instances with volumes are moved, and both services agree on who has which volume."""

from tests.cloud import base
from tests.cloud.base import address, volumes


class Volumes(base.Trial):
    """A trial that looks at volumes."""

    def volumes_of(self, uuid: str) -> list[str]:
        """The volumes that Nova has attached to an instance."""
        given = self.cloud.rest.nova('GET', f'/servers/{uuid}/os-volume_attachments')
        return sorted(one['volumeId'] for one in given['volumeAttachments'])

    def attachment_troubles(self) -> list[str]:
        """What is not as it should be: one attachment for each of Nova's, where the instance is."""
        found, known = [], set()
        for one in self.cloud.instances():
            given = self.cloud.rest.nova(
                'GET', f'/servers/{one.uuid}/os-volume_attachments')['volumeAttachments']
            for attached in given:
                volume = volumes.volume(self.cloud.rest, attached['volumeId'])
                known.add(volume['id'])
                its = [(seen['attachment_id'], seen['host_name'])
                       for seen in volume['attachments'] if seen['server_id'] == one.uuid]
                if its != [(attached['attachment_id'], one.host)] or volume['status'] != 'in-use':
                    found.append(f'{one.name} on {one.host}, {attached["device"]}: '
                                 f'{volume["status"]}, attached {its}, Nova has '
                                 f'{attached["attachment_id"]}')
        return found + self._orphans(known)

    def _orphans(self, known: set[str]) -> list[str]:
        """Volumes that Cinder calls attached, and that Nova has at no instance."""
        volumes_now = self.cloud.rest.cinder('GET', '/volumes/detail?all_tenants=1')['volumes']
        return [f'{one["name"]} is {one["status"]} with {one["attachments"]}'
                for one in volumes_now if one['attachments'] and one['id'] not in known]

    def assert_own_addresses(self) -> None:
        """No host takes the client of a volume's other owner for one of its own guests."""
        told = {host: one['storage_addresses'] for host, one in self.records('inventory/').items()}
        self.assertEqual({host: [address(host, 'stor')] for host in told}, told)

    def assert_attached(self) -> None:
        """Nova and Cinder agree on every attachment, at the latest in a minute."""
        self.wait('attachments on which both services agree',
                  lambda: not self.attachment_troubles(), 60, 2)


class TestVolumes(Volumes):

    def test_instances_with_volumes_come_back_and_both_services_know_where_their_volumes_are(self):
        on = self.on('c1')
        ours = [self.role(role, 'c1') for role in ('from-volume', 'second-volume')]
        local = self.role('local', 'c3')
        self.assertLessEqual(set(ours), set(on))
        self.assert_attached()
        self.assertIn('local.raw', self.ha('host', 'show', 'c3').stdout)
        self.cloud.power_off('c1')
        self.wait_finished('c1')
        self.judge()
        self.assert_moved_once('c1', on, {'c2', 'c3'})
        self.assert_attached()
        self.cloud.power_on('c1')
        self.wait('the admission of c1', lambda: self.ha(
            'host', 'admit', 'c1', '--timeout', '120').returncode == 0, 240, 3)
        self.assert_attached()
        self.assert_own_addresses()
        self.judge()
        self.assertEqual('c3', self.host_of(local))
