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


"""The management probe against real libvirtds: answering, frozen, absent, cut off."""

import contextlib
import os
import pathlib
import unittest
from unittest import mock

from kaopu_ha.core import model
from kaopu_ha.core.model import Contact, Sign
from kaopu_ha.drivers.libvirt import probe as libvirt
from kaopu_ha.testing import probe
from kaopu_ha.testing.clock import calm
from tests import libvirt_hosts, pki

# An ask ends with its answer: where one comes, a limit that is never reached costs nothing.
ANSWER_SECONDS = 20.0


class LibvirtCase(unittest.TestCase):
    """A probe at the observer's address."""

    @classmethod
    def setUpClass(cls):
        if libvirt_hosts.missing():
            raise unittest.SkipTest(libvirt_hosts.missing())
        cls.hosts = libvirt_hosts.shared()

    def setUp(self):
        super().setUp()
        observer = self.hosts.inside('eye')
        observer.__enter__()
        self.addCleanup(observer.__exit__, None, None, None)
        self.probe = libvirt.LibvirtProbe([], 'eye-1', self.hosts.pki_path)
        self.addCleanup(self.probe.close)

    def host(self, name, uri='', uuid=''):
        return model.Inventory(
            host=name, host_uuid=uuid or self.hosts.uuids.get(name, 'none'), boot_id='b',
            management_uri=uri or self.hosts.uri(name))

    def nowhere(self):
        return self.host('nowhere', self.hosts.uri(self.hosts.nowhere))

    def stranger(self):
        """A host at whose address another one answers."""
        return self.host('stranger', self.hosts.uri('h1'))

    def look(self, host, *peers, limit=1.5):
        return self.probe.ask([host], peers, limit)[host.host]

    @contextlib.contextmanager
    def frozen(self, name):
        self.hosts.freeze(name)
        try:
            yield
        finally:
            self.hosts.thaw(name)

    @contextlib.contextmanager
    def pulled(self, name):
        self.hosts.cable(name, plugged=False)
        try:
            yield
        finally:
            self.hosts.cable(name, plugged=True)


class Promises(LibvirtCase, probe.ProbeSuite):
    """What any probe promises."""

    def alive(self):
        return self.host('h1')

    def silent(self):
        return self.nowhere()

    def unknowable(self):
        return self.host('sasl')

    def blinded(self):
        return self.pulled('eye')


class OverTls(LibvirtCase):
    """A libvirt that is asked over TLS, and certificates that are not accepted."""

    def shows(self, pair, authority=None):
        self.probe = libvirt.LibvirtProbe([], '', self.hosts.pki_folder(pair, authority))

    def assert_unknown(self, reason, name='tls'):
        found = self.look(self.host(name), self.host('h1'))
        self.assertIs(Sign.UNKNOWN, found.sign)
        self.assertRegex(found.answers[0].came, reason)

    def test_a_host_that_answers_is_alive(self):
        found = self.look(self.host('tls'), limit=ANSWER_SECONDS)
        self.assertIs(Sign.LIFE, found.sign)

    def test_an_expired_certificate_of_ours_is_unknown(self):
        self.shows(self.hosts.authority.issue('kaopu-ha', expired=True))
        self.assert_unknown('certificate .*has expired')

    def test_an_expired_certificate_of_the_host_is_unknown(self):
        self.assert_unknown('certificate: it expired on', 'old')

    def test_a_certificate_of_another_authority_is_unknown(self):
        other = pki.Authority(pathlib.Path(self.hosts.pki_path) / 'other')
        self.shows(self.hosts.authority.issue('kaopu-ha'), other)
        self.assert_unknown('certificate')

    def test_a_certificate_that_the_host_does_not_list_is_unknown(self):
        self.shows(self.hosts.authority.issue('somebody'))
        self.assert_unknown('.')

    def test_no_certificate_is_unknown(self):
        self.probe = libvirt.LibvirtProbe([], '', '/nonexistent')
        self.assert_unknown('.')

    def test_parameters_that_a_host_wrote_into_its_uri_are_not_used(self):
        for parameters in ('no_verify=1', 'command=/bin/false', 'pkipath=/tmp'):
            host = self.host('h1', f'{self.hosts.uri("h1")}?{parameters}')
            found = self.look(host)
            self.assertIs(Sign.UNKNOWN, found.sign)
            self.assertIn('parameters', found.answers[0].came)


class Signs(LibvirtCase):
    """What this probe sees."""

    def test_a_host_without_libvirt_is_silent_but_its_kernel_answers(self):
        found = self.look(self.host('bare'))
        self.assertEqual((Sign.SILENCE, True), (found.sign, found.kernel_answers))

    def test_a_frozen_libvirt_is_silent_but_its_kernel_answers(self):
        with self.frozen('h2'):
            began = calm()
            found = self.look(self.host('h2'))
            self.assertLess(calm() - began, 1.5 + probe.SLACK_SECONDS)
        self.assertEqual((Sign.SILENCE, True), (found.sign, found.kernel_answers))
        self.assertIs(Sign.LIFE, self.look(self.host('h2'), limit=ANSWER_SECONDS).sign)

    def test_a_host_whose_cable_is_pulled_is_silent_and_no_kernel_answers(self):
        with self.pulled('h2'):
            found = self.look(self.host('h2'), self.host('h1'))
        self.assertEqual((Sign.SILENCE, False), (found.sign, found.kernel_answers))

    def test_another_host_at_the_address_is_unknown(self):
        self.assertIs(Sign.UNKNOWN, self.look(self.stranger(), self.host('h2')).sign)

    def test_a_password_that_we_lack_is_unknown(self):
        self.assertIs(Sign.UNKNOWN, self.look(self.host('sasl')).sign)

    def test_a_password_in_libvirts_own_file_is_shown(self):
        with mock.patch.dict(os.environ, LIBVIRT_AUTH_FILE=self.hosts.auth_file):
            found = self.look(self.host('sasl'), limit=ANSWER_SECONDS)
        self.assertIs(Sign.LIFE, found.sign, found)

    def test_an_absent_host_is_unknown_to_an_eye_that_reached_nobody(self):
        self.assertIs(Sign.UNKNOWN, self.look(self.nowhere()).sign)

    def test_an_anchor_shows_that_the_eye_is_well(self):
        self.probe = libvirt.LibvirtProbe([f'{self.hosts.addresses["bare"]}:9'])
        self.assertIs(Sign.SILENCE, self.look(self.nowhere()).sign)

    def test_an_anchor_on_the_own_machine_shows_nothing(self):
        self.probe = libvirt.LibvirtProbe([f'{self.hosts.addresses["eye"]}:9', '127.0.0.1:9'])
        self.assertIs(Sign.UNKNOWN, self.look(self.nowhere()).sign)

    def test_another_suspect_that_answers_shows_that_the_eye_is_well(self):
        found = self.probe.ask([self.nowhere(), self.host('h1')], [], 1.5)
        self.assertIs(Sign.SILENCE, found['nowhere'].sign)

    def test_the_suspect_itself_does_not_show_it(self):
        twin = self.host('twin', self.nowhere().management_uri)
        found = self.probe.ask([self.nowhere(), twin], [self.nowhere()], 1.0)
        self.assertEqual({Sign.UNKNOWN}, {each.sign for each in found.values()})

    def test_many_hosts_are_asked_in_the_time_of_one(self):
        absent = [self.host(f'n{last}', self.hosts.uri(f'10.78.0.{last}'))
                  for last in range(100, 140)]
        began = calm()
        found = self.probe.ask([*absent, self.host('h1')], [], 2.0)
        self.assertLess(calm() - began, 2.0 + probe.SLACK_SECONDS)
        self.assertEqual(40, sum(each.sign is Sign.SILENCE for each in found.values()))
        self.assertIs(Sign.LIFE, found['h1'].sign)


class Observer(LibvirtCase, probe.LibvirtObserverSuite):
    """What a libvirt tells of itself."""

    def setUp(self):
        super().setUp()
        self.observer = self.probe

    def answering(self):
        return self.hosts.uri('h1'), model.LibvirtAnswer(
            Contact.ANSWERED, self.hosts.uuids['h1'], (self.hosts.domain,))

    @contextlib.contextmanager
    def others(self):
        with self.frozen('h2'):
            yield {Contact.MUTE: self.hosts.uri('h2'), Contact.ERROR: self.hosts.uri('sasl'),
                   Contact.REFUSED: self.hosts.uri('bare'),
                   Contact.NOTHING: self.hosts.uri(self.hosts.nowhere)}

    def test_what_is_no_uri_of_a_libvirt_is_an_error_with_its_reason(self):
        for uri in ('', 'h1', 'qemu:///system', 'qemu+unix:///system', 'qemu+tcp://[bad/system',
                    'qemu+tcp://no-such-host.invalid/system'):
            with self.subTest(uri=uri):
                answer = self.contact(uri)[uri]
                self.assertIs(Contact.ERROR, answer.contact)
                self.assertTrue(answer.reason)


class Anchors(unittest.TestCase):

    def test_an_anchor_needs_a_port(self):
        with self.assertRaises(ValueError):
            libvirt.LibvirtProbe(['10.0.0.1'])
