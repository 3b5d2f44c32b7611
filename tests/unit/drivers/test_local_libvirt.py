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

"""One domain that libvirt can't describe is its own trouble, and freezes nobody's inventory."""

import types
import unittest

try:
    import libvirt
except ImportError as missing:
    raise unittest.SkipTest('there is no libvirt here') from missing

from kaopu_ha import ports, records
from kaopu_ha.agent.inventory import InventoryPublisher
from kaopu_ha.agent.runtime import HostRuntime
from kaopu_ha.core import model
from kaopu_ha.core.model import Power
from kaopu_ha.drivers.libvirt.local import LocalLibvirt
from kaopu_ha.drivers.libvirt.local_child import LocalHandlers

WEB, DB, ODD = (f'0000000{number}-aaaa-4000-8000-000000000000' for number in (1, 2, 3))
XML = '<domain><uuid>{}</uuid><name>{}</name><vcpu>2</vcpu><memory>2097152</memory></domain>'


class Domain:
    """A domain as the bindings give it; ``failure`` is raised when it is described."""

    def __init__(self, uuid, name, *, failure=None, xml=''):
        self._uuid, self._failure, self._xml = uuid, failure, xml or XML.format(uuid, name)
        self.is_now = libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_BOOTED

    def UUIDString(self):
        return self._uuid.upper()

    def state(self):
        return self.is_now

    def XMLDesc(self, flags=0):
        if self._failure is not None:
            raise self._failure
        return self._xml

    def isActive(self):
        return True

    def ID(self):
        return 7


class Link:
    """An open link to a libvirt that has these domains."""

    def __init__(self, *domains):
        self.domains = domains

    def isAlive(self):
        return True

    def getLibVersion(self):
        return 9_000_000

    def listAllDomains(self):
        return list(self.domains)


def failed(code=libvirt.VIR_ERR_OPERATION_FAILED):
    # The bindings take the words of the last failure in this thread, if there was one.
    libvirt.virResetLastError()
    failure = libvirt.libvirtError('monitor hangs')
    failure.err = (code, 0, 'monitor hangs', 0, '', None, None, 0, 0)
    return failure


class BadDomain(unittest.TestCase):

    def setUp(self):
        self.handlers = LocalHandlers({'uri': 'test:///default', 'definitions': False})
        self.local = LocalLibvirt('test:///default')
        self.addCleanup(self.local.close)
        # The same answers, without a process between.
        self.local._child = types.SimpleNamespace(
            ask=lambda what, limit: self.handlers.by_name()[what](), close=lambda: None)

    def seen(self, *domains):
        """The instances of a host whose libvirt has these domains, by UUID."""
        self.handlers._link = Link(*domains)
        return {each.uuid: each for each in self.local.instances(4.0)}


    def off(self):
        """A domain that Nova made, and that is off."""
        xml = XML.format(ODD, 'odd').replace('<vcpu>', (
            '<metadata><instance xmlns="urn:nova"><creationTime>2026-01-01 00:00:00</creationTime>'
            '</instance></metadata><vcpu>'))
        domain = Domain(ODD, 'odd', xml=xml)
        domain.is_now = libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED
        return domain


class TestInstances(BadDomain):

    def test_the_others_are_described(self):
        seen = self.seen(Domain(WEB, 'web'), Domain(ODD, 'odd', failure=failed()),
                         Domain(DB, 'db'))
        self.assertEqual({WEB: 'web', DB: 'db', ODD: ODD},
                         {uuid: each.name for uuid, each in seen.items()})

    def test_one_that_never_was_described_counts_as_on_and_can_not_be_moved(self):
        odd = self.seen(Domain(ODD, 'odd', failure=failed()))[ODD]
        self.assertEqual((Power.ON, ('libvirt does not describe it: monitor hangs',)),
                         (odd.power, odd.local_disks))

    def test_one_that_was_described_once_is_as_it_was(self):
        before = self.seen(Domain(ODD, 'odd'))
        self.assertEqual(before, self.seen(Domain(ODD, 'odd', failure=failed())))
        # And again: it is not forgotten in the second look.
        self.assertEqual(before, self.seen(Domain(ODD, 'odd', failure=failed())))

    def test_the_same_words_are_not_read_again_and_others_are(self):
        before = self.seen(Domain(WEB, 'web'))[WEB]
        self.assertIs(before, self.seen(Domain(WEB, 'web'))[WEB])
        self.assertEqual('mail', self.seen(Domain(WEB, 'mail'))[WEB].name)
        paused = Domain(WEB, 'mail')
        paused.is_now = libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER
        self.assertIs(Power.PAUSED, self.seen(paused)[WEB].power)

    def test_one_that_is_off_is_left_as_soon_as_nova_compute_began_since(self):
        domain = self.off()
        for began, left in ((None, False), (4e9, True), (None, False)):
            self.local._kernel = types.SimpleNamespace(compute_began=lambda limit, at=began: at)
            self.assertIs(left, self.seen(domain)[ODD].left)

    def test_one_that_was_left_and_is_not_described_now_is_not_known_to_be_left(self):
        # It may have been defined anew meanwhile.
        self.local._kernel = types.SimpleNamespace(compute_began=lambda limit: 4e9)
        self.assertTrue(self.seen(self.off())[ODD].left)
        self.assertFalse(self.seen(Domain(ODD, 'odd', failure=failed()))[ODD].left)

    def test_one_crashed_only_if_libvirt_says_so(self):
        off, told = libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_CRASHED
        for now, crashed in (
                ((off, told), True),
                ((libvirt.VIR_DOMAIN_CRASHED, libvirt.VIR_DOMAIN_CRASHED_PANICKED), True),
                # What was asked for, what did not even start, and what was so before a boot.
                ((off, libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED), False),
                ((off, libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN), False),
                ((off, libvirt.VIR_DOMAIN_SHUTOFF_FAILED), False),
                ((off, libvirt.VIR_DOMAIN_SHUTOFF_UNKNOWN), False),
                ((libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_CRASHED), False),
                ((libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_IOERROR), False)):
            web = Domain(WEB, 'web')
            web.is_now = now
            self.assertIs(crashed, self.seen(web)[WEB].crashed, now)

    def test_one_is_stuck_only_if_an_io_error_paused_it(self):
        for reason, stuck in ((libvirt.VIR_DOMAIN_PAUSED_IOERROR, True),
                              (libvirt.VIR_DOMAIN_PAUSED_USER, False),
                              (libvirt.VIR_DOMAIN_PAUSED_MIGRATION, False)):
            web = Domain(WEB, 'web')
            web.is_now = libvirt.VIR_DOMAIN_PAUSED, reason
            found = self.seen(web)[WEB]
            self.assertEqual((stuck, Power.PAUSED), (found.stuck, found.power))

    def test_one_is_hung_only_if_its_watchdog_paused_it(self):
        for reason, hung in ((libvirt.VIR_DOMAIN_PAUSED_WATCHDOG, True),
                             (libvirt.VIR_DOMAIN_PAUSED_IOERROR, False)):
            web = Domain(WEB, 'web')
            web.is_now = libvirt.VIR_DOMAIN_PAUSED, reason
            found = self.seen(web)[WEB]
            self.assertEqual((hung, not hung, Power.PAUSED),
                             (found.hung, found.stuck, found.power))

    def test_one_that_crashed_and_is_not_described_now_is_not_known_to_be_crashed(self):
        web = Domain(WEB, 'web')
        web.is_now = libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_CRASHED
        self.assertTrue(self.seen(web)[WEB].crashed)
        self.assertFalse(self.seen(Domain(WEB, 'web', failure=failed()))[WEB].crashed)

    def test_one_that_went_while_the_list_was_read_is_not_there(self):
        gone = Domain(ODD, 'odd', failure=failed(libvirt.VIR_ERR_NO_DOMAIN))
        self.assertEqual([WEB], list(self.seen(Domain(WEB, 'web'), gone)))

    def test_one_that_is_being_started_has_no_run_yet_and_one_that_comes_by_migration_has(self):
        for reason, run in ((libvirt.VIR_DOMAIN_PAUSED_STARTING_UP, ''),
                            (libvirt.VIR_DOMAIN_PAUSED_MIGRATION, '7')):
            web = Domain(WEB, 'web')
            web.is_now = libvirt.VIR_DOMAIN_PAUSED, reason
            found = self.seen(web)[WEB]
            self.assertEqual((Power.PAUSED, run), (found.power, found.run))

    def test_definitions_that_are_no_xml_are_told_apart(self):
        seen = self.seen(Domain(ODD, '', xml='<domain'), Domain(DB, '', xml='no XML at all'),
                         Domain(WEB, 'web', xml=XML.format(WEB, 'web').replace('>2<', '>two<')))
        self.assertEqual({ODD, DB, WEB}, set(seen))
        self.assertEqual({Power.ON}, {each.power for each in seen.values()})


class Store(ports.Store):
    """Keeps what is written."""

    def __init__(self):
        self.texts = []

    def read(self, *ranges):
        return ports.Snapshot(1, {})

    def commit(self, compares, writes):
        self.texts += [write.value for write in writes]
        return len(self.texts)

    def grant(self, ttl):
        raise NotImplementedError

    renew = revoke = watch = grant

    def close(self):
        pass


class Ceph(ports.StorageReader):
    """No cluster answers; these domains have no disk on one."""

    def _away(self, *_, **__):
        raise ports.PortError('no cluster')

    fsid = header_ids = touch = clients = _away

    def close(self):
        pass


class TestInventory(BadDomain):

    def test_an_inventory_goes_on_beside_it(self):
        store = Store()
        self.local._identity = ports.HostIdentity('uuid', 8, 16384)
        publisher = InventoryPublisher(
            HostRuntime('c1', store, self.local, lambda news: None), Ceph(), clusters=(),
            management_uri='qemu+tls://c1/system', client_networks=['10.1.0.0/24'], interval=2.0)
        for domains in ([Domain(WEB, 'web')],
                        [Domain(WEB, 'web'), Domain(ODD, 'odd', failure=failed())],
                        [Domain(WEB, 'web'), Domain(ODD, 'odd', failure=failed()),
                         Domain(DB, 'db')]):
            self.handlers._link = Link(*domains)
            publisher.turn()
        self.assertEqual(('', ''), (publisher.trouble, publisher.behind))
        told = [records.decode(model.Inventory, text).instances for text in store.texts]
        self.assertEqual([{'web'}, {'web', ODD}, {'web', ODD, 'db'}],
                         [{instance.name for instance in instances} for instances in told])


if __name__ == '__main__':
    unittest.main()
