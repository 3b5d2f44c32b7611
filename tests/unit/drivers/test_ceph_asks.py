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

"""Many hosts are asked about at one time, and what one of them has costs no other an answer."""

import errno
import time
import unittest
from unittest import mock

from kaopu_ha import ports
from kaopu_ha.core import model
from kaopu_ha.core.model import Sign
from kaopu_ha.drivers.ceph import crew, librados, probe, probe_child
from kaopu_ha.testing.store import eventually

MODULE = 'tests.unit.drivers.asked_child'


def images(kind, count, cluster='a'):
    return tuple(model.Image(cluster, 'vms', f'{kind}-{number:04}', f'{kind}-{number:04}')
                 for number in range(count))


def host(name, *of_each):
    """A host with an instance for each of these groups of images."""
    return model.Inventory(name, 'u', 'b', '', ('10.0.0.1',), instances=tuple(
        model.Instance(f'{name}-{number}', name, model.Power.ON, some)
        for number, some in enumerate(of_each)))


class Shares(unittest.TestCase):
    """Who asks about what."""

    def test_small_hosts_come_first_and_large_ones_in_parts(self):
        wanted = {'large': images('l', 900), 'b': images('b', 2), 'a': images('a', 2),
                  'nothing': ()}
        self.assertEqual([('a', 2), ('b', 2), ('large', 400), ('large', 400), ('large', 100)],
                         [(name, len(some)) for name, some in crew.parts(wanted)])

    def test_a_child_is_wanted_for_each_so_many_images_and_four_at_most(self):
        for count, wanted in ((0, 1), (1, 1), (400, 1), (401, 2), (1600, 4), (9000, 4)):
            with self.subTest(count=count):
                self.assertEqual(wanted, crew.children_for(crew.parts({'h': images('i', count)})))

    def test_each_share_is_as_large_as_the_others_and_nothing_is_in_two(self):
        found = crew.parts({f'h{number:03}': images(f'i{number}', number % 30)
                            for number in range(100)})
        shares = crew.shares(found, 4)
        self.assertEqual(sorted(found), sorted(part for share in shares for part in share))
        sizes = [sum(len(some) for _, some in share) for share in shares]
        self.assertLess(max(sizes) - min(sizes), 30)
        for share in shares:
            self.assertEqual(sorted(share, key=lambda part: len(part[1])), share)

    def test_one_image_of_each_instance_comes_before_its_others(self):
        first, second = images('x', 3), images('y', 2)
        self.assertEqual((first[0], second[0], first[1], first[2], second[1]),
                         crew.in_turn(host('h', first, second)))


class Children(unittest.TestCase):

    def crew(self):
        made = crew.Crew(MODULE, {})
        self.addCleanup(made.close)
        return made

    def test_others_take_part_when_they_are_up_and_are_ended_when_they_are_not_wanted(self):
        made = self.crew()
        self.assertEqual([made.first], made.ready(1))
        self.assertEqual([made.first], made.ready(3))
        eventually(lambda: len(made.ready(3)) == 3, 'two more are up')
        self.assertEqual(2, len(made.ready(2)))
        self.assertEqual(3, len({each.ask('pid', 5) for each in made.ready(3)}))
        with mock.patch.object(crew, '_IDLE_SECONDS', 0.0):
            time.sleep(0.01)
            made.ready(1)
        self.assertEqual([made.first], made.ready(3))

    def test_one_that_died_is_started_again_for_later(self):
        made = self.crew()
        eventually(lambda: len(made.ready(2)) == 2, 'one more is up')
        other = made.ready(2)[1]
        with self.assertRaises(ports.PortError):
            other.ask('clients', 5, images=[('a', 'vms', 'crash')])
        self.assertEqual([made.first], made.ready(2))
        eventually(lambda: made.ready(2) == [made.first, other], 'it is up again')


class Asked(unittest.TestCase):
    """The probe, with children that we play."""

    def setUp(self):
        super().setUp()
        with mock.patch.object(probe, '_CHILD', MODULE), \
                mock.patch.object(probe.Clusters.__init__, '__defaults__', (MODULE,)):
            self.probe = probe.CephProbe({'a': {}, 'b': {'seconds': 30}})
        self.addCleanup(self.probe.close)
        self.probe._clusters.of('a').warm()

    def signs(self, *suspects, limit=5.0):
        return {name: one.sign for name, one in self.probe.ask(suspects, [], limit).items()}

    def test_each_host_has_its_own_sign(self):
        for wanted in (1, 4):
            with self.subTest(children=wanted):
                eventually(lambda count=wanted: len(
                    self.probe._clusters._crews['a'].ready(count)) == count, 'they are up')
                found = self.signs(
                    host('large', *([one] for one in images('late', 2000))),
                    host('alive', images('live', 1)), host('dead', images('dead', 3)),
                    host('nothing'), host('elsewhere', images('live', 1, cluster='c')))
                self.assertEqual({'large': Sign.UNKNOWN, 'alive': Sign.LIFE, 'dead': Sign.SILENCE,
                                  'nothing': Sign.UNKNOWN, 'elsewhere': Sign.UNKNOWN}, found)

    def test_an_image_of_two_hosts_is_answered_for_both(self):
        both = images('dead', 1)
        self.assertEqual({'h1': Sign.SILENCE, 'h2': Sign.SILENCE},
                         self.signs(host('h1', both), host('h2', both)))

    def test_a_cluster_that_does_not_answer_costs_nobody_of_another_one(self):
        self.assertEqual({'h1': Sign.SILENCE, 'h2': Sign.UNKNOWN}, self.signs(
            host('h1', images('dead', 1)), host('h2', images('dead', 1, cluster='b')), limit=1.0))


class Operation:
    """One of a library that we play: it ends at this time of the clock."""

    def __init__(self, ends, result):
        self._ends, self._result = ends, result

    @property
    def has_ended(self):
        return time.monotonic() >= self._ends

    def result(self, deadline):
        time.sleep(max(min(self._ends, deadline) - time.monotonic(), 0.0))
        if not self.has_ended:
            raise librados.RadosError(errno.ETIMEDOUT, 'it')
        return self._result


class Cluster:
    """A connection to a cluster that takes some time for each list, and for what is mute a second.
    """

    fsid = 'a'

    def __init__(self, seconds=0.0):
        self.seconds, self.listed, self.notified = seconds, [], []

    def pool(self, name):
        return self

    def watchers(self, header):
        time.sleep(self.seconds)
        self.listed.append(header)
        ends = float('inf') if header.startswith('hung') else 0.0
        return Operation(ends, [librados.Watcher('10.0.0.1:0/1', 1)])

    def notify(self, header, seconds):
        self.notified.append(header)
        mute = header.startswith('mute')
        return Operation(time.monotonic() + seconds * mute, librados.Notified(
            frozenset([] if mute else [1]), frozenset([1] if mute else [])))


class InTheChild(unittest.TestCase):

    def asked(self, cluster, *found, seconds=1.5):
        handlers = probe_child.ImageHandlers({})
        handlers._joined = cluster
        with mock.patch('kaopu_ha.drivers.child.seconds_left', lambda: seconds), \
                mock.patch('kaopu_ha.drivers.child._leaves', False):
            began = time.monotonic()
            said = handlers.clients([(one.cluster, one.pool, one.header) for one in found])
            self.assertLess(time.monotonic() - began, seconds)
        return said

    def kinds(self, said):
        """Of each whether it lives, is mute, or is not known."""
        return [one.get('error') and 'unknown' or ('live' if one['clients'][0][2] else 'mute')
                for one in said]

    def test_each_image_has_its_own_answer(self):
        found = (*images('live', 2), *images('mute', 2), *images('live', 1, cluster='other'))
        self.assertEqual(['live', 'live', 'mute', 'mute', 'unknown'],
                         self.kinds(self.asked(Cluster(), *found)))

    def test_one_that_hangs_holds_up_no_other(self):
        cluster = Cluster()
        found = (*images('hung', 100), *images('mute', 3), *images('live', 300))
        self.assertEqual(['unknown'] * 100 + ['mute'] * 3 + ['live'] * 300,
                         self.kinds(self.asked(cluster, *found)))

    def test_what_there_is_no_time_for_is_the_last_and_is_not_asked(self):
        cluster = Cluster(seconds=0.01)
        found = (*images('mute', 10), *images('live', 500))
        said = self.asked(cluster, *found)
        self.assertEqual(['mute'] * 10, self.kinds(said[:10]))
        self.assertEqual({'error': 'it was not asked in time', 'gone': False}, said[-1])
        self.assertNotIn('live-0499', cluster.listed)
        self.assertEqual(cluster.listed, sorted(cluster.notified, key=cluster.listed.index))
