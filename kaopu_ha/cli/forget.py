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
"""

from __future__ import annotations

import argparse

from kaopu_ha import ports, records
from kaopu_ha.cli import layout
from kaopu_ha.cli.command import Command, Trouble
from kaopu_ha.cli.picture import Picture
from kaopu_ha.core.model import Power, RecoveryStage, Stage, Verdict


class HostForget(Command):
    """Forget a host that was taken away: its inventory, and what people set for it."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The host."""
        parser.add_argument('host', metavar='HOST')

    def answer(self, args: argparse.Namespace) -> int:
        """Refused while the host beats or anything is under way with it."""
        found, host = self.look(), args.host
        if found.entry(records.INVENTORY + host) is None and host not in found.hosts:
            self.known(found, host)
        reason = refusal(found, host)
        if reason:
            raise Trouble(f'{host} is not forgotten: {reason}')
        gone = [key for key in (records.INVENTORY + host, records.HOST + host, records.CASE + host)
                if found.entry(key) is not None]
        compares = found.compare(*(prefix + host for prefix in (
            records.INVENTORY, records.HOST, records.CASE, records.LOCK, records.DEATH,
            records.ALIVE)))
        if self.store.commit(compares, [ports.Delete(key) for key in gone]) is None:
            raise Trouble(f'{host} is not forgotten: it changed at this moment. '
                          f'See kaopu-ha host show {host}, and try again.')
        if self.as_json:
            self.say_json({'host': host, 'changed': bool(gone), 'deleted': gone})
        else:
            self.say(f'{host} is forgotten. If its agent starts again, it is known again.')
        return 0


def refusal(found: Picture, host: str) -> str:
    """Why the host may not be forgotten now; empty if it may."""
    if found.beats_now(host):
        return 'it beats. Stop its agent first (systemctl disable --now kaopu-ha-agent).'
    for key in (records.LOCK + host, records.DEATH + host):
        if found.entry(key) is not None:
            return f'it has a {key.split("/")[2]}: its case must end first, {_by(found, host)}'
    if any(item.stage is not RecoveryStage.FINISHED for item in found.recoveries_of(host)):
        return 'its recovery is not finished.'
    found.insist(records.CASE + host)
    case = found.cases.get(host)
    if case is None:
        return ''
    if case.stage is not Stage.SUSPECTED or case.verdict is Verdict.DEAD:
        return f'its case is {case.stage.value}: it must end first, {_by(found, host)}'
    return _still_on(found, host)


def _still_on(found: Picture, host: str) -> str:
    inventory = found.inventories.get(host)
    on = [item.name for item in inventory.instances if item.power is not Power.OFF] \
        if inventory else []
    if not on:
        return ''
    return (f'by its inventory {layout.number(len(on), "instance")} of it may still run '
            f'({", ".join(on)}). Move them away first, with its agent running.')


def _by(found: Picture, host: str) -> str:
    case = found.cases.get(host)
    if case is not None and case.stage in (Stage.CONFIRMED, Stage.ADMITTING):
        return f'by kaopu-ha host admit {host}.'
    return 'by its beat or another sign of life.'
