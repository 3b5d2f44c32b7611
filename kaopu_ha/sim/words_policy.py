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

"""How people mark their instances: see ``words``.  A mark is ``KEY=VALUE``, or ``KEY`` of a tag."""

from __future__ import annotations

from kaopu_ha.core.model import Mark, Source
from kaopu_ha.sim import laws_notes
from kaopu_ha.sim.nova import SimServer
from kaopu_ha.sim.sentences import Vocabulary
from kaopu_ha.sim.world import World

WORDS = Vocabulary()


@WORDS.take('mark {instance} by metadata {mark}')
def _metadata(world: World, instance: str, mark: str) -> None:
    _add(world, instance, Source.METADATA, mark)


@WORDS.take('mark {instance} by tag {mark}')
def _tag(world: World, instance: str, mark: str) -> None:
    _add(world, instance, Source.TAG, mark)


@WORDS.take('mark {instance} by flavor {mark}')
def _flavor(world: World, instance: str, mark: str) -> None:
    _add(world, instance, Source.FLAVOR, mark)


@WORDS.take('unmark {instance}')
def _unmark(world: World, instance: str) -> None:
    row = _row(world, instance)
    row.marks, row.marked_at = (), world.kernel.now


@WORDS.take('{instance} has as much metadata as Nova allows')
def _full(world: World, instance: str) -> None:
    _row(world, instance).is_full = True


@WORDS.take('people take the note off {instance}')
def _note_off(world: World, instance: str) -> None:
    row = _row(world, instance)
    row.marks = tuple(mark for mark in row.marks if mark.key != laws_notes.KEY)


def _add(world: World, instance: str, source: Source, mark: str) -> None:
    row = _row(world, instance)
    key, _, value = mark.partition('=')
    others = tuple(one for one in row.marks if (one.source, one.key) != (source, key)
                   or source is Source.TAG)
    row.marks, row.marked_at = (*others, Mark(source, key, value)), world.kernel.now


def _row(world: World, name: str) -> SimServer:
    row = world.row(name)
    if row is None:
        raise KeyError(name)
    return row
