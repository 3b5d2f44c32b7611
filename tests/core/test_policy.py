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

"""Whose instances are moved, and in which order."""

import dataclasses
import unittest

from kaopu_ha.core import left, policy, restart
from kaopu_ha.core.model import Mark, Phase, Priority, Source, Step
from kaopu_ha.core.news import Fact
from kaopu_ha.core.policy import Managed, Named, Policy
from tests.core.values import AT, BY, a_case, a_server, an_evacuation

STEP = Step(AT, BY, 'left', 'it opted out')
METADATA, TAG, FLAVOR = Source.METADATA, Source.TAG, Source.FLAVOR


def asked(*marks, given=None, **changes):
    return policy.answer(a_server(marks=tuple(Mark(*mark) for mark in marks), **changes),
                         given or Policy())


class TestOptingOut(unittest.TestCase):

    def test_nobody_said_anything_so_it_is_moved(self):
        self.assertEqual(policy.Ruling(), asked())

    def test_no_in_each_way_leaves_it_and_says_which_mark_did(self):
        for mark, told in (((METADATA, 'HA_Enabled', 'False'), 'metadata HA_Enabled=False'),
                           ((METADATA, 'ha_enabled', ' NO '), 'metadata ha_enabled= NO '),
                           ((TAG, 'HA_Enabled', 'off'), 'tag HA_Enabled=off'),
                           ((FLAVOR, 'HA_Enabled', '0'), 'flavor HA_Enabled=0')):
            self.assertEqual(f'it opted out: {told}', asked(mark).left)

    def test_yes_and_a_bare_tag_move_it_where_only_what_is_marked_is(self):
        given = Policy(protects_unmarked=False)
        self.assertIn('nobody marked it', asked(given=given).left)
        for mark in ((METADATA, 'HA_Enabled', 'True'), (TAG, 'HA_Enabled', ''),
                     (FLAVOR, 'HA_Enabled', 'on')):
            self.assertEqual('', asked(mark, given=given).left, mark)

    def test_the_mark_that_is_named_first_decides(self):
        marks = (FLAVOR, 'HA_Enabled', 'false'), (METADATA, 'HA_Enabled', 'true')
        self.assertEqual('', asked(*marks).left)
        self.assertIn('flavor', asked(*marks, given=Policy(
            protected_by=(Named(FLAVOR, 'HA_Enabled'), Named(METADATA, 'HA_Enabled')))).left)

    def test_a_mark_that_does_not_count_says_nothing(self):
        given = Policy(protected_by=(Named(FLAVOR, 'HA_Enabled'),))
        for mark in ((METADATA, 'HA_Enabled', 'False'), (TAG, 'HA_Enabled', 'no'),
                     (FLAVOR, 'HA_Enable', 'no')):
            self.assertEqual('', asked(mark, given=given).left)


class TestDoubt(unittest.TestCase):

    def test_what_is_not_understood_is_moved_and_told(self):
        for given in (Policy(), Policy(protects_unmarked=False)):
            for value in ('maybe', '', 'none', 'nein'):
                found = asked((METADATA, 'HA_Enabled', value), given=given)
                self.assertEqual(('', (f'metadata HA_Enabled={value}',)),
                                 (found.left, found.wrong))

    def test_a_doubt_is_not_undone_by_a_later_no(self):
        found = asked((METADATA, 'HA_Enabled', 'maybe'), (FLAVOR, 'HA_Enabled', 'no'))
        self.assertEqual('', found.left)

    def test_two_that_contradict_each_other_protect_and_are_told(self):
        for marks in (((TAG, 'HA_Enabled', 'yes'), (TAG, 'ha_enabled', 'no')),
                      ((METADATA, 'HA_Enabled', 'no'), (METADATA, 'ha_enabled', 'maybe'))):
            found = asked(*marks)
            self.assertEqual('', found.left)
            self.assertEqual(1, len(found.wrong))

    def test_two_that_say_the_same_in_other_words_are_understood(self):
        self.assertIn('it opted out', asked((TAG, 'HA_Enabled', 'off'),
                                            (TAG, 'ha_enabled', 'no')).left)

    def test_what_is_told_is_bounded_whatever_a_project_wrote(self):
        found = asked(*((TAG, 'HA_Enabled', 'm\U0001f600' * 20 + str(n)) for n in range(50)))
        self.assertLess(len(found.wrong[0]), 300)


class TestPriority(unittest.TestCase):

    def test_each_class_in_each_way(self):
        for mark, expected in (((METADATA, 'ha_priority', 'HIGH'), Priority.HIGH),
                               ((TAG, 'ha_priority', 'low'), Priority.LOW),
                               ((FLAVOR, 'ha:priority', 'medium'), Priority.NORMAL),
                               ((METADATA, 'HA_Enabled', 'True'), Priority.HIGH)):
            self.assertIs(expected, asked(mark).priority, mark)

    def test_why_it_has_its_class_is_known(self):
        self.assertEqual('metadata ha_priority=low',
                         asked((METADATA, 'ha_priority', 'low')).because)
        self.assertEqual('', asked().because)

    def test_a_number_and_a_bare_tag_are_not_understood(self):
        for mark in ((METADATA, 'ha_priority', '10'), (TAG, 'ha_priority', ''),
                     (METADATA, 'ha_priority', '')):
            found = asked(mark)
            self.assertIs(Priority.NORMAL, found.priority)
            self.assertEqual(1, len(found.wrong), mark)

    def test_one_wrong_mark_that_counts_twice_is_told_once(self):
        self.assertEqual(('metadata HA_Enabled=maybe',),
                         asked((METADATA, 'HA_Enabled', 'maybe')).wrong)

    def test_the_important_come_first_and_those_of_one_class_as_they_came(self):
        items = [an_evacuation(name, priority=priority) for name, priority in (
            ('i1', Priority.LOW), ('i4', Priority.NORMAL), ('i3', Priority.HIGH),
            ('i2', Priority.NORMAL), ('i0', Priority.HIGH))]
        self.assertEqual(['i3', 'i0', 'i4', 'i2', 'i1'],
                         [item.instance for item in policy.in_order(items)])

    def test_of_one_class_the_owners_take_turns_and_who_has_least_comes_first(self):
        items = [an_evacuation(name, recovery=name[0], priority=priority) for name, priority in (
            ('a1', Priority.NORMAL), ('a2', Priority.NORMAL), ('a3', Priority.HIGH),
            ('b1', Priority.NORMAL), ('b2', Priority.NORMAL), ('c1', Priority.NORMAL))]
        for has, expected in (({}, ['a3', 'b1', 'c1', 'a1', 'b2', 'a2']),
                              ({'b': 5}, ['a3', 'c1', 'a1', 'a2', 'b1', 'b2'])):
            turns = policy.in_turns(items, lambda item: item.recovery, has)
            self.assertEqual(expected, [items[place].instance for place in turns])


class TestManaged(unittest.TestCase):

    def test_what_its_owner_replaces_is_left_to_it_whatever_its_marks_say(self):
        given = Policy(managed=(Managed('Octavia', name='amphora-*', project='p1'),))
        found = asked((METADATA, 'HA_Enabled', 'True'), given=given, name='amphora-7f',
                      project='p1')
        self.assertEqual('left to Octavia, which replaces what it loses', found.left)

    def test_all_that_the_rule_names_has_to_be_so(self):
        given = Policy(managed=(Managed('Octavia', name='amphora-*', project='p1'),))
        for changes in ({'name': 'amphora-7f', 'project': 'p2'}, {'name': 'web', 'project': 'p1'},
                        {'name': 'my-amphora-7f', 'project': 'p1'}):
            self.assertEqual('', asked(given=given, **changes).left)

    def test_metadata_by_its_key_or_with_its_value_and_tags(self):
        for rule, mark, is_its in (
                (Managed('Senlin', metadata='cluster_id'), (METADATA, 'cluster_id', 'c9'), True),
                (Managed('Senlin', metadata='cluster_id'), (TAG, 'cluster_id', 'c9'), False),
                (Managed('Zuul', metadata='groups=zuul*'), (METADATA, 'groups', 'zuul,a'), True),
                (Managed('Zuul', metadata='groups=zuul*'), (METADATA, 'groups', 'web'), False),
                (Managed('CAPO', tag='cluster-*'), (TAG, 'cluster-a', ''), True),
                (Managed('CAPO', tag='owner=capo'), (TAG, 'owner', 'capo'), True),
                (Managed('CAPO', tag='owner=capo'), (TAG, 'owner', 'ann'), False)):
            self.assertEqual(is_its, bool(asked(mark, given=Policy(managed=(rule,))).left), rule)

    def test_a_rule_that_names_nothing_is_of_nobody(self):
        self.assertEqual('', asked(given=Policy(managed=(Managed('everybody'),))).left)

    def test_signs_of_expressions_are_signs(self):
        given = Policy(managed=(Managed('x', name='a.c+(1)?'),))
        self.assertTrue(asked(given=given, name='a.c+(1)7').left)
        self.assertFalse(asked(given=given, name='abccc17').left)


class TestWhatIsTold(unittest.TestCase):

    def test_what_was_left_is_told_with_its_outcome_and_wrong_marks_by_name(self):
        gone = an_evacuation('i1', Phase.LEFT, row=policy.ROW, reason='it opted out: x',
                             history=(STEP,))
        wrong = an_evacuation('i2', wrong_marks=('tag HA_Enabled=perhaps',))
        off = an_evacuation('i3', Phase.LEFT, reason='was powered off')
        news = left.told('c1', [gone, wrong, off], a_case())
        self.assertEqual([Fact.LEFT_BY_POLICY, Fact.WRONG_MARK], [one.fact for one in news])
        self.assertEqual('name of i1: it opted out: x', news[0].text)
        self.assertEqual(['left'], [one.result for one in news[0].outcomes])
        self.assertIn('name of i2: tag HA_Enabled=perhaps', news[1].text)

    def test_a_start_in_place_that_the_policy_leaves_is_left_from_the_beginning(self):
        starts = tuple(restart.Start(name, name, restart.StartPhase.WAITING)
                       for name in ('i1', 'i2'))
        servers = [a_server('i1', marks=(Mark(METADATA, 'HA_Enabled', 'no'),)), a_server('i2')]
        record, news = left.from_the_start(
            restart.Restart('c1', 'boot-2', starts), servers, Policy(), AT)
        self.assertEqual(['i2'], [start.instance for start in record.unsettled])
        self.assertEqual(['i1: it opted out: metadata HA_Enabled=no'], [one.text for one in news])
        self.assertNotIn('i1', restart.told(record, None)[0].text)

    def test_of_starts_nothing_is_said_where_nova_shows_no_marks(self):
        record = restart.Restart('c1', 'boot-2', (restart.Start('i1', 'i1',
                                                                restart.StartPhase.WAITING),))
        self.assertEqual((record, ()), left.from_the_start(record, [], Policy(), AT))

    def test_nothing_is_told_where_nobody_said_anything(self):
        self.assertEqual((), left.told('c1', [an_evacuation()], a_case()))

    def test_few_of_many_are_named(self):
        many = [dataclasses.replace(an_evacuation(f'i{number}', Phase.LEFT, row=policy.ROW),
                                    history=(STEP,)) for number in range(500)]
        news, = left.told('c1', many, a_case())
        self.assertLess(len(news.text), 2000)
        self.assertIn('and 490 more', news.text)
