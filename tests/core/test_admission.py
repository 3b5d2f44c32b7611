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

"""May a confirmed host come back, and in which steps."""

import dataclasses
import unittest

from kaopu_ha.core import admission, model
from kaopu_ha.core.admission import ASKS, Act, Answered, Decision, Did
from kaopu_ha.core.model import Contact, Phase, RecoveryStage, Stage
from kaopu_ha.core.requests import RequestState
from tests.core.values import (
    AT,
    BY,
    UUID,
    a_case,
    a_libvirt,
    an_admit_look,
    an_admitting,
    an_evacuation,
    an_inventory,
    rules,
    under_way,
)

OTHER = '00000000-0fab-4e65-8464-5b0756536421'
SAME_BOOT = an_inventory(boot_id='boot-1')
STEPS = tuple(Did)
RULES = rules()


def before(did):
    """A case ADMITTING that comes to this step now."""
    return an_admitting(*STEPS[:STEPS.index(did)])


def unfenced(case):
    """The case when its fence is about to be taken back, or was."""
    return dataclasses.replace(case, admit=dataclasses.replace(case.admit, unfenced=True))


def answered(act, state, answer='', seconds=60.0):
    return {'answers': {ASKS[act]: Answered(RequestState(state), answer, seconds)}}


def on_to_c3(phase):
    """An evacuation of i1 from c1 that went to c9 first."""
    return dataclasses.replace(under_way(phase, target='c9'), target='c3')


def advance(did, **changes):
    return admission.advance(before(did), an_admit_look(**changes), RULES)


class Refusal(unittest.TestCase):

    def test_a_confirmed_host_with_a_finished_recovery_and_libvirt_may_come_back(self):
        self.assertEqual('', admission.refusal(a_case(Stage.CONFIRMED), an_admit_look()))

    def test_a_host_in_any_other_stage_may_not(self):
        for stage in Stage:
            if stage is not Stage.CONFIRMED:
                self.assertEqual(f'it is not confirmed dead: its case is {stage.value}',
                                 admission.refusal(a_case(stage), an_admit_look()))

    def test_each_refusal_has_its_reason(self):
        unfinished = 'its recovery is not finished: an attempt may still be under way'
        other = 'another host answers at its address: its UUID is not the inventory\'s'
        # what is different -> the reason
        waits = ('its recovery is not finished: i1, i2 still to be moved. If no host will take '
                 'that: kaopu-ha recovery end c1 --why ... first; they start where they were, then')
        moves = [dataclasses.replace(an_evacuation(phase=phase), name=f'i{number}')
                 for number, phase in enumerate((Phase.MOVING, Phase.WAITING, Phase.QUEUED))]
        table = [({'recovery': None}, unfinished),
                 ({'unfinished': tuple(moves)}, unfinished + ' (i0)'),
                 ({'unfinished': tuple(moves[1:])}, waits)]
        table += [({'recovery': stage}, unfinished)
                  for stage in (RecoveryStage.PLANNED, RecoveryStage.EVACUATING)]
        table += [({'recovery': stage}, f'its recovery is {stage.value}: none of its instances is '
                   f'planned yet. If its fence can\'t hold: kaopu-ha recovery end c1 --why ... '
                   f'first; they start where they were, then')
                  for stage in (RecoveryStage.FENCING, RecoveryStage.PROVEN)]
        table += [({'libvirt': a_libvirt(contact=contact)},
                   f'its libvirt does not answer ({contact.value})') for contact in Contact
                  if contact is not Contact.ANSWERED]
        table += [
            ({'libvirt': a_libvirt(contact=Contact.NOTHING, reason='no route')},
             'its libvirt does not answer (no route)'),
            ({'libvirt': a_libvirt(host_uuid=OTHER)}, other),
            ({'libvirt': a_libvirt(host_uuid='')}, other),
            ({'inventory': None}, 'it has no inventory'),
            ({'libvirt': a_libvirt('i1'), 'moved_on': {'i1': on_to_c3(Phase.MOVING)}},
             'name of i1, which had come to it, is under way to c3 now'),
            ({'servers': frozenset({'i1'}), 'moved_on': {'i1': on_to_c3(Phase.DONE)}},
             'Nova shows name of i1 on it, which was moved on to c3: its record has to be mended '
             'by hand'),
        ]
        for changes, reason in table:
            with self.subTest(**changes):
                self.assertEqual(reason, admission.refusal(a_case(Stage.CONFIRMED),
                                                           an_admit_look(**changes)))

    def test_the_uuid_may_be_spelled_in_capitals(self):
        seen = an_admit_look(libvirt=a_libvirt(host_uuid=UUID.upper()))
        self.assertEqual('', admission.refusal(a_case(Stage.CONFIRMED), seen))

    def test_a_host_whose_uuid_was_never_known_is_not_recognized(self):
        seen = an_admit_look(inventory=an_inventory(host_uuid=''),
                             libvirt=a_libvirt(host_uuid=''))
        self.assertNotEqual('', admission.refusal(a_case(Stage.CONFIRMED), seen))


class TheOrder(unittest.TestCase):

    def test_the_steps_come_in_this_order(self):
        self.assertEqual(
            ('nova-compute restarted', 'evacuation records completed', 'left-over domains gone',
             'fence taken back', 'storage read from the host', 'lock deleted', 'beat there',
             'compute service not forced down'), tuple(did.value for did in Did))

    def test_a_host_that_was_rebooted_goes_through_them(self):
        case, seen, acts = an_admitting(), an_admit_look(), []
        answer = answered(Act.ASK_READ, 'done', 'read')
        for did in Did:
            # It beats when its lock is gone.
            seen = dataclasses.replace(seen, beat=Did.UNLOCKED.value in case.admit.steps, **answer)
            choice = admission.advance(case, seen, RULES)
            self.assertIs(did, choice.did)
            acts.append(choice.act)
            case = admission.noted(case, did)
        self.assertEqual([Act.NOTE, Act.NOTE, Act.NOTE, Act.UNFENCE, Act.NOTE, Act.UNLOCK,
                          Act.NOTE, Act.UNFORCE], acts)
        self.assertEqual(Decision(Act.CLOSE, 'it was admitted'),
                         admission.advance(case, seen, RULES))

    def test_nothing_is_asked_before_the_step_before_it_is_done(self):
        # A host of which nothing at all is known gets no further than to where it got before.
        dark = an_admit_look(libvirt=a_libvirt(contact=Contact.NOTHING), inventory=None,
                             servers=None, uncompleted=None, beat=False)
        # the step in hand -> act
        table = [(Did.COMPUTE, Act.WAIT), (Did.RECORDS, Act.WAIT), (Did.DOMAINS, Act.WAIT),
                 (Did.UNFENCED, Act.UNFENCE), (Did.STORAGE, Act.ASK_READ),
                 (Did.UNLOCKED, Act.UNLOCK), (Did.BEAT, Act.WAIT), (Did.UNFORCED, Act.UNFORCE)]
        for did, act in table:
            self.assertIs(act, admission.advance(before(did), dark, RULES).act, did)

    def test_the_fence_goes_only_after_what_was_evacuated_is_cleaned_away(self):
        for did in (Did.COMPUTE, Did.RECORDS, Did.DOMAINS):
            for changes in ({}, {'beat': False}, {'uncompleted': 1}, {'servers': None},
                            {'inventory': SAME_BOOT}, {'libvirt': a_libvirt('i1')}):
                self.assertNotIn(advance(did, **changes).act, (Act.UNFENCE, Act.UNLOCK))

    def test_a_step_that_is_noted_no_longer_waits(self):
        case = an_admitting(Did.COMPUTE)
        case = dataclasses.replace(case, admit=dataclasses.replace(case.admit, waiting_for='x'))
        self.assertEqual(an_admitting(Did.COMPUTE, Did.RECORDS),
                         admission.noted(case, Did.RECORDS))

    def test_only_a_case_that_is_admitting_is_advanced(self):
        for stage in Stage:
            if stage is not Stage.ADMITTING:
                self.assertRaises(AssertionError, admission.advance, a_case(stage),
                                  an_admit_look(), RULES)

    def test_a_host_that_dies_while_it_is_fenced_is_confirmed_as_before(self):
        for did in STEPS[:STEPS.index(Did.UNFENCED)]:
            case = before(did)
            found = admission.advance(case, an_admit_look(mute_seconds=60.0), RULES)
            self.assertIs(Act.FALL_BACK, found.act, did)
            back = admission.fallen_back(case, AT, BY, found.reason)
            self.assertEqual((Stage.CONFIRMED, None, found.reason),
                             (back.stage, back.admit, back.history[-1].reason))

    def test_one_that_dies_when_its_fence_is_gone_is_judged_like_any_other(self):
        for did in STEPS[STEPS.index(Did.UNFENCED):]:
            case = unfenced(before(did))
            unlocked = Did.UNLOCKED.value in case.admit.steps
            lost = {'beatless_seconds': 18.0} if unlocked else {'mute_seconds': 60.0}
            found = admission.advance(case, an_admit_look(**lost), RULES)
            self.assertIs(Act.SUSPECT, found.act, did)
            now = admission.suspected(case, SAME_BOOT, AT, BY, found.reason)
            self.assertEqual((Stage.SUSPECTED, case.admit, 0.0), (now.stage, now.admit, now.waited))

    def test_one_that_is_silent_for_moments_goes_on(self):
        for did in STEPS:
            case = before(did) if STEPS.index(did) < STEPS.index(Did.UNFENCED) else unfenced(
                before(did))
            found = admission.advance(case, an_admit_look(mute_seconds=59.0,
                                                          beatless_seconds=17.0), RULES)
            self.assertNotIn(found.act, (Act.FALL_BACK, Act.SUSPECT), did)

    def test_asked_twice_it_gives_the_same(self):
        for did in Did:
            self.assertEqual(advance(did), advance(did))


class Compute(unittest.TestCase):

    def test_a_new_boot_has_restarted_it(self):
        self.assertEqual(Decision(Act.NOTE, 'it was booted since', Did.COMPUTE),
                         advance(Did.COMPUTE))

    def test_the_same_boot_has_its_agent_restart_it(self):
        self.assertEqual(Decision(Act.ASK_RESTART, 'asked of its agent', Did.COMPUTE),
                         advance(Did.COMPUTE, inventory=SAME_BOOT))

    def test_the_agents_answer_decides(self):
        # state, answer -> choice
        table = [
            ('asked', '', Decision(Act.WAIT, 'its agent has to restart compute')),
            ('done', 'restarted', Decision(Act.NOTE, 'restarted', Did.COMPUTE)),
            ('failed', 'no unit', Decision(Act.ASK_RESTART,
                                         'asked again; its agent said: no unit', Did.COMPUTE)),
            ('refused', 'no', Decision(Act.ASK_RESTART, 'asked again; its agent said: no',
                                     Did.COMPUTE)),
        ]
        for state, answer, expected in table:
            with self.subTest(state=state):
                self.assertEqual(expected, advance(Did.COMPUTE, inventory=SAME_BOOT,
                                                   **answered(Act.ASK_RESTART, state, answer)))

    def test_what_it_could_not_do_is_not_asked_of_it_again_at_once(self):
        # seconds -> the act
        for seconds, act in ((0.0, Act.WAIT), (4.9, Act.WAIT), (5.0, Act.ASK_RESTART)):
            found = advance(Did.COMPUTE, inventory=SAME_BOOT,
                            **answered(Act.ASK_RESTART, 'failed', 'no unit', seconds))
            self.assertEqual((act, True), (found.act, 'no unit' in found.reason), seconds)

    def test_without_its_libvirt_it_waits_even_after_a_reboot(self):
        found = advance(Did.COMPUTE, libvirt=a_libvirt(contact=Contact.MUTE))
        self.assertEqual(Decision(Act.WAIT, 'its libvirt does not answer (mute)'), found)

    def test_with_another_hosts_libvirt_it_waits(self):
        found = advance(Did.COMPUTE, libvirt=a_libvirt(host_uuid=OTHER))
        self.assertIs(Act.WAIT, found.act)
        self.assertIn('another host answers', found.reason)


class Records(unittest.TestCase):

    def test_they_have_to_be_completed(self):
        # evacuations that are not -> choice
        table = [
            (None, Decision(Act.WAIT, 'Nova does not answer')),
            (2, Decision(Act.ASK_RESTART, 'asked of its agent')),
            (0, Decision(Act.NOTE, 'Nova shows none that is not completed', Did.RECORDS)),
        ]
        for uncompleted, expected in table:
            self.assertEqual(expected, advance(Did.RECORDS, uncompleted=uncompleted))

    def test_a_nova_compute_that_started_before_the_last_was_moved_is_restarted(self):
        # state of the request, for how long -> act
        table = [('asked', 0.0, Act.WAIT), ('done', 0.0, Act.WAIT), ('done', 59.9, Act.WAIT),
                 # Of two records of one instance each start takes one.
                 ('done', 60.0, Act.ASK_RESTART), ('failed', 60.0, Act.ASK_RESTART)]
        for state, seconds, act in table:
            choice = advance(Did.RECORDS, uncompleted=2,
                             **answered(Act.ASK_RESTART, state, seconds=seconds))
            self.assertIs(act, choice.act, (state, seconds))

    def test_while_it_cleans_up_the_reason_says_so(self):
        choice = advance(Did.RECORDS, uncompleted=2,
                         **answered(Act.ASK_RESTART, 'done', seconds=1.0))
        self.assertEqual('its nova-compute has to clean up 2 evacuations, which it does when it '
                         'starts; it is started again every 60 s, for at one start it cleans up '
                         'only one of those of the same instance', choice.reason)


class Domains(unittest.TestCase):

    def test_what_was_evacuated_and_is_left_over_is_to_be_removed(self):
        # domains of its libvirt, Nova's servers there -> to be removed
        table = [
            (('i1',), (), ('i1',)),
            (('i2', 'i1'), (), ('i1', 'i2')),
            (('i1', 'i2'), ('i2',), ('i1',)),
            (('i9',), (), ()),
            (('i1',), ('i1',), ()),
            ((), (), ()),
        ]
        for domains, servers, given in table:
            with self.subTest(domains=domains, servers=servers):
                choice = advance(Did.DOMAINS, libvirt=a_libvirt(*domains),
                                 servers=frozenset(servers), left_over=frozenset({'i1', 'i2'}))
                if given:
                    self.assertEqual(Decision(Act.ASK_REMOVE, 'asked of its agent', None, given),
                                     choice)
                else:
                    self.assertEqual(
                        Decision(Act.NOTE, 'its libvirt knows none that was evacuated',
                               Did.DOMAINS), choice)

    def test_that_its_agent_says_done_is_not_enough_while_libvirt_knows_them(self):
        found = advance(Did.DOMAINS, libvirt=a_libvirt('i1'),
                        **answered(Act.ASK_REMOVE, 'done', 'removed'))
        self.assertEqual((Act.ASK_REMOVE, None, ('i1',)), (found.act, found.did, found.given))

    def test_while_its_agent_is_at_it_it_waits(self):
        found = advance(Did.DOMAINS, libvirt=a_libvirt('i1'),
                        **answered(Act.ASK_REMOVE, 'asked'))
        self.assertEqual(Decision(Act.WAIT, 'its agent has to remove domains'), found)

    def test_what_was_moved_on_is_no_matter_of_what_nova_shows(self):
        # phase, domains of its libvirt, Nova's servers there -> act
        table = [(Phase.MOVING, ('i1',), (), Act.WAIT), (Phase.CALLING, (), ('i1',), Act.WAIT),
                 (Phase.MOVING, (), (), Act.NOTE), (Phase.MOVING, ('i9',), ('i9',), Act.NOTE),
                 (Phase.DONE, ('i1',), ('i1',), Act.WAIT), (Phase.DONE, (), ('i1',), Act.WAIT),
                 (Phase.DONE, ('i1',), (), Act.ASK_REMOVE), (Phase.DONE, (), (), Act.NOTE)]
        for phase, domains, servers, act in table:
            found = advance(Did.DOMAINS, libvirt=a_libvirt(*domains), servers=frozenset(servers),
                            left_over=frozenset({'i1'}), moved_on={'i1': on_to_c3(phase)})
            self.assertIs(act, found.act, (phase, domains, servers))
            misplaced = phase is Phase.DONE and 'i1' in servers
            self.assertIs(misplaced, found.needs_operator, (phase, domains, servers))

    def test_without_nova_or_libvirt_it_waits(self):
        self.assertEqual(Decision(Act.WAIT, 'Nova does not answer'),
                         advance(Did.DOMAINS, servers=None))
        self.assertEqual(Decision(Act.WAIT, 'its libvirt does not answer (refused)'),
                         advance(Did.DOMAINS, libvirt=a_libvirt(contact=Contact.REFUSED)))


class TheRest(unittest.TestCase):

    def test_the_fence_is_taken_back(self):
        self.assertEqual(
            Decision(Act.UNFENCE, 'what was evacuated is gone from it', Did.UNFENCED),
            advance(Did.UNFENCED))

    def test_its_agent_reads_the_storage(self):
        # state, answer -> choice
        table = [
            ('asked', '', Decision(Act.WAIT, 'its agent has to read storage')),
            ('done', 'read', Decision(Act.NOTE, 'read', Did.STORAGE)),
            ('failed', 'EBLOCKLISTED', Decision(
                Act.ASK_READ, 'asked again; its agent said: EBLOCKLISTED', Did.STORAGE)),
        ]
        self.assertEqual(Decision(Act.ASK_READ, 'asked of its agent', Did.STORAGE),
                         advance(Did.STORAGE, beat=False))
        for state, answer, expected in table:
            self.assertEqual(expected, advance(Did.STORAGE, beat=False,
                                               **answered(Act.ASK_READ, state, answer)))

    def test_of_a_host_that_beats_its_inventory_says_whether_it_reads(self):
        # signs, told since its boot -> the act
        life, silence = model.Sign.LIFE, model.Sign.SILENCE
        table = [({'ceph-1': life}, True, Act.NOTE), ({'ceph-1': life}, False, Act.WAIT),
                 ({'ceph-1': life, 'ceph-2': silence}, True, Act.WAIT)]
        for storage, told_since, act in table:
            found = advance(Did.STORAGE, beat=True, told_since=told_since,
                            inventory=an_inventory(storage=storage))
            self.assertIs(act, found.act, (storage, told_since))
        self.assertEqual(Decision(Act.WAIT, 'it does not reach its storage: ceph-2'), found)

    def test_the_answer_to_one_request_is_none_to_another(self):
        found = advance(Did.STORAGE, beat=False, **answered(Act.ASK_RESTART, 'done', 'restarted'))
        self.assertIs(Act.ASK_READ, found.act)

    def test_then_the_lock_is_deleted(self):
        self.assertEqual(Decision(Act.UNLOCK, 'it reads its storage', Did.UNLOCKED),
                         advance(Did.UNLOCKED))

    def test_its_beat_is_awaited(self):
        self.assertEqual(Decision(Act.WAIT, 'its beat is awaited'), advance(Did.BEAT, beat=False))
        self.assertEqual(Decision(Act.NOTE, 'its agent beats', Did.BEAT), advance(Did.BEAT))

    def test_what_we_forced_down_we_unforce_and_nothing_else(self):
        self.assertEqual(Decision(Act.UNFORCE, 'it was we who forced it down', Did.UNFORCED),
                         advance(Did.UNFORCED))
        self.assertEqual(
            Decision(Act.NOTE, 'it was not we who forced it down', Did.UNFORCED),
            advance(Did.UNFORCED, forced_by_us=False))


class MayBeLeft(unittest.TestCase):

    def test_what_its_recovery_listed_and_what_had_come_to_it_when_it_died(self):
        mine = an_evacuation('i1')
        came = under_way(instance='i2', target='c9', recovery='c8-3')
        moved_on = dataclasses.replace(came, target='c3')
        other = under_way(instance='i3', recovery='c8-3')
        self.assertEqual({'i1'}, admission.may_be_left('c1', 'c1-7', [mine, came, other]))
        self.assertEqual({'i2'}, admission.may_be_left('c9', 'c9-1', [mine, moved_on, other]))

    def test_what_had_come_to_it_and_was_moved_on(self):
        for phase in Phase:
            item = on_to_c3(phase)
            expected = {'i1': item} if phase in (Phase.CALLING, Phase.MOVING, Phase.DONE) else {}
            self.assertEqual(expected, admission.moved_on('c9', 'c9-1', [item]), phase)
        moved = on_to_c3(Phase.DONE)
        self.assertEqual({}, admission.moved_on('c3', 'c3-1', [moved]))
        self.assertEqual({}, admission.moved_on('c1', 'c1-7', [moved]))

    def test_what_was_its_own_when_it_died_later_is_its_own(self):
        own = an_evacuation('i1', phase=Phase.LEFT, recovery='c9-8')
        self.assertEqual({}, admission.moved_on('c9', 'c9-8', [on_to_c3(Phase.DONE), own]))
