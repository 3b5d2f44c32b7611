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

"""What of a look a case keeps, when it is written, and how big it may be."""

import dataclasses
import unittest

from kaopu_ha import records
from kaopu_ha.core import casefile, detection, evacuation, fencing, model, texts
from kaopu_ha.core.model import Answer, Network, Sign, Stage
from tests.core import values

RULES = values.rules()


def images(number):
    return tuple(model.Image('f' * 36, 'volumes', f'volume-{n:036}', f'rbd_header.{n:014x}')
                 for n in range(number))


def a_full_look(number, *, management=Sign.SILENCE, first=0):
    """A look at a host with this many images, each with a client of its own."""
    lines = tuple(Answer(f'volumes/volume-{n:036}', '1 client of the host, none acknowledged',
                         Sign.SILENCE) for n in range(number))
    found = values.a_round(management, clients=tuple(f'10.1.0.1:0/{first + n}'
                                                     for n in range(number)))
    return values.told_instead(found, Network.STORAGE, answers=lines, unasked=images(number))


def looked_at(case, *looks):
    for look in looks:
        case = detection.advance(case, values.a_look(look), values.rules()).case
    return case


class TestWorthWriting(unittest.TestCase):

    def setUp(self):
        self.stored = looked_at(values.a_case(), values.alive(), values.alive(at='2026-01-02'))

    def test_counts_and_times_alone_are_not(self):
        later = looked_at(self.stored, values.alive(at='2026-01-03'))
        self.assertNotEqual(self.stored, later)
        self.assertFalse(casefile.worth_writing(self.stored, later, 1.0, RULES))

    def test_how_long_the_answers_took_is_not(self):
        rounds = [dataclasses.replace(item, asked_seconds=3.5) for item in self.stored.rounds]
        later = dataclasses.replace(self.stored, rounds=tuple(rounds))
        self.assertFalse(casefile.worth_writing(self.stored, later, 1.0, RULES))

    def test_after_some_time_they_are(self):
        self.assertTrue(casefile.worth_writing(self.stored, self.stored,
                                               RULES.case_written_seconds, RULES))

    def test_whatever_decides_is_at_once(self):
        for changes in ({'stage': Stage.DYING}, {'waited': 1.0}, {'kernel_answered': True},
                        {'verdict': model.Verdict.DEAD}, {'clients': ('10.1.0.1:0/1',)},
                        {'history': (model.Step('', '', '', ''),)}):
            with self.subTest(changes):
                self.assertTrue(casefile.worth_writing(
                    self.stored, dataclasses.replace(self.stored, **changes), 0.0, RULES))

    def test_another_answer_is(self):
        for look in (values.silent(), values.undecided()):
            self.assertTrue(casefile.worth_writing(
                self.stored, looked_at(self.stored, look), 0.0, RULES))


class TestGuests(unittest.TestCase):
    """What libvirt tells to run while the agent is lost, and what it tells no more."""

    TOLD = values.an_inventory(instances=[values.an_instance('i1'), values.an_instance('i2')])

    def heard(self, case, *guests):
        look = values.alive()
        look = values.told_instead(look, Network.MANAGEMENT, guests=guests)
        return casefile.with_guests(case, look, self.TOLD, values.rules(look_interval=50.0))

    def test_what_the_agent_told_last_and_libvirt_does_not_went_off(self):
        self.assertEqual({'i2': 1}, self.heard(values.a_case(), 'i1').went_off)

    def test_what_runs_again_did_not(self):
        case = self.heard(self.heard(values.a_case(), 'i1'), 'i1', 'i2')
        self.assertEqual((('i1', 'i2'), {}), (case.guests, case.went_off))

    def test_after_a_while_it_is_off_for_good(self):
        case = self.heard(self.heard(values.a_case(), 'i1'), 'i1')
        self.assertEqual({'i2': 2}, case.went_off)
        self.assertEqual({}, self.heard(case, 'i1').went_off)

    def test_while_libvirt_is_silent_nothing_ages(self):
        case = self.heard(values.a_case(), 'i1')
        self.assertEqual(case, casefile.with_guests(case, values.silent(), self.TOLD,
                                                    values.rules()))

    def test_the_count_alone_is_not_worth_a_write(self):
        case = self.heard(values.a_case(), 'i1')
        self.assertFalse(casefile.worth_writing(case, self.heard(case, 'i1'), 1.0, RULES))


class TestSize(unittest.TestCase):

    def test_a_case_of_many_images_stays_small(self):
        """300 instances with 4 disks each, in all that is written to confirm their host."""
        number = 1200
        case = values.a_case()
        for count in range(8):
            case = looked_at(case, a_full_look(number, management=Sign.LIFE),
                             a_full_look(number, first=count * number))
        self.assertLess(len(records.encode(case)), values.REQUEST_BYTES_MAX // 8)
        given = tuple(model.Instance(f'{n:036}', f'instance-{n:08x}', model.Power.ON,
                                     images(number)[4 * n:4 * n + 4]) for n in range(300))
        servers = [values.a_server(one.uuid, name='\U0001f600' * 255) for one in given]
        recovery = model.Recovery('r', 'c1', model.RecoveryStage.FENCING, orders=(
            model.FenceOrder('ceph_blocklist', 'f' * 36, ('10.1.0.1:0/0',),
                             fencing.known_clients(case)),),
            instances=evacuation.powered(values.an_inventory(instances=given), servers))
        self.assertLess(len(records.encode(case)) + len(records.encode(recovery)),
                        values.REQUEST_BYTES_MAX // 2)

    def test_no_client_is_lost_for_the_fence(self):
        case = values.a_case()
        for count in range(40):
            look = values.silent(clients=(f'10.1.0.1:0/{count}',))
            case = looked_at(case, values.alive(), look)
        self.assertEqual({f'10.1.0.1:0/{count}' for count in range(40)},
                         set(fencing.known_clients(case)))

    def test_but_one_that_turns_out_to_be_anothers_and_lives(self):
        mute = values.silent(clients=('10.1.0.1:0/1', '10.1.0.2:0/2'))
        lives = values.told_instead(values.silent(), Network.STORAGE, of_others=('10.1.0.2:0/2',))
        case = looked_at(values.a_case(), mute, lives)
        self.assertEqual(('10.1.0.1:0/1',), fencing.known_clients(case))
        self.assertEqual((), case.rounds[-1].of_others)
        case = looked_at(case, mute)
        self.assertIn('10.1.0.2:0/2', fencing.known_clients(case))

    def test_clients_of_an_older_release_are_known_still(self):
        old = dataclasses.replace(values.a_case(), rounds=(
            values.silent(clients=('10.1.0.1:0/7',)),))
        self.assertEqual(('10.1.0.1:0/7',), fencing.known_clients(old))

    def test_the_newest_clients_stay_if_there_are_too_many(self):
        case = looked_at(values.a_case(), a_full_look(5000), a_full_look(10, first=9000))
        self.assertLess(len(case.clients), 5000)
        self.assertIn('10.1.0.1:0/9009', case.clients)


class TestBrief(unittest.TestCase):

    def lines(self, look):
        return casefile.brief(look).of(Network.STORAGE).answers

    def test_few_images_have_a_line_each(self):
        self.assertEqual(4, len(self.lines(a_full_look(4))))

    def test_equal_answers_of_many_are_one_line_with_their_number(self):
        (line,) = self.lines(a_full_look(100))
        self.assertTrue(line.asked.endswith(' and 99 more'), line.asked)

    def test_the_one_answer_that_differs_is_kept(self):
        look = a_full_look(100)
        lines = list(look.of(Network.STORAGE).answers)
        lines[57] = Answer('vms/web', 'a client of the host acknowledged', Sign.LIFE)
        look = values.told_instead(look, Network.STORAGE, answers=tuple(lines))
        self.assertIn(lines[57], self.lines(look))

    def test_so_it_is_among_a_hundred_different_answers(self):
        look = a_full_look(100)
        lines = [Answer(f'vms/{n}', f'trouble {n}', Sign.UNKNOWN) for n in range(100)]
        lines[99] = Answer('vms/web', 'a client of the host acknowledged', Sign.LIFE)
        look = values.told_instead(look, Network.STORAGE, answers=tuple(lines))
        self.assertIn(lines[99], self.lines(look))
        self.assertLess(len(self.lines(look)), 20)

    def test_unasked_images_are_counted(self):
        brief = casefile.brief(a_full_look(100)).of(Network.STORAGE)
        self.assertEqual(100, len(brief.unasked) + brief.unasked_more)
        again = casefile.brief(casefile.brief(a_full_look(100)))
        self.assertEqual(brief, again.of(Network.STORAGE))


class TestBounded(unittest.TestCase):

    def test_a_text_that_fits_is_left_alone(self):
        for text in ('', 'web', 'w' * texts.NAME_BYTES_MAX, 'Datenbank für Übungen'):
            self.assertEqual(text, texts.bounded(text))

    def test_what_is_cut_fits_and_says_so(self):
        for sign in ('w', '"', '\x01', 'ü', '\U0001f600', '\ud800'):
            cut = texts.bounded(sign * 400)
            taken = len(records.encode(records.Leader(cut))) - len(records.encode(
                records.Leader('')))
            self.assertTrue(cut.endswith('...'))
            self.assertLessEqual(taken, texts.NAME_BYTES_MAX)
            self.assertGreater(taken, texts.NAME_BYTES_MAX - 16)
