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
"""Mutants of what a person says of a judged host, and of what is told though no answer came."""

import dataclasses

from kaopu_ha import unanswered
from kaopu_ha.core import detection, saying, wishes
from tests.unit.sim.mutants import mutant, put


@mutant('what is said of a judged host is not kept')
def not_kept():
    real = wishes._say_it_is_off

    def say_it_is_off(wish, seen):
        answer = real(wish, seen)
        return dataclasses.replace(answer, case=answer.case and seen.case)
    return [put(wishes, '_say_it_is_off', say_it_is_off)]


@mutant('a word stands against a live client of nobody')
def against_strangers():
    real = detection.judged

    def judged(said, word=None):
        return real(tuple(dataclasses.replace(one, strangers=()) for one in said), word)
    return [put(detection, 'judged', judged)]


@mutant('what is said of a judged host outlives a sign of life')
def outlives_life():
    return [put(saying, 'ended', lambda case, heard, at, by: (case, ()))]


@mutant('nobody\'s word is heard of a host that is judged')
def unheard():
    real = detection.judged
    return [put(detection, 'judged', lambda said, word=None: real(said))]


@mutant('what got no answer is told by nobody')
def untold():
    return [put(unanswered.Untold, 'look', lambda untold: None)]


@mutant('what got no answer is told at each look')
def told_again():
    real = unanswered.Untold._is_open

    def is_open(untold, one, entry):
        return real(untold, one, entry) or entry is not None
    return [put(unanswered.Untold, '_is_open', is_open)]
