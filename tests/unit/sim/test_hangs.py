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


"""Who hangs at any call leads no more, and nobody waits for it longer than that."""

import logging
import unittest

from kaopu_ha.sim import hangs, story

# The host dies just after the hang began, or (200 s) while it is taken back.
STORY = '''
title: The leader hangs
pace: fast
controllers: 2
instances: {{web: c1, db: c2}}
story:
  - 20 kill agent-c2
  - 30 start agent-c2
  - {at} the leader hangs at its next {call}
  - 50 power off c1
  - 150 expect everything that can run runs
  - 210 power on c1
  - 230 admit c1
  - 330 expect c1 has no case
  - 330 expect it was told that controller-2/1 leads
  - 330 end
'''
# Calls that are made only while a host is taken back.
LATE = ('contact', 'migrations', 'mend')


def setUpModule():
    logging.disable(logging.CRITICAL)


def tearDownModule():
    logging.disable(logging.NOTSET)


class TestHangs(unittest.TestCase):

    def played(self, call, at):
        return story.play(story.read(STORY.format(call=call, at=at)))

    def test_at_each_call_another_leads_and_goes_on(self):
        for call in hangs.CALLS:
            with self.subTest(call=call):
                played = self.played(call, 200 if call in LATE else 49)
                self.assertEqual((), played.wrong)
                self.assertIn(f'controller-1/1 hangs at its {call}', played.log)
