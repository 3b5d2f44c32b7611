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

"""``kaopu-ha tool``: addresses whose clients only read, named by people for a while."""

from __future__ import annotations

import argparse
import datetime
import ipaddress
import math
import re
from typing import Any

from kaopu_ha import ports, records
from kaopu_ha.cli import layout
from kaopu_ha.cli.command import Command, CommandError, plain, who
from kaopu_ha.cli.listing import Listing
from kaopu_ha.core import addresses

_UNITS = {'s': 1, 'm': 60, 'h': 3600, 'd': 86400}
_SECONDS_MAX = 30 * 86400


class ToolAdd(Command):
    """Name an address as a tool's: a backup, a mirror, an export.  What lives there is no guest."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The address, the reason, and how long."""
        parser.add_argument('address', metavar='ADDRESS', type=_address)
        parser.add_argument('--why', required=True, help='the reason, for your colleagues')
        parser.add_argument('--for', required=True, type=_seconds, dest='seconds', metavar='TIME',
                            help='how long: 90m, 8h, 2d; 30d at most.  What stays for good belongs '
                                 'into [ceph] tools')

    def answer(self, args: argparse.Namespace) -> int:
        """Write it under a lease; one that is there gets the new reason and time.

        Refused for an address that a host claims: its guests' clients would be taken for a tool's.
        """
        found = self.look(records.TOOL)
        owners = addresses.owners(found.inventories).get(args.address, frozenset())
        if owners:
            raise CommandError(f'{args.address} is an address of {", ".join(sorted(owners))}: what '
                               'lives there may be a guest.')
        until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=args.seconds)
        tool = records.Tool(args.address, who(), layout.now(), args.why,
                            until.isoformat(timespec='seconds'))
        lease = self.store.grant(math.ceil(args.seconds))
        key = records.TOOL + args.address
        if self.store.commit(found.compare(key), [
                ports.Put(key, records.encode(tool), lease)]) is None:
            self.store.revoke(lease)
            raise CommandError('Somebody else named it at this moment. See kaopu-ha tool list.')
        if self.as_json:
            self.say_json({'changed': True, 'tool': plain(tool)})
        else:
            self.say(f'{args.address} is a tool\'s until {layout.date_and_clock(tool.until)}: a '
                     'live client there is no guest of any host.')
        return 0


class ToolList(Listing):
    """Show the addresses that are tools': those of the configuration, and those people named."""

    heading = ('address', 'named by', 'until', 'why')
    nothing = 'No address is named as a tool\'s.'

    def records(self, args: argparse.Namespace) -> Any:
        """Both kinds."""
        return {'configured': list(self.app.conf.ceph.tools),
                'named': [plain(tool) for tool in self.look(records.TOOL).tools.values()]}

    def rows(self, args: argparse.Namespace) -> list[tuple[str, str, str, str]]:
        """Those of the configuration first."""
        rows = [(address, 'the configuration', '', '') for address in self.app.conf.ceph.tools]
        return rows + [(tool.address, tool.who, layout.date_and_clock(tool.until), tool.why)
                       for tool in self.look(records.TOOL).tools.values()]


class ToolRemove(Command):
    """Name an address as a tool's no more, before its time is over."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The address."""
        parser.add_argument('address', metavar='ADDRESS', type=_address)

    def answer(self, args: argparse.Namespace) -> int:
        """Delete it; harmless if it is not there."""
        found, key = self.look(records.TOOL), records.TOOL + args.address
        there = found.entry(key) is not None
        if there and self.store.commit(found.compare(key), [ports.Delete(key)]) is None:
            raise CommandError('Somebody else changed it at this moment. See kaopu-ha tool list.')
        if self.as_json:
            self.say_json({'changed': there, 'tool': None})
        else:
            self.say(f'{args.address} is not a tool\'s any more.' if there
                     else f'{args.address} was not named by a person.')
        return 0


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip('[]')))
    except ValueError as failure:
        raise argparse.ArgumentTypeError(f'{text} is no IP address') from failure


def _seconds(text: str) -> float:
    found = re.fullmatch(r'(\d+(?:\.\d+)?)([smhd])', text)
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < seconds <= _SECONDS_MAX:
        raise argparse.ArgumentTypeError(f'{text} is no time of up to 30 days: write 90m, 8h or 2d')
    return seconds
