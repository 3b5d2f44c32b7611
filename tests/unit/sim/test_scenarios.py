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

"""Every story comes out as its file says; and it does so whoever loses his memory, and when.

``KAOPU_WRITE_LOGS=1`` writes the logs into the files anew, instead of comparing them: read the
difference before you commit it.  ``KAOPU_EVERY_PREFIX=1`` plays a story again for each of its
commits; otherwise for every n-th of them, from another one in each story.
"""

from collections.abc import Callable
import difflib
import functools
import logging
import os
import pathlib
import unittest
import zlib

from kaopu_ha.sim import expect, scenarios, story
from kaopu_ha.sim.story import Played, Story
from kaopu_ha.sim.world import World

WRITE_LOGS = os.environ.get('KAOPU_WRITE_LOGS') == '1'
EVERY_PREFIX = os.environ.get('KAOPU_EVERY_PREFIX') == '1'
EVERY_NTH = 1 if EVERY_PREFIX else 40

HOUR = 3600.0
# Who was killed starts again after so many seconds.
DOWN_SECONDS = 1.0
# A replay may be late: its end must come true not at once, but within so many seconds, and it is
# watched for some time in any case.
WATCHED_SECONDS = 20.0
LATE_SECONDS_MAX = 300.0
LATE_STEP = 5.0


def setUpModule():
    # What the program logs of a world in trouble is no news here: the timeline has it.
    logging.disable(logging.CRITICAL)


def tearDownModule():
    logging.disable(logging.NOTSET)


# ---------------------------------------------------------------- with memory lost


class Fatal:
    """Counts what controllers and workers commit, and kills who makes the ``number``-th commit."""

    def __init__(self, world: World, number: int = -1) -> None:
        self.count, self.victim, self.at = 0, '', 0.0
        self._world, self._number = world, number
        self._checkers, world.etcd.committed = world.etcd.committed, self._committed

    def _committed(self, who, writes, before) -> None:
        self._checkers(who, writes, before)
        if who.startswith(('controller', 'worker')):
            self.count += 1
            if self.count == self._number:
                self._kill(who)

    def _kill(self, who: str) -> None:
        kernel, role = self._world.kernel, who.split('/')[0]
        daemon = next(each for each in self._world.daemons() if each.role == role)
        self.victim, self.at = who, kernel.now
        # Not at once: it is a task of that process that commits.  But before its answer comes.
        kernel.at(kernel.now, daemon.kill)
        kernel.after(DOWN_SECONDS, daemon.start)


def commits(told: Story) -> int:
    """How many commits of controllers and workers a story has."""
    made: list[Fatal] = []
    story.play(told, lambda world: made.append(Fatal(world)))
    return made[0].count


def with_memory_lost(told: Story, number: int) -> tuple[Played, Fatal]:
    """Play a story and kill whoever makes this commit, right after it."""
    made: list[Fatal] = []
    played = story.play(told, lambda world: made.append(Fatal(world, number)))
    world, end = played.world, played.world.kernel.now
    world.run(end + WATCHED_SECONDS)
    while not world.stop() and unmet_in_the_end(told, world) and (
            world.kernel.now < end + LATE_SECONDS_MAX):
        world.run(world.kernel.now + LATE_STEP)
    return played, made[0]


def unmet_in_the_end(told: Story, world: World) -> list[str]:
    """What is expected for the last moment of the story, and is not so now."""
    last = [event.words.removeprefix('expect ') for event in told.events
            if event.at == told.end and event.words.startswith('expect ')]
    reasons = {words: expect.why_not(world, words) for words in last}
    return [f'{words}: {reason}' for words, reason in reasons.items() if reason]


# ---------------------------------------------------------------- the tests


def the_story(name: str) -> Story:
    return story.read(scenarios.text(name))


class Case(unittest.TestCase):

    maxDiff = None


class Told(Case):
    """Played as told."""

    def check(self, name: str) -> None:
        told = the_story(name)
        played = story.play(told)
        self.assertEqual((), played.wrong, f'{name}:\n{played.log}')
        self.assertTrue(any(event.at == told.end for event in told.events),
                        'the last moment says how things are')
        # The times of a story that takes its pace from the configuration are not known.
        if not told.pace:
            self.assertEqual(played.log, story.play(told).log, 'a seed gives the same bytes')
            return
        if WRITE_LOGS:
            write_log(name, played.log)
        elif told.log != played.log:
            self.fail(f'{name} has another log; KAOPU_WRITE_LOGS=1 takes it over\n'
                      + difference(told.log, played.log))


class MemoryLost(Case):
    """Played again with a controller or worker killed right after a commit."""

    def check(self, name: str) -> None:
        told = the_story(name)
        if told.end >= HOUR and not EVERY_PREFIX:
            self.skipTest('a story of hours takes half a minute each time: tools/run-tests long')
        made = commits(told)
        first = 1 + zlib.crc32(name.encode()) % min(EVERY_NTH, made)
        for number in range(first, made + 1, EVERY_NTH):
            played, fatal = with_memory_lost(told, number)
            found = [str(each) for each in played.checkers.found] or unmet_in_the_end(
                told, played.world)
            self.assertEqual([], found, f'{name}: {fatal.victim} was killed at {fatal.at:.3f} s, '
                                        f'after commit {number}\n{played.log}')


def write_log(name: str, log: str) -> None:
    path = pathlib.Path(scenarios.__file__).parent / f'{name}.yaml'
    text = scenarios.text(name).partition('\nlog: |')[0].rstrip('\n')
    # No line of the timeline begins at the margin, so YAML must be told where the margin is.
    path.write_text(f'{text}\nlog: |2\n' + ''.join(f'  {line}\n' for line in log.splitlines()))


def difference(expected: str, came: str) -> str:
    return ''.join(difflib.unified_diff(expected.splitlines(True), came.splitlines(True),
                                        'in the file', 'played now', n=2))


def a_test(kind: type, name: str) -> Callable[[Case], None]:
    return functools.partialmethod(kind.check, name)


def share(kind: type, first: int, shares: int) -> type:
    """A test class with every so-many-th story, so that several processes share the work."""
    tests = {f'test_{name.replace("-", "_")}': a_test(kind, name)
             for name in scenarios.names()[first::shares]}
    return type(kind.__name__, (kind,), tests)


class TestToldOne(share(Told, 0, 2)):
    pass


class TestToldTwo(share(Told, 1, 2)):
    pass


class TestMemoryLostOne(share(MemoryLost, 0, 4)):
    pass


class TestMemoryLostTwo(share(MemoryLost, 1, 4)):
    pass


class TestMemoryLostThree(share(MemoryLost, 2, 4)):
    pass


class TestMemoryLostFour(share(MemoryLost, 3, 4)):
    pass


if __name__ == '__main__':
    unittest.main()
