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


"""What every source of usage promises: a suite for drivers, ours and others'.

Mix it into a ``unittest.TestCase`` and give it a driver and the world of the cloud suite.
"""

from __future__ import annotations

from collections.abc import Callable

from kaopu_ha import ports
from kaopu_ha.testing.cloud import ComputeHosts


class UsageSuite:
    """The promises of ``ports.UsageSource``."""

    usage: ports.UsageSource
    world: ComputeHosts

    addCleanup: Callable[..., None]
    assertEqual: Callable[..., None]
    assertGreater: Callable[..., None]
    assertGreaterEqual: Callable[..., None]
    assertIn: Callable[..., None]

    def make_usage(self) -> ports.UsageSource:
        """The driver to hold to its promises."""
        raise NotImplementedError

    def make_world(self) -> ComputeHosts:
        """Its world, with two hosts at least that are up."""
        raise NotImplementedError

    def setUp(self) -> None:
        """Make driver and world."""
        super().setUp()  # type: ignore[misc]
        self.world = self.make_world()
        self.usage = self.make_usage()

    def test_every_host_is_known_by_the_name_of_its_service(self) -> None:
        usage = self.usage.usage()
        for host in self.world.hosts:
            self.assertIn(host, usage)
            self.assertGreater(usage[host].cores, 0)
            self.assertGreater(usage[host].memory_mb, 0)
            self.assertGreaterEqual(usage[host].cores_used, 0)
            self.assertGreaterEqual(usage[host].memory_mb_used, 0)

    def test_an_instance_fills_its_own_host_and_leaves_it_as_it_was(self) -> None:
        here, there = self.world.hosts[:2]
        before = self.usage.usage()
        instance = self.world.boot(here)
        try:
            after = self.usage.usage()
        finally:
            self.world.delete(instance)
        self.assertGreater(after[here].cores_used, before[here].cores_used)
        self.assertGreater(after[here].memory_mb_used, before[here].memory_mb_used)
        self.assertEqual(before[there], after[there])
        self.assertEqual(before[here], self.usage.usage()[here])
