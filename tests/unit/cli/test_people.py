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


"""What people set: hold, release, forget, the brake; against a real store."""

from kaopu_ha import ports, records
from kaopu_ha.cli.command import who
from kaopu_ha.core import restart
from kaopu_ha.core.aftercare import Aftercare
from kaopu_ha.core.model import Phase, RecoveryStage, Stage, Verdict, Word
from tests.unit.cli import scene


class Hold(scene.Scene):

    def test_a_hold_is_written_with_who_and_why(self):
        self.there_is(scene.an_inventory('c1'))
        self.assertEqual('c1 is on hold: new memory\n',
                         self.shown('host', 'hold', 'c1', '--why', 'new memory'))
        setting = self.get(records.HostSetting, records.HOST + 'c1')
        self.assertEqual((True, who(), 'new memory'), (setting.hold, setting.who, setting.why))

    def test_a_hold_without_a_reason_is_wrong_usage(self):
        self.assertEqual(2, self.run_command('host', 'hold', 'c1')[0])

    def test_a_host_that_is_not_known_is_not_held(self):
        self.there_is(scene.an_inventory('c1'))
        self.assertIn('Known hosts: c1', self.refused('host', 'hold', 'c9', '--why', 'x'))
        self.assertIsNone(self.get(records.HostSetting, records.HOST + 'c9'))

    def test_a_hold_that_comes_too_late_says_so(self):
        self.a_dead_host()
        self.assertIn('too late', self.shown('host', 'hold', 'c1', '--why', 'x'))

    def test_a_release_deletes_the_hold(self):
        self.there_is(scene.an_inventory('c1'))
        self.shown('host', 'hold', 'c1', '--why', 'x')
        self.assertEqual('c1 is not on hold any more.\n', self.shown('host', 'release', 'c1'))
        self.assertIsNone(self.get(records.HostSetting, records.HOST + 'c1'))

    def test_a_release_of_what_is_not_held_does_no_harm(self):
        self.there_is(scene.an_inventory('c1'))
        self.assertEqual('c1 was not on hold.\n', self.shown('host', 'release', 'c1'))
        self.assertFalse(self.shown_json('host', 'release', 'c1')['changed'])

    def test_a_hold_on_a_forgotten_host_can_still_be_released(self):
        self.put(records.HOST + 'c9', records.HostSetting(True, 'ann@m1', scene.at(0)))
        self.shown('host', 'release', 'c9')


class WaveOff(scene.Scene):

    def open(self):
        self.there_is(scene.an_inventory('c1'))
        self.put(records.RESTART + 'c1', restart.Restart('c1', 'boot-2', (
            restart.Start(scene.WEB, 'web-1', restart.StartPhase.WAITING, 'its pause', 1,
                          scene.at(1)),
            restart.Start(scene.DB, 'db-1', restart.StartPhase.FAILED, '5 calls', 5, scene.at(1)))))

    def phases(self):
        return [(start.name, start.phase.name) for start in self.get(
            restart.Restart, records.RESTART + 'c1').starts]

    def test_what_need_not_run_is_waved_off_with_who_and_why(self):
        self.open()
        self.assertIn('db-1 of c1: waved off', self.shown('host', 'wave-off', 'c1', 'db-1',
                                                          '--why', 'it is a test'))
        self.assertEqual([('web-1', 'WAITING'), ('db-1', 'WAVED_OFF')], self.phases())
        start = self.get(restart.Restart, records.RESTART + 'c1').starts[1]
        self.assertEqual(f'{who()}: it is a test', start.reason)

    def test_without_names_all_of_them_are(self):
        self.open()
        self.shown('host', 'wave-off', 'c1', '--why', 'all of it')
        self.assertEqual([('web-1', 'WAVED_OFF'), ('db-1', 'WAVED_OFF')], self.phases())
        self.assertIn('Nothing of c1 waits', self.refused('host', 'wave-off', 'c1', '--why', 'x'))

    def test_a_name_that_does_not_wait_is_no_reason_to_wave_off_another(self):
        self.open()
        self.assertIn('old-1: none of these', self.refused(
            'host', 'wave-off', 'c1', 'old-1', 'web-1', '--why', 'x'))
        self.assertEqual([('web-1', 'WAITING'), ('db-1', 'FAILED')], self.phases())

    def test_until_then_they_are_looked_at_first_and_explained(self):
        self.open()
        self.assertIn('web-1', self.shown('status'))
        self.assertIn('db-1', self.shown('status'))


class Forget(scene.Scene):

    def test_a_host_that_is_gone_is_forgotten_with_its_setting_and_its_harmless_case(self):
        self.there_is(scene.an_inventory('c1', instances=()),
                      scene.a_case('c1', Stage.SUSPECTED, verdict=Verdict.UNDECIDED))
        self.put(records.HOST + 'c1', records.HostSetting(True, 'ann@m1', scene.at(0)))
        self.assertIn('c1 is forgotten', self.shown('host', 'forget', 'c1'))
        self.assertEqual({}, self.store.read(records.PREFIX).entries)

    def test_a_host_that_beats_is_not_forgotten(self):
        self.there_is(scene.an_inventory('c1'))
        self.beats('c1')
        self.assertIn('it beats', self.refused('host', 'forget', 'c1'))

    def test_a_host_under_judgement_is_not_forgotten(self):
        for stage in (Stage.DYING, Stage.LOCKED, Stage.LAST_LOOK, Stage.CONFIRMED):
            with self.subTest(stage=stage):
                self.there_is(scene.an_inventory('c1', instances=()), scene.a_case('c1', stage))
                self.assertIn(f'its case is {stage.value}', self.refused('host', 'forget', 'c1'))

    def test_a_locked_host_is_not_forgotten(self):
        self.a_dead_host()
        self.assertIn('it has a lock', self.refused('host', 'forget', 'c1'))

    def test_a_host_whose_recovery_is_under_way_is_not_forgotten(self):
        self.there_is(scene.an_inventory('c1'), scene.a_recovery('c1'))
        self.assertIn('its recovery is not finished', self.refused('host', 'forget', 'c1'))

    def test_a_suspected_host_whose_instances_may_still_run_is_not_forgotten(self):
        self.there_is(scene.an_inventory('c1'),
                      scene.a_case('c1', Stage.SUSPECTED, verdict=Verdict.UNDECIDED))
        self.assertIn('2 instances of it may still run (web-1, db-1)',
                      self.refused('host', 'forget', 'c1'))

    def test_a_host_on_which_something_is_to_be_started_again_is_not_forgotten(self):
        self.there_is(scene.an_inventory('c1', instances=()))
        starts = [restart.Start(uuid, name, restart.StartPhase.WAITING, 'its pause', 1, scene.at(1))
                  for uuid, name in ((scene.WEB, 'web-1'), (scene.DB, 'db-1'))]
        self.put(records.RESTART + 'c1', restart.Restart('c1', 'boot-2', tuple(starts)))
        self.assertIn('db-1, web-1 were on before', self.refused('host', 'forget', 'c1'))
        self.assertIn('kaopu-ha host wave-off c1', self.refused('host', 'forget', 'c1'))
        self.shown('host', 'wave-off', 'c1', '--why', 'they are brought up elsewhere')
        self.shown('host', 'forget', 'c1')
        self.assertEqual({}, self.store.read(records.PREFIX).entries)

    def test_nor_is_one_that_is_destroyed(self):
        self.a_dead_host(RecoveryStage.FINISHED)
        self.put(records.RESTART + 'c1', restart.Restart('c1', 'boot-2', (
            restart.Start(scene.WEB, 'web-1', restart.StartPhase.FAILED, '5 calls', 5,
                          scene.at(1)),)))
        said = self.refused('host', 'forget', '--destroyed', 'c1')
        self.assertIn('web-1 was on before, and waits', said)

    def test_an_unknown_host_is_named_as_such(self):
        self.assertIn('No host c9 is known', self.refused('host', 'forget', 'c9'))

    def test_a_destroyed_host_is_forgotten_and_what_stays_fenced_is_told(self):
        self.a_dead_host(RecoveryStage.FINISHED)
        said = self.shown('host', 'forget', '--destroyed', 'c1')
        self.assertIn('10.91.0.11:0/0, 10.91.0.11:0/77', said)
        left = self.store.read(records.PREFIX)
        for prefix in (records.CASE, records.LOCK, records.INVENTORY):
            self.assertNotIn('c1', left.under(prefix))
        self.assertIn('it was destroyed', self.shown('explain', 'c1'))
        cared = self.get(Aftercare, records.AFTERCARE + 'c1')
        self.assertTrue(cared.destroyed)
        self.assertIn(scene.WEB, [ward.instance for ward in cared.wards])

    def test_a_destroyed_host_leaves_the_definitions_of_what_was_never_moved(self):
        self.a_dead_host(RecoveryStage.FINISHED)
        definition = records.encode(records.DomainRecord('web', records.Power.ON, '<domain/>'))
        moved, stayed = f'{records.DOMAIN}c1/moved', f'{records.DOMAIN}c1/stayed'
        self.store.commit([], [
            ports.Put(moved, definition), ports.Put(stayed, definition),
            ports.Put(f'{records.DOMAIN}c2/moved', definition),
            ports.Put(records.SERVER + 'moved', records.encode(records.Owner('c2'))),
            ports.Put(records.SERVICE + 'c1', records.encode(records.Service(True)))])
        self.shown('host', 'forget', '--destroyed', 'c1')
        left = self.store.read(records.PREFIX)
        self.assertEqual(['c1/stayed', 'c2/moved'], list(left.under(records.DOMAIN)))
        self.assertEqual({}, left.under(records.SERVICE))

    def test_a_host_is_not_called_destroyed_before_its_recovery_is_finished(self):
        self.a_dead_host()
        self.assertIn('its recovery is not finished',
                      self.refused('host', 'forget', '--destroyed', 'c1'))

    def test_a_destroyed_host_is_not_forgotten_while_something_is_on_its_way_to_it(self):
        # Its case says that it never comes there; without one the move would wait for ever.
        for word, then in ((None, 'sent elsewhere within seconds'),
                           (Word('joe', '', 'x'), 'kaopu-ha recovery go-on c1 --destroyed'),
                           (Word('joe', '', 'x', destroyed=True), 'elsewhere within seconds')):
            self.there_is(scene.an_inventory('c1'), scene.a_case('c1', Stage.CONFIRMED),
                          scene.a_recovery('c1', RecoveryStage.FINISHED, word=word),
                          scene.an_evacuation(phase=Phase.MOVING, source='c3', target='c1'))
            said = self.refused('host', 'forget', '--destroyed', 'c1')
            self.assertIn('web-1 is on the way to it', said)
            self.assertIn(then, said)

    def test_only_a_confirmed_host_can_be_called_destroyed(self):
        self.there_is(scene.an_inventory('c1'), scene.a_case('c1', Stage.LAST_LOOK))
        self.assertIn('confirmed dead', self.refused('host', 'forget', '--destroyed', 'c1'))


class Brake(scene.Scene):

    def a_storm(self):
        self.there_is(*(scene.an_inventory(host) for host in ('c1', 'c2', 'c3')),
                      scene.a_case('c1'), scene.a_case('c2'))

    def test_it_is_released_for_exactly_the_hosts_that_count(self):
        self.a_storm()
        self.assertIn('The brake is released for c1, c2',
                      self.shown('brake', 'release', '--why', 'the room burned'))
        setting = self.get(records.BrakeSetting, records.BRAKE)
        self.assertEqual((('c1', 'c2'), who(), 'the room burned'),
                         (setting.released_for, setting.who, setting.why))
        self.assertRegex(self.shown('status'), 'brake +storm: released for all of c1, c2')

    def test_a_host_that_falls_silent_later_is_braked_again(self):
        self.a_storm()
        self.shown('brake', 'release')
        self.there_is(scene.a_case('c3'))
        self.assertEqual(['c3'], self.shown_json('status')['brake']['braked'])
        self.assertEqual(['c1', 'c2', 'c3'],
                         self.shown_json('brake', 'release')['brake']['released_for'])

    def test_without_a_storm_there_is_nothing_to_release(self):
        self.there_is(scene.an_inventory('c1'), scene.an_inventory('c2'), scene.a_case('c1'))
        self.assertIn('There is nothing to release. 1 host may count for a storm (c1)',
                      self.shown('brake', 'release'))
        self.assertIsNone(self.get(records.BrakeSetting, records.BRAKE))

    def test_what_was_released_is_not_released_twice(self):
        self.a_storm()
        self.shown('brake', 'release')
        shown = self.shown('brake', 'release')
        self.assertIn('There is nothing to release. The brake was released for c1, c2 by', shown)

    def test_a_host_on_hold_does_not_count(self):
        self.a_storm()
        self.put(records.HOST + 'c2', records.HostSetting(True, 'ann@m1', scene.at(0)))
        self.assertIn('nothing to release', self.shown('brake', 'release'))
