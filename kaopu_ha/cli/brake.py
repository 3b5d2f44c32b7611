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

from kaopu_ha import records
from kaopu_ha.cli import layout
from kaopu_ha.cli.command import Command, CommandError, plain, who
from kaopu_ha.telling import asking
from kaopu_ha.telling.stormy import storm


class BrakeRelease(Command):
    """Let the cases go on that the brake holds now, and no later ones of any host."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The reason."""
        parser.add_argument('--why', default='', help='the reason, for your colleagues')

    def answer(self, args: argparse.Namespace) -> int:
        """Release it for exactly the hosts that count now; nothing to release is no failure."""
        found = self.look()
        written = asking.release_brake(found, self.app.rules,
                                       asking.Asker(who(), layout.now(), args.why))
        setting: records.BrakeSetting | None = None
        if written is not None:
            setting = written.record
            if self.store.commit(found.compare(*written.looked), [written.write()]) is None:
                raise CommandError('Somebody else released the brake at this moment. See kaopu-ha '
                                   'status.')
        if self.as_json:
            self.say_json({'changed': setting is not None, 'brake': plain(setting or found.brake)})
        elif setting is not None:
            self.say(f'The brake is released for {", ".join(setting.released_for)}: their cases '
                     'go on, and may end with their instances moved. It ends with the storm.')
        else:
            why_not = asking.nothing_to_release(found, storm(found, self.app.rules))
            self.say(f'There is nothing to release. {why_not}')
        return 0
