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


import unittest

from kaopu_ha.core import foretelling
from kaopu_ha.core.protection import Reason, Unprotected


def an_item(host='c1', reason=Reason.NO_ROOM, text='i1: no room', instance='i1'):
    return Unprotected(host, reason, text, (instance,))


class TestWhatIsListed(unittest.TestCase):

    def setUp(self):
        self.memory = {}

    def look(self, *found, hosts=('c1', 'c2'), known=('c1', 'c2')):
        self.memory = foretelling.remembered(self.memory, hosts, found, known)
        return [item.text for item in foretelling.listed(self.memory)]

    def test_is_what_was_found_twice_in_a_row(self):
        self.assertEqual([], self.look(an_item()))
        self.assertEqual(['i1: no room'], self.look(an_item()))

    def test_is_not_what_comes_and_goes(self):
        for _ in range(3):
            self.assertEqual([], self.look(an_item()))
            self.assertEqual([], self.look())
        self.assertEqual({}, self.memory)

    def test_stays_until_it_was_missed_twice_in_a_row(self):
        self.look(an_item())
        self.look(an_item())
        for _ in range(3):
            self.assertEqual(1, len(self.look()))
            self.assertEqual(1, len(self.look(an_item())))
        self.look()
        self.assertEqual([], self.look())
        self.assertEqual({}, self.memory)

    def test_of_a_host_is_as_it_was_while_others_are_looked_at(self):
        self.look(an_item())
        for _ in range(3):
            self.assertEqual([], self.look(hosts=('c2',)))
        self.assertEqual(1, len(self.look(an_item())))
        for _ in range(3):
            self.assertEqual(1, len(self.look(hosts=('c2',))))

    def test_is_told_as_it_is_now(self):
        self.look(an_item())
        self.assertEqual(['i2: no room'], self.look(an_item(text='i2: no room')))

    def test_of_the_leader_before_stays_until_it_was_missed_twice(self):
        self.memory = foretelling.taken_over([an_item(), an_item(reason=Reason.NO_AGENT),
                                              an_item(reason=Reason.UNSEEN)])
        self.assertEqual(1, len(self.look()))
        self.assertEqual([], self.look())

    def test_is_by_host_and_reason(self):
        other = an_item('c2'), an_item(reason=Reason.LOCAL_DISK)
        self.look(an_item(), *other)
        self.assertEqual(3, len(self.look(an_item(), *other)))

    def test_is_who_has_no_place_all_the_time_for_whichever_reason(self):
        reasons = (Reason.NO_ROOM, Reason.DOUBTFUL) * 3
        found = [self.look(an_item(reason=reason, text=reason.value)) for reason in reasons]
        self.assertEqual([], found[0])
        self.assertEqual(['no sure host'], found[1])
        # Then both are listed, for each is missed once in a row only.
        self.assertEqual({'no room elsewhere', 'no sure host'}, set(found[5]))

    def test_is_no_other_instance_of_its_host(self):
        self.look(an_item())
        self.assertEqual([], self.look(an_item(reason=Reason.DOUBTFUL, instance='i2')))
        self.assertEqual([], self.look(an_item()))

    def test_is_forgotten_with_its_host(self):
        self.look(an_item())
        self.look(an_item())
        self.assertEqual([], self.look(hosts=(), known=('c2',)))

    def test_is_not_what_is_found_anyway_or_said_by_people(self):
        items = [an_item(reason=reason) for reason in (
            Reason.UNKNOWN_IMAGE, Reason.NO_AGENT, Reason.ON_HOLD, Reason.JUDGED)]
        self.look(*items)
        self.assertEqual([], self.look(*items))
