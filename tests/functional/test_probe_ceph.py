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


"""The storage probe against a real Ceph with real librbd clients."""

import unittest

from kaopu_ha import ports
from kaopu_ha.core import model
from kaopu_ha.core.model import Sign
from kaopu_ha.drivers.ceph import probe as ceph
from kaopu_ha.testing import probe
from kaopu_ha.testing.clock import calm
from tests import ceph_cluster


class CephCase(unittest.TestCase):
    """A probe at the observer's address."""

    @classmethod
    def setUpClass(cls):
        if ceph_cluster.missing():
            raise unittest.SkipTest(ceph_cluster.missing())
        cls.cluster = ceph_cluster.shared()

    def setUp(self):
        super().setUp()
        observer = self.cluster.inside('eye')
        observer.__enter__()
        self.addCleanup(observer.__exit__, None, None, None)
        access = {self.cluster.fsid: self.cluster.access('kaopu-ask')}
        self.probe = ceph.CephProbe(access, 'eye-1')
        self.addCleanup(self.probe.close)
        self.reader = ceph.CephReader({'': self.cluster.access('kaopu-agent')})
        self.addCleanup(self.reader.close)
        # Warm, as they are in a program that runs: what is timed here is the ask.
        self.reader.fsid(10)
        self.probe.clients([model.Image(self.cluster.fsid, ceph_cluster.POOL, '', 'none')], 10)

    def open(self, node='h1', count=1, pool=ceph_cluster.POOL):
        """A client at a node with new images; the client and the images."""
        names = self.cluster.names(count)
        client = self.cluster.client(node, names, create=True, pool=pool)
        self.addCleanup(client.close)
        self.assertEqual('ok', client.opened)
        headers = self.reader.header_ids(pool, names, 10)
        return client, tuple(model.Image(self.cluster.fsid, pool, name, headers[name])
                             for name in names)

    def host(self, *images, node='h1', name=''):
        """A host at a node's address that had the images open."""
        return model.Inventory(
            host=name or f'{node}-{len(images)}', host_uuid='u', boot_id='b',
            management_uri='qemu+tcp://192.0.2.1/system',
            storage_addresses=(self.cluster.addresses[node],),
            instances=(model.Instance('i', 'i', model.Power.ON, images),))

    def look(self, host, limit=2.0):
        return self.probe.ask([host], [], limit)[host.host]


class Promises(CephCase, probe.ProbeSuite):
    """What any probe promises."""

    def alive(self):
        _, images = self.open()
        return self.host(*images, name='alive')

    def silent(self):
        client, images = self.open('h2')
        client.freeze()
        return self.host(*images, node='h2', name='silent')

    def unknowable(self):
        strange = model.Image('another-cluster', 'vms', 'disk', 'rbd_header.1')
        return self.host(strange, name='unknowable')

    def blinded(self):
        return self.cluster.frozen('osd')


class Signs(CephCase):
    """What this probe sees."""

    def test_the_client_of_a_live_host_is_known_with_its_nonce(self):
        _, images = self.open()
        found = self.look(self.host(*images))
        self.assertIs(Sign.LIFE, found.sign)
        self.assertEqual(1, len(found.clients))
        self.assertRegex(found.clients[0], rf'^{self.cluster.addresses["h1"]}:0/[0-9]+$')

    def test_a_frozen_client_is_silent_while_it_is_still_listed(self):
        client, images = self.open()
        client.freeze()
        found = self.look(self.host(*images))
        self.assertEqual((Sign.SILENCE, 1), (found.sign, len(found.clients)))

    def test_a_volume_in_another_pool_is_asked_beside_the_disk(self):
        client, disk = self.open('h2')
        _, volume = self.open('h2', pool=ceph_cluster.VOLUMES)
        client.freeze()
        self.assertIs(Sign.SILENCE, self.look(self.host(*disk, node='h2')).sign)
        self.assertIs(Sign.LIFE, self.look(self.host(*disk, *volume, node='h2')).sign)

    def test_a_client_that_is_thawed_shows_life_again(self):
        client, images = self.open()
        client.freeze()
        self.look(self.host(*images))
        client.thaw()
        self.assertIs(Sign.LIFE, self.look(self.host(*images)).sign)

    def test_silence_is_known_within_the_limit_of_the_fast_pace(self):
        client, images = self.open()
        client.freeze()
        self.assertIs(Sign.SILENCE, self.look(self.host(*images), 1.5).sign)

    def test_one_live_client_among_frozen_ones_is_life(self):
        frozen, first = self.open()
        _, second = self.open()
        frozen.freeze()
        self.assertIs(Sign.LIFE, self.look(self.host(*first, *second)).sign)

    def test_an_image_that_was_closed_is_silent(self):
        client, images = self.open()
        client.leave()
        found = self.look(self.host(*images))
        self.assertEqual((Sign.SILENCE, ()), (found.sign, found.clients))

    def test_a_client_at_another_address_is_news_and_no_life(self):
        _, images = self.open('h2')
        found = self.look(self.host(*images, node='h1'))
        # Of nobody that is known: it might be a guest of this host.
        self.assertIs(Sign.UNKNOWN, found.sign)
        self.assertEqual(found.elsewhere, found.strangers)
        self.assertEqual(1, len(found.elsewhere))
        self.assertIn(self.cluster.addresses['h2'], found.elsewhere[0])

    def test_an_image_that_is_gone_is_unasked(self):
        _, images = self.open()
        gone = model.Image(self.cluster.fsid, ceph_cluster.POOL, 'gone', 'rbd_header.gone')
        found = self.look(self.host(*images, gone))
        self.assertEqual((Sign.LIFE, (gone,)), (found.sign, found.unasked))

    def test_asking_does_not_disturb_a_client(self):
        client, images = self.open()
        for _ in range(20):
            self.look(self.host(*images))
        self.assertEqual('ok', client.write())

    def test_two_hundred_images_are_asked_at_once(self):
        _, images = self.open(count=200)
        began = calm()
        found = self.look(self.host(*images))
        seconds = calm() - began
        self.assertEqual((Sign.LIFE, ()), (found.sign, found.unasked))
        self.assertLess(seconds, 1.0)

    def test_a_frozen_monitor_does_not_blind_a_probe_that_is_connected(self):
        _, images = self.open()
        with self.cluster.frozen('mon'):
            self.assertIs(Sign.LIFE, self.look(self.host(*images)).sign)

    def test_a_frozen_monitor_blinds_a_probe_that_must_connect(self):
        _, images = self.open()
        self.probe.close()
        with self.cluster.frozen('mon'):
            began = calm()
            self.assertIs(Sign.UNKNOWN, self.look(self.host(*images)).sign)
            self.assertLess(calm() - began, 2.0 + probe.SLACK_SECONDS)
        self.assertIs(Sign.LIFE, self.look(self.host(*images), 5.0).sign)

    def test_a_probe_that_was_blocklisted_is_unknown_and_recovers(self):
        _, images = self.open()
        entry = f'{self.cluster.addresses["eye"]}:0/0'
        self.cluster.ceph('osd', 'blocklist', 'add', entry)
        try:
            self.assertIs(Sign.UNKNOWN, self.look(self.host(*images)).sign)
        finally:
            self.cluster.ceph('osd', 'blocklist', 'rm', entry)
        self.assertIs(Sign.LIFE, self.look(self.host(*images), 5.0).sign)

    def test_access_that_is_not_configured_is_unknown(self):
        _, images = self.open()
        blind = ceph.CephProbe({}, 'eye-1')
        self.assertIs(Sign.UNKNOWN, blind.ask(
            [self.host(*images)], [], 1.0)[self.host(*images).host].sign)


class Images(CephCase, probe.ImageObserverSuite):
    """Whose clients a worker asks about."""

    def asks(self):
        return self.probe

    def an_image(self):
        _, (image,) = self.open()
        return image

    def hung(self):
        return self.cluster.frozen('osd')


class Reading(CephCase, probe.StorageReaderSuite):
    """What an agent reads."""

    def setUp(self):
        super().setUp()
        self.fsid = self.cluster.fsid

    def test_an_image_in_a_namespace_is_found_there_and_asked(self):
        space = f'{ceph_cluster.POOL}/tenant1'
        if 'tenant1' not in self.cluster.rbd('namespace', 'ls', ceph_cluster.POOL):
            self.cluster.rbd('namespace', 'create', space)
        self.cluster.rbd('create', '--size', '1M', f'{space}/in-a-namespace')
        self.addCleanup(self.cluster.rbd, 'rm', '--no-progress', f'{space}/in-a-namespace')
        found = self.reader.header_ids(space, ['in-a-namespace'], 10)
        image = model.Image(self.cluster.fsid, space, 'in-a-namespace', found['in-a-namespace'])
        self.reader.touch(image, 5)
        self.assertEqual('', self.reader.clients([image], 5)[image].error)
        self.assertEqual({}, self.reader.header_ids(ceph_cluster.POOL, ['in-a-namespace'], 10))
        tenant = ceph.CephReader({'': self.cluster.access('kaopu-tenant')})
        self.addCleanup(tenant.close)
        self.assertEqual(found, tenant.header_ids(space, ['in-a-namespace'], 10))
        with self.assertRaises(ports.PortError):
            tenant.header_ids(ceph_cluster.POOL, ['in-a-namespace'], 10)

    def test_the_cluster_tells_its_monitors(self):
        self.assertEqual((self.cluster.monitor_address,), self.reader.monitors(5))

    def an_image(self):
        _, (image,) = self.open()
        return image

    def hung(self):
        return self.cluster.frozen('osd')
