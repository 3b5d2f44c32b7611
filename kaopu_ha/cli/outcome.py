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

"""What came of a story that was played, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
import functools
import textwrap
from typing import Any

from kaopu_ha import records
from kaopu_ha.cli import layout
from kaopu_ha.conf import rules as conf_rules
from kaopu_ha.core.model import Evacuation, Phase
from kaopu_ha.core.news import Fact
from kaopu_ha.sim import daemon
from kaopu_ha.sim.story import Event, Played, Story

_WIDTH = 100
# Where the text of a line of the timeline begins.
_INDENT = 26
_NEWS_LEVELS = {Fact.MOVED: 'good', Fact.FINISHED: 'good', Fact.ADMITTED: 'good'}
_NO_SECOND_WRITER = 'one writer'


@dataclass(frozen=True)
class Fate:
    """What became of an instance, and when if it ended."""

    instance: str
    what: str
    at: float | None
    moved: bool


@dataclass(frozen=True)
class Report:
    """A story, what came of it, where its times come from, and the real seconds that it took."""

    story: Story
    played: Played
    basis: str
    took: float

    def lines(self, ink: layout.Ink) -> list[str]:
        """All of it, as lines for a terminal."""
        return [*self._heading(ink), '', *self._timeline(ink), '', *self._expected(ink),
                *self._seconds(), *self._verdict(ink)]

    def as_json(self) -> dict[str, Any]:
        """All of it, as values for JSON."""
        since = self._since
        times = self.story.setup.times
        return {
            'title': self.story.title, 'seed': self.story.seed, 'times_from': self.basis,
            'times': records.plain(times),
            'seconds_to_confirmed': {
                'total': sum(term.seconds for term in self._terms),
                'terms': [{'what': term.what, 'seconds': term.seconds} for term in self._terms]},
            'timeline': [{**records.plain(line), 'at': round(line.at, 3)}
                         for line in self.played.world.timeline],
            'expected': [{'at': answer.at, 'expected': answer.expected,
                          'met': not answer.why_not, 'why_not': answer.why_not}
                         for answer in self.played.answers],
            'not_asked': [event.words for event in self._not_asked],
            'broken': [records.plain(each) for each in self.played.checkers.found],
            'two_writers': self._two_writers,
            'since': since and records.plain(since),
            'confirmed': {host: self._after(at) for host, at in self._confirmed},
            'first_call': self._after(self._first_call),
            'instances': {fate.instance: {'moved': fate.moved, 'what': fate.what,
                                          'after': self._after(fate.at)}
                          for fate in self._fates},
            'wrong': list(self.played.wrong), 'real_seconds': round(self.took, 3)}

    # ------------------------------------------------------------ parts of the lines

    def _heading(self, ink: layout.Ink) -> Iterator[str]:
        told, setup = self.story, self.story.setup
        times, rules = setup.times, setup.times.rules
        yield ink('bold', told.title)
        yield from _wrapped(told.text, '  ')
        yield ''
        around = ', '.join((layout.number(setup.controllers, 'controller'),
                            layout.number(setup.workers, 'worker'), f'seed {told.seed}'))
        pairs = [('hosts', '; '.join(self._on(host) for host in setup.hosts)),
                 ('around', around),
                 ('times', self.basis),
                 ('', f'beat every {times.beat_interval:g} s, gone after {rules.beat_ttl:g} s; '
                      f'ask limit {rules.ask_limit:g} s; look every {rules.look_interval:g} s; '
                      f'death {rules.death_seconds:g} s; lock {rules.lock_seconds:g} s'),
                 ('', 'from a power cut to CONFIRMED it takes up to about '
                      f'{conf_rules.told(self._terms)}')]
        for name, value in pairs:
            yield from _wrapped(value, f'{name:<8}', ' ' * 8)

    def _on(self, host: str) -> str:
        names = [vm.name if vm.power == 'on' else f'{vm.name} ({vm.power})'
                 for vm in self.story.setup.instances if vm.host == host]
        return f'{host} with {", ".join(names)}' if names else host

    def _timeline(self, ink: layout.Ink) -> Iterator[str]:
        yield f'{"seconds":>8}  {"who":14}  what'
        for line in self.played.world.timeline:
            level = 'bold' if line.who == 'world' else next(
                (level for text, level in self._levels.get(line.at, ())
                 if line.text.endswith(text)), '')
            for part in _row(line.at, line.who, line.text):
                yield part[:_INDENT] + ink(level, part[_INDENT:])

    def _expected(self, ink: layout.Ink) -> Iterator[str]:
        for answer in self.played.answers:
            if answer.why_not:
                for part in _row(answer.at, 'expected: NO', f'{answer.expected}: {answer.why_not}'):
                    yield ink('error', part)
            else:
                yield from _row(answer.at, 'expected: yes', answer.expected)
        for event in self._not_asked:
            yield from _row(event.at, 'not asked', event.words)
        if self._expectations:
            yield ''

    def _seconds(self) -> Iterator[str]:
        since = self._since
        if since is None:
            return
        rows: list[tuple[str, float | None]] = [(f'{host} is CONFIRMED dead', at)
                                                for host, at in self._confirmed]
        rows += [('Nova took the first call', self._first_call)] if self._first_call else []
        rows += [(f'{fate.instance} {fate.what}', fate.at) for fate in self._fates]
        yield f'Seconds after "{since.words}":'
        for what, at in rows:
            after = self._after(at)
            yield from _wrapped(what, f'{"-" if after is None else f"{after:.1f}":>8}  ', ' ' * 10)
        if not rows:
            yield '       -  nobody was condemned, and Nova was not called'
        yield ''

    def _verdict(self, ink: layout.Ink) -> Iterator[str]:
        played = self.played
        yield from (ink('error', f'WRONG: the law "{each.law}" is broken at {each.at:.1f} s: '
                                 f'{each.what}') for each in played.checkers.found)
        if played.checkers.found:
            yield ('The program must never do this: please report it with the story, its times '
                   f'and seed {self.story.seed}.')
        if played.unmet:
            yield ink('error', f'WRONG: {len(played.unmet)} of '
                               f'{layout.number(self._expectations, "expectation")} '
                               f'{"is" if len(played.unmet) == 1 else "are"} not met.')
        if not played.wrong:
            met = 'every expectation is met; ' if self._expectations else ''
            yield ink('good', f'Nothing is wrong: {met}no law was broken.')
        if not self._two_writers:
            yield 'No instance ever had two writers.'
        yield f'{played.world.kernel.now:g} s of the false world took {self.took:.1f} s.'

    # ------------------------------------------------------------ facts

    @functools.cached_property
    def _terms(self) -> tuple[conf_rules.TimeShare, ...]:
        return conf_rules.seconds_to_confirmed(self.story.setup.times.rules)

    @property
    def _expectations(self) -> int:
        return sum(event.expects for event in self.story.events)

    @property
    def _not_asked(self) -> list[Event]:
        """What was expected behind the end of a world that stopped at a broken law."""
        expected = sorted((event for event in self.story.events if event.expects),
                          key=lambda event: event.at)
        return expected[len(self.played.answers):]

    @property
    def _two_writers(self) -> bool:
        return any(each.law == _NO_SECOND_WRITER for each in self.played.checkers.found)

    @functools.cached_property
    def _since(self) -> Event | None:
        """Where the seconds begin: the first power cut, or else the first happening."""
        events = sorted((event for event in self.story.events if not event.expects),
                        key=lambda event: event.at)
        cuts = [event for event in events if event.words.startswith('power off ')]
        return next(iter(cuts or events), None)

    def _after(self, at: float | None) -> float | None:
        if at is None or self._since is None:
            return None
        return round(at - self._since.at, 3)

    @functools.cached_property
    def _levels(self) -> dict[float, list[tuple[str, str]]]:
        """The texts of the news of each moment, with their levels."""
        found: dict[float, list[tuple[str, str]]] = {}
        for at, news in self.played.world.told:
            level = _NEWS_LEVELS.get(news.fact, news.fact.level)
            found.setdefault(at, []).append((news.text, level))
        return found

    @property
    def _confirmed(self) -> list[tuple[str, float]]:
        return [(news.host, at) for at, news in self.played.world.told
                if news.fact is Fact.CONFIRMED]

    @property
    def _first_call(self) -> float | None:
        return min((record.since for record in self.played.world.nova.records
                    if record.kind == 'evacuation'), default=None)

    @functools.cached_property
    def _fates(self) -> list[Fate]:
        found = [_fate(records.record(Evacuation, entry)) for key, entry in
                 sorted(self.played.world.etcd.entries.items())
                 if key.startswith(records.EVACUATION)]
        return sorted(found, key=lambda fate: (fate.at is None, fate.at or 0.0, fate.instance))


# ---------------------------------------------------------------- private


def _fate(item: Evacuation) -> Fate:
    at = daemon.seconds(item.history[-1].at) if item.history and item.phase.ended else None
    because = f': {item.reason}' if item.reason else ''
    if item.phase is Phase.DONE:
        return Fate(item.name, f'runs again on {item.target}', at, True)
    if item.phase is Phase.LEFT:
        return Fate(item.name, f'is left alone{because}', at, False)
    return Fate(item.name, f'does not run again: {item.phase.value}{because}', at, False)


def _row(at: float, who: str, text: str) -> list[str]:
    return _wrapped(text, f'{at:8.1f}  {who:14}  ', ' ' * _INDENT)


def _wrapped(text: str, first: str, rest: str | None = None) -> list[str]:
    return textwrap.wrap(' '.join(text.split()), _WIDTH, initial_indent=first,
                         subsequent_indent=first if rest is None else rest,
                         break_long_words=False, break_on_hyphens=False)
