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

import unittest

from kaopu_ha.core import reminding, texts


def reminded(memory, found, now):
    return reminding.reminded(memory, found, now, ripe=lambda one: one.looks >= 2,
                              again_seconds=100.0)


class TestReminded(unittest.TestCase):

    def test_what_is_ripe_is_due_once_then_again_after_a_while(self):
        memory, due = {}, []
        for now in (0.0, 10.0, 50.0, 109.0, 110.0):
            told, memory = reminded(memory, ['a'], now)
            due.append(sorted(told))
        self.assertEqual([[], ['a'], [], [], ['a']], due)

    def test_since_when_it_is_open_is_kept_and_what_is_gone_is_forgotten(self):
        _, memory = reminded({}, ['a', 'b'], 0.0)
        _, memory = reminded(memory, ['a'], 10.0)
        self.assertEqual({'a': reminding.Open(0.0, 2, 10.0)}, memory)

    def test_the_same_twice_in_a_look_counts_once(self):
        due, memory = reminded({}, ['a', 'a'], 0.0)
        self.assertEqual((frozenset(), 1), (due, memory['a'].looks))


class TestFew(unittest.TestCase):

    def test_names_are_told_up_to_a_number(self):
        self.assertEqual('', texts.few([]))
        self.assertEqual('a, b', texts.few(iter('ab'), 2))
        self.assertEqual('a, b and 2 more', texts.few('abcd', 2))


if __name__ == '__main__':
    unittest.main()
