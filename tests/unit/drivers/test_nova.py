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


"""What Nova's answers become, and that an act is sent once or not at all."""

import os
import signal
import socket
import threading
import time
import unittest

from kaopu_ha import ports
from kaopu_ha.core.model import Mark, Source
from kaopu_ha.drivers.openstack import cloud as nova
from kaopu_ha.testing.clock import calm
from tests.unit.drivers import scripted_openstack as scripted

UUID = 'c342c3dc-1fc7-4abc-98b8-01cc3da07165'
ACTION = f'/servers/{UUID}/action'
SERVICES = '/os-services'
AGGREGATES = '/os-aggregates'


class APermit(ports.Permit):

    def __init__(self, seconds=5.0, holds=True):
        self._seconds, self._holds = seconds, holds

    def seconds(self):
        return self._seconds

    def holds(self):
        return self._holds


def a_server(uuid=UUID, host='h1', **other):
    return {'id': uuid, 'name': 'web', 'OS-EXT-SRV-ATTR:host': host,
            'OS-EXT-STS:vm_state': 'active', 'OS-EXT-STS:task_state': None,
            'OS-EXT-STS:power_state': 1, 'OS-EXT-SRV-ATTR:instance_name': 'instance-1',
            'flavor': {'vcpus': 2, 'ram': 512, 'extra_specs': {}},
            **other}


def a_service(host='h1', **other):
    return {'id': f'id-{host}', 'binary': 'nova-compute', 'host': host, 'status': 'enabled',
            'state': 'up', 'forced_down': False, **other}


def an_aggregate(number, name, *hosts, zone=''):
    return {'id': number, 'name': name, 'hosts': list(hosts),
            'metadata': {'availability_zone': zone} if zone else {}}


def a_migration(number):
    return {'uuid': f'm{number}', 'instance_uuid': UUID, 'migration_type': 'evacuation',
            'status': 'done', 'source_compute': 'h1', 'dest_compute': None}


class Base(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.nova = scripted.Cloud()
        self.addCleanup(self.nova.stop)

    def a_cloud(self, limit=5.0, children=1):
        cloud = nova.NovaCloud(self.nova.auth, limit=limit, children=children)
        self.addCleanup(cloud.close)
        return cloud

    def assert_unreachable(self, call, *given):
        """A PortError, and nothing that says more."""
        with self.assertRaises(ports.PortError) as raised:
            call(*given)
        self.assertNotIsInstance(raised.exception, (ports.OutcomeUnknown, ports.Refused))
        return str(raised.exception)


class Away(Base):
    """What is told to people of a Nova or a Keystone that does not answer."""

    def test_nova_without_an_endpoint_that_answers_is_told_by_its_name(self):
        with socket.create_server(('127.0.0.1', 0)) as closed:
            self.nova.compute = f'http://127.0.0.1:{closed.getsockname()[1]}/v2.1'
        told = self.assert_unreachable(self.a_cloud(limit=2.0).services)
        self.assertIn('Nova does not answer at its endpoint', told)
        self.assertIn('[nova] region_name, interface', told)
        self.assertNotIn('proxy', told)

    def test_a_connection_that_is_refused_is_told_without_the_libraries_inside(self):
        self.nova.stop()
        told = self.assert_unreachable(self.a_cloud(limit=2.0).services)
        self.assertIn('Unable to establish connection to http://127.0.0.1:', told)
        self.assertIn('Connection refused', told)
        for word in ('Pool', 'retries', 'object at', 'Errno'):
            self.assertNotIn(word, told)


class Acting(Base):

    def setUp(self):
        super().setUp()
        self.cloud = self.a_cloud()
        # A child that still starts has sent nothing when the limit comes: another outcome.
        self.cloud._children.warm()

    def evacuate(self, permit=None):
        self.cloud.evacuate(UUID, 'h2', permit or APermit())

    def test_an_evacuation_names_its_target_at_the_microversion_that_keeps_it_running(self):
        self.nova.answers('POST', ACTION, (200, {}))
        self.evacuate()
        [sent] = self.nova.sent('POST')
        self.assertEqual({'evacuate': {'host': 'h2'}}, sent.body)
        self.assertEqual('compute 2.94', sent.microversion)

    def test_a_failure_on_novas_side_leaves_the_outcome_unknown_and_is_not_repeated(self):
        for status in (500, 502, 503, 504):
            with self.subTest(status=status):
                self.nova.asked.clear()
                self.nova.answers('POST', ACTION, (status, None))
                self.assertRaises(ports.OutcomeUnknown, self.evacuate)
                self.assertEqual(1, len(self.nova.sent('POST')))

    def counted(self):
        """What Placement has for the server: on h1 and h2, and of storage that hosts share."""
        self.nova.answers('GET', '/os-hypervisors/detail', (200, {'hypervisors': [
            {'id': f'p{number}', 'service': {'host': f'h{number}'}} for number in (1, 2)]}))
        self.nova.answers('GET', '/resource_providers/shared', (200, {
            'root_provider_uuid': 'shared'}))
        self.nova.answers('GET', f'/allocations/{UUID}', (200, {
            'allocations': {name: {'generation': 3, 'resources': {'VCPU': 2}}
                            for name in ('p1', 'p2', 'shared')},
            'consumer_generation': 7, 'project_id': 'p', 'user_id': 'u'}))
        return self.cloud.allocations([UUID])[UUID]

    def test_what_is_released_is_written_without_it_under_the_generation_that_was_read(self):
        read = self.counted()
        self.assertEqual([('p1', 'h1'), ('p2', 'h2'), ('shared', '')],
                         [(share.provider, share.host) for share in read.shares])
        self.nova.answers('PUT', f'/allocations/{UUID}', (204, {}))
        self.cloud.release(read, 'h1', APermit())
        [sent] = self.nova.sent('PUT')
        self.assertEqual({
            'allocations': {name: {'resources': {'VCPU': 2}} for name in ('p2', 'shared')},
            'consumer_generation': 7, 'project_id': 'p', 'user_id': 'u'}, sent.body)
        self.assertEqual('placement 1.29', sent.microversion)

    def test_a_conflict_is_a_refusal_and_a_failure_leaves_the_outcome_unknown_once_each(self):
        read = self.counted()
        for status, kind in ((409, ports.Refused), (403, ports.Refused),
                             (503, ports.OutcomeUnknown)):
            self.nova.asked.clear()
            self.nova.answers('PUT', f'/allocations/{UUID}', (status, {
                'errors': [{'detail': 'consumer generation conflict'}]}))
            with self.assertRaises(kind):
                self.cloud.release(read, 'h1', APermit())
            self.assertEqual(1, len(self.nova.sent('PUT')))

    def test_without_a_permit_nothing_is_released(self):
        read = self.counted()
        self.assertRaises(ports.NotPermitted, self.cloud.release, read, 'h1', APermit(holds=False))
        self.assertEqual([], self.nova.sent('PUT'))

    def test_what_placement_has_is_known_whole_or_not_at_all(self):
        self.counted()
        for status in (403, 404, 500):
            self.nova.answers('GET', f'/allocations/{UUID}', (status, None))
            self.assert_unreachable(self.cloud.allocations, [UUID])
        self.nova.answers('GET', f'/allocations/{UUID}', (200, {'allocations': {'p1': None}}))
        self.assert_unreachable(self.cloud.allocations, [UUID])

    def test_a_redirect_is_not_followed(self):
        self.nova.answers('POST', ACTION, (307, None))
        self.assertRaises(ports.OutcomeUnknown, self.evacuate)
        self.assertEqual([ACTION], [one.path for one in self.nova.asked])

    def test_a_decision_is_a_refusal_with_novas_reason(self):
        for status in (400, 403, 404, 409):
            with self.subTest(status=status):
                self.nova.asked.clear()
                self.nova.answers('POST', ACTION, (status, {'no': {'message': 'still in use'}}))
                self.assertRaisesRegex(ports.Refused, f'still in use .HTTP {status}', self.evacuate)
                self.assertEqual(1, len(self.nova.sent('POST')))

    def test_a_request_that_was_turned_away_is_surely_not_done(self):
        for status in (406, 413, 429):
            with self.subTest(status=status):
                self.nova.answers('POST', ACTION, (status, None))
                self.assert_unreachable(self.evacuate)

    def test_a_connection_cut_before_the_answer_leaves_the_outcome_unknown(self):
        self.nova.answers('POST', ACTION, scripted.CUT)
        self.assertRaises(ports.OutcomeUnknown, self.evacuate)
        self.assertEqual(1, len(self.nova.sent('POST')))

    def test_a_used_connection_cut_before_the_answer_does_not_make_it_send_again(self):
        self.nova.answers('POST', ACTION, (200, {}), scripted.CUT)
        self.evacuate()
        self.assertRaises(ports.OutcomeUnknown, self.evacuate)
        self.assertEqual(2, len(self.nova.sent('POST')))

    def test_a_connection_that_nova_closed_when_idle_is_opened_again(self):
        self.nova.answers('POST', ACTION, (200, {}))
        self.evacuate()
        self.nova.cut_idle()
        self.evacuate()
        self.assertEqual(2, len(self.nova.sent('POST')))

    def test_no_answer_within_the_limit_leaves_the_outcome_unknown(self):
        self.nova.answers('POST', ACTION, scripted.Hold())
        self.cloud = self.a_cloud(limit=2.0)
        self.cloud.warm()
        self.assertRaises(ports.OutcomeUnknown, self.evacuate)
        self.assertEqual(1, len(self.nova.sent('POST')))

    def test_an_old_token_is_replaced_once(self):
        self.nova.answers('POST', ACTION, (401, None), (200, {}))
        self.evacuate()
        self.assertEqual((2, 2), (len(self.nova.sent('POST')), self.nova.tokens))

    def test_a_token_that_is_never_good_is_no_refusal(self):
        self.nova.answers('POST', ACTION, (401, None))
        self.assert_unreachable(self.evacuate)
        self.assertEqual(2, len(self.nova.sent('POST')))

    def test_one_token_serves_reading_and_every_child(self):
        self.nova.answers('POST', ACTION, (200, {}))
        self.nova.answers('GET', SERVICES, (200, {'services': [a_service('h1')]}))
        self.cloud.services()
        for cloud in (self.cloud, self.a_cloud(children=2)):
            cloud.evacuate(UUID, 'h2', APermit())
            cloud.evacuate(UUID, 'h2', APermit())
        self.assertEqual(1, self.nova.tokens)

    def test_a_token_that_grew_old_at_the_look_before_the_act_is_replaced(self):
        self.nova.answers('GET', SERVICES, (401, None), (200, {'services': [a_service('h1')]}))
        self.nova.answers('PUT', f'{SERVICES}/id-h1', (200, {}))
        self.cloud.force_down('h1', True, APermit())
        self.assertEqual((1, 2), (len(self.nova.sent('PUT')), self.nova.tokens))

    def test_a_state_is_reset_to_what_was_asked(self):
        self.nova.answers('POST', ACTION, (202, None))
        self.cloud.reset_state(UUID, 'error', APermit())
        self.assertEqual({'os-resetState': {'state': 'error'}}, self.nova.sent('POST')[0].body)

    def test_a_stopped_server_is_started_and_another_rebooted_hard(self):
        self.nova.answers('POST', ACTION, (202, None), (202, None))
        self.cloud.start(UUID, APermit())
        self.cloud.start(UUID, APermit(), anew=True)
        self.assertEqual([{'os-start': None}, {'reboot': {'type': 'HARD'}}],
                         [sent.body for sent in self.nova.sent('POST')])

    def test_what_was_asked_of_a_server_comes_newest_first_and_novas_own_has_no_user(self):
        records = [{'action': 'stop', 'user_id': None, 'start_time': '2026-01-01T00:00:03.000000'},
                   {'action': 'create', 'user_id': 'joe',
                    'start_time': '2026-01-01T00:00:01.000000'},
                   {'action': 'stop', 'user_id': 'joe',
                    'start_time': '2026-01-01T00:00:02.000000'}]
        self.nova.answers('GET', f'{ACTION.rpartition("/")[0]}/os-instance-actions',
                          (200, {'instanceActions': records}))
        self.assertEqual([('stop', ''), ('stop', 'joe'), ('create', 'joe')], [
            (action.kind, action.user) for action in self.cloud.actions(UUID)])

    def test_a_service_is_forced_down_by_its_id(self):
        self.nova.answers('GET', SERVICES, (200, {'services': [a_service('h1')]}))
        self.nova.answers('PUT', f'{SERVICES}/id-h1', (200, {}))
        self.cloud.force_down('h1', True, APermit())
        [sent] = self.nova.sent('PUT')
        self.assertEqual({'forced_down': True}, sent.body)

    def test_what_is_forced_down_already_is_left_alone(self):
        down = a_service('h1', forced_down=True)
        self.nova.answers('GET', SERVICES, (200, {'services': [down]}))
        self.cloud.force_down('h1', True, APermit())
        self.assertEqual([], self.nova.sent('PUT'))

    def test_a_host_without_a_service_is_refused(self):
        self.nova.answers('GET', SERVICES, (200, {'services': []}))
        self.assertRaises(ports.Refused, self.cloud.force_down, 'h1', True, APermit())
        self.nova.answers('GET', SERVICES, (200, {'services': []}))
        self.assertRaises(ports.Refused, self.cloud.enable, 'h1', APermit())

    def test_a_service_is_enabled_by_its_id_if_it_is_not(self):
        self.nova.answers('GET', SERVICES, (200, {'services': [
            a_service('h1', status='disabled')]}))
        self.nova.answers('PUT', f'{SERVICES}/id-h1', (200, {}))
        self.cloud.enable('h1', APermit())
        [sent] = self.nova.sent('PUT')
        self.assertEqual({'status': 'enabled'}, sent.body)

    def test_a_host_is_added_to_an_aggregate_by_its_id_if_it_is_not_in_it(self):
        self.nova.answers('GET', AGGREGATES, (200, {'aggregates': [
            an_aggregate(1, 'other'), an_aggregate(2, 'rack-1', 'h2')]}))
        self.nova.answers('POST', f'{AGGREGATES}/2/action', (200, {}))
        self.cloud.join('h1', 'rack-1', APermit())
        self.cloud.join('h2', 'rack-1', APermit())
        [sent] = self.nova.sent('POST')
        self.assertEqual({'add_host': {'host': 'h1'}}, sent.body)

    def test_one_item_of_metadata_is_set_and_no_other(self):
        path = f'/servers/{UUID}/metadata/kaopu_ha.last_recovery'
        self.nova.answers('PUT', path, (200, {'meta': {}}), (403, {'forbidden': {
            'message': 'Maximum number of metadata items exceeds 128'}}))
        self.cloud.note(UUID, 'kaopu_ha.last_recovery', 'at=noon', APermit())
        [sent] = self.nova.sent('PUT')
        self.assertEqual({'meta': {'kaopu_ha.last_recovery': 'at=noon'}}, sent.body)
        with self.assertRaisesRegex(ports.Refused, 'exceeds 128'):
            self.cloud.note(UUID, 'kaopu_ha.last_recovery', 'at=noon', APermit())

    def test_what_nova_says_of_an_aggregate_is_told(self):
        self.nova.answers('GET', AGGREGATES, (200, {'aggregates': [an_aggregate(2, 'rack-1')]}))
        with self.assertRaisesRegex(ports.Refused, 'there is no aggregate rack-2'):
            self.cloud.join('h1', 'rack-2', APermit())
        why = 'Cannot add host to aggregate 2. Reason: Host already in zone'
        self.nova.answers('POST', f'{AGGREGATES}/2/action', (
            409, {'conflictingRequest': {'message': why}}))
        with self.assertRaisesRegex(ports.Refused, why):
            self.cloud.join('h1', 'rack-1', APermit())

    def test_aggregates_are_read_as_they_are_now(self):
        self.nova.answers(
            'GET', AGGREGATES, (200, {'aggregates': [an_aggregate(2, 'b'), an_aggregate(1, 'a')]}),
            (200, {'aggregates': [an_aggregate(2, 'b', 'h1', zone='east')]}), (500, {}))
        self.assertEqual(['a', 'b'], [one.name for one in self.cloud.aggregates()])
        (found,) = self.cloud.aggregates()
        self.assertEqual(('b', {'h1'}, 'east'), (found.name, found.hosts, found.zone))
        self.assert_unreachable(self.cloud.aggregates)

    def test_what_is_enabled_already_is_left_alone(self):
        self.nova.answers('GET', SERVICES, (200, {'services': [a_service('h1')]}))
        self.cloud.enable('h1', APermit())
        self.assertEqual([], self.nova.sent('PUT'))


class Unreachable(Base):

    def evacuate(self, cloud):
        return self.assert_unreachable(cloud.evacuate, UUID, 'h2', APermit())

    def test_a_nova_that_does_not_listen_was_not_asked(self):
        with socket.create_server(('127.0.0.1', 0)) as closed:
            self.nova.compute = f'http://127.0.0.1:{closed.getsockname()[1]}/v2.1'
        self.evacuate(self.a_cloud())

    def test_a_nova_that_listens_no_more_was_not_asked(self):
        behind = scripted.Cloud()
        self.nova.compute = f'{behind.url}/compute/v2.1'
        behind.answers('POST', ACTION, (200, {}))
        cloud = self.a_cloud()
        cloud.evacuate(UUID, 'h2', APermit())
        behind.stop()
        self.assertIn('refused', self.evacuate(cloud))
        self.assertEqual(1, len(behind.sent('POST')))

    def test_without_a_keystone_nothing_is_sent(self):
        cloud = self.a_cloud()
        self.nova.stop()
        self.evacuate(cloud)
        self.assertEqual([], self.nova.asked)

    def test_a_keystone_that_fails_or_says_no_lets_nothing_be_sent(self):
        for status in (401, 503):
            with self.subTest(status=status):
                self.nova.keystone = (status, None)
                self.evacuate(self.a_cloud())
                self.assertEqual([], self.nova.asked)

    def test_a_service_that_the_catalog_lacked_once_is_found_later(self):
        self.nova.answers('GET', SERVICES, (200, {'services': [a_service()]}))
        self.nova.answers('POST', ACTION, (200, {}))
        self.nova.has_catalog, cloud = False, self.a_cloud()
        self.evacuate(cloud)
        self.assert_unreachable(cloud.services)
        self.nova.has_catalog = True
        cloud.evacuate(UUID, 'h2', APermit())
        self.assertEqual(['h1'], list(cloud.services()))

    def test_a_keystone_that_hangs_costs_the_limit_and_leaves_no_doubt(self):
        hold = scripted.Hold()
        self.addCleanup(hold.released.set)
        cloud = self.a_cloud(limit=1.0)
        cloud._children.warm()
        self.nova.keystone = hold
        began = calm()
        self.evacuate(cloud)
        self.assertLess(calm() - began, 2.0)
        self.assertEqual([], self.nova.asked)


class Permits(Base):

    def setUp(self):
        super().setUp()
        self.nova.answers('POST', ACTION, (200, {}))
        self.cloud = self.a_cloud()
        self.cloud.warm()

    def test_a_permit_that_does_not_hold_lets_nothing_be_sent(self):
        with self.assertRaises(ports.NotPermitted):
            self.cloud.evacuate(UUID, 'h2', APermit(holds=False))
        self.assertEqual([], self.nova.asked)

    def test_a_permit_without_time_lets_nothing_be_sent(self):
        with self.assertRaises(ports.PortError):
            self.cloud.evacuate(UUID, 'h2', APermit(seconds=0.0))
        self.assertEqual([], self.nova.asked)

    def test_a_call_held_longer_than_the_permit_dies_with_its_child(self):
        hold = scripted.Hold()
        self.nova.answers('POST', ACTION, hold)
        began, [old] = calm(), self.pids()
        with self.assertRaises(ports.OutcomeUnknown):
            self.cloud.evacuate(UUID, 'h2', APermit(seconds=1.0))
        self.assertLess(calm() - began, 2.0)
        self.assertTrue(hold.reached.is_set())
        self.assertFalse(os.path.exists(f'/proc/{old}'))

    def test_the_act_after_that_has_a_new_child(self):
        self.nova.answers('POST', ACTION, scripted.Hold(), (200, {}))
        with self.assertRaises(ports.OutcomeUnknown):
            self.cloud.evacuate(UUID, 'h2', APermit(seconds=1.0))
        self.cloud.evacuate(UUID, 'h2', APermit())
        self.assertEqual(2, len(self.nova.sent('POST')))

    def test_a_child_frozen_past_its_permit_sends_nothing_when_thawed(self):
        [pid] = self.pids()
        frozen = APermit(seconds=1.0)
        frozen.holds = lambda: os.kill(pid, signal.SIGSTOP) is None
        with self.assertRaises(ports.OutcomeUnknown):
            self.cloud.evacuate(UUID, 'h2', frozen)
        time.sleep(0.2)
        self.assertEqual([], self.nova.asked)

    def test_as_many_acts_as_children_run_at_one_time(self):
        holds = [scripted.Hold(), scripted.Hold()]
        self.nova.answers('POST', ACTION, *holds, (200, {}))
        cloud = self.a_cloud(children=2)
        cloud.warm()
        acts = [threading.Thread(target=self.act_unknown, args=(cloud,)) for _ in holds]
        for act in acts:
            act.start()
        self.assertTrue(all(hold.reached.wait(3) for hold in holds))
        self.assert_unreachable(cloud.evacuate, UUID, 'h2', APermit(seconds=0.2))
        for hold in holds:
            hold.released.set()
        for act in acts:
            act.join()
        cloud.evacuate(UUID, 'h2', APermit())

    def test_the_password_is_neither_on_the_command_line_nor_in_the_environment(self):
        [pid] = self.pids()
        for name in ('cmdline', 'environ'):
            with open(f'/proc/{pid}/{name}', 'rb') as shown:
                self.assertNotIn(b'hush-hush', shown.read())

    def act_unknown(self, cloud):
        with self.assertRaises(ports.OutcomeUnknown):
            cloud.evacuate(UUID, 'h2', APermit())

    def pids(self):
        return [one._process.pid for one in self.cloud._children.children]


class Projects(Base):

    def server(self, **other):
        record = a_server(tenant_id='p1', **other)
        self.nova.answers('GET', f'/servers/{UUID}', (200, {'server': record}))
        return self.a_cloud().server(UUID)

    def test_a_server_is_known_with_its_project(self):
        self.assertEqual('p1', self.server().project)

    def test_a_project_opts_in_by_the_metadata_of_its_server(self):
        for value, opted_in in (('true', True), (' True ', True), ('false', False), ('', False),
                                ('yes', False)):
            with self.subTest(value):
                self.assertIs(opted_in, self.server(metadata={nova.OPT_IN: value}).opted_in)
        self.assertFalse(self.server(metadata={}).opted_in)
        self.assertFalse(self.server(metadata=None).opted_in)


class Reading(Base):

    def setUp(self):
        super().setUp()
        self.cloud = self.a_cloud()
        self.nova.answers('GET', SERVICES, (200, {'services': [a_service('h1')]}))

    def servers(self, *records, **page):
        return (200, {'servers': list(records), **page})

    def test_servers_of_all_projects_on_the_host_are_listed(self):
        self.nova.answers('GET', '/servers/detail', self.servers(a_server()))
        [server] = self.cloud.servers('h1')
        self.assertEqual((UUID, 'h1', 'active', '', 2, 512), (
            server.uuid, server.host, server.vm_state, server.task_state, server.cores,
            server.memory_mb))
        self.assertEqual({'all_tenants': 'true', 'host': 'h1'}, self.nova.asked[0].query)

    def test_the_servers_of_a_project_wherever_they_are_and_nobody_elses(self):
        mine, others = a_server('b', 'h2', tenant_id='p1'), a_server('a', 'h1', tenant_id='p2')
        self.nova.answers('GET', '/servers/detail', self.servers(mine, others))
        [server] = self.cloud.servers_of('p1')
        self.assertEqual(('b', 'h2', 'p1'), (server.uuid, server.host, server.project))
        self.assertEqual({'all_tenants': 'true', 'project_id': 'p1'}, self.nova.asked[0].query)

    def test_a_nova_that_is_away_has_nothing_to_say_of_a_project(self):
        self.nova.answers('GET', '/servers/detail', (503, {}))
        self.assert_unreachable(self.cloud.servers_of, 'p1')

    def test_marks_come_with_the_list_metadata_tags_and_extra_specs(self):
        marked = a_server(metadata={'HA_Enabled': 'False', 'a': '1'},
                          tags=['x=y=z', 'ha'], flavor={
                              'vcpus': 2, 'ram': 512, 'extra_specs': {'ha:priority': 'high'}})
        self.nova.answers('GET', '/servers/detail', self.servers(marked))
        [server] = self.cloud.servers('h1')
        self.assertEqual((
            Mark(Source.METADATA, 'HA_Enabled', 'False'), Mark(Source.METADATA, 'a', '1'),
            Mark(Source.TAG, 'ha'), Mark(Source.TAG, 'x', 'y=z'),
            Mark(Source.FLAVOR, 'ha:priority', 'high')), server.marks)

    def test_extra_specs_that_it_may_not_see_are_told_of_once(self):
        blind = a_server(flavor={'vcpus': 2, 'ram': 512})
        self.nova.answers('GET', '/servers/detail', self.servers(blind), self.servers(),
                          self.servers(blind))
        with self.assertLogs('kaopu_ha.drivers.openstack.cloud', 'WARNING') as told:
            self.assertEqual((), self.cloud.servers('h1')[0].marks)
            for _ in range(2):
                self.cloud.servers('h1')
        self.assertEqual(1, len(told.records))

    def test_all_pages_are_read(self):
        onward = {'servers_links': [{'rel': 'next', 'href': 'http://x/servers?marker=a&host=h1'}]}
        self.nova.answers('GET', '/servers/detail', self.servers(a_server('a'), **onward),
                          self.servers(a_server('b')))
        self.assertEqual(['a', 'b'], [one.uuid for one in self.cloud.servers('h1')])
        self.assertEqual({'marker': 'a', 'host': 'h1'}, self.nova.asked[1].query)

    def test_a_filter_that_was_ignored_gives_no_strangers(self):
        self.nova.answers('GET', '/servers/detail', self.servers(a_server(host='h2')))
        self.assertEqual((), self.cloud.servers('h1'))

    def test_an_account_that_may_not_see_hosts_is_told_of(self):
        blind = a_server()
        del blind['OS-EXT-SRV-ATTR:host']
        self.nova.answers('GET', '/servers/detail', self.servers(blind))
        self.assertIn('administrator', self.assert_unreachable(self.cloud.servers, 'h1'))

    def test_a_cell_that_is_down_is_not_an_empty_host(self):
        self.nova.answers('GET', '/servers/detail', self.servers())
        self.assertEqual((), self.cloud.servers('h1'))
        hidden = {'binary': 'nova-compute', 'host': 'h1', 'status': 'UNKNOWN'}
        self.nova.answers('GET', SERVICES, (200, {'services': [hidden]}))
        self.assertIn('cell', self.assert_unreachable(self.cloud.servers, 'h1'))
        self.assertFalse(self.cloud.services()['h1'].up)

    def test_only_nova_itself_can_say_that_there_is_no_server(self):
        path = f'/servers/{UUID}'
        self.nova.answers('GET', path, (404, {'itemNotFound': {'message': 'gone'}}))
        self.nova.answers('GET', '/servers/detail', (200, {'servers': []}))
        self.assertIsNone(self.cloud.server(UUID))
        self.assertEqual({'all_tenants': 'true', 'uuid': UUID, 'limit': '1'},
                         self.nova.asked[-1].query)
        self.nova.answers('GET', path, (404, None))
        self.assert_unreachable(self.cloud.server, UUID)

    def test_a_server_that_our_account_may_not_see_is_not_taken_for_deleted(self):
        self.nova.answers('GET', f'/servers/{UUID}', (404, {'itemNotFound': {'message': 'gone'}}))
        self.nova.answers('GET', '/servers/detail', (403, {'forbidden': {'message': 'policy'}}))
        self.assert_unreachable(self.cloud.server, UUID)

    def test_the_fault_of_a_server_is_read(self):
        fault = {'fault': {'message': 'No valid host'}}
        self.nova.answers('GET', f'/servers/{UUID}', (200, {'server': a_server(**fault)}))
        self.assertEqual('No valid host', self.cloud.server(UUID).fault)

    def test_a_migration_without_a_target_yet_is_read(self):
        self.nova.answers('GET', '/os-migrations', (200, {'migrations': [a_migration(1)]}))
        [record] = self.cloud.migrations(instance=UUID)
        self.assertEqual(('m1', 'h1', ''), (record.id, record.source, record.target))
        self.cloud.migrations(host='h1')
        self.assertEqual([{'instance_uuid': UUID}, {'host': 'h1'}],
                         [one.query for one in self.nova.asked])

    def test_whatever_goes_wrong_in_reading_is_one_error(self):
        for answer in ((500, None), (403, {'forbidden': {'message': 'no'}}), (200, None),
                       (200, {'servers': [{}]}), (200, []), scripted.CUT):
            with self.subTest(answer=answer):
                self.nova.answers('GET', '/servers/detail', answer)
                self.assert_unreachable(self.cloud.servers, 'h1')

    def test_reading_renews_an_old_token(self):
        self.nova.answers('GET', SERVICES, (401, None), (200, {'services': [a_service()]}))
        self.assertEqual(['h1'], list(self.cloud.services()))
        self.assertEqual(2, self.nova.tokens)

    def test_a_read_that_hangs_ends_by_the_limit(self):
        cloud = self.a_cloud(limit=0.5)
        self.nova.answers('GET', '/servers/detail', scripted.Hold())
        began = calm()
        self.assert_unreachable(cloud.servers, 'h1')
        self.assertLess(calm() - began, 1.0)

    def test_two_drivers_of_one_account_share_a_token(self):
        self.cloud.services()
        self.a_cloud().services()
        self.assertEqual(1, self.nova.tokens)


if __name__ == '__main__':
    unittest.main()
