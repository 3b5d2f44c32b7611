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

"""Limit, marker and order, which are the same of every list."""

import itertools

from tests.unit.api.scene import UNKNOWN, ApiCase


class TestListing(ApiCase):

    def setUp(self):
        super().setUp()
        for number, (name, kind) in enumerate((('c', 'x'), ('a', 'y'), ('d', 'x'), ('b', 'y'))):
            self.time = f'2026-11-28T12:00:0{number // 2}+00:00'
            self.a_segment(name)
            self.told(200, 'PUT', f'/v1/segments/{number + 1}', {'segment': {
                'service_type': kind, **({'description': 'd'} if name in 'ab' else {})}})

    def names(self, query=''):
        found = self.told(200, 'GET', f'/v1/segments?{query}')['segments']
        return ''.join(one['name'] for one in found)

    def test_the_newest_come_first(self):
        self.assertEqual('bdac', self.names())

    def test_orders(self):
        for query, names in (
                ('sort_key=name', 'dcba'), ('sort_key=name&sort_dir=asc', 'abcd'),
                ('sort_key=id&sort_dir=desc', 'bdac'), ('sort_dir=asc', 'cadb'),
                ('sort_key=service_type&sort_dir=asc', 'cdab'),
                ('sort_key=service_type&sort_dir=desc', 'badc'),
                ('sort_key=service_type&sort_key=name&sort_dir=asc', 'cdab'),
                ('sort_key=service_type&sort_key=name&sort_dir=asc&sort_dir=desc', 'dcba'),
                ('sort_key=description&sort_key=id&sort_dir=asc', 'cdab'),
                ('sort_key=description&sort_key=id&sort_dir=desc', 'badc'),
                ('sort_key=deleted_at&sort_dir=asc', 'cadb')):
            self.assertEqual(names, self.names(query), query)

    def test_orders_that_there_are_not(self):
        for query, message in (
                ('sort_dir=up', "Invalid input received: Unknown sort direction, must be 'asc' or "
                                "'desc'"),
                ('sort_key=id&sort_dir=asc&sort_dir=asc',
                 'Invalid input received: Sort direction size exceeds sort key size'),
                ('sort_key=zzz', 'Sort key supplied is invalid: zzz')):
            self.assert_fault(400, 'badRequest', message, 'GET', f'/v1/segments?{query}')
        self.told(200, 'GET', '/v1/segments?sort_key=' + '&sort_key='.join(['name'] * 10))
        self.told(400, 'GET', '/v1/segments?sort_key=' + '&sort_key='.join(['name'] * 11))

    def test_an_order_that_there_is_not_of_an_empty_list(self):
        self.told(400, 'GET', '/v1/notifications?sort_key=payload')

    def test_limits(self):
        for query, names in (('limit=2', 'bd'), ('limit=0', ''), ('limit=9999', 'bdac'),
                             ('page_size=1', 'bdac')):
            self.assertEqual(names, self.names(query), query)
        for name in ('limit', 'page_size'):
            for value, reason in (('-1', 'must be >= 0'), ('x', 'must be an integer'),
                                  ('1.5', 'must be an integer'), ('', 'must be an integer'),
                                  ('1' * 5000, 'must be an integer')):
                self.assert_fault(400, 'badRequest', f'Invalid input received: {name} {reason}',
                                  'GET', f'/v1/segments?{name}={value}')

    def test_a_marker_is_the_id_or_the_uuid_of_the_row_before(self):
        uuid = self.told(200, 'GET', '/v1/segments/3')['segment']['uuid']
        for query, names in (('marker=3', 'ac'), (f'marker={uuid}', 'ac'), ('marker=1', ''),
                             ('marker=3&limit=1', 'a'),
                             ('marker=1&sort_key=name&sort_dir=asc', 'd')):
            self.assertEqual(names, self.names(query), query)

    def test_a_marker_may_be_a_row_that_the_filter_leaves_out(self):
        self.assertEqual('c', self.names('service_type=x&marker=2'))
        self.assertEqual('dc', self.names('service_type=x&marker=4'))

    def test_a_marker_that_there_is_not(self):
        for marker in ('9', UNKNOWN, 'x', ''):
            self.assert_fault(400, 'badRequest', f'Marker {marker} could not be found.', 'GET',
                              f'/v1/segments?marker={marker}')

    def test_pages_are_the_whole_in_every_order(self):
        for key, order, most in itertools.product(
                ('id', 'name', 'service_type', 'description', 'updated_at'), ('asc', 'desc'),
                (1, 2, 3)):
            query, seen = f'sort_key={key}&sort_dir={order}', []
            while page := self.told(200, 'GET', f'/v1/segments?{query}&limit={most}' + (
                    f'&marker={seen[-1]["id"]}' if seen else ''))['segments']:
                seen += page
            self.assertEqual(self.told(200, 'GET', f'/v1/segments?{query}')['segments'], seen)

    def test_the_most_rows_are_the_operators(self):
        self.limits = type(self.limits)(rows_max=3)
        self.client = self.made(self.configured())
        self.assertEqual('bda', self.names())
        self.assertEqual('bda', self.names('limit=5'))
