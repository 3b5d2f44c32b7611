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

"""What ``kaopu-ha doctor`` finds on a real etcd: former values, rights, members, beats."""

import subprocess
import unittest

from kaopu_ha import access, ports, records
from kaopu_ha.core.checkup import Seen, Severity
from kaopu_ha.drivers.etcd import store as etcd
from kaopu_ha.drivers.etcd import store_etcd3 as etcd3
from tests import etcd_cluster, etcd_single

LIMIT = 10.0


class Case(unittest.TestCase):

    kind = etcd.EtcdStore

    def store(self, *endpoints, **given):
        made = self.kind(endpoints, timeout=3.0, **given)
        self.addCleanup(made.close)
        return made

    def found(self, store, name, seen=None):
        return [one for check in store.checks(seen or Seen(beat_ttl=12)) if name in check.name
                for one in check.ask(LIMIT)]

    def only(self, found):
        self.assertEqual(1, len(found), found)
        return found[0]


class OneMember(Case):

    def setUp(self):
        super().setUp()
        self.etcd = etcd_single.until(self.addCleanup)
        self.kv = self.store(self.etcd.endpoint)

    def write(self, count):
        for number in range(count):
            self.kv.commit([], [ports.Put(records.STORM, str(number))])

    def compact(self, revision):
        subprocess.run(['etcdctl', '--endpoints', self.etcd.endpoint, 'compact', str(revision)],
                       check=True, capture_output=True, env={'ETCDCTL_API': '3'})

    def test_a_store_without_compaction_is_found_and_one_with_it_is_good(self):
        self.write(20)
        self.assertIs(Severity.GOOD, self.only(self.found(self.kv, 'former')).severity)
        self.write(1000)
        found = self.only(self.found(self.kv, 'former'))
        self.assertIs(Severity.WEAK, found.severity)
        self.assertIn('every value since it was made', found.found)
        self.assertIn('auto-compaction-retention', found.advice)
        self.compact(900)
        found = self.only(self.found(self.kv, 'former'))
        self.assertEqual((Severity.GOOD, 'it keeps the last 121 changes'),
                         (found.severity, found.found))

    def test_one_member_is_weak_and_its_room_is_told(self):
        one, room = self.found(self.kv, 'members')
        self.assertEqual((Severity.WEAK, 'it has one member'), (one.severity, one.found))
        self.assertIs(Severity.GOOD, room.severity)
        self.assertIn('no alarm', room.found)

    def test_rights_are_asked_without_a_write(self):
        revision = self.kv.read(records.PREFIX).revision
        self.assertIs(Severity.GOOD, self.only(self.found(self.kv, 'rights')).severity)
        snapshot = self.kv.read(records.PREFIX)
        self.assertEqual((revision, {}), (snapshot.revision, dict(snapshot.entries)))

    def test_a_beat_that_lasts_longer_than_reckoned_is_told(self):
        leases = {'c1': self.kv.grant(12), 'c2': self.kv.grant(60), 'c3': 0}
        found = self.only(self.found(self.kv, 'beats', Seen(beats=leases, beat_ttl=12)))
        self.assertEqual((Severity.WEAK, 'c2'), (found.severity, found.subject))
        self.assertIn('lasts 60 s', found.found)
        self.assertIn('48 s later', found.failure)
        found = self.only(self.found(self.kv, 'beats', Seen(beats={'c1': leases['c1']},
                                                           beat_ttl=12)))
        self.assertIs(Severity.GOOD, found.severity)

    def test_a_member_that_is_named_and_not_there_is_told(self):
        kv = self.store(self.etcd.endpoint, '127.0.0.1:9', first=0)
        told = {one.subject: one for one in self.found(kv, 'members')}
        self.assertIs(Severity.WEAK, told['127.0.0.1:9'].severity)
        self.assertIn('does not answer', told['127.0.0.1:9'].found)

    def test_a_store_that_hangs_could_not_be_asked(self):
        self.etcd.freeze()
        self.addCleanup(self.etcd.thaw)
        for name in ('members', 'former', 'rights'):
            found = self.found(self.kv, name)
            self.assertEqual([False], [one.asked for one in found], name)



class ByThePackage(OneMember):
    """The same by the package etcd3, whose messages are older."""

    kind = etcd3.Etcd3Store

    def test_its_size_is_told(self):
        self.assertLessEqual({'file', 'used'}, set(self.kv.sizes()))


class SeveralMembers(Case):

    @unittest.skipIf(etcd_cluster.missing(), etcd_cluster.missing())
    def test_members_that_are_not_named_are_told(self):
        cluster = etcd_cluster.EtcdCluster(size=3)
        self.addCleanup(cluster.cleanUp)
        cluster.setUp()
        kv = self.store(cluster.url(0))
        told = [one for one in self.found(kv, 'members') if one.severity is not Severity.GOOD]
        self.assertEqual(['it names 1 of 3 members'], [one.found for one in told])
        kv = self.store(*(cluster.url(number) for number in range(3)))
        self.assertEqual([Severity.GOOD] * 2,
                         [one.severity for one in self.found(kv, 'members')])


@unittest.skipIf(etcd_cluster.missing(), etcd_cluster.missing())
class WithUsers(Case):

    def test_who_may_only_look_on_is_found(self):
        cluster = etcd_cluster.EtcdCluster(size=1, tls=True)
        self.addCleanup(cluster.cleanUp)
        cluster.setUp()
        cluster.show = root = cluster.authority.issue('root')

        def of(pair):
            return self.store(cluster.url(0), ca=cluster.authority.ca, cert=pair.cert,
                              key=pair.key)

        of(root).allow(access.accounts(['c1']))
        of(root).enforce()
        service, reader, agent, stranger = (
            of(cluster.authority.issue(name))
            for name in (access.SERVICE, access.READER, 'c1', 'stranger'))
        self.assertIs(Severity.GOOD, self.only(self.found(service, 'rights')).severity)
        for kv in (reader, agent, stranger):
            found = self.only(self.found(kv, 'rights'))
            self.assertIs(Severity.WRONG, found.severity)
            self.assertIn('permission denied', found.found)
        for kv in (service, reader):
            for name in ('members', 'former'):
                self.assertNotIn(Severity.WRONG, [one.severity for one in self.found(kv, name)])


if __name__ == '__main__':
    unittest.main()
