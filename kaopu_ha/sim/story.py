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

"""Stories: what the false world begins with, what happens when, and what is expected then.

A story is a YAML file::

    title: A host loses its power
    text: |
      Its instances run again elsewhere; what was off stays.
    pace: fast                        # or patent; left out: the configuration's
    hosts: c1 c2 c3
    instances:
      web: c1
      db: c1, without exclusive-lock, on clusters a b
      old: c1, off
    story:
      - 20 power off c1
      - 60 expect web runs elsewhere
      - 60 end
    log: |
      ...

``log`` is the timeline that it gives; the same seed gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
from dataclasses import dataclass
import enum
from typing import Any, TypeVar

import yaml

from kaopu_ha.core.model import OnCrash, OnHung, OnStuck
from kaopu_ha.sim import expect, words
from kaopu_ha.sim.checkers import Checkers
from kaopu_ha.sim.world import PACES, Setup, Times, Vm, World

_EXPECT = 'expect '
_FIELDS = frozenset({'title', 'text', 'pace', 'hosts', 'clusters', 'controllers', 'workers',
                     'instances', 'seed', 'story', 'log', 'live_weight', 'horizon',
                     'crashed', 'stuck', 'hung', 'rules'})
# What is off unless a story has it on.
_SWITCHES = ('joins_aggregates', 'notes_moves', 'trust_notifications')


class StoryError(ValueError):
    """A file that is no story; the message says where and why."""


@dataclass(frozen=True)
class Event:
    """Something that happens (or is expected) at a time, in a sentence."""

    at: float
    words: str

    @property
    def expects(self) -> bool:
        """True if it is no happening but something expected."""
        return self.words.startswith(_EXPECT)


@dataclass(frozen=True)
class Story:
    """A story as read, or as made by chance."""

    title: str
    setup: Setup
    events: tuple[Event, ...]
    end: float
    text: str = ''
    pace: str = 'fast'
    seed: int = 0
    log: str = ''


@dataclass(frozen=True)
class Expectation:
    """What was expected at a time, and why it was not so; ``why_not`` is empty if it was."""

    at: float
    expected: str
    why_not: str


@dataclass(frozen=True)
class Played:
    """What came of it: the world as it ended, and what was wrong; ``wrong`` is empty if nothing.

    After a broken law nothing more is expected, so it has no answer.
    """

    world: World
    checkers: Checkers
    answers: tuple[Expectation, ...] = ()

    @property
    def unmet(self) -> tuple[str, ...]:
        """What was expected in vain, with the reasons."""
        return tuple(f'{each.at:g} s: {each.expected}: {each.why_not}' for each in self.answers
                     if each.why_not)

    @property
    def wrong(self) -> tuple[str, ...]:
        """What was broken, and what was expected in vain."""
        return (*(str(each) for each in self.checkers.found), *self.unmet)

    @property
    def log(self) -> str:
        """The timeline as text."""
        return ''.join(f'{line}\n' for line in self.world.timeline)


def play(story: Story, prepare: Callable[[World], None] = lambda world: None) -> Played:
    """Play a story to its end, or to the first broken law.  Raises UnknownWords.

    ``prepare`` may arrange for more to happen than the story says.
    """
    world = World(story.setup, story.seed)
    checkers = Checkers(world)
    prepare(world)
    answers = []
    for event in sorted(story.events, key=lambda each: each.at):
        world.run(event.at)
        if checkers.found:
            break
        if event.expects:
            answers.append(_answer(world, event))
        else:
            words.happen(world, event.words)
    world.run(story.end)
    return Played(world, checkers, tuple(answers))


def _answer(world: World, event: Event) -> Expectation:
    expected = event.words.removeprefix(_EXPECT)
    try:
        return Expectation(event.at, expected, expect.why_not(world, expected))
    except KeyError as failure:
        raise words.UnknownWords(f'"{event.words}": there is no {failure}') from failure


# ---------------------------------------------------------------- files


def read(text: str, times: Times | None = None) -> Story:
    """The story in a file's text.  ``times`` take the place of a pace that it does not name.

    Raises StoryError.
    """
    try:
        data = yaml.safe_load(text)
        if not isinstance(data, dict):
            raise StoryError('it is no story: see the manual for an example')
        strange = sorted(set(data) - _FIELDS)
        if strange:
            raise StoryError(f'a story has no "{strange[0]}"; it has {", ".join(sorted(_FIELDS))}')
        return _story(data, times)
    except yaml.YAMLError as failure:
        raise StoryError(f'it is no YAML: {" ".join(str(failure).split())}') from failure
    except (KeyError, TypeError, AttributeError) as failure:
        raise StoryError(f'it lacks something, or has it in another form: {failure}') from failure


def _story(data: dict[str, Any], times: Times | None) -> Story:
    pace = data.get('pace', '')
    if pace not in ('', *PACES):
        raise StoryError(f'there is no pace "{pace}": {", ".join(PACES)}')
    setup = Setup(
        hosts=tuple(str(data.get('hosts', 'c1 c2 c3')).split()),
        clusters=tuple(str(data.get('clusters', 'a')).split()),
        controllers=int(data.get('controllers', 2)), workers=int(data.get('workers', 2)),
        instances=tuple(_vm(name, said) for name, said in (data.get('instances') or {}).items()),
        times=_switched(_on_crash(PACES[pace] if pace else times or PACES['fast'], data),
                        data.get('rules', '')),
        horizon=bool(data.get('horizon', False)), live_weight=_weight(data.get('live_weight')))
    for vm in setup.instances:
        if vm.host not in setup.hosts or not set(vm.clusters) <= set(setup.clusters):
            raise StoryError(f'instance {vm.name} is on a host or cluster that is not named')
    events = [_event(line) for line in data['story']]
    ends = [event.at for event in events if event.words == 'end']
    if not ends:
        raise StoryError('the story has no end: its last line is "SECONDS end"')
    return Story(str(data['title']), setup,
                 tuple(event for event in events if event.words != 'end'), ends[-1],
                 text=data.get('text', ''), pace=pace, seed=int(data.get('seed', 0)),
                 log=data.get('log', ''))


def _on_crash(times: Times, data: dict[str, Any]) -> Times:
    """The times, with what is done about guests that crash or get stuck, if the story says so."""
    return dataclasses.replace(times, rules=dataclasses.replace(
        times.rules, on_crash=_chosen(data, 'crashed', times.rules.on_crash),
        on_stuck=_chosen(data, 'stuck', times.rules.on_stuck),
        on_hung=_chosen(data, 'hung', times.rules.on_hung)))


_E = TypeVar('_E', bound=enum.Enum)


def _chosen(data: dict[str, Any], name: str, usual: _E) -> _E:
    kind = type(usual)
    try:
        return usual if name not in data else kind(data[name])
    except ValueError:
        raise StoryError(f'{name} is {data[name]}, and may be '
                         f'{", ".join(one.value for one in kind)}') from None


def _switched(times: Times, switched: str) -> Times:
    """The times, with the rules that the story names switched on."""
    names = str(switched).split()
    strange = sorted(set(names) - set(_SWITCHES))
    if strange:
        raise StoryError(f'no rule "{strange[0]}" can be switched on: {", ".join(_SWITCHES)}')
    on: dict[str, Any] = dict.fromkeys(names, True)
    return dataclasses.replace(times, rules=dataclasses.replace(times.rules, **on))


def _weight(said: Any) -> float | None:
    """How much live use counts; None where a story does not say."""
    if said is None:
        return None
    if not isinstance(said, int | float) or not 0 <= said <= 1:
        raise StoryError(f'live_weight {said} is no number from 0 to 1')
    return float(said)


def _event(line: Any) -> Event:
    if isinstance(line, dict):
        # YAML takes a sentence with a colon for a mapping; an operator need not know that.
        line = ', '.join(f'{before}: {after}' for before, after in line.items())
    at, _, said = str(line).partition(' ')
    try:
        event = Event(float(at), ' '.join(said.split()))
    except ValueError as failure:
        raise StoryError(f'"{line}" does not begin with a time in seconds') from failure
    if event.words != 'end' and not event.expects:
        words.understood(event.words)
    return event


def _vm(name: str, said: str) -> Vm:
    host, *traits = (part.strip() for part in str(said).split(','))
    vm = Vm(name, host)
    for trait in traits:
        first, _, rest = trait.partition(' ')
        if trait in ('off', 'paused'):
            vm = dataclasses.replace(vm, power=trait)
        elif trait == 'without exclusive-lock':
            vm = dataclasses.replace(vm, exclusive_lock=False)
        elif trait == 'on local disk':
            vm = dataclasses.replace(vm, local=True)
        elif trait.startswith('on clusters '):
            vm = dataclasses.replace(vm, clusters=tuple(trait.split()[2:]))
        elif rest == 'cores' and first.isdigit():
            vm = dataclasses.replace(vm, cores=int(first))
        elif rest == 'MB' and first.isdigit():
            vm = dataclasses.replace(vm, memory_mb=int(first))
        else:
            raise StoryError(f'instance {name}: "{trait}" is not understood')
    return vm


def written(story: Story) -> str:
    """The story as a file's text, which ``read`` reads again."""
    setup = story.setup
    data: dict[str, Any] = {'title': story.title, 'text': story.text, 'pace': story.pace,
                            'seed': story.seed, 'hosts': ' '.join(setup.hosts),
                            'clusters': ' '.join(setup.clusters),
                            'controllers': setup.controllers, 'workers': setup.workers,
                            'horizon': setup.horizon or '',
                            'crashed': _unusual(setup.times.rules.on_crash, OnCrash.TELL),
                            'stuck': _unusual(setup.times.rules.on_stuck, OnStuck.TELL),
                            'hung': _unusual(setup.times.rules.on_hung, OnHung.TELL),
                            'rules': ' '.join(
                                name for name in _SWITCHES if getattr(setup.times.rules, name)),
                            'live_weight': '' if setup.live_weight is None else setup.live_weight,
                            'instances': {vm.name: _told(vm) for vm in setup.instances},
                            'story': [f'{event.at:g} {event.words}' for event in story.events]
                            + [f'{story.end:g} end']}
    if story.log:
        data['log'] = story.log
    kept = {name: value for name, value in data.items() if value != ''}
    return str(yaml.dump(kept, Dumper=_Dumper, sort_keys=False, width=100))


def _unusual(chosen: enum.Enum, usual: enum.Enum) -> str:
    return str(chosen.value) if chosen is not usual else ''


def _told(vm: Vm) -> str:
    first, parts = Vm(vm.name, vm.host), [vm.host]
    parts += [vm.power] if vm.power != first.power else []
    parts += [] if vm.exclusive_lock else ['without exclusive-lock']
    parts += [f'on clusters {" ".join(vm.clusters)}'] if vm.clusters != first.clusters else []
    parts += ['on local disk'] if vm.local else []
    parts += [f'{vm.cores} cores'] if vm.cores != first.cores else []
    parts += [f'{vm.memory_mb} MB'] if vm.memory_mb != first.memory_mb else []
    return ', '.join(parts)


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Writes text of several lines as people do."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar('tag:yaml.org,2002:str', text,
                                   style='|' if '\n' in text else None)


_Dumper.add_representer(str, _text)
