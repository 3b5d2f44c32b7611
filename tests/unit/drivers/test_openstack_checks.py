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

"""What ``kaopu-ha doctor`` concludes from Nova's and Placement's answers; nothing is done."""

import unittest

from kaopu_ha.core import model
from kaopu_ha.core.checkup import Seen, Severity
from kaopu_ha.drivers.openstack import checks as openstack_checks
from kaopu_ha.drivers.openstack import cloud as nova
from kaopu_ha.drivers.openstack import cloud_checks
from kaopu_ha.drivers.openstack import usage as placement
from tests.unit.drivers import scripted_openstack as scripted

UUID = 'c342c3dc-1fc7-4abc-98b8-01cc3da07165'
ACTION = f'/servers/{UUID}/action'
NOBODYS_SERVICE = f'/os-services/{openstack_checks.NOBODY}'
NOBODYS_ALLOCATIONS = f'/allocations/{openstack_checks.NOBODY}'
NO_SUCH = (404, {'itemNotFound': {'message': 'Service could not be found.'}})
FORBIDDEN = (403, {'forbidden': {'message': 'Policy doesn\'t allow it to be performed.'}})
NO_HOST = (404, {'itemNotFound': {'message': 'Compute host kaopu-ha-doctor.invalid not found.'}})


def a_service(host, **other):
    return {'id': f'id-{host}', 'binary': 'nova-compute', 'host': host, 'status': 'enabled',
            'state': 'up', 'forced_down': False, **other}


def hosts(*names):
    return Seen(inventories={name: model.Inventory(name, 'u', 'b', 'qemu+tls://h/system')
                             for name in names}, beats=dict.fromkeys(names, 1))


class Case(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.nova = scripted.Cloud()
        self.addCleanup(self.nova.stop)
        self.says('GET', '/os-services', (200, {'services': [a_service('c1'), a_service('c2')]}))
        self.says('GET', '/servers/detail', (200, {'servers': [{
            'id': UUID, 'OS-EXT-SRV-ATTR:host': 'c1'}]}))
        self.says('GET', f'/servers/{UUID}/os-instance-actions', (200, {'instanceActions': []}))
        self.says('GET', '/os-migrations', (200, {'migrations': []}))
        self.says('GET', '/os-aggregates', (200, {'aggregates': []}))
        self.says('GET', '/os-server-groups', (200, {'server_groups': []}))
        self.says('PUT', NOBODYS_SERVICE, NO_SUCH)
        self.says('POST', ACTION, NO_HOST)
        self.says('GET', NOBODYS_ALLOCATIONS, (200, {'allocations': {}}))
        self.says('PUT', NOBODYS_ALLOCATIONS,
                  (400, {'errors': [{'detail': 'JSON does not validate'}]}))

    def says(self, method, path, *answers):
        self.nova.answers(method, path, *answers)

    def checks(self, seen=None, wanted=cloud_checks.NO_MORE_RIGHTS, **auth):
        made = nova.NovaCloud({**self.nova.auth, **auth}, limit=5.0, children=1, wanted=wanted)
        self.addCleanup(made.close)
        return made.checks(seen or hosts('c1', 'c2'))

    def found(self, name='', seen=None, **auth):
        return [one for check in self.checks(seen, **auth) if name in check.name
                for one in check.ask(5.0)]

    def only(self, *given, **more):
        found = self.found(*given, **more)
        self.assertEqual(1, len(found), found)
        return found[0]


class Nova(Case):

    def test_a_role_that_may_all_is_good_and_nothing_is_done(self):
        found = self.found()
        self.assertEqual({Severity.GOOD}, {one.severity for one in found}, found)
        self.assertEqual([(NOBODYS_SERVICE, {'forced_down': True}), (NOBODYS_ALLOCATIONS, {})],
                         [(one.path, one.body) for one in self.nova.sent('PUT')])
        (call,) = self.nova.sent('POST')
        self.assertEqual({'evacuate': {'host': 'kaopu-ha-doctor.invalid'}}, call.body)
        self.assertEqual('compute 2.94', call.microversion)

    def test_a_role_that_may_not_force_down_is_found(self):
        self.says('PUT', NOBODYS_SERVICE, FORBIDDEN)
        found = self.only('rights')
        self.assertIs(Severity.WRONG, found.severity)
        self.assertIn('may not force a compute service down: Policy', found.found)
        self.assertIn('nova-policy.yaml', found.advice)

    def test_whether_hosts_may_be_added_to_aggregates_is_asked_if_they_will_be(self):
        self.assertIs(Severity.GOOD, self.only('rights').severity)
        self.assertEqual([], self.nova.sent('POST'))
        path = '/os-aggregates/2147483647/action'
        for answer, severity in (((404, {'itemNotFound': {'message': 'Aggregate not found'}}),
                                  Severity.GOOD), (FORBIDDEN, Severity.WRONG)):
            self.says('POST', path, answer)
            found = self.only('rights', wanted=cloud_checks.OptionalRights(joins=True))
            self.assertIs(severity, found.severity)
        self.assertIn('os-aggregates:add_host', found.advice)
        (sent, _) = self.nova.sent('POST')
        self.assertEqual({'add_host': {'host': 'kaopu-ha-doctor.invalid'}}, sent.body)

    def test_whether_metadata_may_be_written_is_asked_if_it_will_be_and_nothing_is(self):
        self.found('evacuation')
        self.assertEqual([], self.nova.sent('PUT'))
        path = f'/servers/{UUID}/metadata/kaopu_ha.last_recovery'
        mismatch = (400, {'badRequest': {'message': 'Request body and URI mismatch'}})
        for answer, severities in ((mismatch, {Severity.GOOD}),
                                   (FORBIDDEN, {Severity.GOOD, Severity.WRONG})):
            self.says('PUT', path, answer)
            found = self.found('evacuation', wanted=cloud_checks.OptionalRights(notes=True))
            self.assertEqual(severities, {one.severity for one in found})
        self.assertIn('server-metadata:update', found[0].advice)
        self.assertNotIn('kaopu_ha.last_recovery', self.nova.sent('PUT')[0].body['meta'])

    def test_a_role_that_may_not_read_where_instances_may_be_is_found(self):
        for path in ('/os-aggregates', '/os-server-groups'):
            self.setUp()
            self.says('GET', path, FORBIDDEN)
            self.assertIn('may not list', self.only('rights').found)

    def test_a_role_that_may_not_evacuate_is_found(self):
        self.says('POST', ACTION, FORBIDDEN)
        found = self.only('evacuation')
        self.assertIs(Severity.WRONG, found.severity)
        self.assertIn('may not evacuate', found.found)

    def test_a_role_that_may_not_get_what_it_may_list_is_found(self):
        self.says('POST', ACTION, (404, {'itemNotFound': {
            'message': f'Instance {UUID} could not be found.'}}))
        found = self.only('evacuation')
        self.assertIs(Severity.WRONG, found.severity)
        self.assertIn('not get it', found.found)

    def test_a_role_that_is_not_shown_the_host_or_the_actions_is_found(self):
        self.says('GET', '/servers/detail', (200, {'servers': [{'id': UUID}]}))
        self.says('GET', f'/servers/{UUID}/os-instance-actions', FORBIDDEN)
        self.assertEqual([Severity.WRONG, Severity.WRONG, Severity.GOOD],
                         [one.severity for one in self.found('evacuation')])

    def test_without_a_server_it_is_not_known(self):
        self.says('GET', '/servers/detail', (200, {'servers': []}))
        found = self.only('evacuation')
        self.assertIs(Severity.WEAK, found.severity)
        self.assertEqual([], self.nova.sent('POST'))

    def test_a_role_that_may_not_list_everybodys_servers_is_found(self):
        self.says('GET', '/servers/detail', FORBIDDEN)
        self.assertEqual(['list the servers of all projects', 'list the servers of a host'],
                         [one.found.partition('may not ')[2].partition(':')[0]
                          for one in self.found('rights')])
        found = self.only('evacuation')
        self.assertEqual((Severity.WRONG, False), (found.severity, found.asked))

    def test_a_nova_that_is_too_old_is_found(self):
        self.says('GET', '/os-services', (406, {'computeFault': {
            'message': 'Version 2.94 is not supported by the API. Minimum is 2.1 and maximum is '
                       '2.90.'}}))
        self.assertIn('too old', self.found('rights')[0].found)

    def test_allocations_that_may_not_be_changed_are_found(self):
        self.says('PUT', NOBODYS_ALLOCATIONS, (403, {'errors': [{'detail': 'not allowed'}]}))
        found = self.only('allocations')
        self.assertEqual((Severity.WRONG, 'Placement'), (found.severity, found.subject))
        self.assertIn('placement-policy.yaml', found.advice)

    def test_a_wrong_password_could_not_be_asked_and_is_not_told(self):
        self.nova.keystone = (401, {'error': {'message': 'The request you have made requires '
                                                         'authentication.'}})
        found = self.found()
        self.assertEqual({(Severity.WRONG, False)}, {(one.severity, one.asked) for one in found})
        self.assertNotIn('hush-hush', str(found))

    def test_a_catalog_without_nova_could_not_be_asked(self):
        self.nova.has_catalog = False
        found = self.only('login')
        self.assertFalse(found.asked)
        self.assertIn('region_name', found.advice)

    def test_a_nova_that_hangs_could_not_be_asked(self):
        self.says('GET', '/os-services', scripted.Hold())
        checks = [check for check in self.checks() if check.name == 'names of hosts']
        (found,) = checks[0].ask(0.5)
        self.assertFalse(found.asked)


class Names(Case):

    def test_a_full_name_and_a_short_one_are_found_with_the_way_out(self):
        self.says('GET', '/os-services', (200, {'services': [
            a_service('c1.example.org'), a_service('c2')]}))
        found = self.only('names')
        self.assertEqual((Severity.WRONG, 'c1'), (found.severity, found.subject))
        self.assertIn('c1.example.org', found.found)
        self.assertIn('[DEFAULT] host on that machine to c1.example.org', found.advice)

    def test_a_compute_host_without_agent_is_found(self):
        found = self.only('names', hosts('c1'))
        self.assertEqual((Severity.WRONG, 'c2'), (found.severity, found.subject))
        self.assertIn('no agent', found.found)

    def test_a_cell_that_is_down_and_a_host_forced_down_are_told(self):
        hidden = {'binary': 'nova-compute', 'host': 'c2', 'status': 'UNKNOWN'}
        self.says('GET', '/os-services', (200, {'services': [
            a_service('c1', forced_down=True), hidden]}))
        told = {(one.severity, one.subject) for one in self.found('names')}
        self.assertEqual({(Severity.GOOD, 'names'), (Severity.WRONG, 'Nova'),
                          (Severity.WEAK, 'c1')}, told)


class Placement(Case):

    def setUp(self):
        super().setUp()
        self.says('GET', '/allocation_candidates', (200, {'provider_summaries': {
            'p1': {'resources': {'VCPU': {'capacity': 4, 'used': 1},
                                 'MEMORY_MB': {'capacity': 100, 'used': 1}}}}}))
        for what in ('inventories', 'usages'):
            self.says('GET', f'/resource_providers/{openstack_checks.NOBODY}/{what}',
                      (404, {'errors': [{'detail': 'No resource provider'}]}))
        self.says('GET', '/os-hypervisors/detail', (200, {'hypervisors': [
            {'id': 'p1', 'service': {'host': 'c1'}}]}))

    def checks(self, seen=None, **auth):
        made = placement.PlacementUsage({**self.nova.auth, **auth}, limit=5.0)
        return made.checks(seen or hosts('c1'))

    def test_a_role_that_may_ask_and_hosts_that_are_known_are_good(self):
        self.assertEqual({Severity.GOOD}, {one.severity for one in self.found()}, self.found())

    def test_a_role_that_may_not_ask_is_found(self):
        self.says('GET', '/allocation_candidates', (403, {'errors': [{'detail': 'no'}]}))
        found = self.only('rights')
        self.assertIs(Severity.WRONG, found.severity)
        self.assertIn('may not ask for hosts with room', found.found)

    def test_a_host_of_which_placement_knows_nothing_is_found(self):
        found = self.only('room', hosts('c1', 'c3'))
        self.assertEqual((Severity.WRONG, 'c3'), (found.severity, found.subject))


if __name__ == '__main__':
    unittest.main()
