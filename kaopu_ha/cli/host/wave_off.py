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

"""``kaopu-ha host wave-off``: say that what is started in place need not run again."""

from __future__ import annotations

import argparse

from kaopu_ha import ports, records
from kaopu_ha.cli import layout
from kaopu_ha.cli.command import Command, CommandError, plain, who
from kaopu_ha.core import restart


class HostWaveOff(Command):
    """Say that what was on before a host was booted, or crashed, need not be started again."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The host, which of its instances, and the reason."""
        parser.add_argument('host', metavar='HOST')
        parser.add_argument('instances', metavar='INSTANCE', nargs='*',
                            help='names or UUIDs; none: all that do not run again')
        parser.add_argument('--why', required=True, help='the reason, for your colleagues')

    def answer(self, args: argparse.Namespace) -> int:
        """Write it down; whoever starts an instance later does no harm."""
        found, key = self.look(), records.RESTART + args.host
        found.insist(key)
        record = found.restarts.get(args.host)
        open_now = record.unsettled if record is not None else ()
        chosen = [start for start in open_now if not args.instances
                  or start.name in args.instances or start.instance in args.instances]
        strange = [name for name in args.instances
                   if not any(name in (start.name, start.instance) for start in chosen)]
        if strange or record is None or not chosen:
            self.known(found, args.host)
            what = f'{", ".join(strange)}: none of these' if strange else 'Nothing'
            raise CommandError(f'{what} of {args.host} waits to be started again.')
        at, why = layout.now(), f'{who()}: {args.why}'
        new = restart.changed(record, [restart.waved_off(start, why, at) for start in chosen])
        if self.store.commit(found.compare(key), [ports.Put(key, records.encode(new))]) is None:
            raise CommandError('It changed at this moment. See kaopu-ha status, and try again.')
        if self.as_json:
            self.say_json({'host': args.host, 'changed': True, 'restart': plain(new)})
        else:
            self.say(f'{", ".join(start.name for start in chosen)} of {args.host}: waved off. '
                     'Start it by Nova if it is to run after all.')
        return 0
