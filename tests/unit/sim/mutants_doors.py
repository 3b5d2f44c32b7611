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

"""Mutants of words in the place of a proof, and of ends before a plan.  See ``mutants``."""

import contextlib

from kaopu_ha.controller.term import Term
from kaopu_ha.core import certain, fencing, holding, kept, wishes
from tests.unit.sim.mutants import mutant, put


@mutant('a word is told as taken, and is not kept')
def word_not_kept():
    real = wishes._go_on

    def go_on(wish, seen):
        answer = real(wish, seen)
        return wishes.dataclasses.replace(answer, recovery=None)
    return [put(wishes, '_OF_ALL', {**wishes._OF_ALL, wishes.WishVerb.GO_ON: go_on})]


@mutant('an end before the plan leaves its recovery open')
def end_leaves_it_open():
    return [put(wishes, '_finished', lambda wish, seen: None)]


@mutant('a recovery that was ended before its plan is not fenced when it is taken up')
def taken_up_unfenced():
    return [put(wishes.kept, 'taken_up', lambda recovery: kept.RecoveryStage.EVACUATING)]


@mutant('everybody\'s word is taken for granted')
def word_for_everybody():
    return [put(holding, 'by_word', lambda recovery: True)]


@mutant('a word counts though its host was heard of')
def word_never_doubted():
    return [put(holding, 'doubted', lambda recovery, seen: None)]


@mutant('nobody says that an act came too late')
def late_untold():
    return [put(Term, 'telling_if_late',
                lambda term, host, what, remedy: contextlib.nullcontext())]


@mutant('an admission takes back only what is not held')
def held_stays_listed():
    return [put(fencing, 'taken_back', lambda order, others: order)]


@mutant('silent clients of nobody are not fenced before the first call')
def silent_not_fenced():
    return [put(certain, 'silent_of_nobody', lambda item, seen: ())]


@mutant('while more is held, nothing else of a cut order is cut')
def nothing_else_is_cut():
    return [put(fencing, '_as_far_as_may_be', lambda order, claimed, forbidden: order)]


@mutant('what is finished takes no other word')
def no_other_word():
    def go_on(wish, seen):
        if not kept.is_open(seen.recovery):
            return wishes._refused(wish, 'its recovery is finished')
        return wishes._go_on(wish, seen)
    return [put(wishes, '_OF_ALL', {**wishes._OF_ALL, wishes.WishVerb.GO_ON: go_on})]
