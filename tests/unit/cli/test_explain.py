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


"""``kaopu-ha case``, ``recovery`` and ``explain`` against a real store."""

import dataclasses

from kaopu_ha import ports, records
from kaopu_ha.core import model, restart
from kaopu_ha.core.model import Phase, Priority, RecoveryStage, Sign, Stage, Step, Verdict
from kaopu_ha.telling import recovered, written
from tests.core import values
from tests.unit.cli import scene


def closed(case, minute=30, reason='its beat is back'):
    step = Step(scene.at(minute), 'ctl-1', 'closed', reason)
    return dataclasses.replace(case, stage=Stage.CLOSED, history=(*case.history, step))


class Cases(scene.Scene):

    def test_a_case_shows_the_seconds_waited_of_how_many(self):
        self.there_is(scene.a_case('c1', waited=120.4), scene.a_case('c2', Stage.LOCKED,
                                                                     waited=8.0))
        shown = self.shown('case', 'list')
        self.assertRegex(shown, r'c1 +\| dying +\| 120 of 300 s +\| dead')
        self.assertRegex(shown, r'c2 +\| locked +\| 8 of 30 s +\| dead')

    def test_the_configured_waits_are_shown_and_a_kernel_that_answered_lengthens_them(self):
        self.config.write_text(self.config.read_text() + '[detection]\npace = fast\n')
        self.there_is(scene.a_case('c1', waited=1.0),
                      scene.a_case('c2', waited=1.0, kernel_answered=True))
        shown = self.shown('case', 'list')
        self.assertRegex(shown, r'c1 +\| dying +\| 1 of 2 s')
        self.assertRegex(shown, r'c2 +\| dying +\| 1 of 300 s')

    def test_closed_cases_are_listed_when_asked_for(self):
        self.put(records.CLOSED + 'c1/0000000000000042', closed(scene.a_case()))
        self.assertEqual('No case is open.\n', self.shown('case', 'list'))
        self.assertRegex(self.shown('case', 'list', '--all'), r'c1 +\| closed')

    def test_a_host_that_never_had_a_case_is_explained_by_what_crashed_there(self):
        self.there_is(scene.an_inventory())
        self.put(records.RESTART + 'c1', restart.Restart('c1', 'b0071d00-0000', (restart.Start(
            scene.WEB, 'web-1', restart.StartPhase.RUNS, 'it runs again where it was', 1,
            scene.at(7), crashed=True),)))
        shown = self.shown('explain', 'c1')
        self.assertIn('c1: no case, and none is kept.', shown)
        self.assertIn('In its boot b0071d00', shown)
        self.assertIn(f'web-1 ({scene.WEB}): runs, 1 call: it runs again where it was', shown)
        told = self.shown_json('explain', 'c1')
        self.assertEqual((None, 'web-1'), (told['case'], told['restart']['starts'][0]['name']))
        # What was closed once is told as before.
        self.put(records.CLOSED + 'c1/0000000000000042', closed(scene.a_case()))
        self.assertNotIn('no case', self.shown('explain', 'c1'))

    def test_an_image_that_could_not_be_asked_is_named_once(self):
        round_ = scene.a_round(storage=model.Sign.UNKNOWN)
        other = dataclasses.replace(scene.DISK, name='db-1_disk')
        evidence = dataclasses.replace(
            round_.of(model.Network.STORAGE), unasked=(scene.DISK, other),
            answers=(model.Answer('vms/web-1_disk', 'timed out', model.Sign.UNKNOWN),))
        self.there_is(scene.an_inventory(), scene.a_case(
            rounds=(values.said_instead(round_, evidence),)))
        shown = self.shown('explain', 'c1')
        self.assertEqual(1, shown.count('vms/web-1_disk: timed out'))
        self.assertNotIn('web-1_disk could not', shown)
        self.assertIn('vms/db-1_disk could not be asked', shown)

    def test_the_evidence_is_a_table_with_signs_rules_and_counts(self):
        self.there_is(scene.a_case(rounds=(scene.a_round(), scene.a_round(6, 4, count=58))))
        shown = self.shown('case', 'show', 'c1')
        self.assertRegex(shown, r'00:06:04 +ctl-1 +x58 +verdict +dead +etcd, management and')
        self.assertRegex(shown, r'management +silence +nothing came back.*\(observer: eye-m\)')
        self.assertRegex(shown, r'storage +silence +no client of the host acknowledged')
        self.assertRegex(shown, r'00:01:08 +ctl-1 +dying +round 1')
        self.assertNotIn('vms/web-1_disk', shown)

    def test_each_answer_is_shown_when_more_is_asked_for(self):
        self.there_is(scene.a_case())
        for words in (('-v', 'case', 'show', 'c1'), ('case', 'show', 'c1', '-v')):
            self.assertIn('vms/web-1_disk: 1 client of the host, none acknowledged',
                          self.shown(*words))

    def test_the_last_closed_case_is_shown_when_none_is_open(self):
        self.put(records.CLOSED + 'c1/9', closed(scene.a_case(), reason='older'))
        self.put(records.CLOSED + 'c1/10', closed(scene.a_case(), reason='newer'))
        self.assertIn('newer', self.shown('case', 'show', 'c1'))

    def test_a_host_without_a_case_and_one_that_is_not_known_are_told_apart(self):
        self.there_is(scene.an_inventory('c1'))
        self.beats('c1')
        self.assertIn('There is no case on c1', self.refused('case', 'show', 'c1'))
        self.assertIn('No host c9 is known', self.refused('case', 'show', 'c9'))

    def test_the_record_is_whole_for_machines(self):
        case = scene.a_case()
        self.there_is(case)
        self.assertEqual(records.plain(case), self.shown_json('case', 'show', 'c1'))
        self.assertEqual([records.plain(case)], self.shown_json('case', 'list'))


class WhatThePolicySaid(scene.Scene):

    def a_host_with_marks(self):
        self.there_leads()
        left = dataclasses.replace(
            scene.an_evacuation(scene.DB, 'db-1', Phase.LEFT, '', attempts=0,
                                reason='it opted out: metadata HA_Enabled=no'), row='the policy')
        first = dataclasses.replace(
            scene.an_evacuation(), priority=Priority.HIGH, marked='tag ha_priority=high',
            wrong_marks=('metadata HA_Enabled=maybe',))
        self.there_is(scene.an_inventory('c1'), scene.a_case('c1', Stage.CONFIRMED),
                      scene.a_recovery(), left, first)

    def test_explain_says_which_mark_decided_and_how_to_move_it_all_the_same(self):
        self.a_host_with_marks()
        shown = self.shown('explain', 'c1')
        self.assertIn('was left where it is: it opted out: metadata HA_Enabled=no.', shown)
        self.assertIn('to move it all the same: kaopu-ha recovery retry db-1 --why', shown)
        self.assertIn('its priority is high: tag ha_priority=high', shown)
        self.assertIn('left nothing behind: metadata HA_Enabled=maybe', shown)

    def test_a_recovery_and_the_status_say_it_shortly(self):
        self.a_host_with_marks()
        shown = self.shown('recovery', 'show', 'c1')
        self.assertRegex(shown, 'high priority +web-1\n')
        self.assertRegex(shown, 'left by policy +db-1\n')
        self.assertRegex(shown, 'not understood +web-1: metadata HA_Enabled=maybe\n')
        self.assertNotIn('low priority', shown)
        status = self.shown('status')
        self.assertIn('c1-1234: left by the policy: db-1\n', status)
        self.assertRegex(status, 'not understood, and left nothing behind: web-1: metadata')

    def test_nothing_is_said_where_nobody_marked_anything(self):
        self.a_dead_host()
        for words in (('explain', 'c1'), ('recovery', 'show', 'c1'), ('status',)):
            shown = self.shown(*words)
            for text in ('priority', 'policy', 'understood'):
                self.assertNotIn(text, shown)


class Recoveries(scene.Scene):

    def test_a_recovery_is_found_by_its_id_and_by_its_host(self):
        self.a_dead_host()
        self.assertRegex(self.shown('recovery', 'list'), r'c1-1234 +\| c1 +\| evacuating +\| 3/3')
        for name in ('c1', 'c1-1234'):
            self.assertRegex(self.shown('recovery', 'show', name), 'recovery +c1-1234')

    def test_one_of_a_former_death_has_its_date_and_says_so(self):
        self.a_dead_host()
        shown = self.shown('recovery', 'show', 'c1')
        self.assertRegex(shown, 'began +2026-11-24 00:06:45')
        self.assertRegex(shown, '2026-11-24 00:06:45 +ctl-1 +fencing')
        self.assertNotIn('former death', shown)
        self.there_is(scene.a_case('c1', Stage.DYING))
        self.assertIn('of a former death: c1 is dying again now (kaopu-ha explain c1)',
                      self.shown('recovery', 'show', 'c1'))

    def test_its_instances_have_phase_way_attempts_seconds_and_reason(self):
        self.a_dead_host()
        shown = self.shown('recovery', 'show', 'c1')
        self.assertRegex(shown, r'web-1 +\S+ +done +c1 +c2 +1 +4 ')
        self.assertRegex(shown, r'db-1 +\S+ +failed +c1 +c3 +3 +0 +3 targets were tried')
        self.assertRegex(shown, r'(?m)ceph_blocklist +\S+ +10.91.0.11:0/0 +1$')

    def test_the_proof_is_there_only_while_its_key_is(self):
        self.a_dead_host()
        self.assertRegex(self.shown('recovery', 'show', 'c1'), 'proof +none within the last')
        self.put(records.PROOF + 'c1-1234', records.ProofMark('ctl-1', scene.at(7)))
        self.assertRegex(self.shown('recovery', 'show', 'c1'), 'proof +the fence was read back')
        self.assertEqual('ctl-1', self.shown_json('recovery', 'show', 'c1')['proof']['by'])

    def test_before_the_plan_the_instances_that_were_on_are_counted(self):
        self.there_is(scene.a_recovery(stage=RecoveryStage.FENCING))
        self.assertRegex(self.shown('recovery', 'list'), r'c1-1234 +\| c1 +\| fencing +\| 0/2')

    def test_one_that_is_not_there_is_refused_with_those_that_are(self):
        self.a_dead_host()
        self.assertIn('Recoveries: c1-1234', self.refused('recovery', 'show', 'c9'))


class Explain(scene.Scene):

    def test_a_confirmed_host_is_told_from_the_beat_to_each_instance(self):
        self.a_dead_host(RecoveryStage.FINISHED)
        shown = self.shown('explain', 'c1')
        told = ['its beat is gone', 'management says SILENCE: nothing came back',
                'vms/web-1_disk: 1 client of the host, none acknowledged',
                'the verdict of this round is DEAD', 'the key death is set',
                'the key lock is set', 'one last look', 'CONFIRMED dead',
                'ceph_blocklist on cluster 5ebab1e0', 'The fence is proven',
                'forced down by us', 'The recovery is finished',
                'db-1 (00000002-aaaa-4000-8000-000000000000) was NOT moved in 3 attempts: failed: '
                '3 targets were tried', 'was left where it is: was powered off',
                'was moved to c2 in 1 attempt, 4 s after it was planned',
                'kaopu-ha host admit c1']
        places = [shown.find(part) for part in told]
        self.assertNotIn(-1, places, dict(zip(told, places, strict=True)))
        self.assertEqual(sorted(places), places)

    def test_it_counts_calls_and_names_the_row_of_a_step(self):
        for calls, told in (((1, 1), 'in 2 attempts,'), ((1, 2), 'in 2 attempts (3 calls),')):
            item = scene.an_evacuation(attempts=2)
            item = dataclasses.replace(
                item, attempts=tuple(dataclasses.replace(made, calls=count) for made, count in
                                     zip(item.attempts, calls, strict=True)),
                history=(dataclasses.replace(item.history[0], row='first call'), *item.history[1:]))
            self.assertIn(told, recovered.fate(item))
        lines = list(written.instance(recovered.instance_told(item)))
        self.assertTrue(any(line.endswith('; row "first call")') for line in lines), lines)

    def test_a_row_is_told_with_what_would_have_changed_it(self):
        item = dataclasses.replace(
            scene.an_evacuation(phase=Phase.MOVING), row='arrived, its disk not open yet',
            reason='active on c2; its disk is not yet open there', target='c2')
        lines = list(written.instance(recovered.instance_told(item)))
        for line in ('    row "arrived, its disk not open yet", for: Nova shows it on c2; Nova '
                     'shows it as active, with no task',
                     '        if every disk of it is open on c2: done (row "arrived")'):
            self.assertIn(line, lines)

    def test_a_run_of_equal_rounds_is_one_sentence(self):
        self.there_is(scene.a_case(rounds=(scene.a_round(), scene.a_round(6, 4, count=58))))
        self.assertIn('Asked again 58 times until now, always with the same answers.',
                      self.shown('explain', 'c1'))

    def test_each_round_says_how_old_it_is_what_is_known_of_the_host(self):
        case = scene.a_case(rounds=(scene.a_round(), scene.a_round(6, 4, count=58)))
        for given, told in (
                ({}, 'what it had on: when its inventory was kept up last is not known\n'),
                ({'beat_at': scene.at(0, 58)},
                 'what it had on: its inventory was kept up until its beat was seen last, at '
                 '00:00:58 (10 s before)\n'),
                ({'beat_at': scene.at(0, 58)},
                 'same answers. What it had on: its inventory was kept up until its beat was seen '
                 'last, at 00:00:58 (5 min 6 s before).'),
                ({'beat_at': scene.at(0, 58), 'behind': 'not kept up since Monday: mute'},
                 'what it had on: its inventory was old already when its beat was seen last, at '
                 '00:00:58 (10 s before): not kept up since Monday: mute\n'),
                # A round says nothing of what libvirt told only after it.
                ({'guests_at': scene.at(2)}, 'what it had on: when its inventory was'),
                ({'guests_at': scene.at(2)},
                 'What it had on: its libvirt told at 00:02:00 (4 min 4 s before) which domains '
                 'run, and no other counts; when its inventory was kept up last is not known.')):
            self.there_is(dataclasses.replace(case, **given))
            self.assertIn(told, self.shown('explain', 'c1'))

    def test_each_rule_says_how_old_it_was_what_it_read(self):
        item = dataclasses.replace(scene.a_round(), asked_seconds=4.04)
        case = scene.a_case(rounds=(item,))
        history = (*case.history[:-1],
                   dataclasses.replace(case.history[-1], read_at=scene.at(1, 4)))
        self.there_is(dataclasses.replace(case, history=history))
        shown = self.shown('explain', 'c1')
        self.assertIn('DEAD: etcd, management and storage are silent (the answers came within '
                      '4.0 s).', shown)
        self.assertIn('(round 1: etcd, management and storage are silent); it read the round asked '
                      '4.0 s before.', shown)

    def test_a_host_that_was_spared_is_told_why(self):
        step = Step(scene.at(2), 'ctl-1', 'suspected', 'its libvirt answers')
        alive = scene.a_round(2, 0, management=Sign.LIFE, verdict=Verdict.ALIVE)
        self.there_is(dataclasses.replace(
            scene.a_case(rounds=(scene.a_round(), alive), more=(step,)), stage=Stage.SUSPECTED))
        self.assertIn('it shows life, so it is only suspected again (its libvirt answers)',
                      self.shown('explain', 'c1'))

    def test_a_closed_case_is_told_and_older_ones_by_their_number(self):
        self.put(records.CLOSED + 'c1/9', closed(scene.a_case(), reason='older'))
        self.put(records.CLOSED + 'c1/10', closed(scene.a_case(), reason='newer'))
        self.assertIn('the case is closed (newer)', self.shown('explain', 'c1'))
        self.assertIn('the case is closed (older)', self.shown('explain', 'c1', '--case', '2'))
        self.assertIn('2 closed cases', self.refused('explain', 'c1', '--case', '3'))

    def test_an_admission_is_told_with_what_it_waits_for(self):
        steps = (Step(scene.at(20), 'ctl-1', 'admitting', 'ann@m1 asked for it'),
                 Step(scene.at(21), 'ctl-1', 'nova-compute restarted', 'it was booted since'))
        case = scene.a_case(stage=Stage.CONFIRMED, more=steps)
        self.a_dead_host(RecoveryStage.FINISHED)
        self.there_is(dataclasses.replace(case, stage=Stage.ADMITTING, admit=model.AdmitProgress(
            'ann@m1', waiting_for='Nova does not answer')))
        shown = self.shown('explain', 'c1')
        self.assertIn('Admission: nova-compute restarted (it was booted since).', shown)
        self.assertIn('was asked by ann@m1 and waits for: Nova does not answer.', shown)

    def test_the_story_goes_on_without_a_recovery_that_is_not_kept(self):
        self.there_is(scene.a_case(stage=Stage.CONFIRMED))
        self.assertIn('The record of its recovery (c1-1234) is not there', self.shown('explain',
                                                                                     'c1'))

    def test_machines_get_the_records_and_the_sentences(self):
        self.a_dead_host()
        shown = self.shown_json('explain', 'c1')
        self.assertEqual(records.plain(scene.a_recovery()), shown['recovery'])
        self.assertEqual(3, len(shown['evacuations']))
        self.assertTrue(shown['story'][0].startswith('The case on c1 was opened'))

    def test_a_record_of_a_newer_release_is_said_plainly(self):
        self.store.commit([], [ports.Put(records.CASE + 'c1', '{"schema":99}')])
        self.assertIn('/kaopu-ha/case/c1: schema 99 is newer than 1', self.refused('explain', 'c1'))
