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

"""Where instances go: the least used host that may take them."""

import dataclasses
import unittest

from kaopu_ha.core import demands, model, selection
from kaopu_ha.core.model import Phase, Sign
from kaopu_ha.core.placing import EVERYWHERE
from kaopu_ha.core.shortlist import Shortlist
from tests.core.values import (
    DATA,
    DISK,
    a_candidate,
    a_service,
    a_usage,
    an_evacuation,
)


class Rank(unittest.TestCase):

    def test_use_is_the_mean_of_cores_and_memory(self):
        self.assertEqual(0.5, selection.use(a_usage(cores_used=8, cores=32, memory_mb_used=75,
                                                    memory_mb=100)))

    def test_the_least_used_comes_first(self):
        usages = {'c1': a_usage(cores_used=16), 'c2': a_usage(cores_used=4),
                  'c3': a_usage(memory_mb_used=16384)}
        self.assertEqual(('c2', 'c3', 'c1'), selection.rank(usages))

    def test_ties_go_by_name(self):
        usages = {'c3': a_usage(), 'c1': a_usage(), 'c2': a_usage()}
        self.assertEqual(('c1', 'c2', 'c3'), selection.rank(usages))

    def test_it_is_the_share_that_counts_not_the_number(self):
        usages = {'small': a_usage(cores_used=4, cores=8), 'big': a_usage(cores_used=16, cores=64)}
        self.assertEqual(('big', 'small'), selection.rank(usages))

    def test_a_host_over_its_capacity_comes_after_a_full_one(self):
        usages = {'over': a_usage(cores_used=40, memory_mb_used=70000),
                  'full': a_usage(cores_used=32, memory_mb_used=65536)}
        self.assertEqual(('full', 'over'), selection.rank(usages))

    def test_a_host_without_capacity_comes_last(self):
        usages = {'c1': a_usage(cores=0), 'c2': a_usage(cores_used=99), 'c3': a_usage(memory_mb=0)}
        self.assertEqual(('c2', 'c1', 'c3'), selection.rank(usages))


class WhyNot(unittest.TestCase):

    def test_a_host_with_nothing_against_it_is_a_target(self):
        self.assertEqual('', selection.why_not(a_candidate(), an_evacuation()))

    def test_each_reason_is_said(self):
        service = a_service('c2')
        down = 'its compute service is not up and enabled'
        # what is different -> the reason
        table = [
            ({'host': 'c1'}, 'it is the source'),
            ({'host': 'c9'}, 'it was tried before'),
            ({'locked': True}, 'it is locked'),
            ({'beat': False}, 'it does not beat'),
            ({'suspected': True}, 'it is suspected'),
            ({'flapping': True}, 'it is flapping: it came back too often lately'),
            ({'fresh': True}, 'it came back just now'),
            ({'held': True}, 'it is on hold'),
            ({'service': None}, down),
            ({'service': a_service(enabled=False)}, down),
            ({'service': a_service(up=False)}, down),
            ({'service': a_service(forced_down=True)}, down),
            ({'storage': {}}, 'it does not reach cluster ceph-1'),
            ({'storage': {'ceph-1': Sign.SILENCE}}, 'it does not reach cluster ceph-1'),
            ({'storage': {'ceph-1': Sign.UNKNOWN}}, 'it does not reach cluster ceph-1'),
            ({'storage': {'ceph-2': Sign.LIFE}}, 'it does not reach cluster ceph-1'),
            ({'usage': None}, 'its usage is not known'),
            ({'usage': a_usage(cores_used=31)}, 'it has no cores left'),
            ({'usage': a_usage(memory_mb_used=65000)}, 'it has no memory left'),
            ({'service': service, 'usage': a_usage(cores_used=30)}, ''),
        ]
        for changes, reason in table:
            with self.subTest(**changes):
                found = selection.why_not(a_candidate(**changes),
                                          an_evacuation(passed_over=('c9',)))
                self.assertEqual(reason, found)

    def test_every_cluster_of_the_instance_has_to_be_reached(self):
        item = an_evacuation(images=(DISK, DATA))
        self.assertEqual('it does not reach cluster ceph-2',
                         selection.why_not(a_candidate(), item))
        both = a_candidate(storage={'ceph-1': Sign.LIFE, 'ceph-2': Sign.LIFE})
        self.assertEqual('', selection.why_not(both, item))

    def test_a_cluster_that_the_instance_does_not_use_may_be_lost(self):
        candidate = a_candidate(storage={'ceph-1': Sign.LIFE, 'ceph-2': Sign.SILENCE})
        self.assertEqual('', selection.why_not(candidate, an_evacuation()))


class Fits(unittest.TestCase):

    def test_the_last_core_and_the_last_megabyte_may_be_taken(self):
        usage = a_usage(cores_used=30, memory_mb_used=65536 - 2048)
        self.assertEqual('', selection.fits(usage, an_evacuation()))

    def test_one_too_many_has_no_room(self):
        # cores used of 32, memory used of 65536 -> for 2 cores and 2048 MB
        table = [(30, 0, ''), (31, 0, 'it has no cores left'),
                 (0, 65536 - 2048, ''), (0, 65536 - 2047, 'it has no memory left'),
                 (31, 65536, 'it has no cores left')]
        for cores, memory, reason in table:
            with self.subTest(cores=cores, memory=memory):
                usage = a_usage(cores_used=cores, memory_mb_used=memory)
                self.assertEqual(reason, selection.fits(usage, an_evacuation()))

    def test_capacities_come_with_the_ratios_applied(self):
        # 8 cores at a ratio of 16, 1000 MB at a ratio of 1.5, as Placement counts them
        usage = a_usage(cores=8 * 16.0, cores_used=100, memory_mb=1500.0, memory_mb_used=500)
        self.assertEqual('', selection.fits(usage, an_evacuation(memory_mb=1000)))
        self.assertEqual('it has no memory left',
                         selection.fits(usage, an_evacuation(memory_mb=1001)))


def chosen(item, candidates):
    """The target, or why there is none."""
    shortlist = Shortlist(candidates)
    target, _ = shortlist.choose(item, EVERYWHERE)
    return target or shortlist.why_none(item, EVERYWHERE)


def spread(count, candidates):
    """The targets of so many that are placed one after the other."""
    shortlist, targets = Shortlist(candidates), []
    for number in range(count):
        item = an_evacuation(f'i{number}')
        targets.append(shortlist.choose(item, EVERYWHERE)[0])
        shortlist.place(item, targets[-1])
    return targets


class Choose(unittest.TestCase):

    def test_the_least_used_that_may_is_taken(self):
        candidates = [a_candidate('c2', usage=a_usage(cores_used=8)),
                      a_candidate('c3', beat=False),
                      a_candidate('c4', usage=a_usage(cores_used=4))]
        self.assertEqual('c4', chosen(an_evacuation(), candidates))

    def test_without_a_target_every_host_but_the_source_is_named_with_its_reason(self):
        candidates = [a_candidate('c3', held=True), a_candidate('c1'),
                      a_candidate('c2', usage=None)]
        self.assertEqual('c2: its usage is not known; c3: it is on hold',
                         chosen(an_evacuation(), candidates))

    def test_with_no_host_but_the_source_this_is_said(self):
        for candidates in ([], [a_candidate('c1')]):
            self.assertEqual('there is no other host', chosen(an_evacuation(), candidates))

    def test_a_batch_spreads_because_each_placement_changes_the_rank(self):
        candidates = (a_candidate('c2', usage=a_usage(cores_used=2, memory_mb_used=2048)),
                      a_candidate('c3'), a_candidate('c4'))
        self.assertEqual(['c3', 'c4', 'c2', 'c3', 'c4', 'c2'], spread(6, candidates))

    def test_a_placement_counts_at_its_target_only(self):
        shortlist = Shortlist([a_candidate('c2'), a_candidate('c3'), a_candidate('c4', usage=None)])
        shortlist.place(an_evacuation(), 'c2')
        self.assertEqual([a_usage(cores_used=2, memory_mb_used=2048), a_usage(), None],
                         [shortlist.usage(host) for host in ('c2', 'c3', 'c4')])


def a_live_usage(live, cores_used=0.0, weight=1.0):
    """A host of 16 cores, of which this share is in use, and this much is set aside."""
    busy = None if live is None else model.Usage(16, 16 * live, 65536, 65536 * live)
    return dataclasses.replace(a_usage(cores_used), live=busy, live_weight=weight)


class LiveUse(unittest.TestCase):

    def test_hosts_are_ranked_by_what_they_truly_use(self):
        usages = {'c1': a_live_usage(0.6, cores_used=2), 'c2': a_live_usage(0.2, cores_used=20)}
        self.assertEqual(('c2', 'c1'), selection.rank(usages))

    def test_the_weight_says_how_much_of_the_rank_that_is(self):
        self.assertEqual(0.25 * 0.6 + 0.75 * 0.25, selection.weighed(
            a_live_usage(0.6, cores_used=16, weight=0.25))[1])

    def test_between_equals_it_is_what_is_set_aside(self):
        usages = {'c1': a_live_usage(0.2, cores_used=9), 'c2': a_live_usage(0.2, cores_used=8)}
        self.assertEqual(('c2', 'c1'), selection.rank(usages))

    def test_who_tells_no_live_use_comes_behind_all_who_do(self):
        usages = {'c1': a_live_usage(None), 'c2': a_live_usage(0.95, cores_used=30),
                  'c3': a_live_usage(None, cores_used=4)}
        self.assertEqual(('c2', 'c1', 'c3'), selection.rank(usages))

    def test_where_nobody_tells_it_is_what_is_set_aside(self):
        usages = {'c1': a_live_usage(None, cores_used=8), 'c2': a_live_usage(None)}
        self.assertEqual(('c2', 'c1'), selection.rank(usages))

    def test_without_a_weight_it_does_not_count(self):
        usages = {'c1': a_live_usage(0.0, cores_used=8, weight=0.0),
                  'c2': a_live_usage(None, weight=0.0)}
        self.assertEqual(('c2', 'c1'), selection.rank(usages))

    def test_an_idle_host_without_room_is_no_target(self):
        full = a_candidate('c2', usage=a_live_usage(0.0, cores_used=32))
        busy = a_candidate('c3', usage=a_live_usage(0.9, cores_used=2))
        self.assertEqual('c3', chosen(an_evacuation(), [full, busy]))
        self.assertEqual('it has no cores left', selection.why_not(full, an_evacuation()))

    def test_a_host_that_lends_nothing_is_last_however_idle_it_is(self):
        nothing = dataclasses.replace(a_live_usage(0.0), cores=0)
        self.assertEqual(('c2', 'c1'), selection.rank({'c1': nothing, 'c2': a_live_usage(0.9)}))

    def test_a_batch_spreads_though_nothing_of_it_is_measured_yet(self):
        candidates = (a_candidate('c2', usage=a_live_usage(0.1)),
                      a_candidate('c3', usage=a_live_usage(0.15)))
        self.assertEqual(['c2', 'c3', 'c2', 'c3'], spread(4, candidates))

    def test_what_arrived_lately_counts_as_live_and_not_once_more_as_set_aside(self):
        before = (a_candidate('c2', usage=a_live_usage(0.0)),
                  a_candidate('c3', usage=a_live_usage(None)), a_candidate('c4', usage=None))
        items = [an_evacuation(f'i{number}', phase=Phase.DONE, target=host)
                 for host in ('c2', 'c3', 'c4') for number in range(2)]
        after, _ = selection.begun(before, demands.NOWHERE_SAID, [*items, an_evacuation('i9')])
        self.assertEqual(model.Usage(16, 4, 65536, 4096), after[0].usage.live)
        self.assertEqual(0, after[0].usage.cores_used)
        self.assertEqual(before[1:], after[1:])

    def test_the_figures_are_told_where_they_count(self):
        self.assertEqual(' (use 45%: live 60%, set aside 30%)', selection.figures(
            dataclasses.replace(a_live_usage(0.6, cores_used=19.2), live_weight=0.5)))
        self.assertEqual(' (it tells no live use; set aside 25%)',
                         selection.figures(a_live_usage(None, cores_used=16)))
        for usage in (None, a_usage(4)):
            self.assertEqual('', selection.figures(usage))
