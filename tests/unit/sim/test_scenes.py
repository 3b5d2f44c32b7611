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

"""Each scene catches what it is there for: the mutants, by the laws that are named here.

Runs of one scene alone: whatever comes into the other runs, this stays as it is.
"""

import logging
import unittest

from kaopu_ha.sim import runs
from kaopu_ha.sim.scenes_shared import SCENES
from tests.unit.sim import test_mutants  # noqa: F401  it imports all of them
from tests.unit.sim.mutants import MUTANTS

RUNS_MAX = 14
SILENT = 'nothing waits in silence'
RUNS = 'what can run runs'
STORM = 'no verdict in a storm'
TURN = 'looked at in its turn'
UNKNOWN = 'unknown is no silence'
REASONS = 'reasons are true'
OPTED_OUT, ROOM = 'what opted out is left', 'the important get room first'
TOLD = 'what is told is so'
LOST = 'the store loses answers while ends are written'
BUSY = 'hosts are as busy as nothing that is set aside says'
LEAST = 'the least used is taken'
UNSEEN = 'most of what a host has on nobody has seen, and it loses its power'
WRONG = 'a person is wrong about a host of which the storage does not say'
SLOW, OWN = 'a client of a shared volume is slow', 'an agent claims its own'
RIVALS = 'a sibling is at an address that its host claims no longer alone'
ANOTHERS = 'begun at an address of another host while nobody told'

FORETOLD = 'it was said who would come back, and the host dies'
TRUE = ('what is foretold comes true',)

# mutant, its scene, the laws of which one finds it
CAUGHT = (
    ('who answers alone on a shared volume is taken for the own', SLOW, (OWN,)),
    ('who is listed alone on a shared volume is taken for the own', SLOW, (OWN,)),
    ('a rival\'s client counts as life', RIVALS, (RUNS,)),
    ('what may be a rival\'s counts as silence', RIVALS,
     ('the living are spared', 'no call unfenced')),
    ('a dead host has to say no of its rival\'s client', RIVALS, (RUNS,)),
    ('a dead host has to say no of its rival\'s client',
     'booted with a sibling at an address that a dead host claims, too', (RUNS,)),
    ('a rival\'s client is cut with the dead',
     'nobody can tell for a while whose a sibling\'s client is', ('the living are not fenced',)),
    ('what is silent at an address of another host is not cut', ANOTHERS,
     ('one writer', 'no call unfenced')),
    ('what lives at an address of another host is a tool', ANOTHERS, ('the living are spared',)),
    ('nobody looks who begins while instances wait',
     'a guest begins where nobody told, long before anybody calls',
     ('one writer', 'no call unfenced')),
    ('edge instead of level', 'the leader is lost before the verdict', (TURN,)),
    ('beats have no grace', 'the leader is lost before the verdict', ('a beat has its grace',)),
    ('time counted under UNKNOWN', 'the observers are blind between two silent looks',
     ('late, never early',)),
    ('blind management counts as silence', 'management is blind, and storage is silent',
     (UNKNOWN,)),
    ('one silent image is enough', 'few of its instances can be asked about', (UNKNOWN,)),
    ('a list of guests that is old counts', 'guests come and go while the agent is dead',
     (UNKNOWN, 'the living are spared')),
    ('a client of nobody counts as silence',
     'its guests are known at an address that it does not tell',
     ('one writer', 'the living are spared', 'no call unfenced')),
    ('the answer of a kernel is ignored', 'a kernel lives behind a libvirtd that does not',
     ('a kernel that answers has the long waits',)),
    ('one suspect is looked at in each turn', 'suspects that live, many at once', (TURN,)),
    ('case written at each look', 'suspects that live, many at once',
     ('what is stored is bounded',)),
    ('release of the brake never ends', 'a storm was released long ago', (STORM,)),
    ('confirmed hosts leave the count of the brake', 'hosts fall one after the other', (STORM,)),
    ('no brake', 'hosts fall one after the other', (STORM,)),
    ('decode lets RecursionError through', 'one writes what is no record while another dies',
     ('no turn fails',)),
    ('unreadable record ends the turn', 'one writes what is no record while another dies',
     ('no turn fails',)),
    ('one host that fails ends the turn', 'the drivers choke on one while another dies',
     ('no turn fails',)),
    ('outside act without its deadline', 'a worker acts late', ('an act comes in time',)),
    ('task not checked against the epoch',
     'the fence can\'t be read while there are calls to make', ('no call unproven',)),
    ('whoever dies was the first', 'a thief claims everybody\'s addresses',
     ('the living are not fenced',)),
    ('whose record can\'t be read claims nothing',
     'a thief claims the address of one whose record can\'t be read',
     ('the living are not fenced',)),
    ('a newcomer holds a fence up', 'a thief claims everybody\'s addresses',
     ('no lie holds a fence up', RUNS)),
    ('second call while the first is unfinished', 'targets hang with their calls',
     ('no second call',)),
    ('second call while the first may run', 'Nova is slow',
     ('no second call', 'no call unconfirmed')),
    ('done asks for the disks that the old host told of', 'disks change before and after',
     (RUNS,)),
    ('what is not active is left', 'disks change before and after', (REASONS,)),
    ('a sibling of a shared volume counts as the instance',
     'a volume is shared with one on the target', (RUNS,)),
    ('who is no target is taken for one', 'guests start on few hosts', ('a target may be one',)),
    ('one target only is tried', 'guests start on few hosts', (REASONS,)),
    ('nothing is ever evacuated', 'Nova is slow', (REASONS,)),
    ('nobody asks for live clients before the first call', 'the source dies in a live migration',
     ('one writer',)),
    ('who is silent with a guest has it not', 'the source dies in a live migration',
     ('one writer',)),
    ('where a live migration may have ended nobody asks at a boot',
     'the source dies in a live migration', ('one writer',)),
    ('an admission leaves what Nova has elsewhere',
     'a guest that came unseen is fenced with its new host', ('one writer',)),
    ('an admission takes off every client that was cut',
     'a guest that came unseen is fenced by its client', ('one writer',)),
    ('a guest without its disk is not told of', 'the source dies in a live migration', (RUNS,)),
    ('of hosts that claim one address the last one has it',
     'another claims the address at which a guest came to run', ('one writer',)),
    ('a dying target is not asked about what comes to it', 'the target dies while it receives',
     (RUNS,)),
    ('late arrivals are not looked for', 'an instance arrives late on a host that is fenced',
     (RUNS,)),
    ('left-over domains are not looked for', 'a host comes back with what was moved',
     ('a host is taken back clean',)),
    ('a host that is taken back is not watched', 'a host dies while it is taken back',
     ('an admitting host is watched',)),
    ('what its user stopped is started again', 'stopped by its user, then its host reboots',
     ('what was stopped stays off',)),
    ('what went off just before the end is forgotten', 'a host is shut down in good order',
     (RUNS,)),
    ('the end of a move is not told', 'Nova is slow', ('ends are told',)),
    ('the end of a move is told of another instance', 'Nova is slow',
     (TOLD, 'ends are told')),
    ('a verdict is not told', 'Nova is slow', ('ends are told',)),
    ('each end is told as a move', 'guests start on few hosts', (TOLD,)),
    ('a verdict is written on an old look',
     'the store hangs between a look and what is written of it',
     ('a look counts while it is fresh',)),
    ('a blind leader keeps its leadership', 'the leader loses its storage link, and a host dies',
     ('the blind give way',)),
    ('who cannot fence keeps the leadership', 'the disk of the leader hangs, and a host dies',
     ('the blind give way',)),
    ('who died is told to be protected again', 'a host that was told not to be protected dies',
     (TOLD,)),
    ('a word counts though its host was heard of',
     'a host is switched on against a person\'s word', ('no call unfenced', 'one writer')),
    ('what is finished takes no other word',
     'a target that was said to be switched off never returns', (RUNS,)),
    ('what is said of a judged host is not kept', UNSEEN, ('people are told the truth',)),
    ('nobody\'s word is heard of a host that is judged', UNSEEN, (RUNS,)),
    ('a word stands against a live client of nobody', WRONG,
     ('no word against a live client', 'the living are spared', 'one writer')),
    ('what is said of a judged host outlives a sign of life', WRONG, ('life ends a word',)),
    ('what got no answer is told by nobody', LOST, ('ends are told',)),
    ('what got no answer is told at each look', LOST, ('an end is told once',)),
    ('a beat without a lease makes a target', 'a beat that no agent wrote outlives its host',
     ('a target may be one',)),
    ('what was to be started is forgotten by the next boot',
     'booted twice with guests of which no agent told', (RUNS,)),
    ('what is still to be started was off if its host is lost',
     'lost again before its guests could be started', (REASONS,)),
    ('who stopped it is asked last', 'stopped by its user while it may run elsewhere', (RUNS,)),
    ('a state is set while Nova is at work', 'targets hang with their calls',
     ('no state is set while Nova is at work',)),
    ('a state is set while its user is at it', 'stopped by its user as soon as it came',
     ('no state is set while its user is at it',)),
    ('what Nova shows on a dead host only later is forgotten',
     'Nova learns of a live migration when its target is long dead', (RUNS,)),
    ('who waits is told without a name', 'nobody may be a target for minutes', (SILENT,)),
    ('an admission takes back only what is not held',
     'some of it is fenced before no more of it may be', (RUNS, 'the living are not fenced')),
    ('silent clients of nobody are not fenced before the first call',
     'a guest begins after the verdict where nobody told', ('no call unfenced', 'one writer')),
    ('while more is held, nothing else of a cut order is cut',
     'a guest begins where only some may be fenced', ('one writer',)),
    ('a turn writes in whatever term it wakes', 'a turn goes on in the next term',
     ('one turn, one term',)),
    ('what waits is told once only', 'nobody may be a target for minutes', (SILENT,)),
    ('what opted out is moved', 'some need not be saved', (OPTED_OUT,)),
    ('what opted out is started again in place', 'some need not be saved', (OPTED_OUT,)),
    ('what its owner replaces is moved', 'some need not be saved', (OPTED_OUT,)),
    ('a mark that is not understood counts as no', 'some need not be saved', (REASONS, RUNS)),
    ('marks on flavors are not read', 'some need not be saved', (OPTED_OUT,)),
    ('what is not marked is left', 'some need not be saved', (REASONS, RUNS)),
    ('room is given in the order of names', 'there is not room for all', (ROOM,)),
    ('low and high change places', 'there is not room for all', (ROOM,)),
    ('workers take tasks in the order of names', 'there are more to be moved than workers take',
     ('the important are called for first',)),
    ('live use is not looked at', BUSY, (LEAST,)),
    ('the busiest host is taken', BUSY, (LEAST,)),
    ('what comes to a host makes it no busier', BUSY, (LEAST,)),
    ('a figure is renewed that nobody measures', BUSY, (LEAST, RUNS)),
    ('who tells no live use is taken for idle', BUSY, (LEAST,)),
    ('a change of use is never told', BUSY, (RUNS, LEAST)),
    ('live use outlives its lease', BUSY, (RUNS, LEAST)),
    ('what must not be fenced is not asked before the day', FORETOLD, TRUE),
    ('who its user stopped is foretold to come back', FORETOLD, TRUE),
    ('room is foretold to each alone', FORETOLD, TRUE),
    ('only those whose turn comes at once are foretold to come back', FORETOLD, TRUE),
    ('where instances may be is not asked before the day', FORETOLD, TRUE),
    ('what only Nova knows is foretold for sure', FORETOLD, TRUE),
    ('a host on hold is foretold to be recovered', FORETOLD, TRUE),
    ('local disks are foretold to move', FORETOLD, TRUE),
)


def setUpModule():
    # What the program logs of a world in trouble is no news here.
    logging.disable(logging.CRITICAL)


def tearDownModule():
    logging.disable(logging.NOTSET)


class Caught(unittest.TestCase):

    mutant, scene, laws = '', '', ()

    def find(self):
        for patch in MUTANTS[self.mutant]():
            patch.setUp()
            self.addCleanup(patch.cleanUp)
        for number in range(RUNS_MAX):
            _, wrong = runs.run(runs.story_of_scene(self.scene, number))
            if wrong:
                law = wrong[0].partition(' s: ')[2] or wrong[0]
                # A second writer may be told as surely dead before both write at once.
                laws = (*self.laws, *(('the dead are dead',) if 'one writer' in self.laws else ()))
                self.assertTrue(law.startswith(laws), wrong[0])
                return
        self.fail(f'{RUNS_MAX} runs of "{self.scene}" did not find it')


for place, (mutant, scene, laws) in enumerate(CAUGHT):
    globals()[f'TestCaught{place}'] = type(f'TestCaught{place}', (Caught,), {
        '__module__': __name__, 'mutant': mutant, 'scene': scene, 'laws': laws,
        'test_' + ''.join(letter if letter.isalnum() else '_' for letter in mutant): Caught.find})


class TestTheScenes(unittest.TestCase):

    def test_each_is_there_for_a_mutant(self):
        self.assertEqual(SCENES.keys(), {scene for _, scene, _ in CAUGHT})

    def test_none_breaks_a_law_without_one(self):
        for scene in SCENES:
            _, wrong = runs.run(runs.story_of_scene(scene, 0))
            self.assertEqual((), wrong, scene)

    def test_the_same_number_gives_the_same_life(self):
        self.assertEqual(runs.story_of_scene('Nova is slow', 1),
                         runs.story_of_scene('Nova is slow', 1))
        self.assertNotEqual(runs.story_of_scene('Nova is slow', 1).events,
                            runs.story_of_scene('Nova is slow', 2).events)
