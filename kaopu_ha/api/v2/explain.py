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

"""What happened to a host, and why: the steps of its case with sentences."""

from __future__ import annotations

from typing import Any

from kaopu_ha import records
from kaopu_ha.api.policies.v2 import rule
from kaopu_ha.api.v2.cases import BACK
from kaopu_ha.api.v2.declared import OwnAction
from kaopu_ha.api.v2.inquiry import Inquiry, plain
from kaopu_ha.telling import named
from kaopu_ha.telling.explained import explained
from kaopu_ha.telling.steps import Explained


def show(call: Inquiry, host: str) -> dict[str, Any]:
    """Tell what happened to a host and its instances, and why: of its open case, or of the one
    closed last.
    """
    found = call.books.picture(records.CLOSED)
    case = named.case(found, host, call.query.get('back', 0))
    return {'explained': plain(explained(found, case)), 'closed': len(found.closed(host))}


SHOW = OwnAction(show, rule('explain', 'show'), {'explained': Explained, 'closed': int},
                query=(BACK,))
