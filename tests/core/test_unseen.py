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
"""What is started where it was once its host is back, though its disks were not known."""

import dataclasses
import unittest

from kaopu_ha.core import unseen
from kaopu_ha.core.model import Phase, Power, Stage
from kaopu_ha.core.restart import Restart, Start
from kaopu_ha.core.restart import StartPhase as StartPhase
from tests.core.values import AT, BY, a_case, an_evacuation, an_instance, an_inventory

CASE = a_case(Stage.ADMITTING, recovery='c1-7')
BACK = an_inventory(boot_id='boot-2', instances=[an_instance('i1', Power.OFF)])


def move(**changes):
    return dataclasses.replace(an_evacuation(
        phase=Phase.NOT_RECOVERABLE, images=(), power=Power.ON), recovery='c1-7',
        instance='i1', **changes)


def to_start(*moves, inventory=BACK, before=None):
    found = unseen.to_start(CASE, inventory, moves, before, AT, BY)
    return [start.instance for start in found.unsettled] if found else []


class TestToStart(unittest.TestCase):

    def test_what_nobody_knew_the_disks_of_is_started_after_the_boot(self):
        self.assertEqual(['i1'], to_start(move()))

    def test_nothing_else_is(self):
        for name, moves, inventory in (
                ('no boot', [move()], dataclasses.replace(BACK, boot_id='boot-1')),
                ('of another recovery', [dataclasses.replace(move(), recovery='c1-6')], BACK),
                ('was off', [dataclasses.replace(move(), power=Power.OFF)], BACK),
                ('its disks were known', [dataclasses.replace(
                    move(), images=an_instance().images)], BACK),
                ('moved', [dataclasses.replace(move(), phase=Phase.DONE)], BACK),
                ('does not lie there', [move()], dataclasses.replace(BACK, instances=())),
                ('runs already', [move()], dataclasses.replace(
                    BACK, instances=(an_instance('i1'),)))):
            with self.subTest(name):
                self.assertEqual([], to_start(*moves, inventory=inventory))

    def test_what_a_person_waved_off_stays_so(self):
        before = Restart('c1', 'boot-2', (Start('i1', 'web', StartPhase.WAVED_OFF, 'ann'),))
        self.assertEqual([], to_start(move(), before=before))


class TestWithUnsettled(unittest.TestCase):

    @staticmethod
    def on(inventory, *starts):
        found = unseen.with_unsettled(inventory, Restart('c1', 'boot-2', starts))
        return {instance.uuid: instance.images for instance in found.on}

    def test_what_is_still_to_be_started_was_on(self):
        off = an_instance('i1', Power.OFF)
        for phase in StartPhase:
            self.assertEqual({} if phase.settled else {'i1': off.images}, self.on(
                an_inventory(instances=[off]), Start('i1', 'web', phase)), phase)

    def test_what_the_agent_never_told_of_has_no_image_to_ask_about(self):
        self.assertEqual({'i9': ()}, self.on(an_inventory(instances=[]),
                                             Start('i9', 'web', StartPhase.STARTING)))

    def test_nothing_changes_where_nothing_is_to_be_started(self):
        for record in (None, Restart('c1', 'boot-2')):
            self.assertIs(BACK, unseen.with_unsettled(BACK, record))
