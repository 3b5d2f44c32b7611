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

"""What a leader does for instances that a host left behind in Nova and Placement."""

import unittest

from kaopu_ha import ports, records
from kaopu_ha.controller.carer import Carer
from kaopu_ha.core import aftercare, model, restart
from kaopu_ha.core.aftercare import Aftercare, Ward
from kaopu_ha.core.model import Phase
from kaopu_ha.core.news import Fact
from kaopu_ha.core.restart import Restart, Start
from tests.core import values
from tests.unit.controller import scene

HAS = (('MEMORY_MB', 512), ('VCPU', 1))
ENDED = model.Migration('m1', 'i1', 'evacuation', 'completed', 'c1', 'c3')


class Cloud:
    """Nova has i1 on c3; Placement counts it on these hosts.  ``failure``: of every release."""

    def __init__(self):
        self.hosts, self.failure, self.released, self.reset = ['c2', 'c3'], None, [], []
        self.server_now = model.Server('i1', 'web', 'c3', 'active')

    def migrations(self, *, instance='', host=''):
        return (ENDED,)

    def server(self, uuid):
        return self.server_now

    def actions(self, instance):
        return ()

    def allocations(self, consumers):
        return {'i1': model.Allocations('i1', 7, tuple(
            model.Share(f'p-{host}', host, HAS) for host in self.hosts))}

    def release(self, read, host, permit):
        self.released.append((read.generation, host))
        if self.failure:
            raise self.failure
        self.hosts.remove(host)

    def reset_state(self, instance, state, permit):
        self.reset.append((instance, state))
        self.server_now = model.Server('i1', 'web', 'c3', 'active')


class Images:
    """A live client at the address of c3 has every disk open, or nobody has."""

    address = '10.91.0.13'

    def clients(self, images, limit):
        return {image: model.ImageAnswer(image, (model.Client(
            f'{self.address}:0/1', 1, acknowledged=True),)) for image in images}


class Caring(unittest.TestCase):

    def setUp(self):
        self.store, self.clock, self.told = scene.Store(), scene.Clock(), []
        self.cloud, self.images = Cloud(), Images()
        self.carer = self.a_carer('controller-1')
        for host, address in (('c2', '10.91.0.12'), ('c3', self.images.address)):
            there = (values.an_instance('i1'),) if host == 'c3' else ()
            self.write(records.INVENTORY + host, values.an_inventory(
                host, storage_addresses=(address,), instances=there))
            self.write(records.ALIVE + host, records.Beat('uuid', values.an_inventory().boot_id))
        self.write(records.AFTERCARE + 'c2', Aftercare('c2', (Ward('i1', 'web'),)))

    def a_carer(self, name):
        self.leader = scene.a_leader(self.store, name, self.clock)
        self.leader.turn()
        return Carer(self.store, self.leader, self.cloud, self.images,
                     scene.an_env(self.clock, self.told.append))

    def write(self, key, record):
        self.store.commit([], [ports.Put(key, records.encode(record))])

    def turn(self, seconds=5.0):
        self.clock.now += seconds
        self.leader.turn()
        self.carer.turn()

    def record(self):
        entry = self.store.read(records.AFTERCARE).get(records.AFTERCARE + 'c2')
        return records.decode(Aftercare, entry.value) if entry else None

    def facts(self):
        return [news.fact for news in self.told]

    def test_what_is_counted_where_it_is_not_is_released_as_it_was_read_and_told(self):
        self.turn()
        self.assertEqual(([(7, 'c2')], ['c3']), (self.cloud.released, self.cloud.hosts))
        self.assertEqual([Fact.RELEASED], self.facts())
        self.turn()
        self.assertEqual((), self.record().wrong)
        self.assertEqual(1, len(self.cloud.released))

    def test_while_anything_is_in_doubt_nothing_is_released_and_that_is_told_once(self):
        boot = values.an_inventory().boot_id
        # what its host tells -> it is released all the same
        for beat in (None, records.Beat('uuid', 'another boot'),
                     records.Beat('uuid', boot, behind='libvirt is mute')):
            with self.subTest(beat=beat):
                self.told.clear()
                self.store.commit([], [ports.Delete(records.ALIVE + 'c2')])
                if beat:
                    self.write(records.ALIVE + 'c2', beat)
                self.turn()
                self.turn()
                self.assertEqual([], self.cloud.released)
        self.assertEqual(1, len(self.record().wrong))

    def test_a_domain_that_is_there_bars_it_whether_it_runs_or_not(self):
        off = values.an_instance('i1', power=model.Power.OFF)
        self.write(records.INVENTORY + 'c2', values.an_inventory('c2', instances=(off,)))
        self.turn()
        self.assertEqual([], self.cloud.released)
        self.assertIn('the libvirt of c2 knows its domain', self.record().wrong[0].reason)

    def test_a_destroyed_host_tells_nothing_any_more_and_is_believed_to_have_nothing(self):
        self.store.commit([], [ports.Delete(prefix + 'c2')
                               for prefix in (records.ALIVE, records.INVENTORY)])
        self.turn()
        self.assertEqual([], self.cloud.released)
        self.write(records.AFTERCARE + 'c2', Aftercare('c2', (Ward('i1', 'web'),), destroyed=True))
        self.turn(30.0)
        self.assertEqual([(7, 'c2')], self.cloud.released)

    def test_a_refusal_is_told_once_and_tried_again_after_growing_pauses(self):
        self.cloud.failure = ports.Refused('409: conflict')
        for _ in range(40):
            self.turn()
        self.assertTrue(3 <= len(self.cloud.released) <= 5, self.cloud.released)
        self.assertEqual([Fact.MISBELIEVED], self.facts())
        self.assertIn('409', self.record().wrong[0].reason)
        self.cloud.failure = None
        for _ in range(10):
            self.turn(60.0)
        self.assertEqual((), self.record().wrong if self.record() else ())

    def test_a_deposed_leader_calls_nobody(self):
        self.carer.turn()
        carer, leader = self.carer, self.leader
        self.cloud.hosts, self.cloud.released = ['c2', 'c3'], []
        self.store.commit([], [ports.Delete(records.LEADER)])
        self.a_carer('controller-2')
        leader._leads_until = 0.0
        self.clock.now += 1000.0
        carer.turn()
        self.assertEqual([], self.cloud.released)

    def test_what_runs_truly_is_shown_active_after_a_while(self):
        self.cloud.hosts = ['c3']
        self.cloud.server_now = model.Server('i1', 'web', 'c3', 'error', 'rebuilding')
        self.turn()
        self.assertEqual([], self.cloud.reset)
        self.turn(30.0)
        self.assertEqual([('i1', 'active')], self.cloud.reset)
        self.assertEqual([Fact.STATE_RESET], self.facts())

    def test_what_has_no_live_client_there_is_told_only(self):
        self.cloud.hosts, self.images.address = ['c3'], '10.91.0.99'
        self.cloud.server_now = model.Server('i1', 'web', 'c3', 'error', 'rebuilding')
        self.turn()
        self.turn(30.0)
        self.assertEqual([], self.cloud.reset)
        self.assertIn('not each of its disks is open there', self.record().wrong[0].reason)

    def test_what_is_moved_by_the_program_is_left_to_that(self):
        self.write(f'{records.EVACUATION}c3-9/i1', values.an_evacuation('i1', Phase.MOVING))
        self.turn()
        self.assertEqual([], self.cloud.released)

    def test_what_is_started_again_where_it_is_is_left_to_that_but_not_what_was_moved_since(self):
        for host, released in (('c3', []), ('c1', [(7, 'c2')])):
            self.write(records.RESTART + 'c3', Restart('c3', 'boot-1', (
                Start('i1', 'web', restart.StartPhase.STARTING),) * (host == 'c3')))
            self.write(records.RESTART + 'c1', Restart('c1', 'boot-1', (
                Start('i1', 'web', restart.StartPhase.STARTING),)))
            self.turn(30.0)
            self.assertEqual(released, self.cloud.released)

    def test_it_does_not_end_while_anything_is_under_way(self):
        self.cloud.hosts = ['c3']
        self.write(f'{records.EVACUATION}c3-9/i1', values.an_evacuation('i1', Phase.MOVING))
        for _ in range(30):
            self.turn(30.0)
        self.assertIsNotNone(self.record())

    def test_it_ends_when_the_time_is_over_and_nothing_is_wrong(self):
        self.cloud.hosts = ['c3']
        self.turn()
        self.turn(590.0)
        self.assertIsNotNone(self.record())
        self.turn(30.0)
        self.assertIsNone(self.record())
        self.assertEqual([Fact.CARED_FOR], self.facts())

    def test_a_host_with_many_is_looked_at_in_turns(self):
        wards = tuple(Ward(f'i{number:03}', 'web') for number in range(25))
        self.write(records.AFTERCARE + 'c2', Aftercare('c2', wards))
        asked = []
        self.cloud.server = lambda uuid: asked.append(uuid)
        for _ in range(3):
            self.turn()
        self.assertEqual({ward.instance for ward in wards}, set(asked))
        self.assertEqual(25, len(asked))
        self.assertIsNone(self.record())

    def test_its_words_are_bounded(self):
        self.assertLess(len(aftercare.refused(Ward('i1', 'web'), 'x' * 9999).refused), 600)


if __name__ == '__main__':
    unittest.main()
