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


"""``kaopu-ha status`` and ``host list|show`` against a real store."""

import dataclasses

from kaopu_ha import ports, records
from kaopu_ha.cli import layout
from kaopu_ha.core import brake, model, protection, restart
from kaopu_ha.core.aftercare import Aftercare, Ward
from kaopu_ha.core.model import Phase, RecoveryStage, Sign, Stage, Verdict
from tests.core import values
from tests.unit.cli import scene


class Status(scene.Scene):

    def test_an_empty_store_says_that_nobody_leads_and_no_host_is_known(self):
        shown = self.shown('status')
        self.assertRegex(shown, 'leader +nobody')
        self.assertIn('Nobody leads', shown)
        self.assertIn('No host is known', shown)

    def test_all_is_well_is_said_in_so_many_words(self):
        self.there_leads()
        self.there_is(scene.an_inventory('c1'), scene.an_inventory('c2'))
        self.beats('c1', 'c2')
        shown = self.shown('status')
        self.assertRegex(shown, r'leader +ctl-1 for .* \(epoch \d+\)')
        self.assertRegex(shown, 'hosts +2 known, 2 beating\n')
        self.assertIn('All is well.', shown)

    def test_a_failed_instance_is_shown_before_what_is_less_urgent(self):
        self.a_dead_host()
        self.put(records.HOST + 'c3', records.HostSetting(True, 'ann@m1', scene.at(0), 'memory'))
        points = self.shown_json('status')['look_first']
        self.assertEqual(['error', 'error', 'error', 'warning', 'warning'],
                         [point['level'] for point in points])
        told = '\n'.join(point['text'] for point in points)
        self.assertIn('db-1', points[2]['text'])
        self.assertIn('kaopu-ha host admit c1', told)
        self.assertIn('c3 is on hold by ann@m1', told)

    def test_what_nova_or_placement_has_wrong_is_shown_until_it_is_right(self):
        self.there_leads()
        self.there_is(scene.an_inventory('c1'))
        self.beats('c1')
        for reason in ('Placement counts it on c1, too', ''):
            self.put(records.AFTERCARE + 'c1', Aftercare('c1', (
                Ward(scene.WEB, 'web-1', reason, scene.at(7)),)))
            text = (f'web-1 ({scene.WEB}), since c1 was taken back: {reason}' if reason
                    else 'All is well.')
            self.assertIn(text, self.shown('status'))

    def test_of_what_many_hosts_share_some_are_told_and_the_others_named(self):
        items = tuple(protection.Unprotected(
            f'c{number:02}', protection.Reason.LOCAL_DISK, 'on local disk')
            for number in range(30))
        self.put(records.UNPROTECTED, records.UnprotectedList(items, len(items)))
        told = [line for line in self.shown('status').splitlines() if 'local disk' in line]
        self.assertEqual(6, len(told), told)
        self.assertIn('(local disk): c05, c06', told[-1])
        self.assertIn('and 15 more', told[-1])
        self.assertEqual(30, len(self.shown_json('status')['unprotected']))

    def test_what_is_not_protected_is_shown_unless_its_host_may_be_dead(self):
        self.there_leads()
        self.there_is(scene.an_inventory('c1'))
        item = protection.Unprotected('c1', protection.Reason.UNSEEN, 'no live client')
        self.put(records.UNPROTECTED, records.UnprotectedList((item,), 1))
        for verdict, listed in ((None, 1), (Verdict.ALIVE, 1), (Verdict.UNDECIDED, 0),
                                (Verdict.DEAD, 0)):
            if verdict is not None:
                self.put(records.CASE + 'c1', dataclasses.replace(values.a_case(), verdict=verdict))
            said = self.shown_json('status')
            points = [point for point in said['look_first']
                      if 'is not protected' in point['text']]
            self.assertEqual((listed, listed), (len(said['unprotected']), len(points)), verdict)

    def test_what_waits_is_shown_with_its_reason_once_it_stood_for_a_while(self):
        self.a_dead_host(RecoveryStage.FINISHED)
        key = records.EVACUATION + 'c1-1234/uuid-9'
        item = model.Evacuation('c1-1234', 'uuid-9', 'mail-1', 'c1', Phase.WAITING,
                                reason='c2: it has no cores left')
        for since, shown in ((layout.now(), False), (scene.at(7), True)):
            step = model.Step(since, 'ctl-1', 'waiting', 'was on')
            self.put(key, dataclasses.replace(item, history=(step,)))
            told = [point['text'] for point in self.shown_json('status')['look_first']]
            self.assertEqual(shown, any('mail-1 (uuid-9) of c1 is not moved yet: waiting: c2: it '
                                        'has no cores left' in text for text in told))

    def test_many_that_wait_for_the_same_are_one_line(self):
        self.a_dead_host(RecoveryStage.FINISHED)
        step = model.Step(scene.at(7), 'ctl-1', 'waiting', 'was on')
        for number in range(100):
            self.put(f'{records.EVACUATION}c1-1234/uuid-{number:03}', model.Evacuation(
                'c1-1234', f'uuid-{number:03}', f'mail-{number:03}', 'c1', Phase.WAITING,
                reason='c2: it has no cores left', history=(step,)))
        told = [point['text'] for point in self.shown_json('status')['look_first']
                if 'not moved yet' in point['text']]
        self.assertEqual(['mail-000, mail-001, mail-002, mail-003, mail-004 and 95 more of c1 are '
                          'not moved yet: waiting: c2: it has no cores left'], told)

    def test_a_fence_that_was_not_read_back_lately_is_urgent(self):
        self.a_dead_host()
        self.assertIn('The fence of c1 was not read back lately', self.shown('status'))
        self.put(records.PROOF + 'c1-1234', records.ProofMark('ctl-1', scene.at(7)))
        self.assertNotIn('not read back', self.shown('status'))

    def test_a_recovery_under_way_shows_how_far_it_is(self):
        self.a_dead_host()
        self.assertRegex(self.shown('status'), 'c1-1234 +evacuating +3/3 instances')
        self.assertEqual([{'id': 'c1-1234', 'host': 'c1', 'stage': 'evacuating', 'ended': 3,
                           'instances': 3, 'waiting_for': ''}],
                         self.shown_json('status')['recoveries'])

    def test_a_finished_recovery_is_not_under_way(self):
        self.a_dead_host(RecoveryStage.FINISHED)
        self.assertRegex(self.shown('status'), 'recoveries +none under way')

    def test_instances_that_are_started_again_in_place_are_under_way_and_not_all_is_well(self):
        self.there_leads()
        self.there_is(scene.an_inventory('c1'))
        self.beats('c1')
        for phase, shown in ((restart.StartPhase.STARTING, True), (restart.StartPhase.RUNS, False)):
            self.put(records.RESTART + 'c1', restart.Restart('c1', 'boot-2', (
                restart.Start(scene.WEB, 'web-1', phase, 'its pause', 1, layout.now()),
                restart.Start(scene.DB, 'db-1', restart.StartPhase.LEFT, 'its user stopped it'))))
            told = self.shown('status')
            self.assertEqual(shown, 'All is well.' not in told, told)
            self.assertRegex(told, 'c1, in place +restart +1/2 instances' if shown
                             else 'recoveries +none under way')
            self.assertEqual(['restart/c1'] if shown else [], [
                one['id'] for one in self.shown_json('status')['recoveries']])

    def test_storage_that_a_host_does_not_reach_is_shown(self):
        self.there_leads()
        self.there_is(scene.an_inventory('c1', sign=Sign.UNKNOWN))
        self.beats('c1')
        self.assertIn('c1 does not reach its storage: cluster 5ebab1e0 says unknown',
                      self.shown('status'))

    def test_of_a_few_hosts_storage_is_shown_though_the_leader_has_not_seen_it_yet(self):
        self.there_leads()
        self.there_is(*(scene.an_inventory(f'c{n}', sign=Sign.UNKNOWN) for n in range(100)))
        self.beats('c1')
        self.put(records.UNPROTECTED, records.UnprotectedList((), 0, away=()))
        self.assertIn('c1 does not reach its storage', self.shown('status'))

    def test_of_many_hosts_nothing_is_read_of_one_that_is_well_but_its_name(self):
        self.there_leads()
        self.there_is(*(scene.an_inventory(host, sign=sign) for host, sign in (
            ('c1', Sign.UNKNOWN), ('c2', Sign.LIFE), ('c3', Sign.UNKNOWN),
            *((f'd{n}', Sign.LIFE) for n in range(98)))))
        self.beats('c1', 'c2', 'c3')
        away = 'does not reach its storage'
        for told, shown in ((None, ['c1', 'c3']), (('c1', 'c2'), ['c1'])):
            self.put(records.UNPROTECTED, records.UnprotectedList((), 0, away=told))
            found = self.shown('status')
            self.assertRegex(found, 'hosts +101 known, 3 beating\n')
            self.assertEqual([f'{host} {away}' for host in shown],
                             [line.split(':')[0].strip(' *') for line in found.splitlines()
                              if away in line])

    def test_without_a_leader_all_of_it_is_read(self):
        self.there_is(scene.an_inventory('c1', sign=Sign.UNKNOWN))
        self.beats('c1')
        self.put(records.UNPROTECTED, records.UnprotectedList((), 0, away=()))
        self.assertIn('c1 does not reach its storage', self.shown('status'))

    def test_a_host_whose_inventory_can_t_be_read_is_told(self):
        self.there_leads()
        self.store.commit([], [ports.Put(records.INVENTORY + 'c1', 'rotten')])
        self.put(records.UNPROTECTED, records.UnprotectedList((protection.Unprotected(
            'c1', protection.Reason.NO_INVENTORY, 'it can\'t be read'),), 1, away=()))
        found = self.shown('status')
        self.assertRegex(found, 'hosts +0 known, 0 beating\n')
        self.assertIn('A record can\'t be read: ', found)

    def test_two_of_three_silent_hosts_are_a_storm(self):
        self.there_leads()
        self.there_is(*(scene.an_inventory(host) for host in ('c1', 'c2', 'c3')),
                      scene.a_case('c1'), scene.a_case('c2'))
        shown = self.shown('status')
        self.assertIn('ON: nobody of c1, c2 is condemned', shown)
        self.assertIn('kaopu-ha brake release', shown)
        self.assertEqual({'storm': True, 'counted': ['c1', 'c2'], 'braked': ['c1', 'c2'],
                          'released': None, 'condemned_lately': [], 'off_in_seconds': None},
                         self.shown_json('status')['brake'])

    def test_the_configured_share_decides_what_a_storm_is(self):
        self.there_is(*(scene.an_inventory(host) for host in ('c1', 'c2', 'c3')),
                      scene.a_case('c1'), scene.a_case('c2'))
        self.config.write_text(self.config.read_text() + '[detection]\nstorm_share = 0.9\n')
        self.assertFalse(self.shown_json('status')['brake']['storm'])

    def test_the_configured_cooldown_is_what_is_left_of(self):
        self.there_is(*(scene.an_inventory(host) for host in ('c1', 'c2', 'c3')))
        self.put(records.STORM, brake.Storm(on=True, seconds=100.0, calm=30.0))
        self.config.write_text(self.config.read_text() + '[detection]\nstorm_cooldown = 400\n')
        self.assertEqual(370.0, self.shown_json('status')['brake']['off_in_seconds'])

    def test_one_unreadable_record_does_not_hide_the_rest(self):
        self.a_dead_host()
        self.store.commit([], [ports.Put(records.CASE + 'c2', '{"schema":99}')])
        shown = self.shown('status')
        self.assertIn('schema 99 is newer', shown)
        self.assertRegex(shown, 'confirmed: c1')

    def test_the_brief_facts_are_stable_for_machines(self):
        self.a_dead_host()
        shown = self.shown_json('status')
        self.assertEqual({'known': 3, 'beating': 2, 'locked': 1, 'on_hold': 0}, shown['hosts'])
        self.assertEqual({'confirmed': ['c1']}, shown['cases'])
        self.assertEqual({'name', 'since', 'epoch'}, set(shown['leader']))


class Hosts(scene.Scene):

    def test_each_host_has_a_row(self):
        self.a_dead_host()
        lines = scene.cells(self.shown('host', 'list'))
        self.assertEqual(['c1', 'NO', 'confirmed', '-', '-', '1', '1', '1'], lines[1])
        self.assertEqual(['c2', 'yes', '-', '-', 'life', '0', '0', '0'], lines[2])

    def test_a_host_that_only_beats_is_listed_too(self):
        self.beats('c9')
        self.assertEqual(['c9'], [host['host'] for host in self.shown_json('host', 'list')])

    def test_the_worst_storage_sign_stands_for_all(self):
        inventory = scene.an_inventory('c1')
        inventory.storage['other'] = Sign.SILENCE
        self.there_is(inventory)
        # What it told before its beat went says nothing of now.
        self.assertEqual('', self.shown_json('host', 'list')[0]['storage'])
        self.assertRegex(self.shown('host', 'show', 'c1'),
                         r'storage .*other: silence \(told before its beat went\)')
        self.beats('c1')
        self.assertEqual('silence', self.shown_json('host', 'list')[0]['storage'])
        self.assertNotIn('told before', self.shown('host', 'show', 'c1'))

    def test_a_host_is_shown_with_its_instances_setting_and_case(self):
        self.a_dead_host()
        self.put(records.HOST + 'c1', records.HostSetting(True, 'ann@m1', scene.at(0), 'memory'))
        shown = self.shown('host', 'show', 'c1')
        for pattern in (r'beat +NO', r'hold +by ann@m1 since 2026-11-24 00:00:00: memory',
                        r'case +confirmed since', r'lock +permanent, by ctl-1',
                        r'db-1 +\S+ +paused +vms/web-1_disk'):
            self.assertRegex(shown, pattern)

    def test_its_own_instances_are_no_other_domains(self):
        mine = scene.an_inventory('c1')
        told = dataclasses.replace(mine, domains=tuple(item.uuid for item in mine.instances))
        self.there_is(told)
        self.assertNotIn('other domains', self.shown('host', 'show', 'c1'))
        self.there_is(dataclasses.replace(told, domains=(*told.domains, 'somebody-elses')))
        self.assertRegex(self.shown('host', 'show', 'c1'), 'other domains +somebody-elses')

    def test_boot_ids_and_ticks_are_told_when_more_is_asked_for(self):
        self.there_is(dataclasses.replace(scene.an_inventory('c1'), compute_started='b/4711'))
        self.beats('c1')
        shown, more = self.shown('host', 'show', 'c1'), self.shown('host', 'show', 'c1', '-v')
        for word in ('b0071d00', '4711'):
            self.assertNotIn(word, shown)
            self.assertIn(word, more)

    def test_an_instance_has_novas_name_where_a_move_tells_it(self):
        self.a_dead_host()
        self.there_is(scene.an_inventory('c2', instances=(
            model.Instance(scene.WEB, 'instance-00000001', model.Power.ON),)))
        shown = self.shown('host', 'show', 'c2')
        self.assertRegex(shown, f'web-1 +{scene.WEB}')
        self.assertNotIn('instance-00000001', shown)

    def test_the_records_of_a_host_are_whole_for_machines(self):
        self.a_dead_host()
        shown = self.shown_json('host', 'show', 'c1')
        self.assertEqual(records.plain(scene.an_inventory('c1')), shown['inventory'])
        self.assertEqual('confirmed', shown['case']['stage'])
        self.assertIsNone(shown['beat'])

    def test_an_unknown_host_is_refused_with_those_that_are_known(self):
        self.there_is(scene.an_inventory('c1'), scene.an_inventory('c2'))
        self.assertEqual('No host c9 is known. Known hosts: c1, c2.\n',
                         self.refused('host', 'show', 'c9'))

    def test_a_case_that_shows_life_is_no_part_of_a_storm(self):
        self.there_is(*(scene.an_inventory(host) for host in ('c1', 'c2')),
                      scene.a_case('c1', Stage.SUSPECTED, verdict=Verdict.ALIVE),
                      scene.a_case('c2', Stage.SUSPECTED, verdict=Verdict.ALIVE))
        self.assertEqual([], self.shown_json('status')['brake']['counted'])
