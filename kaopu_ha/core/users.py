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

"""What users asked of a server, as Nova lists it: the latest first."""

from __future__ import annotations

from collections.abc import Sequence

from kaopu_ha.core import model

# What a user asks for and by which a server is on afterwards, in Nova's words; and what ends it.
_ON = frozenset({'create', 'evacuate', 'live-migration', 'reboot', 'rebuild', 'resume', 'restore',
                 'start', 'unpause', 'unrescue', 'unshelve'})
_OFF = frozenset({'stop'})


def stopped_by_user(actions: Sequence[model.Action]) -> bool:
    """True if the last word of a user on the power of a server was that it be off.

    A stop without a user is Nova's own: it found the guest off, and its host may have been why.
    """
    for action in actions:
        if action.user and action.kind in _ON | _OFF:
            return action.kind in _OFF
    return False
