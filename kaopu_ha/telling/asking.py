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

"""What people ask, as it is written down: by the command and by the API alike.

Each gives what is to be written and the keys that it relies on, or raises Unmet; the leader judges
the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
import dataclasses
from dataclasses import dataclass
from typing import Any

from kaopu_ha import ports, records
from kaopu_ha.core import detection, model, restart, texts
from kaopu_ha.core.model import Stage
from kaopu_ha.core.requests import RequestState, RequestVerb
from kaopu_ha.core.rules import Rules
from kaopu_ha.core.wishes import Wish, WishState, WishVerb
from kaopu_ha.telling import named, wording
from kaopu_ha.telling.named import NotNow, Nowhere
from kaopu_ha.telling.picture import Picture
from kaopu_ha.telling.stormy import StormShown, storm

# A wish and its answer are shown for so long, and an end that waits ends with them.
WISH_SECONDS = 86400


@dataclass(frozen=True)
class Asker:
    """Who says it, when (ISO 8601), and why."""

    who: str
    at: str
    why: str


@dataclass(frozen=True)
class Writing:
    """A record to be put under its key, None to delete it, if these keys are as they were read.

    ``seconds``: under a lease of so many, 0 for one that lasts.
    """

    key: str
    record: Any
    looked: tuple[str, ...]
    seconds: int = 0

    def write(self, lease: int = 0) -> ports.Put | ports.Delete:
        """What is written."""
        if self.record is None:
            return ports.Delete(self.key)
        return ports.Put(self.key, records.encode(self.record), lease)


def hold(found: Picture, host: str, asker: Asker) -> Writing:
    """Leave a host alone; a hold that is there gets the new reason."""
    named.host(found, host)
    key = records.HOST + host
    return Writing(key, records.HostSetting(True, asker.who, asker.at, asker.why), (key,))


def release(found: Picture, host: str) -> Writing | None:
    """End the hold on a host; None if there is none."""
    key = records.HOST + host
    if found.entry(key) is not None:
        return Writing(key, None, (key,))
    named.host(found, host)
    return None


def too_late(found: Picture, host: str) -> str:
    """What a hold does not stop any more, '' if nothing."""
    case = found.cases.get(host)
    if case is None or not case.recovery:
        return ''
    return (f'It comes too late for its case, which is {case.stage.value}: a recovery that has '
            'begun goes on.')


def admit(found: Picture, host: str, asker: Asker) -> Writing:
    """Ask to take a confirmed host back; ``found`` has the request of before."""
    key = records.admit_request(host)
    found.insist(records.CASE + host)
    found.insist(key)
    case = found.cases.get(host)
    request = found.requests.get(key[len(records.REQUEST):])
    not_admitted = f'{host} is not admitted: '
    if request is not None and request.state is RequestState.ASKED:
        raise NotNow(f'{not_admitted}{request.who} asked for it at '
                     f'{wording.date_and_clock(request.at)}, and that is under way. To see it: '
                     f'kaopu-ha case show {host}')
    if case is None and host not in found.hosts:
        raise Nowhere(f'{not_admitted}no such host is known. Known hosts: '
                      f'{", ".join(found.hosts) or "none"}.')
    if case is None:
        raise NotNow(f'{not_admitted}it has no open case: there is nothing to admit.')
    if case.stage not in (Stage.CONFIRMED, Stage.ADMITTING):
        raise NotNow(f'{not_admitted}it is not confirmed dead; its case is {case.stage.value}.')
    return Writing(key, records.Request(RequestVerb.ADMIT, host, asker.who, asker.at),
                   (key, records.CASE + host))


def release_brake(found: Picture, rules: Rules, asker: Asker) -> Writing | None:
    """Let the cases go on that the brake holds now; None if it holds none."""
    found.insist(records.BRAKE)
    state = storm(found, rules)
    if not state.braked:
        return None
    cases = {host: entry.created for host in state.counted
             if (entry := found.entry(records.CASE + host)) is not None}
    return Writing(records.BRAKE, records.BrakeSetting(
        state.counted, asker.who, asker.at, asker.why, cases), (records.BRAKE,))


def nothing_to_release(found: Picture, state: StormShown) -> str:
    """Why the brake holds nobody."""
    if state.on and found.brake is not None:
        return (f'The brake was released for {", ".join(found.brake.released_for)} by '
                f'{found.brake.who} at {wording.date_and_clock(found.brake.at)}.')
    if state.on:
        return ('Nobody is held now; whoever falls silent in this storm will be, and can be '
                'released then.')
    if state.counted:
        return (f'{wording.number(len(state.counted), "host")} may count for a storm '
                f'({", ".join(state.counted)}): that is not too many.')
    return 'No host counts for a storm.'


# ---------------------------------------------------------------- of a recovery


def wish(found: Picture, verb: WishVerb, subject: str, asker: Asker, *,
         destroyed: bool = False) -> tuple[Writing, Wish | None]:
    """Ask it of a recovery, or of an instance in it; ``found`` has the wishes of before.

    With the same wish if it was asked already, and waits: then there is nothing to write.
    """
    meant = dataclasses.replace(
        _MEANT[verb](found, verb, subject), who=asker.who, at=asker.at, destroyed=destroyed,
        why=texts.bounded(asker.why, texts.LINE_BYTES_MAX))
    key = records.wish(meant)
    before = found.wishes.get(key[len(records.WISH):])
    waits = before is not None and before.state is WishState.ASKED and (
        (before.recovery, before.boot_id, before.opened)
        == (meant.recovery, meant.boot_id, meant.opened))
    return Writing(key, meant, (key,), WISH_SECONDS), before if waits else None


def _of_all(found: Picture, verb: WishVerb, subject: str) -> Wish:
    """The recovery of its open case."""
    found.insist(records.CASE + subject)
    case = found.cases.get(subject)
    if case is not None and case.recovery:
        return Wish(verb, subject, '', '', '', recovery=case.recovery)
    if case is None and subject not in found.hosts:
        named.host(found, subject)
    if case is not None:
        raise NotNow(f'{subject} has no recovery: its case is {case.stage.value}. To leave it '
                     f'alone: kaopu-ha host hold {subject} --why ...')
    record = found.restarts.get(subject)
    hint = (f' What is started in place is waved off: kaopu-ha host wave-off {subject} '
            f'--why ...') if record is not None and record.unsettled else ''
    raise NotNow(f'{subject} has no open recovery.{hint}')


def _go_on(found: Picture, verb: WishVerb, subject: str) -> Wish:
    """Its case while it is judged, later the recovery of that."""
    key = records.CASE + subject
    found.insist(key)
    case, entry = found.cases.get(subject), found.entry(key)
    if case is not None and entry is not None and case.stage in detection.JUDGING:
        return Wish(verb, subject, '', '', '', opened=entry.created)
    return _of_all(found, verb, subject)


def _instance(found: Picture, verb: WishVerb, name: str) -> Wish:
    """The move that is open, or else what is started in place, or else what has ended."""
    meant = sorted((*_moves(found, verb, name), *_starts(found, verb, name)),
                   key=lambda each: each[0])
    uuids = sorted({one.instance for _, one in meant})
    if len(uuids) > 1:
        raise NotNow(f'{len(uuids)} instances have the name {name}: say the UUID, one of '
                     f'{", ".join(uuids)}.')
    if meant:
        return meant[0][1]
    former = [each for each in found.recoveries.values() for item in found.evacuations(each.id)
              if name in (item.instance, item.name)]
    if former:
        raise NotNow(f'The recovery of {former[-1].host} is over: the host was admitted or '
                     f'forgotten since. If {name} is to run: openstack server start {name}')
    raise Nowhere(f'No recovery has an instance {name}, and none of that name is started again in '
                  f'place. See kaopu-ha recovery list.')


_MEANT = {WishVerb.RETRY: _instance, WishVerb.GIVE_UP: _instance, WishVerb.END: _of_all,
          WishVerb.GO_ON: _go_on}
_Meant = tuple[tuple[int, int], Wish]


def _moves(found: Picture, verb: WishVerb, name: str) -> Iterator[_Meant]:
    """Its moves in the recoveries of hosts that are not admitted; the newest one first."""
    for case in found.cases.values():
        for item in found.evacuations(case.recovery) if case.recovery else ():
            if name in (item.instance, item.name):
                yield (2 * item.phase.ended, -_born(found, item)), Wish(
                    verb, case.host, '', '', '', recovery=case.recovery, instance=item.instance,
                    name=item.name)


def _born(found: Picture, item: model.Evacuation) -> int:
    entry = found.entry(records.RECOVERY + item.recovery)
    return entry.created if entry else 0


def _starts(found: Picture, verb: WishVerb, name: str) -> Iterator[_Meant]:
    for record in found.restarts.values():
        for start in record.starts:
            if name in (start.instance, start.name):
                yield (3 if _is_settled(start) else 1, 0), Wish(
                    verb, record.host, '', '', '', boot_id=record.boot_id,
                    instance=start.instance, name=start.name)


def _is_settled(start: restart.Start) -> bool:
    # What a person waved off may be tried again.
    return start.phase.settled and start.phase is not restart.StartPhase.WAVED_OFF
