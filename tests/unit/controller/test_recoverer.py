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


"""A leader plans the hosts that died together: what one has, the others don't."""

import collections
import concurrent.futures
import dataclasses
import unittest

from kaopu_ha import ports, records
from kaopu_ha.controller.recoverer import Recoverer
from kaopu_ha.core import demands, model
from kaopu_ha.core.model import Evacuation, Phase, RecoveryStage, Stage
from tests.core import values
from tests.unit.controller import scene

DEMAND = demands.Demand((demands.Part('', (demands.Amount('VCPU', 2),)),))
TARGETS = tuple(f't{number}' for number in range(1, 9))


def address(host):
    return f'10.1.{"dt".index(host[0])}.{host[1:]}'


def order(host):
    return model.FenceOrder('blocklist', 'ceph-1', (f'{address(host)}:0/0',))


class Nova:
    """Shows the instances of the dead hosts, and no zone, group or aggregate; says no for some."""

    def __init__(self, guests):
        self.guests, self.away_for, self.asked = guests, set(), 0

    def services(self):
        return {host: values.a_service(host, up=host in TARGETS, forced_down=host not in TARGETS)
                for host in (*self.guests, *TARGETS)}

    def servers(self, host):
        if host in self.away_for:
            raise ports.PortError(f'no answer of {host}')
        return [values.a_server(uuid, host=host, demand=DEMAND) for uuid in self.guests[host]]

    def places(self, kinds):
        self.asked += 1
        return demands.Places()

    def usage(self):
        return dict.fromkeys(TARGETS, values.a_usage())


class Quiet(ports.Queue):
    def offer(self, tasks):
        pass

    def take(self, most):
        return ()

    def close(self):
        pass


class TogetherDead(unittest.TestCase):

    def begin(self, hosts, each, **rules):
        """So many hosts, each proven with so many instances, and a leader that has just come."""
        self.store, self.clock = scene.Store(), scene.Clock()
        self.nova = Nova({f'd{number}': [f'd{number}-{place:02}' for place in range(each)]
                          for number in range(1, hosts + 1)})
        lease = self.store.grant(3600)
        for host in (*self.nova.guests, *TARGETS):
            self.put(records.INVENTORY + host, self.told(host))
        for host in TARGETS:
            self.put(records.ALIVE + host, records.Beat('uuid', 'boot-1', '1'), lease)
        for host in self.nova.guests:
            self.confirm(host)
        self.leader = scene.a_leader(self.store, 'controller-1', self.clock)
        self.leader.turn()
        self.clock.now += 60.0
        self.leader.turn()
        pool = concurrent.futures.ThreadPoolExecutor(2)
        self.addCleanup(pool.shutdown)
        env = scene.an_env(self.clock, rules=values.fast_rules(**rules), pool=pool)
        fence = scene.FenceThatHolds(lambda host: (order(host),))
        self.recoverer = Recoverer(self.store, self.leader, [fence], self.nova, self.nova,
                                   Quiet(), None, env)

    def put(self, key, record, lease=0):
        self.store.commit([], [ports.Put(key, records.encode(record), lease)])

    def told(self, host):
        guests = [values.an_instance(uuid) for uuid in self.nova.guests.get(host, ())]
        return values.an_inventory(host, instances=guests, storage_addresses=(address(host),),
                                   storage={'ceph-1': model.Sign.LIFE})

    def confirm(self, host):
        name = f'{host}-7'
        self.put(records.CASE + host, model.Case(host, Stage.CONFIRMED, 'boot-1', recovery=name))
        self.put(records.RECOVERY + name, model.Recovery(
            name, host, RecoveryStage.PROVEN, (order(host),), checked=True,
            instances=self.told(host).instances))

    def moves(self):
        return list(records.readable(Evacuation, self.store.read(
            records.EVACUATION).under(records.EVACUATION)).values())

    def queued(self):
        """How many of each dead host have a target."""
        return collections.Counter(item.source for item in self.moves()
                                   if item.phase is Phase.QUEUED)

    def test_one_host_alone_has_all_places_in_its_first_plan(self):
        self.begin(1, 12, in_all_max=10, per_target_max=4)
        self.recoverer.turn()
        self.assertEqual({'d1': 10}, self.queued())

    def test_no_more_move_in_all_or_to_one_target_whoever_is_proven_in_one_turn(self):
        self.begin(3, 12, in_all_max=10, per_target_max=2)
        self.recoverer.turn()
        self.assertEqual(10, self.queued().total())
        to_each = collections.Counter(item.target for item in self.moves() if item.target)
        self.assertLessEqual(max(to_each.values()), 2)

    def test_hosts_that_are_proven_in_one_turn_share_the_places(self):
        self.begin(3, 12, in_all_max=9, per_target_max=9)
        self.recoverer.turn()
        self.assertEqual({'d1': 3, 'd2': 3, 'd3': 3}, self.queued())

    def test_what_one_has_less_of_than_its_host_told_goes_to_the_others(self):
        self.begin(2, 12, in_all_max=8, per_target_max=9)
        del self.nova.guests['d2'][1:]
        self.recoverer.turn()
        self.assertEqual({'d1': 7, 'd2': 1}, self.queued())

    def test_for_one_that_can_not_be_planned_no_place_is_kept_free_for_long(self):
        self.begin(2, 12, in_all_max=8, per_target_max=9, plan_seconds=5.0)
        self.nova.away_for.add('d2')
        for seconds, expected in ((0.0, 4), (4.0, 4), (1.1, 8)):
            self.clock.now += seconds
            self.leader.turn()
            self.recoverer.turn()
            self.assertEqual({'d1': expected}, self.queued())

    def arrive(self, host):
        """The first of the host that is on its way is there."""
        item = next(item for item in self.moves()
                    if item.source == host and item.phase is Phase.QUEUED)
        self.put(f'{records.EVACUATION}{item.recovery}/{item.instance}',
                 dataclasses.replace(item, phase=Phase.DONE))

    def test_of_all_hosts_there_is_one_plan_in_a_look_and_none_if_nothing_changes(self):
        self.begin(3, 12, in_all_max=9, per_target_max=9)
        self.recoverer.turn()
        self.recoverer.turn()
        for _ in range(2):
            before = self.nova.asked
            self.recoverer.turn()
            self.assertEqual(before, self.nova.asked)
            for host in ('d1', 'd3'):
                self.arrive(host)
            self.recoverer.turn()
            self.assertEqual({'d1': 3, 'd2': 3, 'd3': 3}, self.queued())
            self.assertEqual(before + 1, self.nova.asked)

    def test_in_a_term_after_another_ones_it_begins_anew(self):
        self.begin(2, 12, in_all_max=4, per_target_max=9)
        self.recoverer.turn()
        self.recoverer.turn()
        self.arrive('d1')
        self.recoverer.turn()
        self.leader.resign()
        self.recoverer.turn()
        self.leader.turn()
        before = self.nova.asked
        self.recoverer.turn()
        self.assertEqual(before + 1, self.nova.asked)
        self.assertEqual({'d1': 2, 'd2': 2}, self.queued())
