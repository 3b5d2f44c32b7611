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

"""``kaopu-ha tool``: addresses that are no guest's, against a real store."""

import dataclasses
import datetime

from kaopu_ha import records
from kaopu_ha.cli.command import who
from tests.unit.cli import scene

ADDRESS = '10.91.0.99'


class Tool(scene.Scene):

    def add(self, address=ADDRESS, seconds='8h'):
        return self.shown('tool', 'add', address, '--why', 'nightly backup', '--for', seconds)

    def named(self, address=ADDRESS):
        return self.get(records.Tool, records.TOOL + address)

    def test_an_address_is_named_with_who_why_and_until_when(self):
        before = datetime.datetime.now(datetime.UTC)
        self.assertIn(f'{ADDRESS} is a tool\'s until ', self.add())
        tool = self.named()
        self.assertEqual((ADDRESS, who(), 'nightly backup'), (tool.address, tool.who, tool.why))
        span = datetime.datetime.fromisoformat(tool.until) - before
        self.assertAlmostEqual(8 * 3600, span.total_seconds(), delta=600)

    def test_it_is_over_by_itself(self):
        self.add()
        entry = self.store.read(records.TOOL + ADDRESS).get(records.TOOL + ADDRESS)
        self.assertGreater(entry.lease, 0)
        self.assertGreater(self.store.renew(entry.lease, 5.0), 8 * 3600 - 600)

    def test_one_address_has_one_spelling(self):
        self.add('[FD00:0:0::9]')
        self.assertEqual('fd00::9', self.named('fd00::9').address)
        self.assertEqual('fd00::9 is not a tool\'s any more.\n',
                         self.shown('tool', 'remove', 'fd00:0::9'))

    def test_named_again_it_has_the_new_reason_and_time(self):
        self.add()
        first = self.named()
        self.shown('tool', 'add', ADDRESS, '--why', 'export', '--for', '30d')
        self.assertEqual('export', self.named().why)
        self.assertGreater(self.named().until, first.until)

    def test_an_address_of_a_host_is_refused(self):
        """What lives there may be a guest that would be started twice."""
        for address in ('10.91.0.11', 'fd00::11'):
            self.there_is(dataclasses.replace(scene.an_inventory('c1'),
                                              storage_addresses=('10.91.0.11', 'FD00:0::11')))
            self.assertIn(f'{address} is an address of c1', self.refused(
                'tool', 'add', address, '--why', 'x', '--for', '1h'))
            self.assertIsNone(self.named(address))

    def test_what_is_no_address_no_time_or_no_reason_is_wrong_usage(self):
        for words in (('c1', '--why', 'x', '--for', '1h'), (ADDRESS, '--why', 'x', '--for', '31d'),
                      (ADDRESS, '--why', 'x', '--for', '0s'), (ADDRESS, '--why', 'x', '--for', '9'),
                      (ADDRESS, '--why', 'x'), (ADDRESS, '--for', '1h')):
            self.assertEqual(2, self.run_command('tool', 'add', *words)[0], words)
        self.assertEqual({}, dict(self.store.read(records.TOOL).entries))

    def test_the_list_has_those_of_the_configuration_too(self):
        self.assertEqual('No address is named as a tool\'s.\n', self.shown('tool', 'list'))
        self.config.write_text(self.config.read_text() + '[ceph]\ntools = 10.91.9.0/24\n')
        self.add()
        shown = self.shown('tool', 'list')
        self.assertRegex(shown, r'10\.91\.9\.0/24 +\| the configuration')
        self.assertRegex(shown, rf'{ADDRESS} +\| {who()} .* nightly backup')
        told = self.shown_json('tool', 'list')
        self.assertEqual(['10.91.9.0/24'], told['configured'])
        self.assertEqual([ADDRESS], [tool['address'] for tool in told['named']])

    def test_to_remove_what_is_not_named_does_no_harm(self):
        self.assertEqual(f'{ADDRESS} was not named by a person.\n',
                         self.shown('tool', 'remove', ADDRESS))
        self.add()
        self.assertTrue(self.shown_json('tool', 'remove', ADDRESS)['changed'])
        self.assertIsNone(self.named())
