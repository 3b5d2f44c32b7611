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

"""The cases: the open files on hosts, and those that were closed, with their evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kaopu_ha import records
from kaopu_ha.api.policies.v2 import rule
from kaopu_ha.api.v2.declared import NAME, PAGE, OwnAction, Parameter
from kaopu_ha.api.v2.inquiry import LINKS, Inquiry, plain
from kaopu_ha.core.model import Case, Stage, Verdict
from kaopu_ha.core.rules import Rules
from kaopu_ha.telling import hosts, named

BACK = Parameter('back', {'type': 'integer', 'minimum': 1, 'maximum': 1000},
                 'A closed case: 1 is the one that was closed last, 2 the one before.')
_CLOSED = Parameter('closed', {'type': 'boolean'}, 'The closed ones that are kept, too.')
_HOST = Parameter('host', NAME, 'Those of this host only.')
_STAGE = Parameter('stage', {'type': 'string', 'enum': [stage.value for stage in Stage]},
                   'Those in this stage only.')


@dataclass(frozen=True)
class CaseRow:
    """A case in short.

    ``waits``: the seconds of silence that its stage takes, of which ``waited`` are over; None where
    it waits for no time.
    """

    id: str
    host: str
    stage: Stage
    verdict: Verdict
    waited: float
    waits: float | None
    opened_at: str
    changed_at: str
    reason: str
    recovery: str


def index(call: Inquiry) -> dict[str, Any]:
    """List the open cases, and the closed ones if they are asked for; closed ones come last."""
    closed = call.query.get('closed', False)
    found = call.books.picture(*([records.CLOSED] if closed else ()))
    cases = dict(sorted(found.cases.items()))
    if closed:
        cases |= {f'{host}/{place}': case for host in found.archived
                  for place, case in enumerate(found.closed(host), start=1)}
    wanted = [ident for ident, case in cases.items()
              if call.query.get('host', case.host) == case.host
              and call.query.get('stage', case.stage.value) == case.stage.value]
    shown, links = call.page('cases', wanted)
    return {'cases': [plain(_row(ident, cases[ident], call.rules)) for ident in shown], **links}


def show(call: Inquiry, host: str) -> dict[str, Any]:
    """Show the open case on a host, or the one closed last: its rounds of evidence, each with the
    rule that fired, and its history.
    """
    found = call.books.picture(records.CLOSED)
    case = named.case(found, host, call.query.get('back', 0))
    return {'case': plain(case), 'closed': len(found.closed(host))}


def _row(ident: str, case: Case, rules: Rules) -> CaseRow:
    first, last = (case.history[0], case.history[-1]) if case.history else (None, None)
    return CaseRow(ident, case.host, case.stage, case.verdict, case.waited,
                   hosts.waits(case, rules), first.at if first else '', last.at if last else '',
                   last.reason if last else '', case.recovery)


INDEX = OwnAction(index, rule('cases', 'list'), {
    'cases': tuple[CaseRow, ...], 'cases_links?': LINKS}, query=(*PAGE, _CLOSED, _HOST, _STAGE))
SHOW = OwnAction(show, rule('cases', 'show'), {'case': Case, 'closed': int}, query=(BACK,))
