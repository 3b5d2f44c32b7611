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

"""``kaopu-ha host hold`` and ``host release``: people's word to leave a host alone."""

from __future__ import annotations

import argparse

from kaopu_ha.cli import layout
from kaopu_ha.cli.command import Command, CommandError, plain, who
from kaopu_ha.telling import asking
from kaopu_ha.telling.picture import Picture


class HostHold(Command):
    """Leave a host alone: it is watched, but not condemned, and is no target."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The host and the reason."""
        parser.add_argument('host', metavar='HOST')
        parser.add_argument('--why', required=True, help='the reason, for your colleagues')

    def answer(self, args: argparse.Namespace) -> int:
        """Set it; a hold that is there gets the new reason."""
        found = self.look()
        writing = asking.hold(found, args.host, asking.Asker(who(), layout.now(), args.why))
        _write(self, found, writing)
        if self.as_json:
            self.say_json({'host': args.host, 'changed': True, 'setting': plain(writing.record)})
        else:
            warning = asking.too_late(found, args.host)
            self.say([f'{args.host} is on hold: {args.why}', *([warning] if warning else [])])
        return 0


class HostRelease(Command):
    """End the hold on a host."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The host."""
        parser.add_argument('host', metavar='HOST')

    def answer(self, args: argparse.Namespace) -> int:
        """Delete what was set; harmless if nothing is."""
        found = self.look()
        writing = asking.release(found, args.host)
        if writing is not None:
            _write(self, found, writing)
        if self.as_json:
            self.say_json({'host': args.host, 'changed': writing is not None, 'setting': None})
        else:
            self.say(f'{args.host} was not on hold.' if writing is None
                     else f'{args.host} is not on hold any more.')
        return 0


def _write(command: Command, found: Picture, writing: asking.Writing) -> None:
    if command.store.commit(found.compare(*writing.looked), [writing.write()]) is None:
        raise CommandError('Somebody else changed the setting at this moment. See kaopu-ha host '
                           'list, and try again.')
