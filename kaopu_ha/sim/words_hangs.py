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


"""Threads that hang and machines that stand still: see ``words``."""

from __future__ import annotations

from kaopu_ha.sim import hangs
from kaopu_ha.sim.sentences import UnknownWords, Vocabulary
from kaopu_ha.sim.words_machines import a_daemon
from kaopu_ha.sim.world import World

WORDS = Vocabulary()

_FOR_EVER = 1e9


@WORDS.take('{process} hangs at its next {call}', 'the {process} hangs at its next {call}')
def _hangs(world: World, process: str, call: str) -> None:
    """The thread that makes this call next does not come back, until it is let go."""
    _hangs_for(world, process, call, str(_FOR_EVER))


@WORDS.take('{process} hangs at its next {call} for {seconds} s',
            'the {process} hangs at its next {call} for {seconds} s')
def _hangs_for(world: World, process: str, call: str, seconds: str) -> None:
    """The thread that makes this call next makes it so much later."""
    if call not in hangs.CALLS:
        raise UnknownWords(f'{call} is no call: {", ".join(hangs.CALLS)}')
    world.hangs.at_next(a_daemon(world, process).role, call, float(seconds))


@WORDS.take('what hangs goes on')
def _go_on(world: World) -> None:
    world.hangs.let_go()


@WORDS.take('the machine of {process} is paused', 'the machine of the {process} is paused')
def _pause(world: World, process: str) -> None:
    """As a hypervisor does it: the process stands still, and so does its monotonic clock."""
    a_daemon(world, process).pause()


@WORDS.take('the machine of a {role} is paused at its next act for {seconds} s')
def _pause_at_act(world: World, role: str, seconds: str) -> None:
    """Between the permit's yes and the act; no clock of it is set right when it goes on."""
    world.pauses_at_act[role] = float(seconds)


@WORDS.take('the machine of {process} goes on')
def _resume(world: World, process: str) -> None:
    a_daemon(world, process).thaw()


@WORDS.take('the disk of {node} hangs')
def _disk_hangs(world: World, node: str) -> None:
    """The child that is to fence does not start there; who has asked the networks goes on."""
    world.node(node).disk_hangs = True


@WORDS.take('the disk of {node} answers')
def _disk_answers(world: World, node: str) -> None:
    world.node(node).disk_hangs = False
