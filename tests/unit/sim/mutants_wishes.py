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

"""Mutants of what people ask of recoveries.  See ``mutants``."""

import dataclasses

from kaopu_ha.controller.answerer import Answerer
from kaopu_ha.core import wishes
from kaopu_ha.core.model import Phase
from kaopu_ha.core.wishes import WishState, WishVerb
from tests.unit.sim.mutants import mutant, put


def _with(verb, row, *phases):
    rows = {**wishes._ROWS[verb], **dict.fromkeys(phases, row)}
    return put(wishes, '_ROWS', {**wishes._ROWS, verb: rows})


@mutant('give-up while a call is under way frees the claim')
def given_up_while_called():
    called = (Phase.CALLING, Phase.MOVING)
    return [_with(WishVerb.GIVE_UP, wishes._give_up, *called), put(wishes, '_CALLED', ()),
            put(wishes, '_MAY_BE_GIVEN_UP', (*wishes._MAY_BE_GIVEN_UP, *called))]


@mutant('a wish in vain is told as done')
def told_as_done():
    real = wishes._refused

    def refused(wish, reason):
        answer = real(wish, reason)
        return dataclasses.replace(answer,
                                   wish=dataclasses.replace(answer.wish, state=WishState.DONE))
    return [put(wishes, '_refused', refused)]


@mutant('nobody answers what people ask')
def not_answered():
    return [put(Answerer, 'turn', lambda answerer: 60.0)]
