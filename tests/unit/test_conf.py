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

"""The options: defaults by pace, and every start that is refused, with what it says."""

import dataclasses
import pathlib
import subprocess
import sys
import tempfile
import unittest

from keystoneauth1 import loading
from oslo_config import cfg

from kaopu_ha import conf as options
from kaopu_ha import wiring
from kaopu_ha.conf import ceph, detection, nova, policy, rules
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.core.cloud import Source
from kaopu_ha.core.policy import Managed, Named, Policy
from kaopu_ha.core.rules import OnCrash, OnHung, OnStuck, Rules
from kaopu_ha.wiring import agent, drivers, worker

ROOT = pathlib.Path(__file__).resolve().parents[2]
FSID = '11111111-2222-4333-8444-555555555555'


def made(**given):
    """A configuration with ``group__option`` set."""
    conf = cfg.ConfigOpts()
    options.register(conf)
    conf([], project='kaopu-ha', default_config_files=[], default_config_dirs=[])
    for name, value in {'ceph__client_networks': ['10.2.0.0/24'], **given}.items():
        group, _, option = name.partition('__')
        conf.set_override(option, value, group=group)
    return conf


class ConfCase(unittest.TestCase):

    def assert_refused(self, words, call, *arguments, **named):
        with self.assertRaises(ConfigError) as caught:
            call(*arguments, **named)
        self.assertIn(words, str(caught.exception))
        self.assertNotIn('\n', str(caught.exception))

    def file(self, text):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name, 'ceph.conf')
        path.write_text(text)
        return str(path)


class TestEvents(ConfCase):

    def test_nobody_listens_by_default(self):
        self.assertEqual('', made().events.driver)

    def test_the_driver_nova_needs_to_know_the_broker(self):
        self.assert_refused('[events] transport_url is not set', drivers.make, made(),
                            'events', 'nova', None)

    def test_a_broker_that_is_none_is_refused_without_its_password(self):
        with self.assertRaises(ConfigError) as caught:
            drivers.make(made(events__transport_url='x://u:hidden@h/'), 'events', 'nova', None)
        self.assertIn('[events] transport_url is no URL', str(caught.exception))
        self.assertNotIn('hidden', str(caught.exception))


class TestPaces(ConfCase):

    def test_the_patents_times_are_the_default(self):
        self.assertEqual(rules.DetectionTimes(4.0, 12, 4.0, 5.0, 300, 30), rules.times(made()))

    def test_the_fast_pace_sets_all_times(self):
        self.assertEqual(rules.DetectionTimes(1.0, 3, 1.5, 1.5, 2, 3),
                         rules.times(made(detection__pace='fast')))

    def test_a_time_can_be_set_by_itself(self):
        chosen = rules.times(made(detection__pace='fast', detection__death_ttl=10))
        self.assertEqual((10, 3), (chosen.death_ttl, chosen.lock_ttl))

    def test_the_rules_carry_what_is_configured(self):
        made_rules = rules.rules(made(evacuation__attempts_max=5, detection__storm_hosts=2),
                                 fence_proves=True)
        self.assertEqual((300.0, 30.0, 5, 2, ('10.2.0.0/24',), ('ceph_blocklist',)), (
            made_rules.death_seconds, made_rules.lock_seconds, made_rules.attempts_max,
            made_rules.storm_hosts, made_rules.client_networks, made_rules.fences))

    def test_what_nova_is_asked_for_beside_moves_is_off_unless_it_is_wanted(self):
        for option, rule in (('reserved_host_to_aggregates', 'joins_aggregates'),
                             ('note_in_metadata', 'notes_moves')):
            for is_on in (False, True):
                given = made(**{f'evacuation__{option}': True} if is_on else {})
                self.assertIs(is_on, getattr(rules.rules(given, fence_proves=True), rule))

    def test_what_nobody_configured_is_what_the_core_has(self):
        given = rules.rules(made(), fence_proves=True)
        self.assertEqual(dataclasses.replace(given, client_networks=()), Rules())

    def test_whoever_only_looks_has_all_of_detection(self):
        changed = {f'detection__{name}': value for name, value in (
            ('death_ttl', 310), ('lock_ttl', 31), ('beat_ttl', 13), ('ask_limit', 4.5),
            ('look_interval', 6.0), ('leaving_seconds', 7.0), ('storm_hosts', 2),
            ('storm_share', 0.5), ('storm_window', 8.0), ('storm_cooldown', 9.0),
            ('flapping_times', 4), ('flapping_seconds', 10.0), ('healthy_seconds', 11.0),
            ('trust_notifications', True))}
        # beat_interval is the agent's; pace only stands for others.
        self.assertEqual({f'detection__{opt.dest}' for opt in detection.OPTS}, {
            *changed, 'detection__beat_interval', 'detection__pace'})
        looked, default = rules.of_detection(made(**changed)), Rules()
        self.assertEqual(len(changed), sum(
            getattr(looked, field.name) != getattr(default, field.name)
            for field in dataclasses.fields(Rules)))
        self.assertEqual(rules.rules(made(**changed), fence_proves=True), dataclasses.replace(
            looked, client_networks=('10.2.0.0/24',)))

    def test_a_call_that_ends_by_its_limit_does_not_cost_the_lead(self):
        for given, seconds in (
                ({}, 20.0), ({'nova__timeout': 120.0}, 130.0), ({'store__timeout': 60.0}, 70.0),
                ({'detection__ask_limit': 14.5}, 24.5),
                ({'cloud__driver': 'libvirt', 'nova__timeout': 120.0}, 25.0)):
            with self.subTest(**given):
                found = rules.rules(made(**given), fence_proves=True)
                self.assertEqual(seconds, found.turn_step_seconds)

    def test_a_case_in_which_the_kernel_answered_keeps_the_patents_waits(self):
        fast = rules.rules(made(detection__pace='fast'), fence_proves=True)
        self.assertEqual((2.0, 3.0), (fast.death_wait(False), fast.lock_wait(False)))
        self.assertEqual((300.0, 30.0), (fast.death_wait(True), fast.lock_wait(True)))

    def test_the_way_to_confirmed_is_told_as_a_sum(self):
        terms = rules.seconds_to_confirmed(rules.rules(made(detection__pace='fast'),
                                                       fence_proves=True))
        self.assertEqual(12.5, sum(term.seconds for term in terms))
        self.assertEqual('12.5 s = the beat is gone 3 s + a lost beat may be late, and the first '
                         'round 3 s + death 2 s + lock 3 s + last look 1.5 s',
                         rules.told(terms))


class TestRefusedStarts(ConfCase):

    def test_a_beat_that_may_not_be_lost_twice(self):
        self.assert_refused('3 x 5 s > beat_ttl 12 s', rules.times,
                            made(detection__beat_interval=5.0))

    def test_a_lock_too_short_for_two_asks(self):
        self.assert_refused('2 x 2 s > lock_ttl 3 s', rules.rules, fence_proves=True,
                            conf=made(detection__pace='fast', detection__ask_limit=2.0))

    def test_a_fast_pace_without_proof(self):
        self.assert_refused('death_ttl 2 s < 300 s, lock_ttl 3 s < 30 s', rules.rules,
                            made(detection__pace='fast'), fence_proves=False)

    def test_one_wait_below_the_patents_without_proof(self):
        self.assert_refused('(lock_ttl 29 s < 30 s)', rules.rules,
                            made(detection__lock_ttl=29), fence_proves=False)

    def test_the_patents_pace_needs_no_proof(self):
        rules.rules(made(), fence_proves=False)

    def test_no_fence_at_all(self):
        self.assert_refused('[fence] drivers is empty', rules.rules, made(fence__drivers=[]),
                            fence_proves=True)

    def test_a_note_where_nothing_has_metadata(self):
        self.assert_refused(
            'nothing has metadata; set note_in_metadata to false', rules.rules,
            made(evacuation__note_in_metadata=True, cloud__driver='libvirt'), fence_proves=True)

    def test_no_client_network(self):
        self.assert_refused('[ceph] client_networks is empty', rules.rules,
                            made(ceph__client_networks=[]), fence_proves=True)

    def test_networks_that_are_none(self):
        for network in ('10.2.0.0/33', '10.2.0.7/24', 'storage'):
            self.assert_refused(f"'{network}'" if network == 'storage' else network,
                                ceph.client_networks, made(ceph__client_networks=[network]))

    def test_leases_shorter_than_etcd_grants(self):
        for group, option in (('detection', 'beat_ttl'), ('detection', 'death_ttl'),
                              ('detection', 'lock_ttl'), ('controller', 'leader_ttl'),
                              ('worker', 'claim_ttl')):
            path = self.file(f'[{group}]\n{option} = 1\n')
            conf = cfg.ConfigOpts()
            options.register(conf)
            conf([], project='kaopu-ha', default_config_files=[path], default_config_dirs=[])
            self.assert_refused(f'[{group}] {option}: Should be greater than or equal to 2.',
                                options.check_values, conf)

    def test_a_value_of_another_kind(self):
        conf = cfg.ConfigOpts()
        options.register(conf)
        conf([], project='kaopu-ha', default_config_dirs=[],
             default_config_files=[self.file('[detection]\npace = faster\n')])
        self.assert_refused('[detection] pace: ', options.check_values, conf)

    def test_a_claim_that_lapses_before_the_call_ends(self):
        self.assert_refused('claim_ttl 10 s <= [nova] timeout 10 s', worker.program,
                            made(worker__claim_ttl=10))

    def test_no_login_to_nova(self):
        self.assert_refused('[nova] auth_url is not set', nova.auth, made())
        self.assert_refused('[nova] password is not set', nova.auth, made(
            nova__auth_url='http://keystone/v3', nova__username='kaopu'))

    def test_no_login_by_an_application_credential(self):
        self.assert_refused('application_credential_id or application_credential_name is not set',
                            nova.auth, made(nova__auth_type='v3applicationcredential',
                                            nova__auth_url='http://keystone/v3'))

    def test_an_unknown_driver_and_the_ones_there_are(self):
        self.assert_refused('[store] driver: there is no store driver "zookeeper"; there is: etcd',
                            wiring.store, made(store__driver='zookeeper'))
        self.assert_refused('[fence] drivers: there is no fence driver "hope"; there is: '
                            'ceph_blocklist', wiring.rules, made(fence__drivers=['hope']))

    def test_a_broker_without_its_url(self):
        for driver, option in (('rq', 'redis_url'), ('oslo_messaging', 'transport_url')):
            self.assert_refused(f'[queue] {option} is not set', drivers.queue,
                                made(queue__driver=driver), None)

    def test_a_url_that_is_none_is_told_without_its_password(self):
        for given in ({'driver': 'rq', 'redis_url': 'http://:secret@h'},
                      {'driver': 'oslo_messaging', 'transport_url': 'nonsense://u:secret@h/'},
                      {'driver': 'oslo_messaging', 'transport_url': 'rabbit://u:secret@h:port/'},
                      {'driver': 'oslo_messaging', 'transport_url': 'u:secret@h'}):
            conf = made(**{f'queue__{name}': value for name, value in given.items()})
            with self.assertRaises(ConfigError) as caught:
                drivers.queue(conf, None)
            self.assertIn('is no URL of a', str(caught.exception))
            self.assertNotIn('secret', str(caught.exception))

    def test_an_empty_restart_command(self):
        self.assert_refused('compute_restart_command is empty', agent.program, made(
            ceph__conf=[self.file(f'fsid = {FSID}')], agent__compute_restart_command=''))


class TestCephConf(ConfCase):

    def fsid(self, text):
        return ceph.clusters(made(ceph__conf=[self.file(text)]))[0].fsid

    def test_the_fsid_is_read_from_cephs_own_format(self):
        for text in (f'[global]\nfsid = {FSID}\n', f'[global]\n\tFSID={FSID} ; ours\n',
                     f'# top\nfsid = "{FSID.upper()}"\n[client]\nfsid = other\n',
                     f'[global]\nauth client required = cephx\nmon host = a,\\\n  b\n'
                     f'    fsid = {FSID}\nrbd default features\n[osd]\nx = %h\n'):
            self.assertEqual(FSID, self.fsid(text), text)

    def test_comments_may_be_in_any_encoding(self):
        path = pathlib.Path(self.file(''))
        for text in (f'# Größe\n[global]\nfsid = {FSID}\n'.encode('latin-1'),
                     f'[global]\nfsid = {FSID}\n'.encode('utf-8-sig')):
            path.write_bytes(text)
            self.assertEqual(FSID, ceph.clusters(made(ceph__conf=[str(path)]))[0].fsid)

    def test_without_fsid_it_says_to_add_it(self):
        self.assert_refused('has no fsid: add "fsid = ', self.fsid, '[global]\nmon_host = a\n')
        self.assert_refused('has no fsid: add "fsid = ', self.fsid, f'[client]\nfsid = {FSID}\n')

    def test_what_is_no_ceph_conf_is_refused(self):
        self.assert_refused('is no ceph.conf', self.fsid, '[global\nfsid\n= x\n')

    def test_an_absent_file_is_refused(self):
        self.assert_refused('[ceph] conf: nowhere.conf is not there', ceph.clusters,
                            made(ceph__conf=['nowhere.conf']))

    def test_one_cluster_named_twice_is_refused(self):
        path = self.file(f'fsid = {FSID}')
        self.assert_refused('the same fsid', ceph.clusters, made(ceph__conf=[path, path]))

    def test_pools_are_one_for_all_or_one_for_each(self):
        paths = [self.file(f'fsid = {FSID}'), self.file('fsid = other')]
        one = ceph.clusters(made(ceph__conf=paths, ceph__pools=['vms']))
        self.assertEqual([('vms',), ('vms',)], [cluster.pools for cluster in one])
        each = ceph.clusters(made(ceph__conf=paths, ceph__pools=['a', 'b']))
        self.assertEqual([('a',), ('b',)], [cluster.pools for cluster in each])
        self.assert_refused('3 pools for 2 clusters', ceph.clusters,
                            made(ceph__conf=paths, ceph__pools=['a', 'b', 'c']))

    def test_a_cluster_may_have_several_pools_and_namespaces(self):
        rows = ((1, ['vms', 'volumes'], [('vms', 'volumes')]),
                (1, ['vms volumes'], [('vms', 'volumes')]),
                (1, ['vms', 'vms', 'ssd/t1'], [('vms', 'ssd/t1')]),
                (2, ['vms volumes'], [('vms', 'volumes')] * 2),
                (2, ['vms volumes', 'ssd'], [('vms', 'volumes'), ('ssd',)]))
        for count, pools, expected in rows:
            with self.subTest(pools, count=count):
                self.assertEqual(expected, list(ceph.pools(made(
                    ceph__conf=['x.conf'] * count, ceph__pools=pools))))

    def test_what_is_no_pool_is_refused(self):
        for pools in ([], [''], ['a/b/c'], ['vms; volumes'], ['vms/']):
            with self.subTest(pools):
                self.assert_refused('[ceph] pools: ', ceph.pools, made(
                    ceph__conf=['x.conf'], ceph__pools=pools))


class TestOptions(ConfCase):

    def test_every_option_says_why(self):
        for group, opts in options.list_opts():
            for opt in opts:
                self.assertTrue(opt.help, f'[{group}] {opt.name}')

    def test_the_login_has_the_options_of_keystoneauth(self):
        theirs = {opt.dest: opt for opt in (
            *loading.get_auth_plugin_conf_options('v3applicationcredential'),
            *loading.get_auth_plugin_conf_options('password'),
            *(opt for opt in loading.get_session_conf_options() if opt.dest in (
                'cafile', 'certfile', 'keyfile', 'insecure')))}
        ours = {opt.dest: opt for opt in nova.OPTS if opt.dest in theirs}
        self.assertEqual(sorted(theirs), sorted(ours))
        for name, opt in theirs.items():
            with self.subTest(name):
                former = [each.name for each in opt.deprecated_opts]
                self.assertEqual(
                    (opt.name, opt.type, opt.default, opt.secret, former, False),
                    (ours[name].name, ours[name].type, ours[name].default, ours[name].secret,
                     [each.name for each in ours[name].deprecated_opts], ours[name].required))

    def test_passwords_are_secret_and_only_given_to_the_login(self):
        secret = {opt.dest for _, opts in options.list_opts() for opt in opts if opt.secret}
        self.assertEqual({'password', 'application_credential_secret', 'transport_url',
                          'redis_url', 'webhook_url', 'webhook_secret'}, secret)
        conf = made(nova__auth_url='http://keystone/v3', nova__username='kaopu',
                    nova__password='hidden', nova__project_name='service')
        self.assertEqual({'auth_type': 'password', 'auth_url': 'http://keystone/v3',
                          'username': 'kaopu', 'password': 'hidden', 'project_name': 'service',
                          'interface': 'internal'}, nova.auth(conf))

    def test_an_application_credential_asks_for_no_scope(self):
        conf = made(nova__auth_type='v3applicationcredential', nova__auth_url='http://keystone/v3',
                    nova__application_credential_id='a-1', nova__project_name='service',
                    nova__application_credential_secret='hidden', nova__password='of old')
        self.assertEqual({
            'auth_type': 'v3applicationcredential', 'auth_url': 'http://keystone/v3',
            'application_credential_id': 'a-1', 'application_credential_secret': 'hidden',
            'interface': 'internal'}, nova.auth(conf))

    def test_the_policy_is_the_cores_own_unless_it_is_set(self):
        self.assertEqual(Policy(), policy.policy(made()))
        self.assertEqual(Policy(), rules.rules(made(), fence_proves=True).policy)

    def test_a_policy_is_read_as_it_is_written(self):
        found = policy.policy(made(
            evacuation__protect='marked', evacuation__protected_by=['flavor:ha:protected'],
            evacuation__priority_by=[], evacuation__managed=[
                'Octavia: project=0123 name=amphora-*', 'Zuul: metadata=groups=zuul* tag=ci']))
        self.assertEqual(Policy(
            False, (Named(Source.FLAVOR, 'ha:protected'),), (),
            (Managed('Octavia', 'amphora-*', '0123'), Managed('Zuul', metadata='groups=zuul*',
                                                              tag='ci'))), found)

    def test_what_is_done_about_guests_that_crash(self):
        for given, meant in (({}, OnCrash.TELL), *(
                ({'instances__crashed': each.value}, each) for each in OnCrash)):
            self.assertIs(meant, rules.rules(made(**given), fence_proves=True).on_crash)

    def test_what_is_stuck_is_touched_only_if_the_operator_says_so(self):
        self.assertIs(OnStuck.TELL, rules.rules(made(), fence_proves=True).on_stuck)
        for meant in OnStuck:
            self.assertIs(meant, rules.rules(made(instances__stuck=meant.value),
                                             fence_proves=True).on_stuck)

    def test_what_hung_is_told_of_unless_the_operator_says_otherwise(self):
        self.assertIs(OnHung.TELL, rules.rules(made(), fence_proves=True).on_hung)
        for meant in OnHung:
            self.assertIs(meant, rules.rules(made(instances__hung=meant.value),
                                             fence_proves=True).on_hung)

    def test_a_policy_that_nobody_can_mean_is_refused_with_the_way_out(self):
        for words, given in (
                ('names no mark: write metadata:KEY', {'protected_by': ['HA_Enabled']}),
                ('names no mark', {'priority_by': ['image:ha_priority']}),
                ('names no mark', {'priority_by': ['tag:']}),
                ('write OWNER:', {'managed': ['Octavia:']}),
                ('write OWNER:', {'managed': [': name=a']}),
                ('is no condition', {'managed': ['Octavia: amphora-*']}),
                ('is no condition', {'managed': ['Octavia: name=a name=b']}),
                ('is no condition', {'managed': ['Octavia: name=']}),
                ('is of every instance', {'managed': ['Octavia: name=*']}),
                ('nothing would ever be moved', {'protect': 'marked', 'protected_by': []})):
            self.assert_refused(words, policy.policy, made(**{
                f'evacuation__{name}': value for name, value in given.items()}))

    def test_the_committed_sample_is_what_the_generator_gives(self):
        folder = ROOT / 'etc/kaopu-ha'
        with tempfile.TemporaryDirectory() as scratch:
            path = pathlib.Path(scratch, 'sample')
            subprocess.run([sys.executable, '-m', 'oslo_config.generator', '--config-file',
                            str(folder / 'config-generator.conf'), '--output-file', str(path)],
                           check=True, timeout=60, capture_output=True)
            self.assertEqual((folder / 'kaopu-ha.conf.sample').read_text(), path.read_text(),
                             'run tox -e genconfig and commit the sample')
