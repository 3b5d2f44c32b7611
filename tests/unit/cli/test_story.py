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


"""What lies between two values of a key, told; no store is needed."""

import dataclasses
import unittest

from kaopu_ha import records
from kaopu_ha.core import model
from kaopu_ha.core.model import Phase, Sign, Stage, Step, Verdict
from kaopu_ha.core.requests import RequestState, RequestVerb
from kaopu_ha.telling.story import told
from tests.unit.cli import scene


def tell(before, after, key):
    """Told of two records, or of one and None."""
    values = [None if record is None else records.encode(record) for record in (before, after)]
    return told(*values, key)


def texts(before, after, key):
    return [line.text for line in tell(before, after, key)]


class Beats(unittest.TestCase):
    BEAT = records.Beat('uuid', 'b0071d00-1')

    def test_a_beat_that_goes_is_a_warning(self):
        line, = tell(self.BEAT, None, records.ALIVE + 'c1')
        self.assertEqual(('c1', 'its beat is gone', 'warning'),
                         (line.host, line.text, line.level))

    def test_a_beat_that_comes_names_its_boot(self):
        self.assertEqual(['its beat is there (boot b0071d00)'],
                         texts(None, self.BEAT, records.ALIVE + 'c1'))

    def test_a_beat_that_is_written_again_is_no_news(self):
        self.assertEqual([], texts(self.BEAT, self.BEAT, records.ALIVE + 'c1'))

    def test_a_beat_with_a_new_boot_id_tells_of_the_reboot(self):
        rebooted = records.Beat('uuid', 'another')
        self.assertIn('it was rebooted', texts(self.BEAT, rebooted, records.ALIVE + 'c1')[0])

    def test_storage_that_a_host_lost_is_a_warning_and_its_return_is_good(self):
        well, lost = scene.an_inventory(), scene.an_inventory(sign=Sign.SILENCE)
        key = records.INVENTORY + 'c1'
        self.assertEqual(['warning'], [line.level for line in tell(well, lost, key)])
        self.assertEqual(['good'], [line.level for line in tell(lost, well, key)])

    def test_an_inventory_that_tells_of_other_instances_is_no_news(self):
        self.assertEqual([], tell(scene.an_inventory(), scene.an_inventory(instances=()),
                                  records.INVENTORY + 'c1'))


class Leader(unittest.TestCase):

    def test_a_leader_that_goes_leaves_nobody(self):
        self.assertEqual(['ctl-1 leads no more; nobody leads'],
                         texts(records.Leader('ctl-1'), None, records.LEADER))

    def test_a_new_leader_is_told_with_the_time_of_its_record(self):
        line, = tell(None, records.Leader('ctl-2', scene.at(3)), records.LEADER)
        self.assertEqual(('ctl-2 leads', scene.at(3)), (line.text, line.at))


class Cases(unittest.TestCase):
    KEY = records.CASE + 'c1'

    def test_a_new_round_comes_before_the_stage_it_led_to(self):
        before = scene.a_case(stage=Stage.SUSPECTED, verdict=Verdict.UNDECIDED, rounds=())
        lines = tell(before, scene.a_case(stage=Stage.DYING), self.KEY)
        self.assertEqual(['round', 'case'], [line.kind for line in lines])
        self.assertEqual(
            'asked: management silence (nothing came back, while others were reached), '
            'storage silence (no client of the host acknowledged): DEAD', lines[0].text)
        self.assertEqual('the case is DYING: round 1: etcd, management and storage are silent',
                         lines[1].text)

    def test_a_round_with_the_same_answers_is_a_detail(self):
        first = scene.a_case()
        again = dataclasses.replace(first, rounds=(scene.a_round(), scene.a_round(1, 13)))
        third = dataclasses.replace(first, rounds=(scene.a_round(),
                                                   scene.a_round(1, 18, count=2)))
        self.assertEqual(['detail'], [line.level for line in tell(first, again, self.KEY)])
        self.assertEqual(['detail'], [line.level for line in tell(again, third, self.KEY)])

    def test_a_round_with_other_answers_is_told(self):
        alive = scene.a_round(1, 13, management=Sign.LIFE, verdict=Verdict.ALIVE)
        after = scene.a_case(rounds=(scene.a_round(), alive))
        self.assertEqual(['info'], [line.level for line in tell(scene.a_case(), after, self.KEY)])

    def test_seconds_waited_are_no_news(self):
        self.assertEqual([], tell(scene.a_case(waited=10.0), scene.a_case(waited=15.0), self.KEY))

    def test_several_steps_in_one_write_are_all_told_in_order(self):
        lines = tell(None, scene.a_case(stage=Stage.CONFIRMED, rounds=()), self.KEY)
        self.assertEqual(['SUSPECTED', 'DYING', 'LOCKED', 'LAST LOOK', 'CONFIRMED'],
                         [line.text[len('the case is '):].partition(':')[0] for line in lines])
        self.assertEqual('error', lines[-1].level)

    def test_a_case_that_goes_is_told_by_the_closed_one_alone(self):
        before = scene.a_case()
        step = Step(scene.at(9), 'ctl-1', 'closed', 'its beat is back')
        closed = dataclasses.replace(before, stage=Stage.CLOSED, history=(*before.history, step))
        self.assertEqual([], tell(before, None, self.KEY))
        self.assertEqual(['the case is CLOSED: its beat is back'],
                         texts(None, closed, records.CLOSED + 'c1/0000000000000042'))

    def test_a_closed_case_that_leaves_its_shelf_is_no_news(self):
        self.assertEqual([], tell(scene.a_case(), None, records.CLOSED + 'c1/1'))

    def test_steps_of_an_admission_are_told_as_such(self):
        before = scene.a_case(stage=Stage.CONFIRMED, admit=model.AdmitProgress('ann'))
        step = Step(scene.at(20), 'ctl-1', 'lock deleted', 'it reads its storage')
        after = dataclasses.replace(before, history=(*before.history, step),
                                    admit=model.AdmitProgress('ann', waiting_for='its beat'))
        self.assertEqual(['admit: lock deleted (it reads its storage)', 'admit waits: its beat'],
                         texts(before, after, self.KEY))
        self.assertEqual({'info'}, {line.level for line in tell(before, after, self.KEY)})

    def test_only_a_lock_that_is_permanent_is_more_than_a_detail(self):
        passing, lasting = records.Lock('ctl-1', ''), records.Lock('ctl-1', '', permanent=True)
        key = records.LOCK + 'c1'
        self.assertEqual(['detail'], [line.level for line in tell(None, passing, key)])
        self.assertEqual(['its lock is permanent'], texts(passing, lasting, key))
        self.assertEqual(['its permanent lock is gone'], texts(lasting, None, key))


class Recoveries(unittest.TestCase):

    def test_a_recovery_tells_its_stages_what_was_not_fenced_and_what_it_waits_for(self):
        before = scene.a_recovery(stage=model.RecoveryStage.FENCING)
        after = dataclasses.replace(scene.a_recovery(stage=model.RecoveryStage.PROVEN),
                                    refused=('10.9.9.9 is a monitor',), waiting_for='Nova')
        self.assertEqual(
            ['the recovery is PROVEN: the fence was read back',
             'not fenced: 10.9.9.9 is a monitor', 'the recovery waits: Nova'],
            texts(before, after, records.RECOVERY + before.id))

    def test_a_proof_is_told_when_it_is_first_there_and_when_it_is_gone(self):
        mark, key = records.ProofMark('ctl-1', scene.at(7), (scene.FSID,)), 'proof of'
        key = records.PROOF + 'rack-1-c1-1234'
        first, = tell(None, mark, key)
        self.assertEqual(('rack-1-c1', 'the fence is proven: read back on 5ebab1e0'),
                         (first.host, first.text))
        again = dataclasses.replace(mark, at=scene.at(8))
        self.assertEqual([], tell(mark, again, key))
        self.assertEqual(['warning'], [line.level for line in tell(mark, None, key)])

    def test_each_phase_of_an_instance_is_told_once(self):
        done = scene.an_evacuation()
        key = f'{records.EVACUATION}c1-1234/{done.instance}'
        queued = dataclasses.replace(done, phase=Phase.QUEUED, history=done.history[:2])
        self.assertEqual(['web-1: waiting: was on: to be moved',
                          'web-1: queued: to c2, the least used that may'],
                         texts(None, queued, key))
        self.assertEqual(['web-1: calling', 'web-1: moving: Nova took the call',
                          'web-1: done: active on c2, its disk open there'],
                         texts(queued, done, key))

    def test_a_call_names_its_target(self):
        calling = dataclasses.replace(scene.an_evacuation(), phase=Phase.CALLING)
        calling = dataclasses.replace(calling, history=calling.history[:3])
        before = dataclasses.replace(calling, history=calling.history[:2])
        self.assertEqual(['web-1: calling to c2'], texts(before, calling, records.EVACUATION))

    def test_a_failure_is_an_error_with_its_reason(self):
        lines = tell(None, scene.an_evacuation(phase=Phase.FAILED, reason='3 targets were tried'),
                     records.EVACUATION + 'c1-1234/x')
        self.assertEqual([('web-1: failed: 3 targets were tried', 'error')],
                         [(line.text, line.level) for line in lines])

    def test_a_claim_is_a_detail(self):
        claim = records.Claim('wrk-1', 'c1-1234')
        key = records.CLAIM + 'web'
        self.assertEqual(['wrk-1 has web'], texts(None, claim, key))
        self.assertEqual(['wrk-1 leaves web'], texts(claim, None, key))


class People(unittest.TestCase):

    def test_a_hold_tells_who_and_why_and_its_end_is_told(self):
        hold = records.HostSetting(True, 'ann@m1', scene.at(0), 'new memory')
        key = records.HOST + 'c1'
        self.assertEqual(['on hold by ann@m1: new memory'], texts(None, hold, key))
        self.assertEqual(['not on hold any more'], texts(hold, None, key))

    def test_a_released_brake_names_its_hosts(self):
        released = records.BrakeSetting(('c1', 'c2'), 'ann@m1', scene.at(0))
        self.assertEqual(['the brake is released for c1, c2 by ann@m1'],
                         texts(None, released, records.BRAKE))

    def test_a_request_is_told_when_asked_when_answered_and_when_asked_again(self):
        asked = records.Request(RequestVerb.ADMIT, 'c1', 'ann@m1', scene.at(0))
        refused = dataclasses.replace(asked, state=RequestState.REFUSED,
                                      answer='its libvirt is silent')
        key = records.REQUEST + 'admit-c1'
        self.assertEqual(['ann@m1 asks: admit'], texts(None, asked, key))
        self.assertEqual(['admit: refused: its libvirt is silent'], texts(asked, refused, key))
        self.assertEqual(['ann@m1 asks: admit'], texts(refused, asked, key))


class Strange(unittest.TestCase):

    def test_a_record_of_a_newer_schema_is_an_error_that_names_the_host(self):
        line, = told(None, '{"schema": 99}', records.CASE + 'c1')
        self.assertEqual(('c1', 'error'), (line.host, line.level))
        self.assertIn('schema 99 is newer', line.text)

    def test_a_key_that_this_release_does_not_know_is_passed_over(self):
        self.assertEqual([], told(None, 'x', records.PREFIX + 'segment/1'))
        self.assertEqual([], told(None, 'x', records.LEADER + 'ship'))
