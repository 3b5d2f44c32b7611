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


import dataclasses
import unittest

from kaopu_ha.core import demands, model, prospect
from kaopu_ha.core.demands import Amount, Demand, Group, Offer, Part
from kaopu_ha.core.model import Power, Stage, Verdict
from kaopu_ha.core.prospect import Forecast
from kaopu_ha.core.protection import Reason, Unprotected
from tests.core import values

RULES = values.rules(client_networks=('10.1.0.0/24',), in_all_max=1, per_target_max=1)
CLUSTER = values.DISK.cluster
ORDER = model.FenceOrder('ceph_blocklist', CLUSTER, ('10.1.0.1:0/0',))


def a_seen(instances=None, servers=None, candidates=None, **changes):
    """c1 has these on, c2 and c3 have room for all of it; Nova shows what c1 tells."""
    if instances is None:
        instances = (values.an_instance(),)
    if servers is None:
        servers = [values.a_server(one.uuid) for one in instances]
    if candidates is None:
        candidates = (values.a_candidate('c1'), values.a_candidate('c2'),
                      values.a_candidate('c3', usage=values.a_usage(cores_used=4)))
    seen = prospect.Seen(
        {'c1': values.an_inventory('c1', instances=instances, storage={CLUSTER: values.LIFE})},
        candidates, {host: values.a_service(host) for host in ('c1', 'c2', 'c3')},
        {'c1': servers}, orders={'c1': (ORDER,)})
    return dataclasses.replace(seen, **changes)


def of_c1(*given, **changes):
    return prospect.of_host('c1', a_seen(*given, **changes), RULES)


def some(count, **changes):
    return [values.an_instance(f'i{number}', **changes) for number in range(count)]


class TestWhoComesBack(unittest.TestCase):

    def test_what_has_its_disk_on_rbd_and_room_elsewhere(self):
        self.assertEqual((prospect.Prospect('c1', 'i1', 'name of i1', Forecast.PROTECTED,
                                            target='c2', places=('c2', 'c3')),), of_c1())

    def test_what_is_off_is_not_asked_about(self):
        self.assertEqual((), of_c1(some(1, power=Power.OFF), [
            values.a_server('i0', vm_state='stopped', power_state=4)]))

    def test_all_of_a_host_though_few_of_them_go_at_a_time(self):
        found = of_c1(some(5))
        self.assertEqual([Forecast.PROTECTED] * 5, [one.answer for one in found])
        # Each placement changes the rank, as it will on the day.
        self.assertEqual({'c2', 'c3'}, {one.target for one in found})

    def test_one_whose_agent_alone_is_lost(self):
        cases = {'c1': values.a_case(verdict=Verdict.ALIVE, guests=('i1',), guests_at=values.AT)}
        self.assertEqual(Forecast.PROTECTED, of_c1(cases=cases)[0].answer)

    def test_of_what_nova_would_have_to_show_otherwise_first(self):
        found, = of_c1(servers=[values.a_server(vm_state='paused')])
        self.assertEqual(Forecast.PROTECTED, found.answer)


class TestWhoDoesNot(unittest.TestCase):

    def assert_not(self, reason, word, *given, **changes):
        found = of_c1(*given, **changes)
        self.assertEqual([(Forecast.UNPROTECTED, reason)],
                         [(one.answer, one.reason) for one in found])
        self.assertIn(word, found[0].text)

    def test_for_its_disks(self):
        unread = dataclasses.replace(values.DISK, header='')
        for reason, word, instance in (
                (Reason.LOCAL_DISK, 'on local disk', values.an_instance(local_disks=('/d',))),
                (Reason.NO_CLUSTER, 'rbd:vms/d', values.an_instance(local_disks=('rbd:vms/d',))),
                (Reason.UNKNOWN_IMAGE, 'never read', values.an_instance(
                    images=(values.DISK, unread))),
                (Reason.NO_DISK, 'not known', values.an_instance(images=()))):
            with self.subTest(reason):
                other = values.an_instance('i2')
                found = of_c1((instance, other))
                self.assertEqual([(reason, Forecast.UNPROTECTED), (None, Forecast.PROTECTED)],
                                 [(one.reason, one.answer) for one in found])
                self.assertIn(word, found[0].text)

    def test_for_its_state(self):
        self.assert_not(Reason.STATE, 'neither confirmed nor reverted',
                        servers=[values.a_server(vm_state='resized')])

    def test_where_nova_does_not_show_it(self):
        self.assert_not(Reason.NOT_IN_NOVA, 'does not show it', servers=[])

    def test_where_its_host_never_told_of_it(self):
        self.assert_not(Reason.NO_DISK, 'not known', (values.an_instance('i0', Power.OFF),),
                        [values.a_server('i9')])
        found = of_c1(some(1), [values.a_server('i0'), values.a_server('i9')])
        self.assertEqual([(None, ''), (Reason.NO_DISK, 'its disks are not known')],
                         [(one.reason, one.text) for one in found])

    def test_for_want_of_a_host(self):
        off = values.a_candidate('c2', service=values.a_service('c2', enabled=False))
        self.assert_not(Reason.NO_TARGET, 'not up and enabled', candidates=(off,))
        self.assert_not(Reason.NO_TARGET, 'no other host', candidates=())

    def test_for_want_of_room(self):
        full = values.a_candidate('c2', usage=values.a_usage(cores_used=31))
        self.assert_not(Reason.NO_ROOM, 'no cores left', candidates=(full,))

    def test_where_the_fence_may_not_be_set(self):
        self.assert_not(Reason.NOT_FENCED, 'a monitor', forbidden={'10.1.0.1': 'a monitor of Ceph'})
        self.assert_not(Reason.NOT_FENCED, 'no address', orders={})
        claimed = {'10.1.0.1': ('c1', 'c2')}
        self.assert_not(Reason.NOT_FENCED, 'claimed by c2', claimed=claimed)

    def test_on_a_cluster_that_its_host_may_not_be_fenced_on(self):
        two = values.an_instance(images=(values.DISK, values.DATA))
        orders = {'c1': (ORDER, model.FenceOrder('ceph_blocklist', values.DATA.cluster, (),
                                                 held=('10.1.0.9:0/0',)))}
        storage = {CLUSTER: values.LIFE, values.DATA.cluster: values.LIFE}
        there = (values.a_candidate('c2', storage=storage),)
        self.assert_not(Reason.NOT_FENCED, 'monitor', (two,), candidates=there, orders=orders,
                        forbidden={'10.1.0.9': 'a monitor of Ceph is there'})

    def test_where_silence_would_not_condemn_its_host(self):
        self.assert_not(Reason.LOCAL_DISK, 'local', (values.an_instance(
            images=(), local_disks=('/d',)),))
        bare = a_seen().inventories['c1']
        self.assert_not(Reason.NOT_CONDEMNED, 'addresses of the host are not known',
                        inventories={'c1': dataclasses.replace(bare, storage_addresses=())})

    def test_of_images_that_can_never_be_asked_about_too_many_spare_a_dead_host(self):
        unread = dataclasses.replace(values.DISK, header='')
        found = of_c1([*some(1), *(values.an_instance(f'u{number}', images=(
            dataclasses.replace(unread, name=f'd{number}'),)) for number in range(2))])
        self.assertEqual([(Reason.NOT_CONDEMNED, 'i0')] + [
            (Reason.NOT_CONDEMNED, f'u{number}') for number in range(2)],
            [(one.reason, one.instance) for one in found])
        self.assertIn('too few', found[0].text)

    def test_for_what_is_told_of_its_host(self):
        for reason in (Reason.NO_AGENT, Reason.NO_SERVICE, Reason.STRANGER, Reason.OUTSIDE,
                       Reason.LASTING_BEAT):
            told = (Unprotected('c1', reason, 'as it was told'), Unprotected('c2', reason, 'other'))
            self.assert_not(reason, 'as it was told', told=told)
        late = (Unprotected('c1', Reason.NOT_KEPT_UP, 'old'),)
        self.assertEqual(Forecast.PROTECTED, of_c1(told=late)[0].answer)

    def test_on_a_host_without_an_agent(self):
        self.assert_not(Reason.NO_AGENT, 'no agent', inventories={})

    def test_while_people_hold_it_or_nobody_leads(self):
        self.assert_not(Reason.ON_HOLD, 'host release c1', held={'c1'})
        self.assert_not(Reason.NOBODY_LEADS, 'no controller leads', leads=False)

    def test_while_no_worker_runs(self):
        self.assert_not(Reason.NOBODY_WORKS, 'no worker shows', works=False)

    def test_of_a_dead_host_only_what_was_not_moved_is_still_on_there(self):
        for stage in (Stage.CONFIRMED, Stage.ADMITTING):
            cases = {'c1': values.a_case(stage, verdict=Verdict.DEAD)}
            found = of_c1(some(2), [values.a_server('i1')], cases=cases)
            self.assertEqual([('i1', Reason.JUDGED)], [(one.instance, one.reason) for one in found])
        # While it is judged, Nova may not know of all that runs there.
        cases = {'c1': values.a_case(Stage.DYING, verdict=Verdict.DEAD)}
        self.assertEqual(2, len(of_c1(some(2), [values.a_server('i1')], cases=cases)))

    def test_of_a_host_that_may_be_dead_its_case_tells(self):
        cases = {'c1': values.a_case(Stage.DYING, verdict=Verdict.DEAD)}
        self.assert_not(Reason.JUDGED, 'dying (kaopu-ha explain c1)', cases=cases)


class TestRoom(unittest.TestCase):

    def test_for_some_of_them_the_others_are_told_where_they_could_go_alone(self):
        small = values.a_candidate('c2', usage=values.a_usage(cores=6))
        found = of_c1(some(5), candidates=(values.a_candidate('c1'), small))
        self.assertEqual([Forecast.PROTECTED] * 3 + [Forecast.UNPROTECTED] * 2,
                         [one.answer for one in found])
        self.assertEqual({(Reason.NO_ROOM, ('c2',))},
                         {(one.reason, one.places) for one in found[3:]})
        self.assertIn('alone it has room on c2', found[4].text)

    def test_its_own_host_is_no_place_for_it(self):
        found, = of_c1(candidates=(values.a_candidate('c1'),))
        self.assertEqual((Reason.NO_TARGET, ()), (found.reason, found.places))

    def test_what_moves_there_already_has_its_room_there(self):
        coming = values.an_evacuation('i7', model.Phase.MOVING, recovery='c9-1',
                                      source='c9', target='c2', cores=31)
        only = (values.a_candidate('c2'),)
        found, = of_c1(candidates=only, evacuations=(coming,))
        self.assertEqual((Reason.NO_ROOM, (), 'c2: it has no cores left'),
                         (found.reason, found.places, found.text))

    def test_the_best_places_are_named_first_and_not_all_of_them(self):
        many = tuple(values.a_candidate(f'h{number}', usage=values.a_usage(cores_used=9 - number))
                     for number in range(9))
        self.assertEqual(('h8', 'h7', 'h6'), of_c1(candidates=many)[0].places)


class TestPlaces(unittest.TestCase):
    """c2 is in az1 and the fullest, c3 and c4 are in az2."""

    KIND = Demand((Part('', (Amount('MEMORY_MB', 2048), Amount('VCPU', 2))),))
    PINNED = dataclasses.replace(KIND, zone='az1')

    def of(self, kind, count=1, places=demands.NOWHERE_SAID, **usages):
        candidates = tuple(values.a_candidate(
            host, service=values.a_service(host, zone=zone),
            usage=usages.get(host, values.a_usage(cores_used=used))) for host, zone, used in (
            ('c2', 'az1', 20), ('c3', 'az2', 4), ('c4', 'az2', 2)))
        servers = [values.a_server(f'i{number}', demand=kind) for number in range(count)]
        return of_c1(some(count), servers, candidates, places=places)

    def test_one_that_is_pinned_goes_to_its_zone_and_only_hosts_there_are_named(self):
        found, = self.of(self.PINNED)
        self.assertEqual((Forecast.PROTECTED, 'c2', ('c2',)),
                         (found.answer, found.target, found.places))
        self.assertEqual(('c4', 'c3', 'c2'), self.of(self.KIND)[0].places)

    def test_where_its_zone_is_full_it_is_room_that_lacks(self):
        found, = self.of(self.PINNED, c2=values.a_usage(cores_used=31))
        self.assertEqual((Forecast.UNPROTECTED, Reason.NO_ROOM, ()),
                         (found.answer, found.reason, found.places))
        self.assertIn('in zone az1: c2: it has no cores left; not in its zone: 2 hosts in az2',
                      found.text)

    def test_where_no_host_of_its_zone_is_left_it_is_a_host_that_lacks(self):
        found, = self.of(dataclasses.replace(self.KIND, zone='az9'))
        self.assertEqual((Forecast.UNPROTECTED, Reason.NO_TARGET), (found.answer, found.reason))

    def test_what_placement_does_not_offer_is_doubtful_and_no_place(self):
        places = demands.Places({self.KIND: Offer(frozenset({'c3'}))})
        found, = self.of(self.KIND, places=places)
        self.assertEqual((Forecast.PROTECTED, 'c3', ('c3',)),
                         (found.answer, found.target, found.places))
        found, = self.of(self.KIND, places=demands.Places({self.KIND: Offer(frozenset())}))
        self.assertEqual((Forecast.DOUBTFUL, Reason.DOUBTFUL, 'c4', ()),
                         (found.answer, found.reason, found.target, found.places))
        self.assertIn('no other host is left than c4, and Placement does not offer it', found.text)
        self.assertEqual([Reason.DOUBTFUL], [item.reason for item in prospect.lost([found])])

    def test_of_one_kind_some_are_sure_until_the_room_of_sure_hosts_is_full(self):
        places = demands.Places({self.KIND: Offer(frozenset({'c3'}))})
        found = self.of(self.KIND, 3, places, c3=values.a_usage(cores_used=28))
        self.assertEqual([Forecast.PROTECTED, Forecast.PROTECTED, Forecast.DOUBTFUL],
                         [one.answer for one in found])
        self.assertEqual(('c4', ('c3',)), (found[2].target, found[2].places))

    def test_a_group_keeps_its_members_apart_also_from_those_that_go_first(self):
        group = Group('g', 'db', 'anti-affinity', frozenset({'i0', 'i1', 'i9'}), 1)
        places = demands.Places(groups=(group,), homes={'i0': 'c1', 'i1': 'c1', 'i9': 'c4'})
        found = self.of(self.KIND, 3, places)
        self.assertEqual([('c3', ('c3', 'c2')), ('c2', ('c3', 'c2')), ('c4', ('c4', 'c3', 'c2'))],
                         [(one.target, one.places) for one in found])

    def test_a_group_that_is_kept_together_has_no_sure_place(self):
        group = Group('g', 'db', 'affinity', frozenset({'i0', 'i1'}))
        places = demands.Places(groups=(group,), homes={'i0': 'c1', 'i1': 'c1'})
        found = self.of(self.KIND, 3, places)
        # Of the second, too: where the first one goes is as doubtful.
        self.assertEqual([Forecast.DOUBTFUL, Forecast.DOUBTFUL, Forecast.PROTECTED],
                         [one.answer for one in found])


class TestWhoIsLeft(unittest.TestCase):

    def test_on_purpose_is_no_trouble(self):
        found, = of_c1(servers=[values.a_server(task_state='deleting')])
        self.assertEqual((Forecast.LEFT, None), (found.answer, found.reason))
        self.assertEqual((), prospect.lost([found]))

    def test_by_who_owns_it_whatever_is_wrong_with_its_host(self):
        for value, answer in (('no', Forecast.LEFT), ('perhaps', Forecast.PROTECTED)):
            mark = model.Mark(model.Source.METADATA, 'HA_Enabled', value)
            server = values.a_server(marks=(mark,))
            found, = of_c1(servers=[server])
            self.assertEqual((answer, None), (found.answer, found.reason))
            self.assertIn('HA_Enabled', found.text)
            held, = of_c1(servers=[server], held={'c1'})
            self.assertEqual(Forecast.LEFT if value == 'no' else Forecast.UNPROTECTED, held.answer)

    def test_the_important_have_their_room_first(self):
        mark = model.Mark(model.Source.METADATA, 'ha_priority', 'high')
        servers = [values.a_server(f'i{number}', marks=(mark,) * (number == 3))
                   for number in range(4)]
        small = values.a_candidate('c2', usage=values.a_usage(cores=2))
        found = of_c1(some(4), servers, (small,))
        self.assertEqual(['i3'], [one.instance for one in found
                                  if one.answer is Forecast.PROTECTED])


class TestWhatIsNotKnown(unittest.TestCase):

    def test_is_no_yes_and_no_no(self):
        found, = of_c1(servers=[], unasked={'c1': 'its cell is down'})
        self.assertEqual((Forecast.NOT_KNOWN, 'its cell is down'), (found.answer, found.text))

    def test_unless_its_host_would_not_be_condemned_anyway(self):
        found, = of_c1(servers=[], unasked={'c1': 'its cell is down'}, held={'c1'})
        self.assertEqual(Reason.ON_HOLD, found.reason)


class TestLost(unittest.TestCase):

    def test_is_told_by_host_and_reason_with_the_names(self):
        local = some(12, local_disks=('/d',))
        item, = prospect.lost(of_c1(local))
        self.assertEqual(('c1', Reason.LOCAL_DISK, 12),
                         (item.host, item.reason, len(item.instances)))
        self.assertIn('and 2 more: on local disk: /d', item.text)

    def test_a_reason_is_short_however_many_hosts_there_are(self):
        many = tuple(values.a_candidate(f'h{number}', held=True) for number in range(1000))
        found = of_c1(candidates=many)
        item, = prospect.lost(found)
        self.assertLess(len(item.text), 300)
