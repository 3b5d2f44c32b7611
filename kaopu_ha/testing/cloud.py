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


"""What every cloud driver promises: a suite for drivers, ours and others'.

Mix it into a ``unittest.TestCase`` and give it a driver and a world in which hosts can be killed.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any

from kaopu_ha import ports
from kaopu_ha.core.cloud import Source
from kaopu_ha.testing.clock import Clocked
from kaopu_ha.testing.fence import GivenPermit

NOBODY = '00000000-0000-4000-8000-000000000000'
POLL_SECONDS = 0.3


class ComputeHosts(abc.ABC):
    """The compute hosts behind the driver.  Each method returns when it is so."""

    hosts: Sequence[str]

    @abc.abstractmethod
    def boot(self, host: str) -> str:
        """Start an instance on the host; its UUID, once it is active."""

    @abc.abstractmethod
    def delete(self, instance: str) -> None:
        """Take the instance away."""

    @abc.abstractmethod
    def stop(self, instance: str) -> None:
        """Have its user stop the instance, where the instance is."""

    @abc.abstractmethod
    def runs(self, instance: str) -> bool:
        """True if it runs, as its host tells now."""

    def aggregate(self, *hosts: str) -> str:
        """Make an aggregate of these hosts, where people group hosts; its name."""
        raise NotImplementedError

    def disband(self, aggregate: str) -> None:
        """Take it away again."""
        raise NotImplementedError

    @abc.abstractmethod
    def kill(self, host: str) -> None:
        """Cut the host's power, and cut it off from the disks of its instances."""

    @abc.abstractmethod
    def revive(self, host: str) -> None:
        """Take the host back, with access to disks, once its compute service has cleaned up."""


class CloudSuite(Clocked):
    """The promises of ``ports.Cloud``.

    ``keeps_actions``: it tells what was asked for a server, and by whom; ``counts``: what is set
    aside for one is counted.  Where it is not so, nothing is told.  ``enables``: people disable
    hosts there; ``groups``: and put them into aggregates, as the world does.  ``notes``: servers
    have metadata.
    """

    keeps_actions = True
    counts = True
    enables = True
    groups = True
    notes = True
    cloud: ports.Cloud
    world: ComputeHosts
    patience = 90.0

    addCleanup: Callable[..., None]
    assertEqual: Callable[..., None]
    assertFalse: Callable[..., None]
    assertIn: Callable[..., None]
    assertIsNone: Callable[..., None]
    assertNotIn: Callable[..., None]
    assertRaises: Callable[..., Any]
    assertTrue: Callable[..., None]
    fail: Callable[[str], Any]

    def make_cloud(self) -> ports.Cloud:
        """The driver to hold to its promises."""
        raise NotImplementedError

    def make_world(self) -> ComputeHosts:
        """Its world, with two hosts at least that are up, and one test's instances at most."""
        raise NotImplementedError

    def setUp(self) -> None:
        """Make driver and world."""
        super().setUp()  # type: ignore[misc]
        self.world = self.make_world()
        self.cloud = self.make_cloud()
        self.addCleanup(self.cloud.close)

    # ------------------------------------------------------------ reading

    def test_every_host_has_a_service_that_is_up(self) -> None:
        services = self.cloud.services()
        for host in self.world.hosts:
            service = services[host]
            self.assertEqual((host, True, True, False), (
                service.host, service.up, service.enabled, service.forced_down))
            self.assertTrue(service.id)

    def test_a_server_is_listed_on_its_own_host_only(self) -> None:
        instance = self.an_instance()
        here, there = (self.uuids(host) for host in self.world.hosts[:2])
        self.assertIn(instance, here)
        self.assertNotIn(instance, there)

    def test_a_server_is_read_as_it_is_listed(self) -> None:
        instance = self.an_instance()
        (listed,) = (one for one in self.cloud.servers(self.world.hosts[0])
                     if one.uuid == instance)
        self.assertEqual(listed, self.cloud.server(instance))
        self.assertEqual(('active', '', ''), (listed.vm_state, listed.task_state, listed.fault))
        self.assertTrue(listed.name and listed.domain and listed.cores and listed.memory_mb)

    def test_a_server_that_is_not_there_is_none(self) -> None:
        self.assertIsNone(self.cloud.server(NOBODY))

    def test_a_host_that_is_not_there_has_no_servers(self) -> None:
        self.assertEqual((), self.cloud.servers('nobody'))
        self.assertNotIn('nobody', self.cloud.services())

    def test_a_server_that_never_moved_has_no_migrations(self) -> None:
        self.assertEqual((), self.cloud.migrations(instance=self.an_instance()))
        self.assertEqual((), self.cloud.migrations(instance=NOBODY))

    def test_what_its_user_asked_for_is_told_newest_first(self) -> None:
        instance = self.an_instance()
        self.world.stop(instance)
        self.cloud.start(instance, GivenPermit())
        self.await_running(instance)
        found = [action for action in self.cloud.actions(instance)
                 if action.kind in ('stop', 'start')]
        self.assertEqual(['start', 'stop'] * self.keeps_actions, [one.kind for one in found])
        self.assertTrue(all(action.user for action in found))

    def test_a_server_is_counted_on_its_host_and_who_is_not_there_nowhere(self) -> None:
        instance = self.an_instance()
        found = self.cloud.allocations([instance, NOBODY])
        self.assertEqual({instance: (self.world.hosts[0],), NOBODY: ()} if self.counts else {},
                         {consumer: has.hosts for consumer, has in found.items()})

    # ------------------------------------------------------------ acting

    def test_a_server_that_its_user_stopped_is_started_where_it_is(self) -> None:
        instance = self.an_instance()
        self.world.stop(instance)
        server = self.cloud.server(instance)
        self.assertEqual('stopped', server and server.vm_state)
        self.assertFalse(self.world.runs(instance))
        self.cloud.start(instance, GivenPermit())
        self.await_running(instance)
        self.assertIn(instance, self.uuids(self.world.hosts[0]))

    def test_one_that_is_off_is_started_anew(self) -> None:
        instance = self.an_instance()
        self.world.stop(instance)
        self.cloud.start(instance, GivenPermit(), anew=True)
        self.await_running(instance)

    def test_nothing_is_started_without_a_permit_nor_what_is_not_there(self) -> None:
        instance = self.an_instance()
        self.world.stop(instance)
        with self.assertRaises(ports.PortError):
            self.cloud.start(instance, GivenPermit(holds=False))
        self.assertFalse(self.world.runs(instance))
        with self.assertRaises(ports.PortError):
            self.cloud.start(NOBODY, GivenPermit())

    def test_what_a_moved_server_has_on_its_old_host_is_released_if_it_is_as_it_was_read(self
                                                                                     ) -> None:
        if not self.counts:
            return
        source, target = self.world.hosts[:2]
        instance = self.moved()
        read = self.cloud.allocations([instance])[instance]
        self.assertEqual((source, target), read.hosts)
        self.cloud.release(read, source, GivenPermit())
        found = self.cloud.allocations([instance])[instance]
        self.assertEqual([share for share in read.shares if share.host == target],
                         list(found.shares))
        self.assertFalse(read.generation == found.generation)
        # What was read is of yesterday: it must not undo what was done since.
        with self.assertRaises(ports.Refused):
            self.cloud.release(read, target, GivenPermit())
        with self.assertRaises(ports.PortError):
            self.cloud.release(found, target, GivenPermit(holds=False))
        self.assertEqual(found, self.cloud.allocations([instance])[instance])

    def test_a_server_of_a_living_host_is_not_evacuated(self) -> None:
        instance = self.an_instance()
        with self.assertRaises(ports.Refused):
            self.cloud.evacuate(instance, self.world.hosts[1], GivenPermit())
        self.assertEqual((), self.cloud.migrations(instance=instance))

    def test_what_is_not_there_is_refused(self) -> None:
        with self.assertRaises(ports.Refused):
            self.cloud.evacuate(NOBODY, self.world.hosts[1], GivenPermit())
        with self.assertRaises(ports.Refused):
            self.cloud.reset_state(NOBODY, 'active', GivenPermit())
        with self.assertRaises(ports.Refused):
            self.cloud.force_down('nobody', True, GivenPermit())

    def test_forced_down_asked_twice_is_harmless_either_way(self) -> None:
        host = self.world.hosts[1]
        self.addCleanup(self.cloud.force_down, host, False, GivenPermit())
        for down in (True, True, False, False):
            self.cloud.force_down(host, down, GivenPermit())
            self.assertEqual(down, self.cloud.services()[host].forced_down)

    def test_enabled_asked_twice_is_harmless(self) -> None:
        host = self.world.hosts[1]
        if not self.enables:
            with self.assertRaises(ports.Refused):
                self.cloud.enable(host, GivenPermit())
            return
        for _ in range(2):
            self.cloud.enable(host, GivenPermit())
            self.assertTrue(self.cloud.services()[host].enabled)
        with self.assertRaises(ports.Refused):
            self.cloud.enable('nobody', GivenPermit())

    def test_a_host_is_added_to_an_aggregate_and_who_is_in_it_stays(self) -> None:
        first, second = self.world.hosts[:2]
        if not self.groups:
            self.assertEqual((), self.cloud.aggregates())
            with self.assertRaises(ports.Refused):
                self.cloud.join(second, 'nobodys', GivenPermit())
            return
        ours = self.world.aggregate(first)
        self.addCleanup(self.world.disband, ours)
        with self.assertRaises(ports.PortError):
            self.cloud.join(second, ours, GivenPermit(holds=False))
        self.assertEqual({first}, self.hosts_of(ours))
        for _ in range(2):
            self.cloud.join(second, ours, GivenPermit())
            self.assertEqual({first, second}, self.hosts_of(ours))
        with self.assertRaises(ports.Refused):
            self.cloud.join(second, 'nobodys', GivenPermit())
        with self.assertRaises(ports.Refused):
            self.cloud.join('nobody', ours, GivenPermit())

    def test_a_note_is_found_at_the_server_and_what_else_is_there_stays(self) -> None:
        instance = self.an_instance()
        if not self.notes:
            with self.assertRaises(ports.Refused):
                self.cloud.note(instance, 'kaopu_ha.a', 'one', GivenPermit())
            return
        with self.assertRaises(ports.PortError):
            self.cloud.note(instance, 'kaopu_ha.a', 'one', GivenPermit(holds=False))
        self.assertNotIn('kaopu_ha.a', self.metadata(instance))
        before = self.metadata(instance)
        for key, text in (('kaopu_ha.a', 'one'), ('kaopu_ha.b', 'x' * 255),
                          ('kaopu_ha.a', 'two'), ('kaopu_ha.a', 'two')):
            self.cloud.note(instance, key, text, GivenPermit())
            before[key] = text
            self.assertEqual(before, self.metadata(instance))
        with self.assertRaises(ports.Refused):
            self.cloud.note(NOBODY, 'kaopu_ha.a', 'one', GivenPermit())

    def test_a_state_is_reset(self) -> None:
        instance = self.an_instance()
        for state in ('error', 'active'):
            self.cloud.reset_state(instance, state, GivenPermit())
            server = self.cloud.server(instance)
            self.assertEqual((state, ''), server and (server.vm_state, server.task_state))

    def test_without_a_permit_nothing_is_done(self) -> None:
        host = self.world.hosts[1]
        for permit in (GivenPermit(holds=False), GivenPermit(seconds=0.0)):
            with self.assertRaises(ports.PortError):
                self.cloud.force_down(host, True, permit)
            self.assertFalse(self.cloud.services()[host].forced_down)

    def test_a_dead_hosts_server_is_evacuated_to_the_target_and_runs(self) -> None:
        source, target = self.world.hosts[:2]
        instance = self.an_instance()
        self.world.kill(source)
        self.addCleanup(self.take_back, source)
        self.cloud.force_down(source, True, GivenPermit())
        self.assertFalse(self.cloud.services()[source].up)
        self.cloud.evacuate(instance, target, GivenPermit())
        record = self.await_move(instance, target)
        self.assertEqual((instance, 'evacuation', source, target), (
            record.instance, record.kind, record.source, record.target))
        self.assertIn(record.id, [one.id for one in self.cloud.migrations(host=source)])
        self.assertIn(record.id, [one.id for one in self.cloud.migrations(host=target)])
        server = self.cloud.server(instance)
        self.assertEqual(('active', 1), server and (server.vm_state, server.power_state))
        # What its user asked for before has been overtaken.
        self.assertEqual(['evacuate'] * self.keeps_actions, [
            one.kind for one in self.cloud.actions(instance) if one.user][:1])

    # ------------------------------------------------------------ words

    def an_instance(self) -> str:
        """An instance on the first host, for this test."""
        instance = self.world.boot(self.world.hosts[0])
        self.addCleanup(self.world.delete, instance)
        return instance

    def moved(self) -> str:
        """An instance of the first host, which is dead; it was evacuated to the second one."""
        source, target = self.world.hosts[:2]
        instance = self.an_instance()
        self.world.kill(source)
        self.addCleanup(self.take_back, source)
        self.cloud.force_down(source, True, GivenPermit())
        self.cloud.evacuate(instance, target, GivenPermit())
        self.await_move(instance, target)
        return instance

    def await_running(self, instance: str) -> None:
        """Wait until it runs, and is shown so."""
        until = self.now() + self.patience
        while self.now() < until:
            server = self.cloud.server(instance)
            if self.world.runs(instance) and server and (
                    server.vm_state, server.task_state) == ('active', ''):
                return
            self.sleep(POLL_SECONDS)
        self.fail(f'{instance} does not run: {self.cloud.server(instance)}')

    def metadata(self, instance: str) -> dict[str, str]:
        """The metadata of the server, as it is now."""
        server = self.cloud.server(instance)
        return {mark.key: mark.value for mark in (server.marks if server else ())
                if mark.source is Source.METADATA}

    def hosts_of(self, aggregate: str) -> set[str]:
        """The hosts of the aggregate of this name, as it is now."""
        (found,) = (one for one in self.cloud.aggregates() if one.name == aggregate)
        return set(found.hosts)

    def uuids(self, host: str) -> list[str]:
        """The servers of the host."""
        return [one.uuid for one in self.cloud.servers(host)]

    def await_move(self, instance: str, target: str) -> Any:
        """Wait until the server is active on the target and its record finished; the record."""
        until = self.now() + self.patience
        while self.now() < until:
            server, records = self.cloud.server(instance), self.cloud.migrations(instance=instance)
            if server and records and (server.host, server.vm_state, server.task_state) == (
                    target, 'active', '') and not records[0].unfinished:
                return records[0]
            self.sleep(POLL_SECONDS)
        return self.fail(f'{instance} did not arrive on {target}: {server}, {records}')

    def take_back(self, host: str) -> None:
        """Revive the host, clear forced_down and wait until its service is up."""
        self.world.revive(host)
        self.cloud.force_down(host, False, GivenPermit())
        until = self.now() + self.patience
        while not self.cloud.services()[host].up:
            if self.now() > until:
                self.fail(f'{host} did not come back')
            self.sleep(POLL_SECONDS)
