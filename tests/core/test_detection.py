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

"""Is this host dead?  The evidence table, the road of a case, and what leads off it."""

import dataclasses
import itertools
import unittest

from kaopu_ha.core import detection, model
from kaopu_ha.core.detection import Key
from kaopu_ha.core.model import Power, Stage, Verdict
from kaopu_ha.core.news import Fact, News
from tests.core.values import (
    AT,
    BY,
    LIFE,
    SILENCE,
    UNKNOWN,
    a_case,
    a_look,
    a_round,
    alive,
    an_instance,
    an_inventory,
    evidence_of,
    fast_rules,
    keys_of,
    rules,
    silent,
    undecided,
)

WAITING = (Stage.DYING, Stage.LOCKED, Stage.LAST_LOOK)
KERNEL = {'kernel_answers': True, 'rule': 'a live kernel refused the connection'}


class Life:
    """A case and its visible keys, looked at again and again, as a leader would."""

    def __init__(self, given, case=None):
        self.rules, self.case = given, case or a_case()
        self.death = self.lock = False
        self.dead_before = False

    def look(self, found=None, since=0.0, **changes):
        """One look; the decision, carried out."""
        seen = a_look(found, since_last=since if self.dead_before else 0.0, death=self.death,
                      lock=self.lock, **changes)
        decision = detection.advance(self.case, seen, self.rules)
        self.dead_before = found is not None and found.verdict is Verdict.DEAD
        self.case = decision.case
        self.death = {Key.WRITE: True, Key.DELETE: False}.get(decision.death, self.death)
        self.lock = {Key.WRITE: True, Key.DELETE: False}.get(decision.lock, self.lock)
        return decision


def walked(given, steps, case=None):
    """The road of a case: for each look the stage, the seconds waited and the keys there."""
    life, found = Life(given, case), []
    for item, since in steps:
        life.look(item, since)
        found.append((life.case.stage, life.case.waited,
                      ''.join(name for name, there in (('death ', life.death),
                                                       ('lock', life.lock)) if there).strip()))
    return found


def facts(decision):
    return [item.fact for item in decision.news]


class TheEvidenceTable(unittest.TestCase):

    def test_each_pair_of_signs_has_its_verdict(self):
        # libvirt, storage -> verdict
        table = [
            (LIFE, LIFE, Verdict.ALIVE),
            (LIFE, SILENCE, Verdict.ALIVE),
            (LIFE, UNKNOWN, Verdict.ALIVE),
            (SILENCE, LIFE, Verdict.ALIVE),
            (SILENCE, SILENCE, Verdict.DEAD),
            (SILENCE, UNKNOWN, Verdict.UNDECIDED),
            (UNKNOWN, LIFE, Verdict.ALIVE),
            (UNKNOWN, SILENCE, Verdict.UNDECIDED),
            (UNKNOWN, UNKNOWN, Verdict.UNDECIDED),
        ]
        self.assertEqual(9, len({row[:2] for row in table}))
        for management, storage, verdict in table:
            with self.subTest(management=management, storage=storage):
                found, rule = detection.judged((
                    evidence_of(model.Network.MANAGEMENT, management),
                    evidence_of(model.Network.STORAGE, storage)))
                self.assertIs(verdict, found)
                self.assertTrue(rule)

    def test_a_network_that_was_not_asked_condemns_nobody(self):
        silent = [evidence_of(network, SILENCE) for network in model.Network]
        self.assertIs(Verdict.DEAD, detection.judged(silent)[0])
        for one in silent:
            self.assertEqual((Verdict.UNDECIDED, f'the {one.network.value} network was not asked'),
                             detection.judged([other for other in silent if other is not one]))

    def test_the_rule_tells_a_lost_agent_from_a_host_that_is_cut_off(self):
        # libvirt, storage -> a word of the rule, the news of the first such round
        table = [(LIFE, SILENCE, 'only the agent is lost', Fact.AGENT_LOST),
                 (SILENCE, LIFE, 'cut off', Fact.CUT_OFF),
                 (UNKNOWN, LIFE, 'cut off', Fact.CUT_OFF),
                 (UNKNOWN, SILENCE, 'management network could not', Fact.UNDECIDED),
                 (SILENCE, UNKNOWN, 'storage network does not say', Fact.UNDECIDED)]
        for management, storage, words, fact in table:
            with self.subTest(management=management, storage=storage):
                item = a_round(management, storage)
                self.assertIn(words, item.rule)
                decision = detection.advance(a_case(), a_look(item), rules())
                self.assertEqual((News(fact, 'c1', item.rule),), decision.news)

    def test_a_missing_beat_opens_a_case_with_what_was_on(self):
        inventory = an_inventory(instances=[an_instance('i1'), an_instance('i2', Power.OFF),
                                            an_instance('i3', Power.PAUSED)])
        found = detection.opened(inventory, a_look())
        step = model.Step(AT, BY, 'suspected', 'its beat is gone')
        self.assertEqual(
            a_case(Stage.SUSPECTED, on_at_opening=('name of i1', 'name of i3'), history=(step,)),
            found)

    def test_a_beat_gets_a_third_of_its_ttl_and_two_seconds(self):
        self.assertEqual(6.0, detection.grace(rules(beat_ttl=12.0)))
        self.assertEqual(3.0, detection.grace(fast_rules(beat_ttl=3.0)))


class TheRoad(unittest.TestCase):

    def test_the_patents_waits_lead_to_confirmed(self):
        # round, seconds since the last -> stage, waited, keys there
        table = [((silent(), 0), (Stage.DYING, 0.0, 'death'))]
        table += [((silent(), 9), (Stage.DYING, 9.0 * number, 'death')) for number in range(1, 34)]
        table += [((silent(), 3), (Stage.LOCKED, 0.0, 'lock')),
                  ((silent(), 9), (Stage.LOCKED, 9.0, 'lock')),
                  ((silent(), 9), (Stage.LOCKED, 18.0, 'lock')),
                  ((silent(), 9), (Stage.LOCKED, 27.0, 'lock')),
                  ((silent(), 9), (Stage.LAST_LOOK, 0.0, '')),
                  ((silent(), 4), (Stage.CONFIRMED, 0.0, 'lock'))]
        self.assertEqual([expected for _, expected in table],
                         walked(rules(), [step for step, _ in table]))

    def test_the_fast_waits_lead_there_sooner(self):
        table = [((silent(), 0.0), (Stage.DYING, 0.0, 'death')),
                 ((silent(), 1.5), (Stage.DYING, 1.5, 'death')),
                 ((silent(), 1.5), (Stage.LOCKED, 0.0, 'lock')),
                 ((silent(), 1.5), (Stage.LOCKED, 1.5, 'lock')),
                 ((silent(), 1.5), (Stage.LAST_LOOK, 0.0, '')),
                 ((silent(), 1.5), (Stage.CONFIRMED, 0.0, 'lock'))]
        self.assertEqual([expected for _, expected in table],
                         walked(fast_rules(), [step for step, _ in table]))

    def test_a_kernel_that_answered_in_the_first_round_keeps_the_patents_waits(self):
        table = [((silent(**KERNEL), 0), (Stage.DYING, 0.0, 'death'))]
        table += [((silent(), 2), (Stage.DYING, 2.0 * number, 'death')) for number in range(1, 150)]
        table += [((silent(), 2), (Stage.LOCKED, 0.0, 'lock'))]
        table += [((silent(), 2), (Stage.LOCKED, 2.0 * number, 'lock')) for number in range(1, 15)]
        table += [((silent(), 2), (Stage.LAST_LOOK, 0.0, '')),
                  ((silent(), 2), (Stage.CONFIRMED, 0.0, 'lock'))]
        self.assertEqual([expected for _, expected in table],
                         walked(fast_rules(), [step for step, _ in table]))

    def test_each_change_of_stage_says_when_who_and_why(self):
        life = Life(fast_rules())
        for _ in range(6):
            life.look(silent(), 1.5)
        rule = 'etcd, management and storage are silent'
        self.assertEqual(
            tuple(model.Step(AT, BY, stage, reason, read_at=AT) for stage, reason in (
                ('dying', f'round 1: {rule}'), ('locked', 'silent for 2 s more'),
                ('last look', 'round 2: silent for 3 s more'),
                ('confirmed', f'last look: {rule}'))), life.case.history)

    def test_a_step_says_when_the_round_was_asked_that_it_read(self):
        item = dataclasses.replace(silent(), at='earlier')
        decision = detection.advance(a_case(), a_look(item), rules())
        self.assertEqual((AT, 'earlier'), (decision.case.history[-1].at,
                                           decision.case.history[-1].read_at))
        back = dataclasses.replace(a_look(item), beat=True)
        closed = detection.advance(a_case(), back, rules()).case
        self.assertEqual('', closed.history[-1].read_at)

    def test_the_case_keeps_what_its_last_beat_said_of_its_inventory(self):
        told = dataclasses.replace(a_look(silent()), beat_at='earlier', behind='x' * 1000)
        opened = detection.opened(an_inventory(), told)
        self.assertEqual(('earlier', 512), (opened.beat_at, len(opened.behind)))
        # A leader that never saw that beat takes nothing of it away; one that saw a later one does.
        case = detection.advance(opened, a_look(silent()), rules()).case
        self.assertEqual(opened.behind, case.behind)
        again = dataclasses.replace(a_look(silent()), beat_at='later')
        case = detection.advance(case, again, rules()).case
        self.assertEqual(('later', ''), (case.beat_at, case.behind))

    def test_confirmed_comes_with_the_permanent_lock_and_the_news(self):
        item = silent()
        decision = detection.advance(a_case(Stage.LAST_LOOK), a_look(item, death=True), rules())
        self.assertTrue(decision.confirm)
        self.assertIs(Key.WRITE, decision.lock)
        self.assertIs(Key.DELETE, decision.death)
        self.assertEqual((News(Fact.CONFIRMED, 'c1', item.rule),), decision.news)

    def test_no_other_step_confirms(self):
        for stage, item in itertools.product(detection.JUDGING, (silent(), alive(), undecided())):
            if (stage, item) != (Stage.LAST_LOOK, silent()):
                decision = detection.advance(a_case(stage), a_look(item, since_last=999),
                                             fast_rules())
                self.assertFalse(decision.confirm)

    def test_a_case_past_judging_may_not_be_asked_about(self):
        for stage in (Stage.CONFIRMED, Stage.ADMITTING, Stage.CLOSED):
            self.assertRaises(AssertionError, detection.advance, a_case(stage), a_look(silent()),
                              rules())

    def test_a_look_without_a_round_changes_nothing(self):
        for stage in detection.JUDGING:
            case = a_case(stage, waited=1.0)
            self.assertEqual(detection.Decision(case, again=5.0),
                             detection.advance(case, a_look(**keys_of(stage)), rules()))

    def test_asked_twice_it_gives_the_same(self):
        for stage, item, beat in itertools.product(
                detection.JUDGING, (silent(), alive(), undecided(), silent(**KERNEL), None),
                (True, False)):
            case = a_case(stage, waited=1.0)
            seen = dataclasses.replace(a_look(item, since_last=1.0, **keys_of(stage)), beat=beat)
            self.assertEqual(detection.advance(case, seen, fast_rules()),
                             detection.advance(case, seen, fast_rules()))


class Sparing(unittest.TestCase):

    def test_life_in_every_stage_spares_the_host_and_deletes_the_keys(self):
        for stage, item in itertools.product(WAITING, (alive(), a_round(SILENCE, LIFE),
                                                       a_round(UNKNOWN, LIFE))):
            with self.subTest(stage=stage, rule=item.rule):
                case = a_case(stage, waited=1.5)
                seen = a_look(item, since_last=1.0, death=True, lock=True)
                decision = detection.advance(case, seen, rules())
                step = model.Step(AT, BY, 'suspected', item.rule, read_at=AT)
                self.assertEqual(
                    a_case(Stage.SUSPECTED, verdict=Verdict.ALIVE, rounds=(item,), history=(step,)),
                    decision.case)
                self.assertEqual((Key.DELETE, Key.DELETE), (decision.death, decision.lock))
                self.assertFalse(decision.confirm)
                self.assertIn(News(Fact.LIFE_SPARED, 'c1', item.rule), decision.news)

    def test_keys_that_are_not_there_are_not_deleted(self):
        decision = detection.advance(a_case(Stage.LAST_LOOK), a_look(alive()), rules())
        self.assertEqual((Key.KEEP, Key.KEEP), (decision.death, decision.lock))

    def test_life_under_the_brake_or_on_hold_spares_as_well(self):
        for changes in ({'braked': True}, {'held': True}):
            decision = detection.advance(a_case(Stage.LOCKED), a_look(alive(), **changes), rules())
            self.assertIs(Stage.SUSPECTED, decision.case.stage)

    def test_a_host_that_was_spared_waits_in_full_again(self):
        steps = [(silent(), 0)] + [(silent(), 1.5)] * 4 + [(alive(), 1.5)]
        steps += [(silent(), 1.5)] * 6
        stages = [stage for stage, _, _ in walked(fast_rules(), steps)]
        self.assertEqual([Stage.LAST_LOOK, Stage.SUSPECTED, Stage.DYING, Stage.DYING, Stage.LOCKED,
                          Stage.LOCKED, Stage.LAST_LOOK, Stage.CONFIRMED], stages[4:])

    def test_life_is_told_once_while_it_stays_the_same(self):
        life = Life(rules())
        self.assertEqual([Fact.AGENT_LOST], facts(life.look(alive())))
        self.assertEqual([], facts(life.look(alive())))
        self.assertEqual([Fact.CUT_OFF], facts(life.look(a_round(SILENCE, LIFE))))
        self.assertEqual([Fact.AGENT_LOST], facts(life.look(alive())))


class Undecided(unittest.TestCase):

    def test_it_changes_no_stage_no_key_and_counts_no_seconds(self):
        for stage, item in itertools.product(detection.JUDGING, (undecided(),
                                                                 a_round(SILENCE, UNKNOWN))):
            with self.subTest(stage=stage, rule=item.rule):
                case = a_case(stage, waited=1.5)
                seen = a_look(item, since_last=1.0, **keys_of(stage))
                self.assertEqual(
                    detection.Decision(
                        a_case(stage, waited=1.5, verdict=Verdict.UNDECIDED, rounds=(item,)),
                        news=(News(Fact.UNDECIDED, 'c1', item.rule),), again=5.0),
                    detection.advance(case, seen, rules()))

    def test_unknown_at_the_last_look_repeats_it(self):
        steps = [(silent(), 0)] + [(silent(), 1.5)] * 4
        steps += [(undecided(), 1.5), (undecided(), 1.5), (silent(), 1.5)]
        self.assertEqual([Stage.LAST_LOOK, Stage.LAST_LOOK, Stage.LAST_LOOK, Stage.CONFIRMED],
                         [stage for stage, _, _ in walked(fast_rules(), steps)][4:])

    def test_it_is_told_once_while_it_stays_the_same(self):
        life = Life(rules())
        self.assertEqual([Fact.UNDECIDED], facts(life.look(undecided())))
        self.assertEqual([], facts(life.look(undecided())))


class Waiting(unittest.TestCase):

    def test_a_look_counts_two_intervals_at_most(self):
        # look interval, ask limit, since the last look -> counted
        table = [(5, 4, 0, 0), (5, 4, 4.5, 4.5), (5, 4, 10, 10), (5, 4, 10.1, 10), (5, 4, 3600, 10),
                 (1, 1.5, 2.9, 2.9), (1, 1.5, 60, 3)]
        for interval, limit, since, counted in table:
            with self.subTest(interval=interval, since=since):
                decision = detection.advance(
                    a_case(Stage.DYING, waited=7.0),
                    a_look(silent(), since_last=since, death=True),
                    rules(look_interval=interval, ask_limit=limit))
                self.assertEqual(7.0 + counted, decision.case.waited)

    def test_a_new_leader_goes_on_from_what_was_counted_and_counts_its_first_look_for_nothing(self):
        decision = detection.advance(a_case(Stage.DYING, waited=200.0),
                                     a_look(silent(), since_last=0.0, death=True), rules())
        self.assertEqual(200.0, decision.case.waited)

    def test_the_brake_and_a_hold_count_nothing_and_write_nothing(self):
        for stage, changes in itertools.product(detection.JUDGING, ({'braked': True},
                                                                    {'held': True})):
            with self.subTest(stage=stage, **changes):
                seen = a_look(silent(), since_last=5.0, **changes)
                decision = detection.advance(a_case(stage, waited=1.5), seen, rules())
                self.assertEqual((stage, 1.5), (decision.case.stage, decision.case.waited))
                self.assertEqual((Key.KEEP, Key.KEEP, ()),
                                 (decision.death, decision.lock, decision.news))
                self.assertFalse(decision.confirm)

    def test_a_key_gone_early_is_written_again(self):
        # stage -> death, lock when they are gone, and when they are there
        table = [(Stage.DYING, (Key.WRITE, Key.KEEP)), (Stage.LOCKED, (Key.KEEP, Key.WRITE))]
        for stage, gone in table:
            with self.subTest(stage=stage):
                decision = detection.advance(a_case(stage), a_look(silent(), since_last=1),
                                             rules())
                self.assertEqual(gone, (decision.death, decision.lock))
                decision = detection.advance(
                    a_case(stage), a_look(silent(), since_last=1, **keys_of(stage)), rules())
                self.assertEqual((Key.KEEP, Key.KEEP), (decision.death, decision.lock))

    def test_a_key_that_is_still_there_is_deleted_when_its_stage_ends(self):
        for there, expected in ((True, Key.DELETE), (False, Key.KEEP)):
            decision = detection.advance(a_case(Stage.DYING, waited=299),
                                         a_look(silent(), since_last=5, death=there), rules())
            self.assertEqual((Stage.LOCKED, expected, Key.WRITE),
                             (decision.case.stage, decision.death, decision.lock))
            decision = detection.advance(a_case(Stage.LOCKED, waited=29),
                                         a_look(silent(), since_last=5, lock=there), rules())
            self.assertEqual((Stage.LAST_LOOK, Key.KEEP, expected),
                             (decision.case.stage, decision.death, decision.lock))

    def test_the_lapse_of_a_key_alone_ends_no_stage(self):
        decision = detection.advance(a_case(Stage.DYING, waited=250),
                                     a_look(silent(), since_last=5, death=False), rules())
        self.assertEqual((Stage.DYING, 255), (decision.case.stage, decision.case.waited))

    def test_a_lock_left_over_goes_when_the_waits_begin(self):
        decision = detection.advance(a_case(), a_look(silent(), lock=True), rules())
        self.assertEqual((Key.WRITE, Key.DELETE), (decision.death, decision.lock))

    def test_the_last_round_of_a_stage_begins_so_that_it_ends_with_the_stage(self):
        # waited in DYING (300 s; a round takes 4) -> seconds to the next look
        table = [(0, 5), (280, 5), (291, 5), (292, 4), (295, 1), (296, 0.25), (299, 0.25)]
        for waited, again in table:
            with self.subTest(waited=waited):
                decision = detection.advance(a_case(Stage.DYING, waited=float(waited)),
                                             a_look(silent(), death=True), rules())
                self.assertEqual(again, decision.again)

    def test_the_last_look_is_taken_at_once(self):
        decision = detection.advance(a_case(Stage.LOCKED, waited=29),
                                     a_look(silent(), since_last=5, lock=True), rules())
        self.assertEqual((Stage.LAST_LOOK, 0.0), (decision.case.stage, decision.again))


class TheKernelAnswered(unittest.TestCase):

    def test_in_the_middle_it_brings_the_patents_waits_from_the_start(self):
        for stage in WAITING:
            with self.subTest(stage=stage):
                case = a_case(stage, waited=1.0)
                seen = a_look(silent(**KERNEL), since_last=1.0, lock=stage is Stage.LOCKED)
                decision = detection.advance(case, seen, fast_rules())
                self.assertEqual((Stage.DYING, 0.0, True),
                                 (decision.case.stage, decision.case.waited,
                                  decision.case.kernel_answered))
                self.assertIs(Key.WRITE, decision.death)
                self.assertIs(Key.DELETE if stage is Stage.LOCKED else Key.KEEP, decision.lock)
                self.assertFalse(decision.confirm)

    def test_it_begins_the_waits_anew_once(self):
        life = Life(fast_rules())
        for item in (silent(), silent(**KERNEL), silent(**KERNEL)):
            life.look(item, 1.5)
        self.assertEqual((Stage.DYING, 1.5), (life.case.stage, life.case.waited))

    def test_a_round_that_decided_nothing_remembers_it_as_well(self):
        refused = [a_round(SILENCE, UNKNOWN, **KERNEL), undecided(kernel_answers=True)]
        for stage, item in itertools.product(WAITING, refused):
            with self.subTest(stage=stage, rule=item.rule):
                self.assertFalse(self.confirmed_fast_after(stage, a_look(item)))

    def test_so_does_a_round_under_the_brake_or_on_hold(self):
        for stage, changes in itertools.product(WAITING, ({'braked': True}, {'held': True})):
            with self.subTest(stage=stage, **changes):
                look = a_look(silent(**KERNEL), **changes)
                self.assertFalse(self.confirmed_fast_after(stage, look))

    def confirmed_fast_after(self, stage, look):
        """Whether the host is confirmed in less than the patent's waits after this look."""
        case = detection.advance(a_case(stage, waited=1.0), look, fast_rules()).case
        waited = 0.0
        while waited < 329:
            decision = detection.advance(case, a_look(silent(), since_last=3.0), fast_rules())
            if decision.confirm:
                return True
            case, waited = decision.case, waited + 3.0
        return False

    def test_it_is_remembered_when_life_spares_the_host(self):
        life = Life(fast_rules())
        for item in (silent(**KERNEL), alive(), silent()):
            life.look(item, 1.5)
        self.assertTrue(life.case.kernel_answered)
        life.look(silent(), 3)
        self.assertEqual((Stage.DYING, 3.0), (life.case.stage, life.case.waited))

    def test_waits_that_are_longer_than_the_patents_stay(self):
        slow = rules(death_seconds=600, lock_seconds=60)
        self.assertEqual((600, 60), (slow.death_wait(True), slow.lock_wait(True)))
        self.assertEqual((300, 30), (fast_rules().death_wait(True), fast_rules().lock_wait(True)))
        self.assertEqual((2, 3), (fast_rules().death_wait(False), fast_rules().lock_wait(False)))


class TheBeatIsBack(unittest.TestCase):

    def test_it_closes_the_case_at_each_stage(self):
        for stage, item in itertools.product(detection.JUDGING, (silent(), undecided(), None)):
            with self.subTest(stage=stage):
                seen = dataclasses.replace(a_look(item, since_last=9, **keys_of(stage)),
                                           beat=True, beat_boot_id='boot-1')
                decision = detection.advance(a_case(stage, waited=999.0), seen, fast_rules())
                step = model.Step(AT, BY, 'closed', 'its beat is back')
                self.assertEqual(a_case(Stage.CLOSED, history=(step,)), decision.case)
                self.assertEqual((News(Fact.CASE_CLOSED, 'c1', 'its beat is back'),),
                                 decision.news)
                self.assertFalse(decision.confirm)
                self.assertIs(Key.DELETE if stage is Stage.DYING else Key.KEEP, decision.death)
                self.assertIs(Key.DELETE if stage is Stage.LOCKED else Key.KEEP, decision.lock)

    def test_after_a_reboot_the_instances_that_are_off_now_are_named(self):
        case = a_case(Stage.DYING, on_at_opening=('web', 'db', 'mail'))
        inventory = an_inventory(boot_id='boot-2', instances=[
            an_instance('i1', name='web'), an_instance('i2', Power.OFF, name='db')])
        seen = dataclasses.replace(a_look(inventory=inventory), beat=True, beat_boot_id='boot-2')
        decision = detection.advance(case, seen, rules())
        self.assertEqual('its beat is back, after a reboot', decision.case.history[-1].reason)
        self.assertEqual(
            News(Fact.REBOOTED, 'c1', 'it was rebooted; on before and not now: db, mail'),
            decision.news[-1])

    def test_an_inventory_from_before_the_reboot_says_nothing_of_now(self):
        case = a_case(Stage.DYING, on_at_opening=('web',))
        inventory = an_inventory(boot_id='boot-1', instances=[an_instance('i1', name='web')])
        seen = dataclasses.replace(a_look(inventory=inventory), beat=True, beat_boot_id='boot-2')
        self.assertIn('web', detection.advance(case, seen, rules()).news[-1].text)

    def test_a_reboot_that_left_nothing_off_is_only_a_reason(self):
        seen = dataclasses.replace(a_look(), beat=True, beat_boot_id='boot-2')
        self.assertEqual([Fact.CASE_CLOSED],
                         facts(detection.advance(a_case(), seen, rules())))


    def test_one_that_was_lost_while_it_was_taken_back_goes_on_with_that(self):
        admit = model.AdmitProgress('joe', steps=('lock deleted',), unfenced=True)
        for stage in (Stage.SUSPECTED, Stage.DYING, Stage.LOCKED, Stage.LAST_LOOK):
            seen = dataclasses.replace(a_look(**keys_of(stage)), beat=True, beat_boot_id='boot-2')
            decision = detection.advance(a_case(stage, admit=admit), seen, rules())
            self.assertEqual((Stage.ADMITTING, admit), (decision.case.stage, decision.case.admit))
            self.assertIs(Key.DELETE if stage is Stage.DYING else Key.KEEP, decision.death)


class Leaves(unittest.TestCase):
    """A host that said that it is being shut down has time to come back."""

    LEAVING = an_inventory(leaving=True)

    def look(self, case, inventory=LEAVING, since_last=0.0, found=None):
        seen = a_look(found or silent(), inventory=inventory, since_last=since_last)
        return detection.advance(case, seen, rules(leaving_seconds=20.0)).case

    def test_it_is_not_taken_for_dying_within_its_grace(self):
        case = self.look(a_case())
        for waited in (5.0, 10.0, 15.0):
            case = self.look(case, since_last=5.0)
            self.assertEqual((Stage.SUSPECTED, waited), (case.stage, case.waited))

    def test_after_it_it_is_judged_like_any_other(self):
        case = self.look(a_case(waited=15.0), since_last=5.0)
        self.assertEqual((Stage.DYING, 0.0), (case.stage, case.waited))

    def test_what_its_kernel_said_on_its_way_down_bars_nothing(self):
        case = self.look(a_case(), found=silent(**KERNEL))
        self.assertTrue(case.kernel_answered)
        case = self.look(dataclasses.replace(case, waited=15.0), since_last=5.0)
        self.assertEqual((Stage.DYING, False), (case.stage, case.kernel_answered))

    def test_one_whose_kernel_answers_after_its_grace_has_the_long_waits(self):
        answers = silent(**KERNEL)
        case = self.look(a_case(waited=15.0), since_last=5.0, found=answers)
        self.assertEqual((Stage.DYING, True), (case.stage, case.kernel_answered))
        case = self.look(a_case(waited=15.0, kernel_answered=True), since_last=5.0)
        case = self.look(dataclasses.replace(case, waited=1.0), since_last=1.5, found=answers)
        self.assertEqual((Stage.DYING, True, 0.0),
                         (case.stage, case.kernel_answered, case.waited))

    def test_a_round_that_could_not_ask_counts_no_time_of_it(self):
        case = self.look(a_case(waited=15.0), since_last=5.0, found=undecided())
        self.assertEqual((Stage.SUSPECTED, 15.0), (case.stage, case.waited))

    def test_what_it_said_in_another_boot_does_not_count(self):
        other = an_inventory(leaving=True, boot_id='boot-0')
        for inventory in (other, an_inventory(), None):
            self.assertIs(Stage.DYING, self.look(a_case(), inventory).stage)


class TheFileOfRounds(unittest.TestCase):

    def test_the_first_and_the_last_of_a_run_are_kept_with_the_count(self):
        life = Life(rules())
        for number in range(5):
            life.look(alive(at=f'{number}'))
        for number in range(5, 9):
            life.look(undecided(at=f'{number}'))
        life.look(alive(at='9'))
        self.assertEqual([('0', Verdict.ALIVE, 1), ('4', Verdict.ALIVE, 4),
                          ('5', Verdict.UNDECIDED, 1), ('8', Verdict.UNDECIDED, 3),
                          ('9', Verdict.ALIVE, 1)],
                         [(item.at, item.verdict, item.count) for item in life.case.rounds])

    def test_another_rule_begins_another_run(self):
        life = Life(rules())
        for rule in ('mute', 'mute', 'mute', 'refused'):
            life.look(undecided(rule=rule))
        self.assertEqual([('mute', 1), ('mute', 2), ('refused', 1)],
                         [(item.of(model.Network.MANAGEMENT).rule, item.count)
                          for item in life.case.rounds])

    def test_the_file_is_bounded_and_keeps_its_first_round(self):
        life = Life(rules(rounds_kept=6))
        for number in range(20):
            life.look((alive if number % 2 else undecided)(at=f'{number}'))
            self.assertLessEqual(len(life.case.rounds), 6)
        self.assertEqual(['0', '15', '16', '17', '18', '19'],
                         [item.at for item in life.case.rounds])

    def test_the_case_shows_the_verdict_of_its_last_round(self):
        life = Life(rules())
        for item in (alive(), undecided(), silent()):
            life.look(item)
            self.assertIs(item.verdict, life.case.verdict)


class SilentSince(unittest.TestCase):

    def since(self, *rounds, **changes):
        return detection.silent_since(a_case(rounds=rounds, **changes))

    def test_it_is_the_first_look_after_the_last_life(self):
        self.assertEqual('3', self.since(silent(at='1'), alive(at='2'), silent(at='3'),
                                         undecided(at='4'), silent(at='5')))

    def test_a_look_that_decided_nothing_showed_no_life_either(self):
        self.assertEqual('1', self.since(undecided(at='1'), silent(at='2')))

    def test_without_looks_or_with_life_in_the_last_it_is_not_known(self):
        self.assertEqual('', self.since())
        self.assertEqual('', self.since(silent(at='1'), alive(at='2')))

    def test_life_that_has_left_the_file_is_still_in_the_road(self):
        history = tuple(model.Step(at, BY, Stage.SUSPECTED.value, '') for at in ('1', '5'))
        self.assertEqual('5', self.since(silent(at='2'), silent(at='6'), history=history))


class EveryShortLife(unittest.TestCase):
    """All sequences of six rounds, each a full interval after the one before it."""

    kinds = {'dead': silent(), 'alive': alive(), 'undecided': undecided()}
    given = fast_rules()
    interval = 2 * 1.5

    def test_confirmed_never_comes_on_undecided_and_never_without_full_waits_since_life(self):
        confirmed = 0
        for names in itertools.product(self.kinds, repeat=6):
            life = Life(self.given)
            for number, name in enumerate(names):
                decision = life.look(self.kinds[name], self.interval)
                if decision.confirm:
                    confirmed += 1
                    self.check(names[:number + 1])
                    break
        self.assertGreater(confirmed, 0)

    def check(self, names):
        self.assertEqual('dead', names[-1], names)
        since_life = names[len(names) - names[::-1].index('alive'):] if 'alive' in names else names
        self.assertGreaterEqual(since_life.count('dead'), 4, names)
        silent_pairs = sum(one == other == 'dead'
                           for one, other in itertools.pairwise(since_life))
        # Round 1, at least one counted look in each of two stages, and the last look.
        self.assertGreaterEqual(silent_pairs, 2, names)

    def test_every_life_of_silence_alone_is_confirmed_in_the_end(self):
        for prefix in itertools.product(self.kinds, repeat=4):
            life = Life(self.given)
            for name in (*prefix, *['dead'] * 6):
                if life.case.stage is not Stage.CONFIRMED:
                    life.look(self.kinds[name], self.interval)
            self.assertIs(Stage.CONFIRMED, life.case.stage, prefix)

    def test_the_visible_keys_always_fit_the_stage(self):
        for names in itertools.product(self.kinds, repeat=6):
            life = Life(self.given)
            for name in names:
                life.look(self.kinds[name], self.interval)
                stage = life.case.stage
                self.assertEqual((stage is Stage.DYING, stage in (Stage.LOCKED, Stage.CONFIRMED)),
                                 (life.death, life.lock), names)
                if stage is Stage.CONFIRMED:
                    break
