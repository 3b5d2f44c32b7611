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

"""A plan by heaps is the plan that looks at every host for every instance."""

import dataclasses
import unittest
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from kaopu_ha.core import circles, evacuation, model, planning, policy, shortlist
from kaopu_ha.core.demands import Aggregate, Amount, Demand, Group, Offer, Part, Places
from kaopu_ha.core.model import Phase, Sign
from kaopu_ha.core.rules import Rules
from kaopu_ha.core.segments import RecoveryMethod, Segment, Taking, TakingStage
from tests.core import plain_plan
from tests.core.values import (
    AT,
    BY,
    a_candidate,
    a_service,
    an_evacuation,
)
from tests.unit.fuzz import thrown

_HOSTS = tuple(f'c{number}' for number in range(1, 9))
_INSTANCES = tuple(f'i{number:02}' for number in range(16))
_ZONES = ('az1', 'az2', '')
_CLUSTERS = ('ceph-1', 'ceph-2')
_SPEC = 'ssd=true'


def _demand(cores, memory, name, zone, near, gpus, specs, project):
    amounts = (Amount(name, cores), Amount('MEMORY_MB', memory), *(
        (Amount('VGPU', gpus),) if gpus else ()))
    return Demand((Part('', amounts),), zone, near, specs, project=project)


_DEMANDS = st.builds(
    _demand, st.sampled_from((1, 2, 4)), st.sampled_from((512, 2048)),
    st.sampled_from(('VCPU', 'VCPU', 'PCPU')), st.sampled_from(('', '', 'az1')),
    st.sampled_from(('', '', 'az2')), st.sampled_from((0, 0, 1)),
    st.sampled_from(((), (), (_SPEC,))), st.sampled_from(('', 'p1')))


def _usage(cores_used, memory_used, live, weight, rooms, dedicated):
    return model.Usage(16, cores_used, 16384, memory_used,
                       None if live is None else model.Usage(16, live, 16384, 512 * live), weight,
                       rooms, dedicated)


_ROOMS = st.one_of(st.none(), st.builds(
    lambda dedicated, gpus: (model.Room('PCPU', 8, dedicated), model.Room('VGPU', 2, gpus)),
    st.sampled_from((0, 4, 7)), st.sampled_from((0, 1, 2))))
_USAGES = st.one_of(st.builds(
    _usage, st.sampled_from((0, 4, 7.5, 13, 16)), st.sampled_from((0, 4096, 16000)),
    st.one_of(st.none(), st.floats(0, 16)), st.sampled_from((0.0, 0.5, 1.0)), _ROOMS,
    st.booleans()), st.none())


def _candidate(host, usage, zone, clusters, wrong):
    changed = {'': {}, 'beat': {'beat': False}, 'service': {'service': None}}.get(
        wrong, {wrong: True})
    return a_candidate(host, **{'usage': usage, 'service': a_service(host, zone=zone),
                                'storage': dict.fromkeys(clusters, Sign.LIFE)} | changed)


@st.composite
def _clouds(draw):
    return tuple(_candidate(
        host, draw(_USAGES), draw(st.sampled_from(_ZONES)),
        _CLUSTERS[:draw(st.sampled_from((2, 2, 1)))],
        draw(st.sampled_from(('',) * 8 + ('locked', 'held', 'beat', 'service'))))
        for host in draw(st.permutations(_HOSTS)))


_SOME_HOSTS = st.lists(st.sampled_from(_HOSTS), max_size=4, unique=True).map(sorted).map(tuple)


@st.composite
def _moves(draw, kinds):
    made = []
    for instance in _INSTANCES[:draw(st.integers(1, len(_INSTANCES)))]:
        phase = draw(st.sampled_from((Phase.WAITING,) * 6 + tuple(Phase)))
        passed = draw(st.one_of(st.just(()), st.just(()), _SOME_HOSTS))
        refused = tuple(host for host in passed if draw(st.booleans()))
        clusters = _CLUSTERS[:draw(st.sampled_from((1, 1, 2)))]
        made.append(an_evacuation(
            instance, phase=phase, source=draw(st.sampled_from(('c1', 'c9'))),
            recovery=draw(st.sampled_from(('c1-1', 'c9-3'))), passed_over=passed, refused=refused,
            target='' if phase is Phase.WAITING else draw(st.sampled_from(_HOSTS)),
            images=tuple(model.Image(cluster, 'vms', instance, '1') for cluster in clusters),
            cores=draw(st.sampled_from((1, 2))), memory_mb=2048, demand=draw(kinds),
            set_aside=draw(st.sampled_from((0, 0, 1))), rounds=draw(st.sampled_from((0, 0, 2))),
            priority=draw(st.sampled_from(policy.Priority))))
    return made


@st.composite
def _places(draw, kinds):
    groups = tuple(Group(policy_, policy_, policy_, frozenset(draw(st.lists(
        st.sampled_from(_INSTANCES), max_size=6))), draw(st.sampled_from((1, 2))))
        for policy_ in draw(st.lists(st.sampled_from((
            'anti-affinity', 'affinity', 'soft-anti-affinity', 'soft-affinity')), unique=True)))
    offers = {kind: Offer(frozenset(draw(_SOME_HOSTS)), draw(st.booleans()))
              for kind in kinds if draw(st.booleans())}
    aggregates = tuple(Aggregate(f'a{number}', frozenset(draw(_SOME_HOSTS)), metadata)
                       for number, metadata in enumerate(draw(st.lists(st.sampled_from((
                           {'ssd': 'true'}, {'filter_tenant_id': 'p1'},
                           {'filter_tenant_id': 'p2'}, {'trait:CUSTOM_X': 'required'})),
                           max_size=3))))
    homes = {instance: draw(st.sampled_from(_HOSTS)) for instance in _INSTANCES[8:]}
    return Places(offers, aggregates, groups, homes)


@st.composite
def _groupings(draw):
    """Half of the clouds have segments; of some of their hosts it was begun to take them."""
    if draw(st.booleans()):
        return circles.UNGROUPED
    segments = {f's{number}': Segment(number, f's{number}', '', '', draw(st.sampled_from(
        RecoveryMethod)), AT, enabled=draw(st.sampled_from((True, True, True, False))))
        for number in (1, 2)}
    segment_of = {host: segment for host in (*_HOSTS, 'c9') if (
        segment := draw(st.sampled_from(('s1', 's1', 's1', 's2', ''))))}
    reserved = frozenset(host for host in segment_of if draw(st.integers(0, 2)) == 0)
    taken = {host: Taking(host, draw(st.sampled_from(('c1-1', 'c9-3'))), segment_of[host],
                          draw(st.sampled_from(TakingStage)))
             for host in sorted(segment_of) if draw(st.integers(0, 3)) == 0}
    return circles.Grouping(segment_of, segments, reserved, taken)


@st.composite
def plans(draw):
    """Moves, what was seen, the rules, and dead targets."""
    some = draw(st.lists(_DEMANDS, min_size=1, max_size=4))
    moves = draw(_moves(st.sampled_from((None, *some))))
    seen = evacuation.Seen(AT, BY, 5, draw(_clouds()), draw(st.sampled_from((None, {}))),
                           draw(_places(some)), draw(_groupings()))
    rules = dataclasses.replace(Rules(), in_all_max=draw(st.sampled_from((2, 6, 99))),
                                per_target_max=draw(st.sampled_from((1, 4, 99))))
    return moves, seen, rules, draw(st.sampled_from(((), ('c2',))))


class Same(unittest.TestCase):

    @thrown(0.2)
    @given(plans())
    def test_each_goes_where_it_would_go_if_every_host_were_looked_at(self, plan):
        self.assertEqual(plain_plan.planned(*plan), planning.planned(*plan))

    @thrown(0.2)
    @given(plans(), st.sampled_from((1, 2, 3)))
    def test_however_few_hosts_are_looked_at_at_a_time_it_is_the_same(self, plan, few):
        with mock.patch.object(shortlist, '_FEW', few):
            self.assertEqual(plain_plan.planned(*plan), planning.planned(*plan))

    @thrown(0.2)
    @given(plans())
    def test_after_moves_alone_the_same_go_as_in_a_whole_plan(self, plan):
        def going(items):
            return {_name(item): item for item in items if item.phase is Phase.QUEUED}

        wholly = planning.planned(*plan)
        again, is_whole = planning.planned_again(*plan)
        self.assertEqual(going(wholly), going(again))
        if is_whole:
            self.assertEqual(wholly, again)
        waited = {_name(item) for item in plan[0] if item.phase is Phase.WAITING}
        now = {_name(item): _untold(item) for item in (*plan[0], *wholly)}
        for item in again:
            if _name(item) in waited:
                self.assertEqual(now[_name(item)], _untold(item))


def _name(item):
    return item.recovery, item.instance


def _untold(item):
    """Without why it waits: what else gets a place may speak for it, or against it."""
    return dataclasses.replace(item, reason='', row='', reserve='')
