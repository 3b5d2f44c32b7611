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

"""What every driver of an agent's own host promises: a suite for drivers, ours and others'.

Mix it into a ``unittest.TestCase``, and give it a host with two domains: one that runs and one
that is off, the latter with an RBD disk; Nova made both more than some seconds ago.
"""

from __future__ import annotations

from collections.abc import Callable
import ipaddress
from typing import Any

from kaopu_ha import ports
from kaopu_ha.core.model import Power
from kaopu_ha.testing.clock import Clocked

NOBODY = '00000000-0000-4000-8000-000000000000'
# What a machine that is busy may add to a limit.
SLACK_SECONDS = 0.6


class TimedPermit(ports.Permit):
    """A permit that holds or does not, and the seconds that it is given."""

    def __init__(self, given: bool = True, limit: float = 10.0) -> None:
        """Take what it will say."""
        self._given, self._limit = given, limit

    def seconds(self) -> float:
        """The seconds given."""
        return self._limit

    def holds(self) -> bool:
        """Say what it was told to say."""
        return self._given


class LocalHostSuite(Clocked):
    """The promises of ``ports.LocalHost``."""

    local: ports.LocalHost
    limit = 5.0
    host_uuid: str
    on: str
    off: str

    assertEqual: Callable[..., None]
    assertIs: Callable[..., None]
    assertIn: Callable[..., None]
    assertTrue: Callable[..., None]
    assertLess: Callable[..., None]
    assertNotEqual: Callable[..., None]
    assertRaises: Callable[..., Any]

    def mute(self) -> None:
        """Have libvirt answer nothing until the test ends."""
        raise NotImplementedError

    def compute_begins(self) -> None:
        """Have a nova-compute begin now; until then none runs."""
        raise NotImplementedError

    def make_anew(self, uuid: str) -> None:
        """Have the domain be one that Nova makes now, off."""
        raise NotImplementedError

    def domain(self, uuid: str) -> ports.Domain:
        """The domain of this UUID."""
        return {each.uuid: each for each in self.local.instances(self.limit)}[uuid]

    def test_the_host_tells_who_it_is(self) -> None:
        identity = self.local.identity(self.limit)
        self.assertEqual(self.host_uuid, identity.host_uuid)
        self.assertTrue(identity.cores > 0 and identity.memory_mb > 0)

    def test_domains_are_listed_with_their_power_and_the_same_each_time(self) -> None:
        found = self.local.instances(self.limit)
        self.assertEqual(sorted([self.on, self.off]), [each.uuid for each in found])
        self.assertIs(Power.ON, self.domain(self.on).power)
        self.assertIs(Power.OFF, self.domain(self.off).power)
        self.assertEqual(found, self.local.instances(self.limit))

    def test_only_a_domain_that_runs_has_a_run(self) -> None:
        self.assertTrue(self.domain(self.on).run)
        self.assertEqual('', self.domain(self.off).run)

    def test_disks_are_listed(self) -> None:
        disk = self.domain(self.off).disks[0]
        self.assertTrue(disk.pool and disk.image and disk.monitors)

    def test_a_domain_is_removed_whether_it_runs_or_not(self) -> None:
        both = sorted([self.on, self.off])
        self.assertEqual(tuple(both), self.local.remove_domains([*both, NOBODY], TimedPermit()))
        self.assertEqual((), self.local.instances(self.limit))

    def test_a_removal_asked_twice_finds_nothing(self) -> None:
        self.local.remove_domains([self.off], TimedPermit())
        self.assertEqual((), self.local.remove_domains([self.off], TimedPermit()))

    def test_nothing_is_removed_without_leave(self) -> None:
        with self.assertRaises(ports.NotPermitted):
            self.local.remove_domains([self.off], TimedPermit(given=False))
        self.assertEqual(self.off, self.domain(self.off).uuid)

    def test_only_what_an_io_error_paused_is_resumed(self) -> None:
        said = self.local.resume_domains(
            {self.on: self.domain(self.on).run, self.off: '1', NOBODY: '1'}, TimedPermit())
        self.assertEqual(sorted([self.on, self.off, NOBODY]), sorted(said))
        self.assertTrue(all(said.values()))
        self.assertIs(Power.OFF, self.domain(self.off).power)

    def test_nothing_is_resumed_without_leave(self) -> None:
        with self.assertRaises(ports.NotPermitted):
            self.local.resume_domains({self.on: self.domain(self.on).run},
                                      TimedPermit(given=False))

    def test_what_is_off_was_left_if_nova_compute_began_since(self) -> None:
        self.assertIs(False, self.domain(self.off).left)
        self.compute_begins()
        self.assertIs(True, self.domain(self.off).left)
        self.assertIs(False, self.domain(self.on).left)

    def test_what_nova_made_since_its_nova_compute_began_was_not_left(self) -> None:
        self.compute_begins()
        self.make_anew(self.off)
        self.assertIs(False, self.domain(self.off).left)

    def test_a_libvirt_that_is_mute_ends_in_a_reason_and_on_time(self) -> None:
        self.local.instances(self.limit)
        self.mute()
        began = self.calm()
        with self.assertRaises(ports.PortError):
            self.local.instances(1.0)
        self.assertLess(self.calm() - began, 1.0 + SLACK_SECONDS)

    def test_addresses_are_those_inside_the_networks(self) -> None:
        for address in self.local.addresses(['127.0.0.0/8', '::1/128']):
            self.assertTrue(ipaddress.ip_address(address).is_loopback)
        self.assertIn('127.0.0.1', self.local.addresses(['127.0.0.0/8']))
        self.assertEqual((), self.local.addresses(['203.0.113.0/24']))
        self.assertEqual((), self.local.addresses([]))

    def test_the_boot_has_an_id_that_stays(self) -> None:
        self.assertTrue(self.local.boot_id())
        self.assertEqual(self.local.boot_id(), self.local.boot_id())

    def test_a_command_is_run_to_its_end_and_its_failure_told(self) -> None:
        self.local.run(['true'], 5)
        for command in (['false'], ['/nowhere/command'], ['sleep', '9']):
            with self.assertRaises(ports.PortError):
                self.local.run(command, 0.5)
