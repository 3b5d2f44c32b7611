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

"""For how long something was so, at each look; and who is asked for an instance."""

import dataclasses
import unittest

from kaopu_ha import ports, records
from kaopu_ha.core.model import Phase
from kaopu_ha.worker.looker import CallTimes, Looker
from tests.core import values
from tests.unit.controller import scene

LIMIT = values.rules().attempt_limit


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class World:
    """Nova, Ceph and libvirt: the instance is on its way to c2, and ``runs`` there or does not."""

    runs = True

    def server(self, uuid):
        return values.a_server(uuid, task_state='rebuild_spawning')

    def migrations(self, **query):
        return (values.a_migration(status='pre-migrating'),)

    def services(self):
        return {'c2': values.a_service()}

    def clients(self, images, limit):
        return {image: values.an_answer(*([values.a_client()] if self.runs else []), image=image)
                for image in images}

    def contact(self, uris, limit):
        there = values.runs_there() if self.runs else values.nobody_there()
        return dict.fromkeys(uris, there['libvirt'])


class TestForHowLongItRuns(unittest.TestCase):

    def setUp(self):
        self.clock, self.world, self.times = Clock(), World(), CallTimes()
        self.looker = Looker(None, self.world, self.world, self.world, values.rules(), self.clock)

    def look(self, passed, *, runs=True, seconds=LIMIT):
        """Look after so many seconds, at an attempt of that age; for how long it has run there."""
        self.clock.now += passed
        self.world.runs, self.times.seconds = runs, seconds
        target = values.an_inventory('c2', storage_addresses=('10.1.0.2',))
        return self.looker.seen(values.under_way(Phase.MOVING), target, self.times,
                                source_returned=False, orders=()).runs_seconds

    def test_it_counts_from_the_first_look_at_which_it_ran(self):
        self.assertEqual([0.0, 0.0, 5.0, 12.0], [
            self.look(5.0, runs=False), self.look(5.0), self.look(5.0), self.look(7.0)])

    def test_a_look_at_which_it_did_not_run_begins_anew(self):
        self.look(5.0)
        self.assertEqual([7.0, 0.0, 0.0, 3.0], [
            self.look(7.0), self.look(1.0, runs=False), self.look(1.0), self.look(3.0)])

    def test_so_does_one_at_which_nobody_was_asked(self):
        self.look(5.0)
        self.assertEqual([0.0, 0.0], [self.look(5.0, seconds=LIMIT - 1.0), self.look(5.0)])


class TestWhatWasLeftOnTheTarget(unittest.TestCase):
    """The target tells that its domain is older than its nova-compute; that counts while it beats.
    """

    def setUp(self):
        self.store, self.world = scene.Store(), World()
        self.looker = Looker(self.store, self.world, self.world, self.world, values.rules(),
                             Clock())
        self.target = values.an_inventory('c2', storage_addresses=('10.1.0.2',),
                                          left_defined=('i1',))

    def left(self, *, lease=True, boot_id='', behind='', **changes):
        beat = records.Beat('uuid', boot_id or self.target.boot_id, behind=behind)
        self.store.commit([], [ports.Put(records.ALIVE + 'c2', records.encode(beat),
                                         self.store.grant(60) if lease else 0)])
        return self.seen(**changes)

    def seen(self, **changes):
        return self.looker.seen(
            values.under_way(Phase.MOVING), dataclasses.replace(self.target, **changes),
            CallTimes(seconds=LIMIT), source_returned=False, orders=()).target_left

    def test_it_counts_if_the_target_beats_and_tells_of_it(self):
        self.assertTrue(self.left())

    def test_it_counts_for_no_other_instance(self):
        self.assertFalse(self.left(left_defined=()))
        self.assertFalse(self.left(left_defined=('i2',)))

    def test_it_does_not_count_without_a_beat_of_that_boot_that_is_kept_up(self):
        self.assertFalse(self.seen())
        self.assertFalse(self.left(lease=False))
        self.assertFalse(self.left(boot_id='another'))
        self.assertFalse(self.left(behind='a look at the host does not end'))

    def test_it_does_not_count_while_libvirt_there_is_mute(self):
        self.assertFalse(self.left(note='libvirt has not answered since noon'))


class TestAHostThatNobodyCanRead(unittest.TestCase):
    """A client of an image that c1 shares is at the address of c3, which writes junk."""

    def setUp(self):
        self.store, self.world = scene.Store(), World()
        self.asked, self.client = [], values.a_client('10.1.0.3:0/9')
        self.world.clients = lambda images, limit: {
            image: values.an_answer(self.client, image=image) for image in images}
        self.world.contact = self.contact
        self.world.server = values.a_server
        self.store.commit([], [ports.Put(records.INVENTORY + 'c3', 'junk'), ports.Put(
            records.CLAIMS + 'c3', records.encode(
                records.Claims({'10.1.0.3': 1}, 'qemu+tls://c3/system', 'uuid-c3')))])
        self.looker = Looker(self.store, self.world, self.world, self.world, values.rules(),
                             Clock())

    def contact(self, uris, limit):
        self.asked += uris
        return {uri: values.a_libvirt(host_uuid='uuid-c3') for uri in uris}

    def look(self):
        return self.looker.seen(
            values.an_evacuation(phase=Phase.QUEUED), values.an_inventory('c2'), CallTimes(),
            source_returned=False, orders=())

    def test_is_asked_where_it_told_before_that_its_libvirt_answers(self):
        self.assertEqual({'c3': False}, self.look().elsewhere)
        self.assertEqual(['qemu+tls://c3/system'], self.asked)

    def test_is_not_harmless_where_its_client_is_silent(self):
        self.client = dataclasses.replace(self.client, acknowledged=False)
        self.store.commit([], [ports.Delete(records.CLAIMS + 'c3')])
        seen = self.look()
        self.assertEqual((frozenset(), {}), (seen.harmless, seen.elsewhere))


if __name__ == '__main__':
    unittest.main()
