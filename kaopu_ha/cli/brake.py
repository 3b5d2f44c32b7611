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

"""``kaopu-ha brake release``: a person says that so many hosts are really dead."""

from __future__ import annotations

import argparse

from kaopu_ha import ports, records
from kaopu_ha.cli import layout, storm
from kaopu_ha.cli.command import Command, Trouble, plain, who
from kaopu_ha.cli.picture import Picture


class BrakeRelease(Command):
    """Let the cases go on that the brake holds now, and no later ones of any host."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The reason."""
        parser.add_argument('--why', default='', help='the reason, for your colleagues')

    def answer(self, args: argparse.Namespace) -> int:
        """Release it for exactly the hosts that count now; nothing to release is no failure."""
        found = self.look()
        found.insist(records.BRAKE)
        state = storm.storm(found, self.app.rules)
        setting = None
        if state.braked:
            cases = {host: entry.created for host in state.counted
                     if (entry := found.entry(records.CASE + host)) is not None}
            setting = records.BrakeSetting(state.counted, who(), layout.now(), args.why, cases)
            self._write(found, setting)
        if self.as_json:
            self.say_json({'changed': setting is not None, 'brake': plain(setting or found.brake)})
        elif setting is not None:
            self.say(f'The brake is released for {", ".join(setting.released_for)}: their cases '
                     'go on, and may end with their instances moved. It ends with the storm.')
        else:
            self.say(f'There is nothing to release. {_why_not(found, state)}')
        return 0

    def _write(self, found: Picture, setting: records.BrakeSetting) -> None:
        write = ports.Put(records.BRAKE, records.encode(setting))
        if self.store.commit(found.compare(records.BRAKE), [write]) is None:
            raise Trouble('Somebody else released the brake at this moment. See kaopu-ha status.')


def _why_not(found: Picture, state: storm.Storm) -> str:
    if state.on and found.brake is not None:
        return (f'The brake was released for {", ".join(found.brake.released_for)} by '
                f'{found.brake.who} at {layout.date_and_clock(found.brake.at)}.')
    if state.on:
        return ('Nobody is held now; whoever falls silent in this storm will be, and can be '
                'released then.')
    if state.counted:
        return (f'{layout.number(len(state.counted), "host")} may count for a storm '
                f'({", ".join(state.counted)}): that is not too many.')
    return 'No host counts for a storm.'
