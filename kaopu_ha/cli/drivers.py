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

"""``kaopu-ha drivers``: what is installed for each port, ours and others', and what is chosen."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

from kaopu_ha import threads  # noqa: F401  some drivers load libraries of oslo
from kaopu_ha.cli import layout
from kaopu_ha.cli.listing import Listing
from kaopu_ha.wiring import catalogue


class Drivers(Listing):
    """List the drivers that are installed, with their options; it asks nobody."""

    sections = ()
    heading = ('port', 'driver', 'chosen', 'package', 'what it is')
    nothing = 'No driver is installed: is kaopu-ha?'

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Which ones, and how much of them.  Without ``-f`` and ``-c`` it is told at length."""
        parser.set_defaults(formatter='')
        parser.add_argument('port', nargs='?', choices=sorted(catalogue.CHOSEN_BY),
                            help='those of one port only')
        parser.add_argument('--options', action='store_true',
                            help='their options, too, with defaults and what they are for')

    def answer(self, args: argparse.Namespace) -> int:
        """1 if a chosen driver is not there or can't be loaded."""
        chosen = catalogue.chosen(self.app.conf)
        found = self._found(args)
        if args.formatter or args.columns or self.as_json:
            args.formatter = args.formatter or self.formatter_default
            super().answer(args)
        else:
            for port in self._ports(args):
                self._say_port(port, [one for one in found if one.port == port], chosen[port],
                               args.options)
        names = {(one.port, one.name) for one in found if not one.trouble}
        missing = [(port, name) for port in self._ports(args) for name in chosen[port]
                   if (port, name) not in names]
        for port, name in missing:
            self.app.stderr.write(f'The {port} driver "{name}" is chosen, but can\'t be used.\n')
        return 1 if missing else 0

    def rows(self, args: argparse.Namespace) -> list[tuple[Any, ...]]:
        """One row for each."""
        chosen = catalogue.chosen(self.app.conf)
        return [(one.port, one.name, one.name in chosen[one.port], one.package,
                 one.trouble or one.summary) for one in self._found(args)]

    def records(self, args: argparse.Namespace) -> list[dict[str, Any]]:
        """Each with all its options."""
        chosen = catalogue.chosen(self.app.conf)
        return [{**dataclasses.asdict(one), 'chosen': one.name in chosen[one.port]}
                for one in self._found(args)]

    def _ports(self, args: argparse.Namespace) -> list[str]:
        return [args.port] if args.port else list(catalogue.CHOSEN_BY)

    def _found(self, args: argparse.Namespace) -> list[catalogue.InstalledDriver]:
        return [one for one in catalogue.installed() if one.port in self._ports(args)]

    def _say_port(self, port: str, found: list[catalogue.InstalledDriver], chosen: tuple[str, ...],
                  with_options: bool) -> None:
        by = ', '.join(f'[{port}] {option}' for option in catalogue.CHOSEN_BY[port])
        self.say(self.ink('bold', f'{port}  (namespace kaopu_ha.{port}, chosen by {by})'))
        rows = [('*' if one.name in chosen else '', one.name, one.package,
                 self.ink('error', one.trouble) if one.trouble else one.summary) for one in found]
        head = ('', 'NAME', 'PACKAGE', 'WHAT IT IS')
        self.say([f'  {line}' for line in layout.table(head, rows)])
        for one in found if with_options else ():
            for option in one.options:
                self.say([f'    {one.name}: {option.name} = {option.default}',
                          f'        {option.help}'])
        self.say('')
