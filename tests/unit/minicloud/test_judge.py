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

"""The judge of the mini cloud, on disks that were recorded on it.

two-writers is an evacuation without any fence: the old host's cables were pulled, Nova was told to
evacuate, the cables were put back. The image has no exclusive-lock.
"""

import dataclasses
import gzip
import json
from pathlib import Path
import unittest

from minicloud import judge, report


def area(name: str) -> bytes:
    """The writer's area of a recorded disk."""
    return gzip.decompress((Path(__file__).parent / 'disks' / f'{name}.gz').read_bytes())


def disk(name: str) -> judge.Disk:
    """A recorded disk."""
    return judge.parse(area(name))


def an_instance(**facts: str) -> judge.Expected:
    """An ordinary instance that runs, but for the facts given."""
    facts = {'uuid': 'u', 'name': 'inst-1', 'status': 'ACTIVE', 'power': 'running'} | facts
    return judge.Expected(**facts)


def block(number: int, line: str, whole: bytes) -> bytes:
    """The area with one block replaced."""
    begin = number * judge.BLOCK
    raw = f'{line}\n'.encode().ljust(judge.BLOCK, b'\0') if line else bytes(judge.BLOCK)
    return whole[:begin] + raw + whole[begin + judge.BLOCK :]


EMPTY = judge.parse(bytes(judge.AREA))
LATER = disk('one-boot-later')


class TestDisk(unittest.TestCase):
    def test_every_write_of_one_boot_is_read(self):
        found = disk('one-boot')
        self.assertEqual(found.head.n, found.journal[-1].n)
        self.assertEqual(range(1, found.head.n + 1), range(1, len(found.journal) + 1))
        self.assertEqual({found.head.boot}, {write.boot for write in found.journal})
        self.assertEqual((), found.conflicts)
        self.assertEqual((), found.damaged)

    def test_the_ring_is_read_in_the_order_of_the_numbers(self):
        whole = bytes(judge.AREA)
        for n in range(2000, 2010):
            number = judge.JOURNAL + n % judge.RING
            whole = block(number, f'LOG n={n} boot=aa ms={n}', whole)
        for n in range(1030, 1040):
            number = judge.JOURNAL + n % judge.RING
            whole = block(number, f'LOG n={n} boot=aa ms={n}', whole)
        numbers = [write.n for write in judge.parse(whole).journal]
        self.assertEqual([*range(1030, 1040), *range(2000, 2010)], numbers)

    def test_a_write_in_a_foreign_place_is_damage(self):
        whole = block(7, 'LOG n=3 boot=aa ms=1', bytes(judge.AREA))
        self.assertEqual((7,), judge.parse(whole).damaged)

    def test_rubbish_is_damage(self):
        whole = block(0, 'rubbish', bytes(judge.AREA))
        self.assertEqual((0,), judge.parse(whole).damaged)

    def test_a_short_read_is_an_empty_disk(self):
        self.assertIsNone(judge.parse(b'').head)


class TestHandover(unittest.TestCase):
    def test_one_boot_has_none(self):
        self.assertIsNone(judge.handover(disk('one-boot').journal))

    def test_it_tells_the_gap_and_both_counters(self):
        found = judge.handover(disk('handed-over').journal)
        self.assertEqual((45, 46), (found.counter_before, found.counter_after))
        self.assertEqual(11.212, found.gap_seconds)
        self.assertEqual('8f5040ca18664510', found.boot_before)
        self.assertEqual('9d72cd1ef8884977', found.boot_after)


class TestOneWriterAtATime(unittest.TestCase):
    def test_one_boot_after_the_other_is_well(self):
        for name in ('one-boot', 'two-boots', 'handed-over'):
            self.assertEqual([], judge.one_writer_at_a_time(disk(name)), name)

    def test_two_at_once_are_found_by_conflicts_and_by_turns(self):
        found = judge.one_writer_at_a_time(disk('two-writers'))
        self.assertEqual(2, len(found))
        self.assertIn('conflict records', found[0])
        self.assertEqual('writers take turns: 8f5040ca18664510, 9d72cd1ef8884977', found[1])

    def test_turns_in_the_journal_are_enough(self):
        quiet = dataclasses.replace(disk('two-writers'), conflicts=())
        self.assertEqual(1, len(judge.one_writer_at_a_time(quiet)))

    def test_one_conflict_is_enough(self):
        told = dataclasses.replace(disk('one-boot'), conflicts=('CONFLICT at=3',))
        self.assertEqual(['1 conflict records'], judge.one_writer_at_a_time(told))

    def test_a_writer_that_died_between_journal_and_head_is_well(self):
        found = disk('one-boot')
        head = dataclasses.replace(found.head, n=found.head.n - 1)
        self.assertEqual([], judge.one_writer_at_a_time(dataclasses.replace(found, head=head)))

    def test_a_head_far_behind_the_journal_is_an_overwritten_past(self):
        found = disk('one-boot')
        head = dataclasses.replace(found.head, n=found.head.n - 2)
        told = judge.one_writer_at_a_time(dataclasses.replace(found, head=head))
        self.assertEqual([f'the head says {head.n}, the journal {head.n + 2}'], told)

    def test_a_head_before_the_journal_is_wrong_too(self):
        found = disk('one-boot')
        head = dataclasses.replace(found.head, n=found.head.n + 1)
        self.assertEqual(1, len(judge.one_writer_at_a_time(dataclasses.replace(found, head=head))))


class TestVerdict(unittest.TestCase):
    def test_an_instance_that_writes_on_is_green(self):
        found = judge.judge(an_instance(), disk('one-boot'), LATER)
        self.assertEqual(('GREEN', ()), (found.verdict, found.reasons))
        self.assertTrue(found.growing)
        self.assertEqual(LATER.head.n, found.counter)
        self.assertEqual(found.counter - disk('one-boot').head.n, found.grown)

    def test_an_instance_that_stands_still_is_red(self):
        found = judge.judge(an_instance(), LATER, LATER)
        self.assertEqual(('RED', ('the counter does not grow',)), (found.verdict, found.reasons))

    def test_an_ordinary_instance_that_is_shut_off_is_red(self):
        lost = an_instance(status='SHUTOFF', power='shutdown')
        self.assertEqual('RED', judge.judge(lost, LATER, LATER).verdict)

    def test_one_that_was_powered_off_on_purpose_is_green(self):
        off = an_instance(role='off', status='SHUTOFF', power='shutdown')
        self.assertEqual('GREEN', judge.judge(off, LATER, LATER).verdict)

    def test_one_that_is_off_and_written_to_is_red(self):
        off = an_instance(role='off', status='SHUTOFF', power='shutdown')
        found = judge.judge(off, disk('one-boot'), LATER)
        self.assertEqual(('it is SHUTOFF, and somebody writes',), found.reasons)

    def test_a_paused_one_may_rest(self):
        paused = an_instance(role='paused', status='PAUSED', power='paused')
        self.assertEqual('GREEN', judge.judge(paused, LATER, LATER).verdict)

    def test_a_paused_one_that_runs_after_its_evacuation_has_to_write(self):
        found = judge.judge(an_instance(role='paused'), LATER, LATER)
        self.assertEqual(('the counter does not grow',), found.reasons)

    def test_a_counter_that_went_back_is_red(self):
        found = judge.judge(an_instance(), LATER, disk('one-boot'))
        self.assertIn('went back', found.reasons[0])

    def test_a_disk_that_was_not_read_is_red(self):
        found = judge.judge(an_instance(), LATER, 'ImageNotFound')
        self.assertEqual(('the disk was not read: ImageNotFound',), found.reasons)

    def test_a_disk_never_written_is_red(self):
        self.assertEqual('RED', judge.judge(an_instance(), EMPTY, EMPTY).verdict)


class TestReport(unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.well = judge.judge(an_instance(), disk('one-boot'), LATER)
        self.torn = judge.judge(
            an_instance(name='inst-2'), disk('handed-over'), disk('two-writers')
        )

    def test_one_red_instance_makes_the_verdict_red(self):
        self.assertIn('judge: RED 1 of 2', report.as_table([self.well, self.torn]))
        self.assertFalse(report.is_green([self.well, self.torn]))

    def test_the_verdict_is_green_when_all_are(self):
        self.assertIn('judge: GREEN 1 instances', report.as_table([self.well]))
        self.assertTrue(report.is_green([self.well]))

    def test_json_has_the_figures_of_each(self):
        told = json.loads(report.as_json([self.torn]))['instances'][0]
        self.assertEqual(('inst-2', 'RED'), (told['name'], told['verdict']))
        self.assertEqual(75, told['counter'])
        self.assertLess(0, told['conflicts'])
        self.assertIn('gap_seconds', told['handover'])


class TestAllDisks(unittest.TestCase):
    def setUp(self):
        root, volume = judge.Place('vms', 'u_disk', 0), judge.Place('volumes', 'volume-1', 0)
        self.instance = dataclasses.replace(an_instance(), places=(root, volume))
        self.first = disk('one-boot')

    def test_both_disks_of_an_instance_are_written(self):
        found = judge.judge_all(self.instance, (self.first,) * 2, (LATER,) * 2)
        self.assertEqual(('GREEN', (), True), (found.verdict, found.reasons, found.growing))

    def test_a_volume_that_nobody_writes_to_is_named(self):
        found = judge.judge_all(self.instance, (self.first,) * 2, (LATER, self.first))
        self.assertEqual(('RED', ('volumes/volume-1: the counter does not grow',), False),
                         (found.verdict, found.reasons, found.growing))

    def test_two_writers_on_a_volume_are_two_writers(self):
        conflict = dataclasses.replace(LATER, conflicts=('CONFLICT at=1',))
        found = judge.judge_all(self.instance, (self.first,) * 2, (LATER, conflict))
        self.assertEqual(('RED', 1, ('CONFLICT at=1',)),
                         (found.verdict, found.conflicts, found.conflict_records))

    def test_one_that_dies_with_its_host_need_not_write(self):
        local = dataclasses.replace(an_instance(role='local'), places=self.instance.places[:1])
        self.assertEqual('GREEN', judge.judge_all(local, (LATER,), (LATER,)).verdict)
