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

"""The etcd store with TLS and roles: who shows which certificate may do what."""

import dataclasses
import pathlib
import unittest

from kaopu_ha import access, ports, records
from kaopu_ha.agent import beat, domains, inventory, requests, use
from kaopu_ha.agent.runtime import HostRuntime
from kaopu_ha.core.live import LiveUse, Reading
from kaopu_ha.core.requests import OF_AGENTS, RequestState, RequestVerb
from kaopu_ha.drivers.etcd import store as etcd
from kaopu_ha.testing import store
from tests import etcd_cluster, pki
from tests.unit.agent import case

HOST, OTHER = 'c1', 'c2'


class SecureCase(unittest.TestCase):
    """One member that serves nobody without a certificate and an account."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if etcd_cluster.missing():
            raise unittest.SkipTest(etcd_cluster.missing())
        cls.cluster = etcd_cluster.EtcdCluster(size=1, tls=True)
        cls.addClassCleanup(cls.cluster.cleanUp)
        cls.cluster.setUp()
        root = cls.shown('root')
        cls.addClassCleanup(root.close)
        cls.changed = root.allow(access.accounts([HOST, OTHER]))
        root.enforce()
        cls.cluster.show = cls.cluster.authority.issue('root')

    @classmethod
    def shown(cls, name, **settings):
        """A store that shows the certificate of this name."""
        pair = cls.cluster.authority.issue(name)
        return etcd.EtcdStore([cls.cluster.url(0)], **{
            'ca': cls.cluster.authority.ca, 'cert': pair.cert, 'key': pair.key,
            'timeout': 3.0} | settings)

    def shows(self, name, **settings):
        made = self.shown(name, **settings)
        self.addCleanup(made.close)
        return made


class ServiceContract(store.StoreContract, SecureCase):
    """The contract holds for the user of the services."""

    def setUp(self):
        super().setUp()
        self.prefix = records.PREFIX.rstrip('/') + self.prefix

    def make_store(self):
        return self.shown(access.SERVICE)


class CertificatesTest(SecureCase):
    """Certificates that are not accepted end in a reason that a person understands."""

    def told(self, **settings):
        """What each kind of call says, to root's store unless other files are given."""
        made = self.shows('root', timeout=1.5, **settings)
        for act in (lambda: made.read(records.LEADER), lambda: made.renew(7, 1.0),
                    lambda: made.commit([], [ports.Put(records.LEADER, '1')])):
            with self.assertRaises(ports.StoreError) as caught:
                act()
            yield str(caught.exception)

    def test_an_expired_certificate_of_ours(self):
        pair = self.cluster.authority.issue(access.SERVICE, expired=True)
        for text in self.told(cert=pair.cert, key=pair.key):
            self.assertRegex(text, f'our certificate {pair.cert} is not valid: it expired on 2')

    def test_a_certificate_of_another_authority(self):
        other = pki.Authority(pathlib.Path(self.cluster.authority.ca).parent / 'other')
        pair = other.issue(access.SERVICE)
        for text in self.told(cert=pair.cert, key=pair.key):
            self.assertIn(f'the member refuses our certificate {pair.cert}', text)
        for text in self.told(cert='', key=''):
            self.assertIn('the member refuses a client without certificate', text)

    def test_an_expired_certificate_of_a_member(self):
        good = self.cluster.members
        self.addCleanup(self.cluster.heal)
        self.addCleanup(self.cluster.kill, 0)
        self.addCleanup(setattr, self.cluster, 'members', good)
        self.cluster.members = self.cluster.authority.issue(
            'etcd-member', [self.cluster.address], expired=True)
        self.cluster.kill(0)
        self.cluster.start(0)
        made = self.shows(access.SERVICE, timeout=1.0)
        store.eventually(lambda: self._says(made, 'certificate is not accepted: certificate has '
                                                  'expired'), 'the reason was told')

    @staticmethod
    def _says(made, words):
        try:
            made.read(records.LEADER)
        except ports.StoreError as failure:
            return words in str(failure)
        raise AssertionError('it was accepted')


class RolesTest(SecureCase):
    """What each user may do."""

    def setUp(self):
        super().setUp()
        self.service = self.shows(access.SERVICE)
        seen = self.service.read(records.PREFIX)
        self.service.commit([], [ports.Delete(key) for key in seen.entries])
        self.host = self.shows(HOST)

    def put(self, kv, key, lease=0):
        return kv.commit([], [ports.Put(key, '1', lease)])

    def assert_denied(self, act, *args):
        with self.assertRaisesRegex(ports.StoreError, 'permission denied'):
            act(*args)

    def test_a_host_writes_its_own_keys(self):
        for key in (records.ALIVE + HOST, records.INVENTORY + HOST, records.USE + HOST,
                    *(records.request_to(HOST, verb) for verb in OF_AGENTS),
                    f'{records.DOMAIN}{HOST}/i'):
            self.assertIsNotNone(self.put(self.host, key))
            self.assertIn(key, self.host.read(key).entries)

    def test_a_host_touches_no_key_of_another_host(self):
        for key in (records.ALIVE + OTHER, records.INVENTORY + OTHER, records.LOCK + OTHER,
                    records.USE + OTHER,
                    records.requests_to(OTHER) + 'r1', f'{records.DOMAIN}{OTHER}/i',
                    f'{records.DOMAIN}{HOST}0/i', records.CASE + OTHER,
                    records.DEATH + OTHER, records.ALIVE + HOST + '0'):
            self.put(self.service, key)
            self.assert_denied(self.put, self.host, key)
            self.assert_denied(self.host.commit, [], [ports.Delete(key)])
            self.assert_denied(self.host.read, key)
            self.assertIn(key, self.service.read(key).entries)

    def test_a_host_writes_no_request_but_those_that_it_is_asked(self):
        for name in ('r1', 'r1-restart-compute', 'restart-compute/1', 'restart-computer'):
            self.assert_denied(self.put, self.host, records.requests_to(HOST) + name)

    def test_a_role_of_an_older_release_is_narrowed(self):
        old = access.agent(HOST)
        wide = dataclasses.replace(old, grants=(
            *(grant for grant in old.grants if not grant.name.startswith(records.REQUEST)),
            access.Grant(records.requests_to(HOST), write=True)))
        root = self.shows(access.ADMINISTRATOR)
        root.allow([wide])
        self.assertIsNotNone(self.put(self.host, records.requests_to(HOST) + 'r1'))
        root.allow([old])
        self.assert_denied(self.put, self.host, records.requests_to(HOST) + 'r1')
        self.assertIn(records.requests_to(HOST) + 'r1',
                      self.host.read(records.requests_to(HOST)).entries)

    def test_a_host_writes_nothing_that_decides(self):
        for key in (records.LOCK + HOST, records.DEATH + HOST, records.CASE + HOST,
                    records.HOST + HOST, records.LEADER, records.BRAKE,
                    records.admit_request(HOST), records.RECOVERY + 'r', records.PROOF + 'r',
                    records.CLAIM + 'i', records.EVACUATION + 'r/i', records.CLOSED + HOST + '/1',
                    records.SERVER + 'i', records.SERVICE + HOST):
            self.assert_denied(self.put, self.host, key)

    def test_a_key_of_another_host_spoils_the_whole_transaction(self):
        self.assert_denied(self.host.commit, [], [
            ports.Put(records.ALIVE + HOST, '1'), ports.Put(records.ALIVE + OTHER, '1')])
        self.assertEqual({}, dict(self.service.read(records.ALIVE).entries))
        self.assert_denied(self.host.commit, [ports.Compare(records.LEADER, modified=0)],
                           [ports.Put(records.ALIVE + HOST, '1')])

    def test_a_host_reads_no_prefix_but_that_of_its_requests(self):
        self.host.read(records.requests_to(HOST))
        for prefix in (records.PREFIX, records.REQUEST, records.ALIVE, records.INVENTORY):
            self.assert_denied(self.host.read, prefix)

    def test_a_host_cannot_end_the_beat_of_another(self):
        lease = self.service.grant(60)
        self.put(self.service, records.ALIVE + OTHER, lease)
        self.assert_denied(self.host.revoke, lease)
        self.assertIn(records.ALIVE + OTHER, self.service.read(records.ALIVE).entries)

    def test_who_only_looks_reads_all_and_writes_nothing(self):
        reader = self.shows(access.READER)
        self.put(self.service, records.LEADER)
        self.assertIn(records.LEADER, reader.read(records.PREFIX).entries)
        for key in (records.LEADER, records.HOST + HOST, records.admit_request(HOST)):
            self.assert_denied(self.put, reader, key)

    def test_the_api_reads_all_and_writes_what_people_may_ask_of_it(self):
        api = self.shows(access.API)
        self.put(self.service, records.LEADER)
        self.assertIn(records.LEADER, api.read(records.PREFIX).entries)
        lease = api.grant(60)
        for key in (records.SEGMENT + 's', records.SEGMENT_HOST + 'h', records.NOTIFICATION + 'n',
                    records.segment_name('s'), records.COUNTER + 'segment', records.HOST + HOST,
                    records.WISH + 'retry/i', records.BRAKE, records.admit_request(HOST)):
            self.assertIsNotNone(self.put(api, key, lease))
            self.assertIsNotNone(api.commit([], [ports.Delete(key)]))

    def test_the_api_decides_nothing_and_asks_no_agent(self):
        api = self.shows(access.API)
        for key in (records.LEADER, records.ALIVE + HOST, records.INVENTORY + HOST,
                    records.CASE + HOST, records.DEATH + HOST, records.LOCK + HOST,
                    records.RECOVERY + 'r', records.EVACUATION + 'r/i', records.PROOF + 'r',
                    records.CLAIM + 'i', records.TAKING + HOST, records.CLOSED + HOST + '/1',
                    records.UNPROTECTED, records.STORM, records.TOOL + '10.0.0.1',
                    records.SERVER + 'i', records.SERVICE + HOST,
                    *(records.request_to(HOST, verb) for verb in OF_AGENTS)):
            self.assert_denied(self.put, api, key)
        # The range of a right may not end where another word begins.
        self.assert_denied(self.put, api, records.REQUEST + 'admitted')

    def test_a_service_changes_no_account(self):
        for made in (self.service, self.host, self.shows(access.API)):
            self.assert_denied(made.allow, [access.agent('c3')])

    def test_a_name_without_account_and_no_certificate_are_refused(self):
        self.assert_denied_access(self.shows('stranger').read, records.PREFIX)
        bare = etcd.EtcdStore([self.cluster.url(0)], ca=self.cluster.authority.ca, timeout=1.0)
        self.addCleanup(bare.close)
        self.assertRaises(ports.StoreError, bare.read, records.PREFIX)

    def assert_denied_access(self, act, *args):
        with self.assertRaisesRegex(ports.StoreError, 'permission denied|user name'):
            act(*args)

    def test_accounts_are_made_once_and_mended(self):
        root = self.shows('root')
        self.assertIn('user c1 added', self.changed)
        self.assertEqual((), root.allow(access.accounts([HOST, OTHER])))
        role = access.agent(HOST).role
        self.cluster.ctl('role', 'grant-permission', role, 'readwrite', records.LEADER)
        self.cluster.ctl('role', 'revoke-permission', role, records.ALIVE + HOST)
        changed = root.allow(access.accounts([HOST]))
        self.assertEqual((f'role {role}: read and write {records.ALIVE}{HOST} granted',
                          f'role {role}: {records.LEADER} revoked'), changed)
        self.assert_denied(self.put, self.shows(HOST), records.LEADER)



class AgentsTurns(SecureCase):
    """The agent itself, with no more than its role."""

    def setUp(self):
        super().setUp()
        self.kv = self.shows(HOST)
        self.service = self.shows(access.SERVICE)
        self.time, self.told = 1000.0, []
        self.local, self.storage = case.ScriptedHost(), case.ScriptedStorage(self)
        self.local.domains = (case.domain('one'),)

    def clock(self):
        return self.time

    def env(self, **other):
        return HostRuntime(HOST, self.kv, self.local, self.told.append, **other)

    def test_it_beats_publishes_and_carries_out_requests(self):
        beating = beat.BeatKeeper(self.env(), records.Beat(case.UUID, 'boot-1'), interval=4.0,
                                  ttl=12)
        for _ in range(3):
            beating.turn()
        self.assertIs(beat.BeatState.BEATING, beating.standing.state, beating.standing.reason)
        publisher = inventory.InventoryPublisher(
            self.env(), self.storage, management_uri='qemu+tls://c1/system',
            client_networks=['10.0.0.0/24'], interval=1.0)
        publisher.turn()
        self.assertEqual('', publisher.trouble)
        self.publishes_definitions()
        self.publishes_its_use()
        key = records.request_to(HOST, RequestVerb.RESTART_COMPUTE)
        self.service.commit([], [
            ports.Put(records.LOCK + HOST, records.encode(records.Lock('k', 'noon', True))),
            ports.Put(key, records.encode(records.Request(
                RequestVerb.RESTART_COMPUTE, HOST, 'k', 'noon')))])
        runner = requests.RequestRunner(self.env(), self.storage, restart_compute=['restart'])
        runner.turn()
        answered = records.decode(records.Request, self.service.read(key).get(key).value)
        self.assertIs(RequestState.DONE, answered.state, self.told)

    def publishes_its_use(self):
        """It is renewed, and read again, with the rights of a host."""
        counted = iter(Reading(8, 10.0 * turn, 40.0 * turn, 8000, 4000) for turn in range(20))
        publisher = use.UsePublisher(
            self.env(now=lambda: 'noon', clock=self.clock), lambda: next(counted), interval=60.0,
            beats=lambda: True)
        for _ in range(10):
            publisher.turn()
            self.time += 10.0
        self.assertEqual('', publisher.trouble)
        found = self.service.read(records.USE + HOST).get(records.USE + HOST)
        self.assertEqual(LiveUse(8, 25, 8000, 50, 'noon'),
                         records.decode(LiveUse, found.value))

    def publishes_definitions(self):
        """It tells of one that came, and that one left which was decided to belong here."""
        publisher = domains.DomainPublisher(self.env(), interval=1.0)
        publisher.turn()
        uuid = self.local.domains[0].uuid
        key = f'{records.DOMAIN}{HOST}/{uuid}'
        self.service.commit([], [ports.Put(records.SERVER + uuid, records.encode(
            records.Owner(HOST)))])
        for gone in (False, True):
            entry = self.service.read(key).get(key)
            self.assertIsNotNone(entry, self.told)
            self.assertIs(gone, records.decode(records.DomainRecord, entry.value).gone, self.told)
            self.local.domains = ()
            publisher.turn()
        self.service.commit([], [ports.Delete(records.SERVER + uuid)])
        publisher.turn()
        self.assertIsNone(self.service.read(key).get(key))

    def test_it_is_woken_by_its_lock_and_its_requests(self):
        listener = store.Listener()
        for name in (records.LOCK + HOST, records.requests_to(HOST)):
            key = name + 'r' if name.endswith('/') else name
            watch = self.kv.watch(name, listener, self.service.read(name).revision)
            self.addCleanup(watch.close)
            self.service.commit([], [ports.Put(key, '1')])
            listener.wait_for(key)


if __name__ == '__main__':
    unittest.main()
