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

"""Mutants of what is shown in Horizon: for too long, not all of it.  See ``mutants``.

Two more are in ``test_board``: no run by chance empties a folder, or is long without a store.
"""

import dataclasses

from kaopu_ha.controller.boardkeeper import BoardKeeper
from kaopu_ha.core import board
from tests.unit.sim.mutants import mutant, put


def _shows(change):
    """Have what is shown changed on its way to the board."""
    real = BoardKeeper._show
    return [put(BoardKeeper, '_show', lambda self, number, messages: real(
        self, number, change(self, tuple(messages))))]


@mutant('what is over stays shown')
def over_stays():
    kept = {}

    def change(keeper, messages):
        kept.setdefault(keeper, {}).update({one.kind: one for one in messages})
        return tuple(kept[keeper].values())
    return _shows(change)


@mutant('one of several dead hosts is not shown')
def one_is_missing():
    real = board.messages
    return [put(board, 'messages', lambda seen, *, names_hosts: real(
        dataclasses.replace(seen, cases=tuple(seen.cases)[1:]) if len(seen.cases) > 1 else seen,
        names_hosts=names_hosts))]


@mutant('what a person waits for is not shown')
def waits_unshown():
    return _shows(lambda keeper, messages: tuple(
        one for one in messages if one.kind is not board.MessageKind.WAITS))
