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

"""``kaopu-ha host forget``: a host that was taken away, or replaced, is known no more.

While its inventory is there, its missing beat keeps a case open.  So a case that has condemned
nobody goes with the inventory, in one transaction: the leader's next write on it is refused.

A confirmed host that will never return can't be admitted: ``--destroyed`` is a person's word that
the machine does not exist any more (decision 0011).  Its fence stays on Ceph.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from kaopu_ha import archive, ports, records
from kaopu_ha.cli import layout
from kaopu_ha.cli.command import Command, CommandError, who
from kaopu_ha.core import admission, aftercare, detection, fencing, kept, model
from kaopu_ha.core.keys import OPERATIONS_MAX, portions
from kaopu_ha.core.model import Power, Stage, Verdict
from kaopu_ha.core.texts import few
from kaopu_ha.telling.picture import Picture


class HostForget(Command):
    """Forget a host that was taken away: its inventory, and what people set for it."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The host, and what became of it."""
        parser.add_argument('host', metavar='HOST')
        parser.add_argument('--destroyed', action='store_true',
                            help='a confirmed dead host that will never return: its case ends, '
                                 'its addresses stay fenced on Ceph')

    def answer(self, args: argparse.Namespace) -> int:
        """Refused while the host beats or anything is under way with it."""
        found, host = self.look(), args.host
        if found.entry(records.INVENTORY + host) is None and host not in found.hosts:
            self.known(found, host)
        reason = refusal(found, host, args.destroyed)
        if reason:
            raise CommandError(f'{host} is not forgotten: {reason}')
        case = found.cases.get(host)
        ended = case if case and case.stage is Stage.CONFIRMED else None
        gone = [prefix + host for prefix in (
            records.INVENTORY, records.HOST, records.RESTART, *[records.LOCK] * bool(ended),
            *[records.CASE] * (not ended)) if found.entry(prefix + host) is not None]
        writes: list[ports.Put | ports.Delete] = [ports.Delete(key) for key in gone]
        if ended:
            ended = admission.destroyed(ended, layout.now(), who())
            writes += archive.put_away(self.store, ended, found.snapshot.revision)
            writes += _looked_after(found, ended)
        compares = found.compare(*(prefix + host for prefix in (
            records.INVENTORY, records.HOST, records.CASE, records.LOCK, records.DEATH,
            records.ALIVE, records.AFTERCARE, records.RESTART)),
            *([records.RECOVERY + ended.recovery] if ended else []))
        if self.store.commit(compares, writes) is None:
            raise CommandError(f'{host} is not forgotten: it changed at this moment. '
                               f'See kaopu-ha host show {host}, and try again.')
        gone += self._without_openstack(host)
        stays = fenced(found, ended) if ended else ()
        if self.as_json:
            self.say_json({'host': host, 'changed': bool(writes), 'deleted': gone,
                           'still_fenced': stays})
        else:
            self.say([f'{host} is forgotten. If its agent starts again, it is known again.',
                      *_doubted(found, ended), *_told(host, stays)])
        return 0

    def _without_openstack(self, host: str) -> list[str]:
        """Delete what is kept of a host that no Nova knows; the keys.

        Definitions of what was never moved from it stay: there is no other copy.
        """
        prefix = f'{records.DOMAIN}{host}/'
        seen = self.store.read(prefix, records.SERVER, records.SERVICE + host)
        owners = {uuid: records.record(records.Owner, entry).host
                  for uuid, entry in seen.under(records.SERVER).items()}
        moved = [prefix + uuid for uuid in seen.under(prefix) if owners.get(uuid, host) != host]
        gone = [*moved, *(records.SERVICE + name for name in seen.under(records.SERVICE))]
        for some in portions(gone, OPERATIONS_MAX):
            self.store.commit([], [ports.Delete(key) for key in some])
        return gone


def _looked_after(found: Picture, case: model.Case) -> list[ports.Put]:
    """What is still counted there of instances that are elsewhere is a leader's to take back."""
    moves = found.every_evacuation
    begun = aftercare.begun(found.cared.get(case.host), case.host, moves,
                            admission.may_be_left(case.host, case.recovery, moves),
                            layout.now(), who(), destroyed=True)
    return [ports.Put(records.AFTERCARE + case.host, records.encode(begun))] if begun else []


def fenced(found: Picture, case: model.Case) -> list[dict[str, Any]]:
    """The addresses that the host's recovery may have on the blocklist of each cluster."""
    recovery = found.recoveries.get(case.recovery)
    return [{'cluster': order.cluster, 'addresses': [*order.addresses, *order.clients]}
            for order in map(fencing.whole, recovery.orders if recovery else ())]


def _doubted(found: Picture, case: model.Case | None) -> list[str]:
    """Of a host whose fence has never held, only its absence keeps it from writing."""
    recovery = found.recoveries.get(case.recovery) if case is not None else None
    if recovery is None or (kept.was_proven(recovery) and recovery.word is None):
        return []
    return ['Its fence was not proven: nothing but your word keeps that machine from writing. See '
            'that it never starts again.']


def _told(host: str, stays: Sequence[dict[str, Any]]) -> list[str]:
    if not stays:
        return []
    lines = ['These addresses stay fenced on Ceph. Before another machine gets one of them, run',
             'there: ceph osd blocklist rm ADDRESS']
    for order in stays:
        lines += [f'  cluster {order["cluster"]}: {", ".join(map(str, order["addresses"]))}']
    return [*lines, f'Nova still has its service, forced down: openstack compute service list '
                    f'--host {host}, then delete it.']


def refusal(found: Picture, host: str, destroyed: bool = False) -> str:
    """Why the host may not be forgotten now; empty if it may."""
    if found.beats_now(host):
        return 'it beats. Stop its agent first (systemctl disable --now kaopu-ha-agent).'
    not_over = _not_destroyed if destroyed else _not_over
    return not_over(found, host) or _not_started(found, host)


def _not_over(found: Picture, host: str) -> str:
    for key in (records.LOCK + host, records.DEATH + host):
        if found.entry(key) is not None:
            return f'it has a {key.split("/")[2]}: its case must end first, {_by(found, host)}'
    if any(not item.stage.finished for item in found.recoveries_of(host)):
        return 'its recovery is not finished.'
    found.insist(records.CASE + host)
    case = found.cases.get(host)
    if case is None:
        return ''
    if case.stage is not Stage.SUSPECTED or case.verdict is Verdict.DEAD:
        return f'its case is {case.stage.value}: it must end first, {_by(found, host)}'
    return _still_on(found, host)


def _not_destroyed(found: Picture, host: str) -> str:
    found.insist(records.CASE + host)
    case = found.cases.get(host)
    if case is not None and case.stage in detection.JUDGING:
        return (f'it is not confirmed dead: what is not fenced could still write. If it can\'t be '
                f'judged: kaopu-ha recovery go-on {host} --destroyed --why ... Then forget it.')
    if case is None or case.stage is not Stage.CONFIRMED:
        return ('--destroyed is for a host that is confirmed dead: what is not fenced could '
                'still write.')
    recovery = found.recoveries.get(case.recovery)
    if recovery is None:
        # What is there and can't be read was complained of.
        found.insist(records.RECOVERY + case.recovery)
    elif recovery.stage.early:
        return (f'its recovery is {recovery.stage.value}, and waits for: '
                f'{recovery.waiting_for or "its next step"}. To have its instances moved by your '
                f'word: kaopu-ha recovery go-on {host} --destroyed --why ...; to give them up: '
                f'kaopu-ha recovery end {host} --why ... Then forget it.')
    elif not recovery.stage.finished:
        return (f'its recovery is not finished: kaopu-ha recovery show {case.recovery}. To give up '
                f'what is not under way: kaopu-ha recovery end {host} --why ...')
    if not all(item.phase.ended for item in found.evacuations(case.recovery)):
        return f'its recovery is taken up again: kaopu-ha recovery show {case.recovery}.'
    return _on_their_way(found, host, recovery)


def _on_their_way(found: Picture, host: str, recovery: model.Recovery | None) -> str:
    """Why its case has to stay: by that the leader knows that what was to come there never will."""
    coming = sorted(item.name for item in found.every_evacuation
                    if item.target == host and item.attempts and not item.phase.ended)
    if not coming:
        return ''
    what = f'{few(coming)} {"is" if len(coming) == 1 else "are"} on the way to it'
    if recovery is None or recovery.word is None or recovery.word.destroyed:
        return f'{what}, and sent elsewhere within seconds. Then forget it.'
    return (f'{what}: to have that sent elsewhere: kaopu-ha recovery go-on {host} --destroyed '
            f'--why ... Then forget it.')


def _still_on(found: Picture, host: str) -> str:
    inventory = found.inventories.get(host)
    on = [item.name for item in inventory.instances if item.power is not Power.OFF] \
        if inventory else []
    if not on:
        return ''
    return (f'by its inventory {layout.number(len(on), "instance")} of it may still run '
            f'({", ".join(on)}). Move them away first, with its agent running; or, if it is off '
            f'and can\'t be judged: kaopu-ha recovery go-on {host} --switched-off --why ...')


def _not_started(found: Picture, host: str) -> str:
    """What was on before is off now, and only the record of its restart still knows of it."""
    found.insist(records.RESTART + host)
    record = found.restarts.get(host)
    waits = sorted(start.name for start in record.unsettled) if record is not None else ()
    if not waits:
        return ''
    return (f'{few(waits)} {"was" if len(waits) == 1 else "were"} on before, and '
            f'{"waits" if len(waits) == 1 else "wait"} to be started again on it. If that need '
            f'not be, or you bring it up elsewhere: kaopu-ha host wave-off {host} --why ... Then '
            f'forget it.')


def _by(found: Picture, host: str) -> str:
    case = found.cases.get(host)
    if case is not None and case.stage in (Stage.CONFIRMED, Stage.ADMITTING):
        return (f'by kaopu-ha host admit {host}, or, if it will never return, by kaopu-ha host '
                f'forget --destroyed {host}.')
    return 'by its beat or another sign of life.'
