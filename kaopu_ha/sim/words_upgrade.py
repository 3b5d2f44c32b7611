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

"""What an upgrade may bring: records of an older or of a newer release.  See ``words``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
import dataclasses
import json
from typing import Any

from kaopu_ha import ports, records
from kaopu_ha.core import model
from kaopu_ha.core.model import Case, Evacuation, Inventory, Recovery
from kaopu_ha.sim.sentences import Vocabulary
from kaopu_ha.sim.world import World

WORDS = Vocabulary()

_KINDS = {records.CASE: Case, records.RECOVERY: Recovery, records.EVACUATION: Evacuation,
          records.INVENTORY: Inventory}
# What the first release did not know, by kind; and what it knew and made no decision of.
_LATELY: Mapping[type, frozenset[str]] = {
    model.Case: frozenset({'beat_at', 'behind', 'clients', 'guests', 'guests_at', 'went_off',
                           'word'}),
    model.Recovery: frozenset({'word'}),
    model.FenceOrder: frozenset({'held', 'held_clients'}),
    model.Evacuation: frozenset({
        'clients', 'demand', 'failures', 'given_up', 'marked', 'passed_over', 'priority', 'refused',
        'rounds', 'row', 'set_aside', 'waited', 'wrong_marks'}),
    model.Attempt: frozenset({'calls'}),
    model.Inventory: frozenset({'interrupted', 'leaving', 'left_defined', 'off_lately',
                                'stuck_runs', 'compute_gone', 'hung'}),
    model.Instance: frozenset({'untold'}),
    model.Evidence: frozenset({'guests', 'of_others', 'strangers', 'unasked_more'}),
    model.Round: frozenset({'asked_seconds'}),
    model.Step: frozenset({'read_at', 'row'})}
# What the last release did not know of a move.
_OF_LATE = frozenset({'demand', 'marked', 'priority', 'refused', 'wrong_marks'})
_UNUSED = frozenset({'seen_before', 'checked', 'refused', 'kernel_answered', 'compute_started',
                     'note', 'count'})
# Longer than a turn of a worker may take: one that is never let write goes on with nothing.
_WRITES_SECONDS = 5.0

_Change = Callable[[Any, dict[str, Any]], dict[str, Any]]


@WORDS.take('the records are as an older release wrote them')
def _older(world: World) -> None:
    """Without fields that came lately, and without what is as it is if nobody says so."""
    _rewrite(world, _without_the_new)


@WORDS.take('for {seconds} s a worker of the last release writes, too')
def _beside(world: World, seconds: str) -> None:
    """What it does not know is lost of each move within some seconds, again and again."""
    until = world.kernel.now + float(seconds)

    def write() -> None:
        _rewrite(world, _of_the_last, {records.EVACUATION: Evacuation})
        if world.kernel.now < until:
            world.kernel.after(_WRITES_SECONDS, write)
    write()


@WORDS.take('the records are as a newer release wrote them')
def _newer(world: World) -> None:
    """With fields that this release does not know."""
    _rewrite(world, lambda record, said: {**said, 'of_a_newer_release': ['whatever', {}]})


def _without_the_new(record: Any, said: dict[str, Any]) -> dict[str, Any]:
    usual = {field.name: field.default_factory() if field.default_factory is not
             dataclasses.MISSING else field.default for field in dataclasses.fields(record)}
    return {name: value for name, value in said.items()
            if name not in _UNUSED | _LATELY.get(type(record), frozenset())
            and (name not in usual or usual[name] != getattr(record, name))}


def _of_the_last(record: Any, said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items()
            if not (isinstance(record, Evacuation) and name in _OF_LATE)}


def _rewrite(world: World, change: _Change, kinds: Mapping[str, type] = _KINDS) -> None:
    for key, entry in sorted(world.etcd.entries.items()):
        for prefix, kind in kinds.items():
            if key.startswith(prefix):
                said = _said(records.record(kind, entry), change)
                text = json.dumps({'schema': records.SCHEMA} | said)
                world.etcd.commit([], [ports.Put(key, text)], 'upgrade')


def _said(value: Any, change: _Change) -> Any:
    """A record as JSON says it, with every record inside changed."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return change(value, {name: _said(part, change)
                              for name, part in records.parts(value).items()})
    if isinstance(value, tuple):
        return [_said(item, change) for item in value]
    return records.plain(value)
