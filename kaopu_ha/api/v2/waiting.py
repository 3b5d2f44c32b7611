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

"""What is open and does not move: of much of it people are reminded, and some only they can end."""

from __future__ import annotations

from typing import Any

from kaopu_ha.api.policies.v2 import rule
from kaopu_ha.api.v2.declared import NAME, OwnAction, Parameter
from kaopu_ha.api.v2.inquiry import Inquiry, plain
from kaopu_ha.core.waiting import Waiting

_QUERY = (Parameter('host', NAME, 'What is of this host only.'),)


def index(call: Inquiry) -> dict[str, Any]:
    """List what is open and does not move, by host, with the reason that it has now: cases,
    recoveries, instances, admissions, starts. What people hold is not listed.
    """
    return {'waiting': [plain(one) for one in call.books.picture().waiting()
                        if call.query.get('host', one.host) == one.host]}


INDEX = OwnAction(index, rule('waiting', 'list'), {'waiting': tuple[Waiting, ...]}, query=_QUERY)
