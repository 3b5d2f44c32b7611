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

"""Mutants of what people are told: not told, told of another, told without its name.  See
``mutants``."""

import dataclasses
import math

from kaopu_ha.controller.detector import Detector
from kaopu_ha.core import protection, reminding, waiting
from kaopu_ha.core.news import Fact
from kaopu_ha.worker.worker import Worker
from tests.unit.sim.mutants import mutant, put


def _tells(kind, change):
    """Have what this part of the program tells changed on its way; None: it is not told."""
    real = kind.__init__

    def init(self, *given, **named):
        real(self, *given, **named)
        tell = self._tell

        def changed(news):
            after = change(news)
            if after is not None:
                tell(after)
        self._tell = changed
    return put(kind, '__init__', init)


@mutant('the end of a move is not told')
def end_untold():
    ends = (Fact.MOVED, Fact.NOT_MOVED, Fact.LEFT)
    return [_tells(Worker, lambda news: None if news.fact in ends else news)]


@mutant('a verdict is not told')
def verdict_untold():
    return [_tells(Detector, lambda news: None if news.fact is Fact.CONFIRMED else news)]


@mutant('the end of a move is told of another instance')
def end_of_another():
    def another(news):
        outcomes = tuple(dataclasses.replace(one, name='another') for one in news.outcomes)
        return dataclasses.replace(news, text=f'another {news.text.partition(" ")[2]}',
                                   outcomes=outcomes) if news.outcomes else news
    return [_tells(Worker, another)]


@mutant('each end is told as a move')
def told_as_moved():
    return [_tells(Worker, lambda news: dataclasses.replace(news, fact=Fact.MOVED)
                   if news.fact in (Fact.LEFT, Fact.NOT_MOVED, Fact.REFUSED) else news)]


@mutant('who waits is told without a name')
def waits_without_name():
    real = waiting.sentence
    return [put(waiting, 'sentence', lambda group, seconds: real(
        tuple(dataclasses.replace(item, name='one') for item in group), seconds))]


@mutant('what waits is told once only')
def told_once():
    real = reminding.reminded
    return [put(reminding, 'reminded', lambda memory, found, now, *, ripe, again_seconds: real(
        memory, found, now, ripe=ripe, again_seconds=math.inf))]


@mutant('who died is told to be protected again')
def protected_by_death():
    real = protection.telling
    return [put(protection, 'telling', lambda memory, found, now, rules, away=(): real(
        memory, found, now, rules))]
