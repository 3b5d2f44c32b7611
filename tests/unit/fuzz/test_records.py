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


"""Records: nothing but a value of their kind, or a RecordError."""

import json
import unittest

from hypothesis import given
from hypothesis import strategies as st

from kaopu_ha import records
from kaopu_ha.controller.world import RANGES, CloudView
from kaopu_ha.core import model
from kaopu_ha.core.keys import Entry, Snapshot
from kaopu_ha.core.model import Power
from tests.unit.fuzz import json_values, spoiled, texts, thrown
from tests.unit.test_records import BARE, FULL

OTHERS = [records.DomainRecord('web', Power.ON, '<domain/>', 'note', gone=True),
          records.Owner('c1', 'active', (records.MoveRecord('m1', 'c1', 'c2', 'running', 'none'),)),
          records.Service(forced_down=True)]
KINDS = sorted({type(record) for record in FULL + BARE + OTHERS}, key=lambda kind: kind.__name__)
WHOLE = [(type(record), json.loads(records.encode(record))) for record in FULL + BARE + OTHERS]
HOSTS = ('c1', 'c2', 'c3')


def text_of(data):
    return json.dumps(data)


class TestRecords(unittest.TestCase):

    def read(self, kind, text):
        try:
            found = records.decode(kind, text, '/kaopu-ha/somewhere')
        except records.RecordError as failure:
            self.assertLess(len(str(failure)), 1000)
            return
        # What was read can be written, and is the same then.
        again = records.encode(found)
        again.encode()
        self.assertEqual(found, records.decode(kind, again))

    @thrown()
    @given(st.sampled_from(KINDS), st.one_of(texts, json_values.map(text_of)))
    def test_anything(self, kind, text):
        self.read(kind, text)

    @thrown()
    @given(st.data())
    def test_one_of_each_kind_with_something_else_in_it(self, data):
        kind, whole = data.draw(st.sampled_from(WHOLE))
        self.read(kind, text_of(data.draw(spoiled([whole]))))

    @thrown()
    @given(st.sampled_from(WHOLE), st.integers(0, 4000), st.integers(0, 40), texts)
    def test_a_text_with_a_piece_of_another(self, whole, at, length, piece):
        kind, data = whole
        text = text_of(data)
        self.read(kind, text[:at] + piece + text[at + length:])

    @thrown(0.3)
    @given(st.data())
    def test_a_look_at_a_host_that_writes_anything_has_the_others(self, data):
        kinds = {records.INVENTORY: model.Inventory, records.ALIVE: records.Beat}
        entries = {}
        for prefix, kind in kinds.items():
            for host in HOSTS:
                whole = next(json.loads(records.encode(record)) for record in FULL
                             if type(record) is kind)
                if 'host' in whole:
                    whole['host'] = host
                text = text_of(data.draw(spoiled([whole])) if host == 'c1' else whole)
                entries[prefix + host] = Entry(prefix + host, text, 1, 1)
        told = []
        world = CloudView(Snapshot(1, entries), told.append)
        self.assertLessEqual({'c2', 'c3'}, set(world.inventories))
        self.assertLessEqual({'c2', 'c3'}, set(world.beats))
        self.assertLessEqual(world.unreadable, {'c1'})
        self.assertTrue(all(prefix in RANGES for prefix in kinds))
