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

"""Our own resources: they show what the commands show, and write what the commands write."""

import dataclasses

from kaopu_ha import ports, records
from kaopu_ha.api import books
from kaopu_ha.core import protection
from kaopu_ha.core.model import Phase, Power, Sign, Stage
from kaopu_ha.core.wishes import Wish, WishState
from tests.unit.api.own import DB, MAIL, OLD, OTHERS, WEB, OwnCase, a_server, told
from tests.unit.api.scene import MEMBER, READER

WHY = {'why': 'it smokes'}
WHO = 'user admin-token by the API'


class TestHosts(OwnCase):

    def test_a_list_is_the_commands_list(self):
        found = self.told(200, 'GET', '/v2/hosts')['hosts']
        self.assertEqual(['c1', 'c2', 'c3', 'c4'], [one['host'] for one in found])
        self.assertEqual((False, 'confirmed', True, {'on': 1, 'paused': 1, 'off': 1}),
                         tuple(found[0][name] for name in ('beat', 'case', 'locked', 'instances')))

    def lights(self, place):
        """What each network says of a host of the list."""
        return [(one['network'], one['sign'], one['seconds'])
                for one in self.told(200, 'GET', '/v2/hosts')['hosts'][place]['lights']]

    def test_a_light_is_what_a_network_said_last_with_its_age(self):
        self.time = told.at(1, 20)
        self.assertEqual([('etcd', 'silence', None), ('management', 'silence', 12.0),
                          ('storage', 'silence', 12.0)], self.lights(0))
        self.put(records.CASE + 'c1', told.a_case(beat_at=told.at(0, 50), rounds=(
            told.a_round(storage=Sign.UNKNOWN),)))
        self.assertEqual([('etcd', 'silence', 30.0), ('management', 'silence', 12.0),
                          ('storage', 'unknown', 12.0)], self.lights(0))

    def test_who_beats_is_asked_by_nobody_and_tells_of_its_storage_itself(self):
        self.assertEqual([('etcd', 'life', 0.0), ('management', '', None),
                          ('storage', 'life', 0.0)], self.lights(1))

    def test_a_host_tells_how_much_of_its_wait_is_over(self):
        self.put(records.CASE + 'c1', told.a_case(stage=Stage.DYING, waited=7.5))
        found = self.told(200, 'GET', '/v2/hosts')['hosts']
        self.assertEqual((7.5, self.service.rules.death_wait(False)),
                         (found[0]['waited'], found[0]['waits']))
        self.assertEqual((None, None), (found[1]['waited'], found[1]['waits']))

    def test_a_host_is_its_records(self):
        found = self.told(200, 'GET', '/v2/hosts/c1')['host']
        self.assertEqual(records.plain(told.a_case(stage=Stage.CONFIRMED)), found['case'])
        self.assertIsNone(found['beat'])

    def test_nobody_of_that_name(self):
        found = self.told(404, 'GET', '/v2/hosts/c9')['itemNotFound']
        self.assertIn('Known hosts: c1, c2, c3, c4', found['message'])

    def test_a_hold_has_a_reason_and_the_callers_name(self):
        found = self.told(200, 'POST', '/v2/hosts/c2/hold', WHY)
        self.assertEqual({'hold': True, 'who': WHO, 'at': self.time, 'why': 'it smokes'},
                         found['setting'])
        self.assertTrue(self.told(200, 'GET', '/v2/hosts')['hosts'][1]['hold'])
        self.assertIn('too late', self.told(200, 'POST', '/v2/hosts/c1/hold', WHY)['warning'])
        self.told(404, 'POST', '/v2/hosts/c9/hold', WHY)

    def test_a_release_ends_it_and_may_be_asked_twice(self):
        self.told(200, 'POST', '/v2/hosts/c2/hold', WHY)
        for changed in (True, False):
            self.assertEqual(changed, self.told(200, 'POST', '/v2/hosts/c2/release')['changed'])
        self.told(404, 'POST', '/v2/hosts/c9/release')

    def test_an_admission_is_asked_for_once_and_only_of_who_is_confirmed(self):
        found = self.told(202, 'POST', '/v2/hosts/c1/admit')
        self.assertEqual((WHO, 'asked', True), (found['request']['who'], found['request']['state'],
                                                found['leads']))
        again = self.told(409, 'POST', '/v2/hosts/c1/admit')['conflictingRequest']
        self.assertIn('that is under way', again['message'])
        self.told(409, 'POST', '/v2/hosts/c2/admit')
        self.told(404, 'POST', '/v2/hosts/c9/admit')

    def test_who_was_slower_is_told_and_changes_nothing(self):
        commit = self.behind.commit

        def other(compares, writes):
            self.behind.commit = commit
            self.put(records.HOST + 'c2', records.HostSetting(True, 'joe', 'now', 'mine'))
            return commit(compares, writes)
        self.behind.commit = other
        found = self.told(409, 'POST', '/v2/hosts/c2/hold', WHY)['conflictingRequest']
        self.assertIn('Nothing was changed', found['message'])
        self.assertIn('joe', self.kept()[records.HOST + 'c2'])


class TestPages(OwnCase):

    def test_a_list_comes_in_pages_each_with_the_way_to_the_next(self):
        seen, path = [], '/v2/hosts?limit=3'
        while path:
            found = self.told(200, 'GET', path)
            seen += [one['host'] for one in found['hosts']]
            path = next((f'/v2/hosts{link["href"]}' for link in found.get('hosts_links', ())), '')
        self.assertEqual(['c1', 'c2', 'c3', 'c4'], seen)

    def test_filters_stay_on_the_way(self):
        for number in (1, 2, 3):
            self.closed('c2', number)
        found = self.told(200, 'GET', '/v2/cases?closed=true&host=c2&limit=2')
        self.assertEqual(['c2/1', 'c2/2'], [one['id'] for one in found['cases']])
        (link,) = found['cases_links']
        found = self.told(200, 'GET', f'/v2/cases{link["href"]}')
        self.assertEqual(['c2/3'], [one['id'] for one in found['cases']])
        self.assertNotIn('cases_links', found)

    def test_a_marker_that_is_gone_is_told(self):
        self.told(409, 'GET', '/v2/hosts?marker=c9')

    def test_what_is_no_query_is_refused(self):
        for query, word in (('limit=0', 'limit'), ('limit=x', 'limit'),
                            ('limit=1&limit=2', 'twice'),
                            ('lmit=1', 'no such parameter'), ('marker=', 'marker')):
            with self.subTest(query):
                found = self.told(400, 'GET', f'/v2/hosts?{query}')['badRequest']
                self.assertIn(word, found['message'])


class TestCases(OwnCase):

    def test_open_ones_are_listed_and_closed_ones_if_they_are_asked_for(self):
        self.closed('c2', 1)
        self.put(records.CASE + 'c3', told.a_case('c3', waited=12.0))
        found = self.told(200, 'GET', '/v2/cases')['cases']
        self.assertEqual([('c1', 'confirmed', None), ('c3', 'dying', 300.0)],
                         [(one['host'], one['stage'], one['waits']) for one in found])
        found = self.told(200, 'GET', '/v2/cases?closed=true&stage=closed')['cases']
        self.assertEqual(['c2/1'], [one['id'] for one in found])

    def test_one_is_whole_with_its_evidence(self):
        found = self.told(200, 'GET', '/v2/cases/c1')
        self.assertEqual(records.plain(told.a_case(stage=Stage.CONFIRMED)), found['case'])
        self.told(404, 'GET', '/v2/cases/c2')
        self.told(404, 'GET', '/v2/cases/c1?back=1')

    def test_a_closed_one_is_counted_backwards(self):
        for number in (1, 2):
            self.closed('c2', number)
        found = self.told(200, 'GET', '/v2/cases/c2?back=2')
        self.assertEqual(2, found['closed'])
        self.assertIn('(1)', found['case']['road'][-1]['reason'])

    def test_one_that_cannot_be_read_is_no_fault_of_ours(self):
        self.behind.commit([], [ports.Put(records.CASE + 'c1', 'nonsense')])
        found = self.told(503, 'GET', '/v2/cases/c1')['serviceUnavailable']
        self.assertIn('can\'t be read', found['message'])


class TestExplain(OwnCase):

    def test_the_steps_are_in_order_and_each_has_its_words_and_what_it_led_to(self):
        found = self.told(200, 'GET', '/v2/explain/c1')['explained']
        kinds = [(one['kind'], one['stage']) for one in found['steps']]
        self.assertEqual([('opened', 'suspected'), ('round', ''), ('stage', 'dying'),
                          ('stage', 'locked'), ('stage', 'last look'), ('stage', 'confirmed'),
                          ('recovery', 'fencing'), ('recovery', 'proven'), ('recovery', 'planned'),
                          ('recovery', 'evacuating')], kinds)
        times = [one['at'] for one in found['steps']]
        self.assertEqual(sorted(times), times)
        self.assertEqual('dead', found['steps'][1]['verdict'])
        self.assertIn({'depth': 2, 'text': 'qemu+tls://c1/system: nothing: timed out'},
                      found['steps'][1]['below'])

    def test_each_instance_has_its_fate(self):
        found = self.told(200, 'GET', '/v2/explain/c1')['explained']['recovery']
        self.assertEqual([('db-1', 'failed'), ('web-1', 'done')],
                         [(one['name'], one['phase']) for one in found['instances']])
        self.assertIn('was moved to c2', found['instances'][1]['text'])


class TestRecoveries(OwnCase):

    def test_a_list_and_one_with_all_of_it(self):
        self.assertEqual([('c1-1234', 2, 2, 1)], [
            (one['id'], one['ended'], one['instances'], one['failed'])
            for one in self.told(200, 'GET', '/v2/recoveries')['recoveries']])
        for name in ('c1', 'c1-1234'):
            found = self.told(200, 'GET', f'/v2/recoveries/{name}')
            self.assertEqual(3, len(found['evacuations'][0]['attempts']))
        self.told(404, 'GET', '/v2/recoveries/c2')
        self.assertEqual([], self.told(200, 'GET', '/v2/recoveries?host=c2')['recoveries'])

    def test_what_was_given_up_has_failed_no_more(self):
        self.moved(told.an_evacuation(DB, 'db-1', Phase.FAILED, 'c3', given_up='joe'), OTHERS)
        self.assertEqual([0], [one['failed'] for one in
                               self.told(200, 'GET', '/v2/recoveries')['recoveries']])

    def test_what_does_not_move_is_listed_by_its_host(self):
        found = self.told(200, 'GET', '/v2/waiting?host=c1')['waiting']
        self.assertEqual([('c1', 'does not run', 'db-1')], [
            (one['host'], one['kind'], one['name']) for one in found if one['instance']])
        self.assertEqual([], self.told(200, 'GET', '/v2/waiting?host=c2')['waiting'])

    def test_a_wish_is_kept_for_a_day_and_answered_by_the_leader(self):
        found = self.told(202, 'POST', '/v2/recoveries/instances/db-1/retry', WHY)
        self.assertEqual((DB, 'retry', 'it smokes', WHO), tuple(
            found['wish'][name] for name in ('instance', 'verb', 'why', 'who')))
        (key,) = (key for key in self.kept() if key.startswith(records.WISH))
        self.assertTrue(self.etcd.entries[key].lease)
        kept = records.View(self.behind.read(records.PREFIX)).one(Wish, key)
        self.assertEqual((WishState.ASKED, 'c1-1234'), (kept.state, kept.recovery))

    def test_what_waits_is_not_asked_again(self):
        first = self.told(202, 'POST', '/v2/recoveries/c1/end', WHY)
        before = self.kept()
        again = self.told(202, 'POST', '/v2/recoveries/c1/end', {'why': 'another'})
        self.assertEqual((True, False), (first['changed'], again['changed']))
        self.assertEqual('it smokes', again['wish']['why'])
        self.assertEqual(before, self.kept())

    def test_a_word_that_a_host_is_off_says_what_was_seen(self):
        self.put(records.CASE + 'c3', told.a_case('c3'))
        found = self.told(202, 'POST', '/v2/recoveries/c3/go-on',
                          {**WHY, 'because': 'switched off'})['wish']
        self.assertFalse(found['destroyed'])
        self.assertTrue(found['opened'])
        found = self.told(202, 'POST', '/v2/recoveries/c1/go-on',
                          {**WHY, 'because': 'destroyed'})['wish']
        self.assertTrue(found['destroyed'])

    def test_who_says_no_reason_asks_for_nothing(self):
        before = self.kept()
        for path in ('instances/db-1/retry', 'instances/db-1/give-up', 'c1/end', 'c1/go-on'):
            for body in (None, {}, {'why': ''}, {'why': ' '}, {'why': 'a\nb'}, {'why': 5},
                         {**WHY, 'because': 'destroyed', 'more': 1}, [WHY]):
                with self.subTest(path=path, body=body):
                    self.assertIn(self.ask('POST', f'/v2/recoveries/{path}', body).status_code,
                                  (400, 415))
        self.assertEqual(before, self.kept())

    def test_nothing_of_that_name(self):
        self.told(404, 'POST', '/v2/recoveries/instances/nope/give-up', WHY)
        self.told(404, 'POST', '/v2/recoveries/c9/end', WHY)
        self.told(409, 'POST', '/v2/recoveries/c2/end', WHY)


class TestProtection(OwnCase):

    def test_it_is_what_the_leader_wrote_down(self):
        found = self.told(200, 'GET', '/v2/protection')
        self.assertEqual({'unprotected': 2, 'listed': 2, 'hosts': 2, 'hosts_known': 4,
                          'reasons': {'local disk': 1, 'no storage address': 1}}, found['totals'])
        self.assertEqual('ctl-1', found['by'])

    def test_by_host_by_reason_and_by_instance(self):
        self.put(records.INVENTORY + 'c4', told.an_inventory('c4'))
        for query, hosts in (('host=c3', ['c3']), ('reason=local+disk', ['c3']),
                             ('instance=db-1', ['c3', 'c4']), ('host=c9', []),
                             (f'instance={WEB}', ['c4'])):
            found = self.told(200, 'GET', f'/v2/protection?{query}')['unprotected']
            self.assertEqual(hosts, [one['host'] for one in found], query)
        self.told(400, 'GET', '/v2/protection?reason=nonsense')

    def test_nobody_has_looked_yet(self):
        self.behind.commit([], [ports.Delete(records.UNPROTECTED)])
        found = self.told(200, 'GET', '/v2/protection')
        self.assertEqual(('', []), (found['at'], found['unprotected']))


class TestBrake(OwnCase):

    def test_it_is_off_and_there_is_nothing_to_release(self):
        self.assertEqual('off', self.told(200, 'GET', '/v2/brake')['brake']['text'])
        found = self.told(200, 'POST', '/v2/brake/release', WHY)
        self.assertEqual((False, 'There is nothing to release. No host counts for a storm.'),
                         (found['changed'], found['text']))

    def test_it_is_released_for_those_that_it_holds_with_a_reason(self):
        self.there_is_a_storm()
        for host in ('c2', 'c3'):
            self.behind.commit([], [ports.Delete(records.ALIVE + host)])
        found = self.told(200, 'GET', '/v2/brake')['brake']
        self.assertEqual((True, ['c2', 'c3']), (found['storm'], found['braked']))
        self.told(400, 'POST', '/v2/brake/release', {})
        found = self.told(200, 'POST', '/v2/brake/release', WHY)
        self.assertEqual((True, ['c2', 'c3'], 'it smokes'), (
            found['changed'], found['brake']['released']['released_for'],
            found['brake']['released']['why']))
        self.assertEqual([], found['brake']['braked'])


class TestInstances(OwnCase):

    def by_name(self, token=MEMBER):
        return {one['name']: one
                for one in self.told(200, 'GET', '/v2/instances', token=token)['instances']}

    def test_a_member_sees_his_own_and_how_long_each_was_down(self):
        found = self.by_name()
        self.assertEqual({'web-1', 'mail-1'}, set(found))
        self.assertEqual([{'why': 'host lost', 'state': 'moved', 'down_at': told.at(1, 8),
                           'up_at': told.at(6, 53), 'seconds_down': 345.0}],
                         found['web-1']['interruptions'])
        self.assertEqual([('host restarted', 'started')], [
            (one['why'], one['state']) for one in found['mail-1']['interruptions']])

    def test_nothing_of_hosts_and_nothing_of_others_is_in_it(self):
        text = self.ask('GET', '/v2/instances', token=MEMBER).text
        for word in ('c1', 'c2', 'c3', 'c4', 'ctl-1', 'db-1', DB, OTHERS, 'qemu', '10.'):
            self.assertNotIn(f'"{word}"', text)
        self.told(404, 'GET', f'/v2/instances/{DB}', token=MEMBER)

    def test_one_that_others_have_is_not_told_from_none(self):
        for uuid in (DB, '00000009-aaaa-4000-8000-000000000000'):
            self.assert_fault(404, 'itemNotFound', f'Your project has no instance {uuid}.', 'GET',
                              f'/v2/instances/{uuid}', token=READER)

    def test_would_it_come_back(self):
        self.cloud.its = (
            a_server(WEB, 'web-1', 'c2'), a_server(MAIL, 'mail-1', 'c4'),
            a_server(DB, 'db-1', 'c3'),
            dataclasses.replace(a_server('u4', 'off-1', 'c3'), vm_state='stopped'),
            a_server('u5', 'judged-1', 'c1'), a_server('u6', 'other-1', 'c3'))
        self.assertEqual(
            {'web-1': ('yes', ''), 'mail-1': ('no', 'the cloud'), 'db-1': ('no', 'its disks'),
             'off-1': ('off', ''), 'judged-1': ('not known', ''), 'other-1': ('yes', '')},
            {name: (one['protected'], one['why_not']) for name, one in self.by_name().items()})

    def test_what_the_list_had_no_room_for_is_not_known(self):
        names = tuple(f'vm-{number}' for number in range(10))
        self.put(records.UNPROTECTED, records.UnprotectedList((protection.Unprotected(
            'c2', protection.Reason.NO_ROOM, 'no room', names),), 1))
        self.cloud.its = (a_server('u1', 'vm-3'), a_server('u2', 'vm-10'))
        self.assertEqual({'vm-3': ('no', 'no room'), 'vm-10': ('not known', '')}, {
            name: (one['protected'], one['why_not']) for name, one in self.by_name().items()
            if name.startswith('vm')})

    def test_one_that_is_deleted_since_keeps_its_move(self):
        self.cloud.its = ()
        found = self.by_name()
        self.assertEqual((False, 'not known', 1), (
            found['web-1']['there'], found['web-1']['protected'],
            len(found['web-1']['interruptions'])))

    def test_what_was_off_when_its_host_died_was_not_interrupted(self):
        self.cloud.its = (dataclasses.replace(a_server(OLD, 'old-1'), vm_state='stopped'),)
        left = told.an_evacuation(OLD, 'old-1', Phase.LEFT, '', reason='was powered off')
        self.moved(dataclasses.replace(left, power=Power.OFF))
        self.assertEqual([], self.by_name()['old-1']['interruptions'])
        self.moved(dataclasses.replace(left, reason='it opted out'))
        self.assertEqual([('host lost', 'left')], [
            (one['why'], one['state']) for one in self.by_name()['old-1']['interruptions']])

    def test_nova_is_asked_once_in_some_seconds_and_its_absence_is_503(self):
        for _ in range(3):
            self.by_name()
        self.assertEqual(1, self.cloud.asked)
        self.client = self.made(self.configured())
        self.cloud.away = True
        self.told(503, 'GET', '/v2/instances', token=MEMBER)

    def test_a_cloud_that_tells_of_others_is_not_believed(self):
        self.cloud.servers_of = lambda project: (a_server(DB, 'db-1', 'c3', OTHERS),)
        self.assertEqual({'web-1'}, set(self.by_name()))


class TestTheMirror(OwnCase):

    def test_all_that_is_shown_is_read_from_it(self):
        self.told(200, 'GET', '/v2/hosts')
        asked = []
        read = self.behind.read
        self.behind.read = lambda *ranges: asked.append(ranges) or read(*ranges)
        for path in ('/hosts', '/hosts/c1', '/cases?closed=true', '/cases/c1', '/explain/c1',
                     '/recoveries', '/waiting', '/protection', '/brake', '/news',
                     '/instances'):
            self.told(200, 'GET', f'/v2{path}')
        self.assertEqual([], asked)
        self.told(202, 'POST', '/v2/hosts/c1/admit')
        self.assertEqual([(records.admit_request('c1'),)], asked)

    def test_nothing_of_it_is_what_an_agent_may_fill(self):
        self.assertNotIn(records.REQUEST, books.FOLLOWED)


class TestFirst(OwnCase):

    def test_the_versions_tell_of_it(self):
        found = self.told(200, 'GET', '/', token=None)['versions']
        self.assertEqual(['v1.0', 'v2.0'], [one['id'] for one in found])
        self.assertIn('/v2/openapi.json', self.ask('GET', '/v2', token=None).text)

    def test_a_method_that_is_not_there_is_405_and_says_which_are(self):
        found = self.ask('DELETE', '/v2/hosts')
        self.assertEqual((405, 'GET, HEAD'), (found.status_code, found.headers['Allow']))
        self.assertEqual(200, self.ask('HEAD', '/v2/hosts').status_code)

    def test_a_body_that_is_none_is_refused(self):
        for code, text, kind in ((400, 'x', 'application/json'), (400, '', 'application/json'),
                                 (415, '{"why": "x"}', 'text/plain'),
                                 (413, '{"why": "' + 'x' * 200000 + '"}', 'application/json')):
            found = self.ask('POST', '/v2/hosts/c2/hold', text=text,
                             headers={'Content-Type': kind})
            self.assertEqual(code, found.status_code, found.text)

    def test_1000_hosts_are_listed_at_once(self):
        for number in range(1000):
            self.put(f'{records.INVENTORY}h{number:04}', told.an_inventory(f'h{number:04}'))
        self.assertEqual(1000, len(self.told(200, 'GET', '/v2/hosts')['hosts']))

