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

"""What is taken out of the rules of segments and reserved hosts is found by their stories."""

import dataclasses
import logging
import unittest
from unittest import mock

from kaopu_ha import ports, records
from kaopu_ha.controller.taker import Taker
from kaopu_ha.core import circles, selection, taking
from kaopu_ha.core.circles import Circle, Grouping
from kaopu_ha.core.segments import RecoveryMethod, Taking, TakingStage
from kaopu_ha.core.taking import Act
from kaopu_ha.sim import story
from kaopu_ha.sim.lay import Lay
from tests.unit.sim.mutants import InStories, put

NO_ROOM, TAKEN, LAST, JOINS = (
    'segments-and-no-room-in-one', 'reserved-host-is-taken',
    'reserved-host-where-nothing-else-has-room', 'reserved-host-joins-the-aggregates')


def setUpModule():
    # What the program logs of a world in trouble is no news here.
    logging.disable(logging.CRITICAL)


def tearDownModule():
    logging.disable(logging.NOTSET)


class Mutants(InStories):

    def test_segments_are_not_known(self):
        self.finds(NO_ROOM, 'nobody leaves its segment', put(
            circles, 'grouped', lambda segments, hosts, taken: circles.UNGROUPED))

    def test_a_reserved_host_that_is_disabled_is_a_target(self):
        def bars(circle, host, real=Circle.bars):
            return '' if host in circle.reserved else real(circle, host)

        def rings(its, item, real=circles.Circles.rings):
            return tuple(dataclasses.replace(ring, reserved=False) for ring in real(its, item))
        self.finds(LAST, 'a target may be one', put(Circle, 'bars', bars),
                   put(circles.Circles, 'rings', rings))

    def test_a_reserved_host_is_ready_before_nova_shows_it_so(self):
        self.finds(TAKEN, 'c4 is ready, and disabled', put(
            taking, '_is_enabled', lambda one, seen: True))

    def test_a_call_is_not_written_down(self):
        def commit(taker, world, decision, writes, *keys, real=Taker._commit):
            if decision.act is Act.ENABLE:
                return world.modified(records.TAKING + decision.taking.host)
            return real(taker, world, decision, writes, *keys)
        self.finds(TAKEN, 'no call unwritten', put(Taker, '_commit', commit))

    def test_a_host_is_added_and_nobody_wrote_that_down(self):
        def joins(one, seen, rules, real=taking._joins):
            return dataclasses.replace(real(one, seen, rules), taking=one)
        rows = tuple((name, applies, joins if then is taking._joins else then)
                     for name, applies, then in taking._ROWS)
        self.finds(JOINS, 'no call unwritten', put(taking, '_ROWS', rows))

    def test_a_host_is_added_to_everybodys_aggregates(self):
        self.finds(JOINS, 'only the aggregates of the lost host', put(
            taking, '_lacking', lambda one, seen: [
                each for each in seen.aggregates if one.host not in each.hosts]))

    def test_a_host_is_enabled_and_added_to_none(self):
        self.finds(JOINS, 'c4 is in zone east: it is in nova', put(
            taking, '_to_join', lambda one, seen, rules: []))

    def test_a_plan_does_not_count_on_the_aggregates(self):
        def as_taken(candidates, reserved, places, rules, real=selection.as_taken):
            return real(candidates, reserved, places, dataclasses.replace(
                rules, joins_aggregates=False))
        self.finds(JOINS, 'web runs on c4: it runs on no host', put(
            selection, 'as_taken', as_taken))

    def test_reserved_hosts_are_taken_all_at_once(self):
        def wanted(moves, grouping, real=taking.wanted):
            return {host: recovery for recovery in real(moves, grouping).values()
                    for host in grouping.reserved if host not in grouping.taken}
        self.finds(LAST, 'one at a time', put(taking, 'wanted', wanted))

    def test_a_reserved_host_stays_reserved(self):
        def ready(one, seen, rules, real=taking._ready):
            return dataclasses.replace(real(one, seen, rules), act=Act.COMMIT)
        rows = tuple((name, applies, ready if then is taking._ready else then)
                     for name, applies, then in taking._ROWS)
        self.finds(TAKEN, 'c4 was taken: it is reserved', put(taking, '_ROWS', rows))

    def test_reserved_hosts_are_preferred_and_no_more(self):
        def method(grouping, segment, real=Grouping.method):
            found = real(grouping, segment)
            return RecoveryMethod.AUTO if found is RecoveryMethod.RESERVED_HOST else found
        self.finds(TAKEN, 'only reserved hosts', put(Grouping, 'method', method))

    def test_reserved_hosts_are_never_taken(self):
        self.finds(LAST, 'db runs on c3: it runs on no host', put(
            taking, 'wanted', lambda moves, grouping: {}))


class Lives(unittest.TestCase):
    """What may come in between, each once."""

    def play(self, method, *lines, instances='web: c1', hosts='c1 c2 c3 c4', rules="''"):
        begins = (f'0 segment rack1 has method {method}', '0 c1, c2 and c3 are in segment rack1',
                  '0 c4 is reserved in segment rack1')
        played = story.play(story.read(
            f'title: a case\npace: fast\nrules: {rules}\nhosts: {hosts}\n'
            f'instances: {{{instances}}}\nstory:\n'
            + ''.join(f'  - {line}\n' for line in (*begins, *lines))))
        self.assertEqual((), played.wrong, played.log)
        return played

    def taken(self, played, host='c4'):
        return played.world.record(Taking, records.TAKING + host)

    def test_nova_is_away_when_a_reserved_host_is_to_be_taken(self):
        played = self.play(
            'reserved_host', '20 power off c1', '31.9 Nova goes away', '60 expect c4 is reserved',
            '120 Nova comes back', '200 expect c4 was taken', '200 expect web runs on c4',
            '200 end')
        self.assertEqual(1, sum('reserved host asked for' in line.text
                                for line in played.world.timeline))

    def test_its_nova_compute_is_away_for_longer_than_a_move_may_take(self):
        played = self.play(
            'reserved_host', '5 nova-compute of c4 dies', '100 power off c1',
            '150 expect c4 is reserved', '300 nova-compute of c4 starts',
            '600 expect c4 was taken', '600 expect web runs on c4', '600 end')
        self.assertIs(TakingStage.READY, self.taken(played).stage)

    def test_a_person_reserves_it_no_more_while_it_is_waited_for(self):
        self.play('reserved_host', '20 power off c1', '31.9 Nova goes away',
                  '60 c4 is in no segment any more', '70 Nova comes back',
                  '"120 expect web is told as waiting: c2, c3: its segment has reserved"',
                  '120 end')

    def test_nova_refuses_one_aggregate_of_two(self):
        played = self.play(
            'reserved_host', '0 zone east has c1', '0 zone west has c4', '0 web is of project acme',
            '0 c1 is set aside for project acme', '20 power off c1', '100 expect c4 was taken',
            '100 expect c4 is in zone west', '100 expect web runs on c4', '100 end',
            rules='joins_aggregates')
        (told,) = (line.text for line in played.world.timeline if 'host taken' in line.text)
        self.assertTrue(told.endswith('; added to for-acme; not added to zone-east: 409: c4 is in '
                                      'zone west'), told)

    def test_nova_lets_nobody_into_the_zone(self):
        """Then none is taken in vain, however many there are; the next one is asked, and so on."""
        def join(lay, host, aggregate):
            raise ports.Refused('403: Policy does not allow it')
        with mock.patch.object(Lay, 'join', join):
            played = self.play(
                'reserved_host', '0 zone east has c1', '0 zone nova has c3 and c4',
                '0 web is pinned to its zone', '0 c3 is reserved in segment rack1',
                '20 power off c1', '100 expect c4 is reserved', '100 expect c3 is reserved',
                '100 end', rules='joins_aggregates')
        told = [line.text for line in played.world.timeline if 'host not taken' in line.text]
        self.assertEqual({'c3', 'c4'}, {text.partition(':')[0] for text in told[:2]})
        self.assertIn('zone-east, the aggregate of zone east: 403: Policy', told[0])

    def test_two_hosts_that_die_share_the_last_reserved_one(self):
        played = self.play(
            'reserved_host', '20 power off c1', '20 power off c2',
            '200 expect c4 was taken', '200 expect web runs on c4', '200 expect db runs on c4',
            '200 end', instances='web: c1, db: c2, x: c5, y: c6, z: c7, w: c8, v: c9',
            hosts='c1 c2 c3 c4 c5 c6 c7 c8 c9')
        self.assertEqual(1, sum('reserved host asked for' in line.text
                                for line in played.world.timeline))

    def test_a_host_in_no_segment_gives_nothing_to_a_reserved_one(self):
        self.play('auto', '1 enable c4', '1 c2 has 0 cores', '1 c3 has 0 cores',
                  '1 c1 is in no segment any more', '30 power off c1',
                  '"100 expect web is told as waiting: c4: it is reserved"', '100 end')

    def test_what_was_taken_is_taken_again_when_people_reserve_it_again(self):
        played = self.play(
            'reserved_host', '20 power off c1', '100 expect web runs on c4',
            '100 c3 is reserved in segment rack1', '700 power off c4',
            '800 expect c3 was taken', '800 expect web runs on c3', '800 end')
        self.assertEqual({'c3', 'c4'}, {one.host for one in played.world.every(
            Taking, records.TAKING)})
