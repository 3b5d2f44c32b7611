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

"""``kaopu-ha simulate``: a story played with the times of a configuration, without any cloud.

The program that plays is the real one; hosts, Nova, Ceph and etcd are false, and the time is, too.
Nothing outside of this process is asked, so it needs no rights, no network and no store.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import time
from typing import TYPE_CHECKING

from kaopu_ha import wiring
from kaopu_ha.cli.command import Command, CommandError, Misconfigured
from kaopu_ha.conf import rules as conf_rules
from kaopu_ha.conf.errors import ConfigError

if TYPE_CHECKING:
    from kaopu_ha.sim.story import Story
    from kaopu_ha.sim.world import Times

# What a newcomer sees first.
_DEMO = 'host-dies'
_OWN = 'own'


class Simulate(Command):
    """Play a story in a false world: what would Kaopu HA do, and when, with your times?"""

    sections = ()

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """What to play, with which times and which chance."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument('story', metavar='FILE', nargs='?',
                          help='a story of your own, or the name of one that comes with the '
                               'program')
        what.add_argument('--demo', action='store_true', help='a host loses its power')
        what.add_argument('--list', action='store_true', dest='names',
                          help='the stories that come with the program')
        what.add_argument('--words', action='store_true',
                          help='all that may happen in a story, and all that it may expect')
        parser.add_argument('--pace', choices=('patent', 'fast', _OWN),
                            help='play with these times; own: those of the configuration '
                                 '(default: the pace that the story names; else those of the '
                                 'configuration; without one, fast)')
        parser.add_argument('--seed', type=int, metavar='N',
                            help='another course of chance (default: the one of the story)')

    def answer(self, args: argparse.Namespace) -> int:
        """0 if nothing was wrong, 1 if an expectation or a law was broken, 2 if it can't begin."""
        # Here, so that other commands do not pay for the false world.
        from kaopu_ha.sim.words import UnknownWords
        if args.words:
            return self._words()
        if args.names:
            return self._names()
        try:
            told, basis = self._begin(args)
            return self._play(told, basis)
        except UnknownWords as failure:
            reason = f'The story can\'t be played: {failure}.'
        except CommandError as failure:
            reason = str(failure)
        self.app.LOG.error(reason)
        return 2

    # ------------------------------------------------------------ private

    def _begin(self, args: argparse.Namespace) -> tuple[Story, str]:
        """The story as it is to be played, and where its times come from."""
        from kaopu_ha.sim import story
        name = _DEMO if args.demo else args.story
        text, packaged = _text(name)
        try:
            told = story.read(text)
        except ValueError as failure:
            raise CommandError(f'{name} can\'t be played: {failure}. For what a story may say: '
                               'kaopu-ha simulate --words') from failure
        # The demo is of the operator's own times; other stories may need the pace that they name.
        times, basis = self._times(args.pace, '' if args.demo else told.pace)
        if packaged:
            told = in_time(told, times)
        if args.seed is not None:
            told = dataclasses.replace(told, seed=args.seed)
        return dataclasses.replace(told, setup=dataclasses.replace(told.setup, times=times)), basis

    def _times(self, pace: str | None, named: str) -> tuple[Times, str]:
        from kaopu_ha.sim.world import PACES
        if pace in PACES:
            return PACES[pace], f'pace {pace}, as you say'
        if pace is None and named:
            return PACES[named], f'pace {named}, which the story names (--pace says otherwise)'
        try:
            files = [*self.app.conf.default_config_files, *(self.app.options.config_dir or ())]
        except CommandError as failure:
            raise type(failure)(f'{str(failure).rstrip(".")}. With --pace fast or --pace patent '
                                'none is read.') from failure
        if files:
            return self._configured(), f'those of {", ".join(files)}'
        if pace == _OWN:
            raise CommandError('There is no configuration file to take the times from: name one '
                               'with '
                               '--config-file.')
        return PACES['fast'], ('pace fast, as there is no configuration file (--config-file FILE, '
                               '--pace patent)')

    def _configured(self) -> Times:
        """The times of the configuration; the addresses are those of the false world."""
        from kaopu_ha.sim import world
        conf = self.app.conf
        conf.set_override('client_networks', [world.NETWORK], group='ceph')
        try:
            return world.Times(
                wiring.rules(conf), conf_rules.times(conf).beat_interval,
                leader_ttl=conf.controller.leader_ttl, claim_ttl=conf.worker.claim_ttl,
                inventory_interval=conf.agent.inventory_interval)
        except ConfigError as failure:
            raise Misconfigured(f'The configuration is wrong: {failure}') from failure

    def _play(self, told: Story, basis: str) -> int:
        from kaopu_ha.cli.outcome import Report
        from kaopu_ha.sim import story
        began = time.monotonic()
        played = story.play(told)
        outcome = Report(told, played, basis, time.monotonic() - began)
        if self.as_json:
            self.say_json(outcome.as_json())
        else:
            self.say(outcome.lines(self.ink))
        return 1 if played.wrong else 0

    def _words(self) -> int:
        from kaopu_ha.sim.expect import EXPECTATIONS
        from kaopu_ha.sim.words import WORDS
        if self.as_json:
            self.say_json({'happen': list(WORDS), 'expect': list(EXPECTATIONS)})
            return 0
        self.say(['What may happen, as "SECONDS WORDS"; in braces stands a name or a number:', '',
                  *(f'  {words}' for words in WORDS), '',
                  'What may be expected, as "SECONDS expect WORDS":', '',
                  *(f'  expect {words}' for words in EXPECTATIONS), '',
                  'The last line of a story is "SECONDS end".'])
        return 0

    def _names(self) -> int:
        from kaopu_ha.cli import layout
        from kaopu_ha.sim import scenarios, story
        titles = {name: story.read(scenarios.text(name)).title for name in scenarios.names()}
        if self.as_json:
            self.say_json(titles)
        else:
            self.say(layout.table(('name', 'what happens'), titles.items()))
        return 0


def in_time(told: Story, times: Times) -> Story:
    """A packaged story with other times than it was written for.

    What is behind the last happening (expectations, the end) comes later by as much as CONFIRMED
    may.  A story of an operator is never moved: its seconds may be what is asked about.
    """
    late = seconds_to_confirmed(times) - seconds_to_confirmed(told.setup.times)
    if late <= 0:
        return told
    last = max((event.at for event in told.events if not event.expects), default=0.0)
    events = tuple(dataclasses.replace(event, at=event.at + late)
                   if event.expects and event.at >= last else event for event in told.events)
    return dataclasses.replace(told, events=events, end=told.end + late)


def seconds_to_confirmed(times: Times) -> float:
    """From a power cut to CONFIRMED, up to about."""
    return sum(term.seconds for term in conf_rules.seconds_to_confirmed(times.rules))


# ---------------------------------------------------------------- private


def _text(name: str) -> tuple[str, bool]:
    """The text of a story, and whether it is one that comes with the program."""
    from kaopu_ha.sim import scenarios
    path = pathlib.Path(name)
    if not path.exists() and name in scenarios.names():
        return scenarios.text(name), True
    try:
        return path.read_text(encoding='utf-8'), False
    except UnicodeDecodeError as failure:
        raise CommandError(f'The story {name} is no text: {failure}.') from failure
    except FileNotFoundError as failure:
        raise CommandError(f'There is no story {name}: name a file, or one of those that '
                           'kaopu-ha simulate --list shows.') from failure
    except OSError as failure:
        raise CommandError(f'The story {name} can\'t be read: {failure.strerror}.') from failure
