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

"""Whose an address is, and whose it was first."""

import unittest

from kaopu_ha.core import addresses, model
from kaopu_ha.core.addresses import Known


def told(host, *own):
    return model.Inventory(host, f'uuid of {host}', 'boot', '', storage_addresses=own)


class Whose(unittest.TestCase):

    def test_an_address_is_of_every_host_that_claims_it(self):
        known = addresses.known({'c1': told('c1', '10.1.0.1', '10.1.0.9'),
                                 'c2': told('c2', '10.1.0.9')}, ())
        self.assertEqual({'c1'}, known.whose('10.1.0.1'))
        self.assertEqual({'c1', 'c2'}, known.whose('10.1.0.9'))
        self.assertEqual(frozenset(), known.whose('10.1.0.2'))

    def test_ipv6_is_compared_by_meaning(self):
        known = addresses.known({'c1': told('c1', 'fd00:0:0::0B')}, ('fd00:0::77', 'fd01::/64'))
        self.assertEqual({'c1'}, known.whose('fd00::b'))
        self.assertTrue(known.is_tools('fd00::77'))
        self.assertTrue(known.is_tools('[fd01::5]'))

    def test_what_is_no_hosts_and_no_tools_is_nobodys(self):
        known = Known({'10.1.0.1': frozenset(['c1'])}, ('10.1.0.64/30', '10.9.9.9'))
        for address, nobodys in (('10.1.0.1', False), ('10.1.0.65', False), ('10.9.9.9', False),
                                 ('10.1.0.68', True), ('fd00::1', True), ('junk', True)):
            self.assertIs(nobodys, known.is_nobodys(address), address)

    def test_a_tool_named_at_a_hosts_address_does_not_hide_the_host(self):
        known = Known({'10.1.0.1': frozenset(['c1'])}, ('10.1.0.0/24',))
        self.assertFalse(known.is_tools('10.1.0.1'))

    def test_a_client_s_address_is_read_without_port_and_nonce(self):
        for client, ip in (('10.1.0.1:0/77', '10.1.0.1'), ('[fd00:0::1]:0/5', 'fd00::1')):
            self.assertEqual(ip, addresses.ip_of(client))


class Elder(unittest.TestCase):

    def test_the_older_claim_wins_and_one_never_written_down_loses(self):
        claims = {'c1': {'10.1.0.9': 40}, 'c2': {'10.1.0.9': 7}, 'c3': {}}
        self.assertEqual('c2', addresses.elder('10.1.0.9', ['c1', 'c2', 'c3'], claims))
        self.assertEqual('c1', addresses.elder('10.1.0.9', ['c3', 'c1'], claims))
        self.assertEqual('', addresses.elder('10.1.0.9', [], claims))

    def test_a_claim_keeps_its_age_while_it_is_made_and_loses_it_when_it_is_dropped(self):
        first = addresses.renewed({}, told('c1', '10.1.0.1', '10.1.0.9'), 5, {})
        self.assertEqual({'10.1.0.1': 5, '10.1.0.9': 5}, first)
        alone = {'10.1.0.9': {'c1'}}
        self.assertEqual({'10.1.0.1': 5}, addresses.renewed(first, told('c1', '10.1.0.1'), 8,
                                                            alone))
        self.assertEqual({'10.1.0.1': 5, '10.1.0.9': 11}, addresses.renewed(
            {'10.1.0.1': 5}, told('c1', '10.1.0.1', '10.1.0.9'), 11, alone))

    def test_it_keeps_its_age_while_another_host_claims_the_address_that_it_lost(self):
        first = {'10.1.0.1': 5, '10.1.0.9': 5}
        lost = addresses.renewed(first, told('c1', '10.1.0.1'), 8, {'10.1.0.9': {'c2'}})
        self.assertEqual(first, lost)
        # However many others claim, the record does not grow without end.
        many = {f'10.2.0.{number}': 5 for number in range(200)}
        kept = addresses.renewed(many, told('c1'), 8, dict.fromkeys(many, {'c2'}))
        self.assertEqual(64, len(kept))


class Neighbours(unittest.TestCase):

    def test_a_newcomer_is_none_and_whoever_may_have_been_first_is_one(self):
        claims = {'c1': {'10.1.0.9': 7}, 'c2': {'10.1.0.9': 40}, 'c3': {'10.1.0.9': 7},
                  'c4': {'10.1.0.9': 5}, 'c5': {}}
        self.assertEqual({'c3', 'c4'}, addresses.neighbours(
            'c1', '10.1.0.9', ['c1', 'c2', 'c3', 'c4', 'c5'], claims))

    def test_while_no_claim_was_written_down_everybody_is_one(self):
        self.assertEqual({'c2'}, addresses.neighbours('c1', '10.1.0.9', ['c1', 'c2'], {}))
