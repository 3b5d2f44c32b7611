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


"""What ``kaopu-ha doctor`` finds on a real Ceph: users without caps, pools, monitors, entries."""

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import unittest

import psutil

from kaopu_ha.core import model
from kaopu_ha.core.checkup import Seen, Severity
from kaopu_ha.core.model import Image, Power, Stage
from kaopu_ha.drivers.ceph import fence as ceph_blocklist
from kaopu_ha.drivers.ceph import probe as ceph
from kaopu_ha.drivers.ceph import rehearsal as ceph_rehearsal
from tests import ceph_cluster
from tests.functional.test_fence_ceph_blocklist import BlocklistCase

LIMIT = 20.0
YEARS = str(10 * 365 * 86400)


class CephCase(BlocklistCase):
    """At the observer's address, with nothing left on the blocklist."""

    def seen(self, **given):
        given.setdefault('inventories', {'h1': self.host()})
        return Seen(**{'beats': {'h1': 1}, 'pools': {self.cluster: (ceph_cluster.POOL,)}, **given})

    def found(self, checks, name=''):
        """The findings of those checks whose name has this in it."""
        return [one for check in checks if name in check.name for one in check.ask(LIMIT)]

    def only(self, found):
        self.assertEqual(1, len(found), found)
        return found[0]


class Fence(CephCase):

    def checks(self, user='kaopu-fence', seen=None):
        fence = ceph_blocklist.CephBlocklist({self.cluster: self.ceph.access(user)},
                                             ['10.77.0.0/24'])
        self.addCleanup(fence.close)
        return fence.checks(seen or self.seen())

    def test_a_user_that_may_fence_is_good_and_nothing_stays(self):
        found = self.only(self.found(self.checks(), 'rehearsed'))
        self.assertEqual((Severity.GOOD, True), (found.severity, found.asked), found)
        self.assertEqual({}, self.listed())

    def test_a_user_that_may_not_add_is_found(self):
        self.ceph.ceph('auth', 'get-or-create', 'client.weak', 'mon', 'allow r, '
                       'allow command "mgr dump"', 'osd', 'allow r')
        found = self.only(self.found(self.checks(self.added('weak')), 'rehearsed'))
        self.assertIs(Severity.WRONG, found.severity)
        self.assertIn('can\'t add to the blocklist', found.found)
        self.assertIn('not fenced', found.failure)
        self.assertEqual({}, self.listed())

    def test_a_user_that_may_add_and_not_remove_is_found_and_its_entry_ends_soon(self):
        self.ceph.ceph('auth', 'get-or-create', 'client.half', 'mon', 'profile rbd, '
                       'allow command "mgr dump"', 'osd', 'profile rbd')
        found = self.only(self.found(self.checks(self.added('half')), 'rehearsed'))
        self.assertIs(Severity.WRONG, found.severity)
        self.assertIn('can\'t remove', found.found)
        self.assertIn('can\'t be taken back', found.failure)
        (entry,) = self.listed()
        self.assertTrue(entry.startswith('198.51.100.'))

    def test_a_user_that_is_not_there_could_not_be_asked(self):
        found = self.only(self.found(self.checks('nobody'), 'rehearsed'))
        self.assertEqual((Severity.WRONG, False), (found.severity, found.asked))

    def test_whoever_asks_and_is_killed_leaves_nothing(self):
        """The child goes on to its end, which is the end of the entry."""
        access = json.dumps({self.cluster: self.ceph.access('kaopu-fence')})
        asking = subprocess.Popen([sys.executable, '-c', (
            'import json, sys\n'
            'from kaopu_ha.core.checkup import Seen\n'
            'from kaopu_ha.drivers.ceph import fence as ceph_blocklist\n'
            'fence = ceph_blocklist.CephBlocklist(json.loads(sys.argv[1]), ["10.77.0.0/24"])\n'
            'check = fence.checks(Seen())[0]\n'
            'while True:\n'
            '    print([one.severity.value for one in check.ask(20)], flush=True)\n'), access],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(asking.stdout.close)
        self.addCleanup(asking.wait)
        self.addCleanup(asking.kill)
        self.assertEqual('[\'good\']\n', asking.stdout.readline())
        children = psutil.Process(asking.pid).children(recursive=True)
        self.assertTrue(children)
        os.kill(asking.pid, signal.SIGKILL)
        # Nothing being listed is no end by itself: a child may have just been asked again.
        _, going_on = psutil.wait_procs(children, timeout=30)
        self.assertEqual(([], {}), (going_on, self.listed()))

    def test_a_living_host_that_is_listed_is_found(self):
        address = self.ceph.addresses['h1']
        self.ceph.ceph('osd', 'blocklist', 'add', f'{address}:0/0', YEARS)
        found = self.only(self.found(self.checks(), 'blocklist'))
        self.assertEqual((Severity.WRONG, 'h1'), (found.severity, found.subject))
        self.assertIn(address, found.found)

    def test_a_range_that_has_a_living_host_in_it_is_found(self):
        self.ceph.ceph('osd', 'blocklist', 'range', 'add', '10.77.0.8/29', '600')
        self.addCleanup(self.ceph.ceph, 'osd', 'blocklist', 'range', 'rm', '10.77.0.8/29')
        found = self.only(self.found(self.checks(), 'blocklist'))
        self.assertEqual((Severity.WRONG, 'h1'), (found.severity, found.subject))
        self.assertIn('10.77.0.8/29', found.found)

    def test_what_was_fenced_and_is_listed_is_good(self):
        address = self.ceph.addresses['h1']
        order = model.FenceOrder('ceph_blocklist', self.cluster, (f'{address}:0/0',))
        recovery = model.Recovery('h1-1', 'h1', model.RecoveryStage.EVACUATING, (order,))
        seen = self.seen(cases={'h1': model.Case('h1', Stage.CONFIRMED, recovery='h1-1')},
                         recoveries={'h1-1': recovery})
        found = self.only(self.found(self.checks(seen=seen), 'blocklist'))
        self.assertIs(Severity.WRONG, found.severity)
        self.assertIn('not listed', found.found)
        self.ceph.ceph('osd', 'blocklist', 'add', f'{address}:0/0', YEARS)
        found = self.only(self.found(self.checks(seen=seen), 'blocklist'))
        self.assertIs(Severity.GOOD, found.severity)

    def test_an_entry_of_years_that_nobody_ordered_is_told(self):
        self.ceph.ceph('osd', 'blocklist', 'add', '10.77.0.99:0/0', YEARS)
        found = self.only(self.found(self.checks(), 'blocklist'))
        self.assertEqual((Severity.WEAK, '10.77.0.99'), (found.severity, found.subject))

    def test_two_at_one_time_do_not_meet(self):
        checks = [self.checks()[0] for _ in range(2)]
        found = []
        threads = [threading.Thread(target=lambda check=check: found.extend(check.ask(LIMIT)))
                   for check in checks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([Severity.GOOD] * 2, [one.severity for one in found], found)
        self.assertNotEqual(ceph_rehearsal.entry(), ceph_rehearsal.entry())

    def added(self, user):
        """Have the user's key in the keyring of the tests; the user."""
        key = self.ceph.ceph('auth', 'get', f'client.{user}')
        self.addCleanup(self.ceph.ceph, 'auth', 'rm', f'client.{user}')
        with open(self.ceph.access(user)['keyring'], 'a') as keyring:
            keyring.write('\n' + key)
        return user


class Storage(CephCase):

    def checks(self, user='kaopu-ask', seen=None, **settings):
        probe = ceph.CephProbe({self.cluster: {**self.ceph.access(user), **settings}})
        self.addCleanup(probe.close)
        return probe.checks(seen or self.seen())

    def test_pools_that_may_be_asked_are_good(self):
        found = self.only(self.found(self.checks(), 'pools'))
        self.assertIs(Severity.GOOD, found.severity, found)
        self.assertIn('vms', found.found)

    def test_a_pool_without_the_right_to_ask_is_found(self):
        self.ceph.ceph('osd', 'pool', 'create', 'strange', '8')
        seen = self.seen(pools={self.cluster: ('vms', 'strange')})
        found = self.only(self.found(self.checks(seen=seen), 'pools'))
        self.assertIs(Severity.WRONG, found.severity)
        self.assertIn('in pool strange', found.found)
        self.assertIn('UNDECIDED', found.failure)
        self.assertIn('secure ceph', found.advice)

    def test_a_pool_in_use_that_is_not_named_is_found(self):
        image = Image(self.cluster, 'ssd', 'web', 'rbd_header.1')
        guest = model.Instance('u1', 'web', Power.ON, (image,))
        seen = self.seen(inventories={'h1': dataclasses.replace(self.host(), instances=(guest,))})
        found = self.found(self.checks(seen=seen), 'pools')
        self.assertEqual([Severity.WRONG, Severity.WEAK], [one.severity for one in found])
        self.assertIn('in pool ssd', found[0].found)
        self.assertIn('does not name it', found[1].found)

    def test_a_pool_that_there_is_not_is_found(self):
        seen = self.seen(pools={self.cluster: ('vmms',)})
        found = self.only(self.found(self.checks(seen=seen), 'pools'))
        self.assertIs(Severity.WRONG, found.severity)
        self.assertIn('vmms', found.found)

    def test_monitors_of_the_file_and_of_the_map_are_the_same(self):
        found = self.only(self.found(self.checks(), 'monitors'))
        self.assertIs(Severity.GOOD, found.severity, found)

    def test_a_file_that_names_an_address_without_monitor_is_told(self):
        path = pathlib.Path(self.ceph.access('x')['conf'])
        other = path.with_name('other.conf')
        other.write_text(path.read_text().replace(
            'mon_host = ', f'mon_host = 10.77.0.99,{self.ceph.monitor_address} #'))
        found = self.only(self.found(self.checks(conf=str(other), seen=self.seen()), 'monitors'))
        self.assertIs(Severity.WEAK, found.severity)
        self.assertIn('10.77.0.99', found.found)

    def test_a_monitor_that_hangs_could_not_be_asked(self):
        with self.ceph.frozen('mon'):
            found = self.only([one for check in self.checks() if 'monitors' in check.name
                               for one in check.ask(3.0)])
        self.assertEqual((Severity.WRONG, False), (found.severity, found.asked))


if __name__ == '__main__':
    unittest.main()
