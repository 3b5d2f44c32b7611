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

"""The brake: whether it holds anybody, and a person's word that they are really dead."""

from __future__ import annotations

from typing import Any

from kaopu_ha import records
from kaopu_ha.api.policies.v2 import rule
from kaopu_ha.api.v2.declared import WHY, OwnAction, takes
from kaopu_ha.api.v2.inquiry import Inquiry
from kaopu_ha.telling import asking, stormy
from kaopu_ha.telling.picture import Picture

_STATE = {'storm': bool, 'counted': tuple[str, ...], 'braked': tuple[str, ...],
          'released': records.BrakeSetting | None, 'condemned_lately': tuple[str, ...],
          'off_in_seconds': float | None, 'text': str}


def show(call: Inquiry) -> dict[str, Any]:
    """Show whether too many hosts are silent at once, and who is not condemned for that."""
    return {'brake': _state(call, call.books.picture())}


def release(call: Inquiry) -> dict[str, Any]:
    """Let the cases go on that the brake holds now, and no later ones of any host. If it holds
    none, nothing is changed, and the text says why.
    """
    found = call.books.picture()
    writing = asking.release_brake(found, call.rules, call.asker())
    if writing is None:
        why_not = asking.nothing_to_release(found, stormy.storm(found, call.rules))
        return {'changed': False, 'text': f'There is nothing to release. {why_not}',
                'brake': _state(call, found)}
    call.write(found, writing)
    return {'changed': True, 'text': f'The brake is released for '
            f'{", ".join(writing.record.released_for)}. It ends with the storm.',
            'brake': _state(call, call.books.picture())}


def _state(call: Inquiry, found: Picture) -> dict[str, Any]:
    state = stormy.storm(found, call.rules)
    return {**stormy.as_json(state, found), 'text': state.sentence()}


SHOW = OwnAction(show, rule('brake', 'show'), {'brake': _STATE})
RELEASE = OwnAction(release, rule('brake', 'release'), {
    'changed': bool, 'text': str, 'brake': _STATE}, takes=takes({'why': WHY}))
