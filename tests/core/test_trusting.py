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

"""A notification that counts as a person's word, and when it counts no more."""

import dataclasses
import unittest

from kaopu_ha.core import notifications, trusting
from kaopu_ha.core.model import Evidence, Network, Sign, Stage, Verdict, Word
from kaopu_ha.core.news import Fact
from kaopu_ha.core.segments import Notification, NotificationKind, NotificationStatus
from tests.core.values import AT, BY, a_case, alive, rules, said_instead, undecided

TRUSTS = rules(trust_notifications=True)
STRANGER = Evidence(Network.STORAGE, Sign.UNKNOWN, 'a stranger', strangers=('10.1.0.9:0/1',))
LATER = '2026-01-01T00:10:00+00:00'


def said(**changes):
    return dataclasses.replace(Notification(
        1, 'n1', NotificationKind.COMPUTE_HOST, 'c1', 'h1', 's1', AT, AT,
        {'event': 'STOPPED', 'host_status': 'NORMAL'}, who='user ipmi by the API'), **changes)


def doubted(stage=Stage.SUSPECTED, **changes):
    """A case of which the storage does not say."""
    return dataclasses.replace(a_case(stage), **{
        'verdict': Verdict.UNDECIDED, 'rounds': (undecided(),)} | changes)


def see(case=None, **changes):
    return notifications.Seen(AT, **{'case': case or doubted(), 'opened': 7, 'told': 3} | changes)


def weighed(one=None, seen=None, its_rules=TRUSTS):
    """What a look makes of it, as the leader has it."""
    before, seen = one or said(), seen or see()
    return trusting.weighed(before, notifications.advance(before, seen, its_rules), seen, BY,
                            its_rules)


KNOWN = said(status=NotificationStatus.RUNNING, opened=7, told=3)


class Given(unittest.TestCase):

    def test_it_is_a_word_of_who_sent_it_with_its_reason(self):
        found = weighed()
        self.assertEqual(Word('user ipmi by the API', AT, f'notification n1, of {AT}',
                              destroyed=False, inventory=3), found.case.word)
        self.assertEqual([(Fact.WORD_GIVEN, 'c1')], [(one.fact, one.host) for one in found.news])
        self.assertTrue(found.notification.spent)

    def test_it_is_given_while_the_host_is_judged_and_once(self):
        for stage in Stage:
            judged = stage in (Stage.SUSPECTED, Stage.DYING, Stage.LOCKED, Stage.LAST_LOOK)
            self.assertIs(judged, weighed(seen=see(doubted(stage))).case is not None, stage)
        self.assertIsNone(weighed(weighed().notification).case)

    def test_by_default_it_is_none(self):
        found = weighed(its_rules=rules())
        self.assertEqual((None, False), (found.case, found.notification.spent))

    def test_a_case_that_is_opened_later_is_waited_for(self):
        first = weighed(seen=dataclasses.replace(see(), case=None, opened=0)).notification
        self.assertEqual((0, False), (first.opened, first.spent))
        found = weighed(first)
        self.assertEqual(7, found.notification.opened)
        self.assertIsNotNone(found.case)

    def test_nothing_else_that_is_said_is(self):
        for one in (said(payload={'event': 'STOPPED', 'host_status': 'UNKNOWN'}),
                    said(payload={'event': 'STARTED', 'host_status': 'NORMAL'}),
                    said(kind=NotificationKind.VM), said(status=NotificationStatus.FINISHED),
                    said(who='')):
            self.assertIsNone(weighed(one).case, one)


class NotGiven(unittest.TestCase):

    def test_where_a_word_would_change_nothing_or_people_hold_it(self):
        word = Word('joe', AT, 'I saw it')
        for seen in (see(doubted(verdict=Verdict.DEAD)), see(doubted(verdict=Verdict.ALIVE)),
                     see(doubted(word=word)), see(beats=True), see(held=True),
                     see(enabled=False),
                     see(doubted(rounds=(said_instead(undecided(), STRANGER),)))):
            self.assertIsNone(weighed(seen=seen).case, seen)

    def test_one_that_waits_for_a_doubt_gives_it_when_that_comes(self):
        first = weighed(seen=see(doubted(verdict=Verdict.DEAD))).notification
        self.assertFalse(first.spent)
        self.assertIsNotNone(weighed(first).case)

    def test_whatever_is_newer_than_it_ends_it_for_ever(self):
        for seen in (see(told=4), see(opened=8), see(doubted(verdict=Verdict.ALIVE)),
                     see(doubted(rounds=(alive(at=LATER), undecided())))):
            ended = weighed(KNOWN, seen)
            self.assertEqual((None, True), (ended.case, ended.notification.spent), seen)
            self.assertIsNone(weighed(ended.notification).case)

    def test_life_from_before_it_came_is_none(self):
        was = doubted(rounds=(alive(), undecided()))
        self.assertIsNotNone(weighed(seen=see(was)).case)
        self.assertIsNotNone(weighed(dataclasses.replace(KNOWN, life=AT), see(was)).case)

    def test_a_host_that_shows_life_when_it_comes_is_not_off(self):
        self.assertTrue(weighed(seen=see(doubted(verdict=Verdict.ALIVE))).notification.spent)

    def test_one_that_was_taken_before_it_was_trusted_is_not(self):
        self.assertTrue(weighed(said(status=NotificationStatus.RUNNING)).notification.spent)


if __name__ == '__main__':
    unittest.main()
