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


"""Answers, notifications, files and definitions: a value, or what the port promises."""

import contextlib
import json
import pathlib
import tempfile
from types import SimpleNamespace
import unittest
from unittest import mock
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from kaopu_ha import ports
from kaopu_ha.core import bounds, model
from kaopu_ha.core.model import Power
from kaopu_ha.drivers import child, connects
from kaopu_ha.drivers.ceph import address as ceph_address
from kaopu_ha.drivers.ceph import conf_file as ceph_conf
from kaopu_ha.drivers.ceph import fence as ceph_blocklist
from kaopu_ha.drivers.ceph import fence_child as ceph_blocklist_child
from kaopu_ha.drivers.libvirt import domains
from kaopu_ha.drivers.libvirt import probe as libvirt
from kaopu_ha.drivers.libvirt import uri as libvirt_uri
from kaopu_ha.drivers.openstack import events as nova
from tests.core import values
from tests.unit.fuzz import json_values, spoiled, texts, thrown

HERE = pathlib.Path(__file__).parent.parent
NOTIFICATIONS = json.loads((HERE / 'drivers' / 'nova_notifications.json').read_text())
DOMAIN = (HERE / 'agent' / 'nova_domain.xml').read_text()
ENTRIES = [{'addr': '10.1.0.1:0/0', 'until': '2036-01-01T00:00:00.000000+0000'},
           {'addr': '[fd00::1]:0/7', 'until': '2036-01-01T00:00:00.000000+0000'}]
CONF = '[global]\nfsid = x\nmon_host = [v2:10.0.0.1:3300/0,v1:10.0.0.1:6789/0],b:6789\n'


@st.composite
def cut_up(draw, whole):
    """A text with pieces of another kind in it."""
    for _ in range(draw(st.integers(1, 3))):
        at, length = draw(st.integers(0, len(whole))), draw(st.integers(0, 60))
        whole = whole[:at] + draw(texts) + whole[at + length:]
    return whole


class TestNotifications(unittest.TestCase):

    @thrown()
    @given(json_values, json_values, json_values, json_values)
    def test_anything(self, publisher, kind, payload, at):
        nova.read(publisher, kind, payload, at)

    @thrown()
    @given(spoiled(NOTIFICATIONS if isinstance(NOTIFICATIONS, list)
                   else list(NOTIFICATIONS.values())))
    def test_one_of_novas_with_something_else_in_it(self, message):
        if isinstance(message, dict):
            event = nova.read(message.get('publisher_id'), message.get('event_type'),
                              message.get('payload'), message.get('timestamp'))
            self.assertTrue(event is None or event.host)


class TestAnswersOfChildren(unittest.TestCase):

    @thrown()
    @given(json_values)
    def test_a_child_that_says_anything(self, said):
        asked = child.Child('nowhere', {})
        try:
            asked._result(json.dumps(said).encode())
        except ports.PortError:
            return

    @thrown()
    @given(st.one_of(json_values.map(json.dumps), texts))
    def test_a_libvirt_that_says_anything(self, said):
        asking = libvirt._AskingChild.__new__(libvirt._AskingChild)
        asking._text, asking._asks_since, asking.has_ended = said.encode(
            'utf-8', 'replace') + b'\n', 1.0, False
        self.assertIsInstance(asking.answer(0.1, connects.Tries(['192.0.2.1'])),
                              model.LibvirtAnswer)

    @thrown()
    @given(st.lists(st.one_of(json_values, spoiled(ENTRIES)), max_size=4))
    def test_a_blocklist_with_anything_in_it_has_our_entries(self, odd):
        answer = [*odd, *ENTRIES]
        found = ceph_blocklist_child._listed(SimpleNamespace(command=lambda name: answer))
        self.assertLessEqual({ceph_address.parse(entry['addr']) for entry in ENTRIES}, set(found))


class TestWhatHostsClaim(unittest.TestCase):

    @thrown()
    @given(texts)
    def test_an_address(self, text):
        self.assertIn(bounds.is_address(text), (True, False))
        with contextlib.suppress(ports.PortError):
            ceph_address.parse(text)

    @thrown(0.3)
    @given(st.lists(texts, max_size=5))
    def test_a_fence_orders_the_addresses_that_are_some(self, claimed):
        fence = ceph_blocklist.CephBlocklist({}, ['10.1.0.0/16'])
        inventory = values.an_inventory(storage_addresses=(*claimed, '10.1.0.1'))
        with mock.patch.object(ceph_blocklist, 'LOG'):
            orders = fence.orders(inventory, ['a'], ())
        self.assertIn('10.1.0.1:0/0', orders[0].addresses)

    @thrown()
    @given(st.one_of(texts, cut_up('qemu+tls://c1.example:16514/system')))
    def test_a_place_of_libvirt(self, text):
        try:
            found = libvirt_uri.read(text, libvirt_uri.Reach())
        except ValueError:
            return
        self.assertTrue(found.host)

    @thrown(0.1)
    @given(st.lists(st.sampled_from(
        ['qemu+tls://[fe80::1%25nowhere]/system', 'qemu+tcp://127.0.0.1:1/system',
         'qemu+tcp://127.0.0.1:1/other', 'qemu+tcp://[::1]:1/system', 'junk',
         'qemu+tls://127.0.0.1:0/system']), min_size=1, max_size=4))
    def test_a_round_with_odd_places_has_an_answer_for_each(self, uris):
        suspects = [values.an_inventory(f'c{number}', management_uri=uri)
                    for number, uri in enumerate(uris)]
        peers = [values.an_inventory('p1', management_uri=uris[0])]
        probe = libvirt.LibvirtProbe(['127.0.0.1:1'])
        found = probe.ask(suspects, peers, 0.05)
        self.assertEqual({each.host for each in suspects}, set(found))


class TestFilesAndDefinitions(unittest.TestCase):

    @thrown()
    @given(st.one_of(texts, cut_up(DOMAIN)))
    def test_a_definition(self, text):
        try:
            domains.parse(text, power=Power.ON, run='1')
        except (ElementTree.ParseError, ValueError):
            return    # The one who asks has it as of a domain that can't be described.

    @thrown(0.3)
    @given(st.one_of(texts, cut_up(CONF)))
    def test_a_ceph_conf(self, text):
        with tempfile.NamedTemporaryFile() as file:
            pathlib.Path(file.name).write_bytes(text.encode('utf-8', 'surrogatepass'))
            try:
                ceph_conf.monitors(file.name)
            except OSError:
                return
