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

from kaopu_ha import ports, records
from kaopu_ha.cli import layout
from kaopu_ha.cli.command import Command, CommandError, plain, who
from kaopu_ha.cli.picture import Picture


class HostHold(Command):
    """Leave a host alone: it is watched, but not condemned, and is no target."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The host and the reason."""
        parser.add_argument('host', metavar='HOST')
        parser.add_argument('--why', required=True, help='the reason, for your colleagues')

    def answer(self, args: argparse.Namespace) -> int:
        """Set it; a hold that is there gets the new reason."""
        found = self.look()
        self.known(found, args.host)
        setting = records.HostSetting(hold=True, who=who(), at=layout.now(), why=args.why)
        key = records.HOST + args.host
        _write(self, found, key, ports.Put(key, records.encode(setting)))
        if self.as_json:
            self.say_json({'host': args.host, 'changed': True, 'setting': plain(setting)})
        else:
            self.say([f'{args.host} is on hold: {args.why}', *_warning(found, args.host)])
        return 0


class HostRelease(Command):
    """End the hold on a host."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The host."""
        parser.add_argument('host', metavar='HOST')

    def answer(self, args: argparse.Namespace) -> int:
        """Delete what was set; harmless if nothing is."""
        found = self.look()
        key = records.HOST + args.host
        there = found.entry(key) is not None
        if there:
            _write(self, found, key, ports.Delete(key))
        else:
            self.known(found, args.host)
        if self.as_json:
            self.say_json({'host': args.host, 'changed': there, 'setting': None})
        else:
            self.say(f'{args.host} is not on hold any more.' if there
                     else f'{args.host} was not on hold.')
        return 0


def _write(command: Command, found: Picture, key: str, write: ports.Put | ports.Delete) -> None:
    if command.store.commit(found.compare(key), [write]) is None:
        raise CommandError('Somebody else changed the setting at this moment. See kaopu-ha host '
                           'list, '
                           'and try again.')


def _warning(found: Picture, host: str) -> list[str]:
    case = found.cases.get(host)
    if case is None or not case.recovery:
        return []
    return [f'It comes too late for its case, which is {case.stage.value}: a recovery that has '
            'begun goes on.']
