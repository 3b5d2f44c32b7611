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

"""Without OpenStack: whatever one host writes, the others keep their instances.

Its texts are made by chance, from a seed.
"""

import random
import unittest

from kaopu_ha import ports, records
from kaopu_ha.core.model import Image, Instance, Inventory, Power
from kaopu_ha.drivers.libvirt import register
from tests.unit.controller.scene import Store

WEB, DB = ('11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222')
THIEF = 'c9'


class Counting(Store):
    """Counts what is read, in characters."""

    def __init__(self):
        super().__init__()
        self.characters = 0

    def read(self, *ranges):
        found = super().read(*ranges)
        self.characters += sum(len(entry.value) for entry in found.entries.values())
        return found


def an_inventory(host, *uuids):
    return Inventory(host, f'uuid-{host}', 'b', f'qemu+tls://{host}/system', (), instances=tuple(
        Instance(uuid, 'web', Power.ON, (Image('ceph', 'vms', f'{uuid}_disk', 'h'),), cores=1,
                 memory_mb=64) for uuid in uuids))


def written(chance):
    """What the thief writes: a key of his own, and a text."""
    junk = chance.choice(('', '{', '[' * 5000, '"' * 50, '{"schema": 1}', '\u0000'))
    uuid = chance.choice((WEB, DB, 'x', 'a/b'))
    told = records.DomainRecord('web', chance.choice(tuple(Power)),
                                chance.choice(('', '<domain/>')),
                                gone=chance.random() < 0.2)
    many = tuple(chance.choices((WEB, DB, 'x'), k=chance.randrange(4)))
    return chance.choice((
        (f'{records.DOMAIN}{THIEF}/{uuid}', records.encode(told)),
        (f'{records.DOMAIN}{THIEF}/{uuid}', junk),
        (records.INVENTORY + THIEF, records.encode(an_inventory(
            chance.choice((THIEF, 'c1', 'c2')), *many))),
        (records.INVENTORY + THIEF, junk)))


class Stolen(unittest.TestCase):

    def setUp(self):
        self.store = Counting()
        self.register = register.Register(self.store)
        for host, uuid in (('c1', WEB), ('c2', DB)):
            self.put(records.ALIVE + host, '{}')
            self.put(records.INVENTORY + host, records.encode(an_inventory(host, uuid)))
            self.put(f'{records.DOMAIN}{host}/{uuid}',
                     records.encode(records.DomainRecord('web', Power.ON, '<domain/>')))
        self.put(records.ALIVE + THIEF, '{}')

    def put(self, key, text):
        self.store.commit([], [ports.Put(key, text)])

    def test_whatever_one_host_writes_others_keep_what_they_run(self):
        for seed in range(200):
            self.setUp()
            chance = random.Random(seed)
            for _ in range(8):
                self.put(*written(chance))
                with self.subTest(seed):
                    self.assertEqual('c1', self.register.one(WEB).host)
                    self.assertEqual({DB: 'c2'}, {
                        one.uuid: one.host for one in self.register.touching('c2')})

    def test_without_a_beat_of_its_own_host_he_could(self):
        # So that the test above can fail.
        self.store.commit([], [ports.Delete(records.ALIVE + 'c1')])
        self.put(records.INVENTORY + THIEF, records.encode(an_inventory(THIEF, WEB)))
        self.assertEqual('c1', self.register.one(WEB).host)
        self.put(f'{records.DOMAIN}{THIEF}/{WEB}',
                 records.encode(records.DomainRecord('web', Power.ON, '<domain/>')))
        self.assertEqual(THIEF, self.register.one(WEB).host)

    def test_so_many_definitions_cost_others_nothing_and_are_told_once(self):
        self.register.touching('c1')
        alone, self.store.characters = self.store.characters, 0
        for number in range(1500):
            self.put(f'{records.DOMAIN}{THIEF}/{number:06}', 'x' * 1000)
        self.register.touching('c1')
        self.assertEqual(alone, self.store.characters)
        with self.assertLogs(register.LOG, 'WARNING') as told:
            self.register.touching(THIEF)
            self.register.touching(THIEF)
        self.assertEqual(1, len(told.output))
        self.assertIn('c9 has more than 1000 definitions', told.output[0])
        self.assertLess(self.store.characters, 3 * 1000 * 1100)


if __name__ == '__main__':
    unittest.main()
