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

"""The recoveries of confirmed hosts, with their moves; and what people ask of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kaopu_ha import records
from kaopu_ha.api.policies.v2 import rule
from kaopu_ha.api.v2.declared import NAME, PAGE, WHY, OwnAction, Parameter, takes
from kaopu_ha.api.v2.inquiry import LINKS, Inquiry, plain
from kaopu_ha.core.model import Evacuation, Phase, Recovery, RecoveryStage
from kaopu_ha.core.wishes import Wish, WishVerb
from kaopu_ha.telling import asking, named, recovered
from kaopu_ha.telling.picture import Picture, progress

_FAILED = (Phase.FAILED, Phase.NOT_RECOVERABLE)
_SWITCHED_OFF, _DESTROYED = 'switched off', 'destroyed'
_HOST = Parameter('host', NAME, 'Those of this host only.')


@dataclass(frozen=True)
class RecoveryRow:
    """A recovery in short: ``ended`` of its ``instances`` are moved, or have ended otherwise, of
    which ``failed`` do not run and no person gave them up.
    """

    id: str
    host: str
    stage: RecoveryStage
    ended: int
    instances: int
    began_at: str
    waiting_for: str
    failed: int


def index(call: Inquiry) -> dict[str, Any]:
    """List the recoveries, newest last."""
    found = call.books.picture()
    mine = {item.id: item for item in recovered.in_order(found)
            if call.query.get('host', item.host) == item.host}
    shown, links = call.page('recoveries', list(mine))
    return {'recoveries': [plain(_row(found, mine[ident])) for ident in shown], **links}


def show(call: Inquiry, recovery: str) -> dict[str, Any]:
    """Show a recovery by its id, or the newest one of a host: its fences with their proof, each of
    its instances with its attempts, and what people asked.
    """
    found = call.books.picture()
    return recovered.everything(found, named.recovery(found, recovery))


def retry(call: Inquiry, instance: str) -> dict[str, Any]:
    """Try again at once to move an instance to any host, or to start it where it was."""
    return _asked(call, WishVerb.RETRY, instance)


def give_up(call: Inquiry, instance: str) -> dict[str, Any]:
    """Give an instance of a recovery up: it is not moved any more, and nobody is reminded of it."""
    return _asked(call, WishVerb.GIVE_UP, instance)


def end(call: Inquiry, host: str) -> dict[str, Any]:
    """Give every instance of a host's recovery up that is not under way, and wait for the others.
    """
    return _asked(call, WishVerb.END, host)


def go_on(call: Inquiry, host: str) -> dict[str, Any]:
    """Have what waits go on by your word that a host is off: the verdict of one that can't be
    judged, or a recovery whose fence does not hold. Where no fence holds, whoever is wrong has two
    writers on each disk. The host must stay off until the recovery is finished.
    """
    return _asked(call, WishVerb.GO_ON, host)


def _asked(call: Inquiry, verb: WishVerb, subject: str) -> dict[str, Any]:
    """What was asked, for the leader to answer; what waits already is not asked again."""
    found = call.books.picture()
    writing, before = asking.wish(found, verb, subject, call.asker(),
                                  destroyed=call.body.get('because') == _DESTROYED)
    if before is None:
        call.write(found, writing)
    return {'wish': plain(before or writing.record), 'changed': before is None,
            'leads': found.leader is not None}


def _row(found: Picture, item: Recovery) -> RecoveryRow:
    ended, instances = progress(found, item)
    return RecoveryRow(item.id, item.host, item.stage, ended, instances,
                       item.history[0].at if item.history else '', item.waiting_for,
                       sum(each.phase in _FAILED and not each.given_up
                           for each in found.evacuations(item.id)))


_WISH = {'wish': Wish, 'changed': bool, 'leads': bool}
_WHY_ONLY = takes({'why': WHY})
INDEX = OwnAction(index, rule('recoveries', 'list'), {
    'recoveries': tuple[RecoveryRow, ...], 'recoveries_links?': LINKS}, query=(*PAGE, _HOST))
SHOW = OwnAction(show, rule('recoveries', 'show'), {
    'recovery': Recovery, 'proof': records.ProofMark | None,
    'evacuations': tuple[Evacuation, ...], 'wishes': tuple[Wish, ...]})
RETRY = OwnAction(retry, rule('recoveries', 'retry'), _WISH, 202, takes=_WHY_ONLY)
GIVE_UP = OwnAction(give_up, rule('recoveries', 'give-up'), _WISH, 202, takes=_WHY_ONLY)
END = OwnAction(end, rule('recoveries', 'end'), _WISH, 202, takes=_WHY_ONLY)
GO_ON = OwnAction(go_on, rule('recoveries', 'go-on'), _WISH, 202, takes=takes({
    'why': WHY, 'because': {'type': 'string', 'enum': [_SWITCHED_OFF, _DESTROYED]}}))
