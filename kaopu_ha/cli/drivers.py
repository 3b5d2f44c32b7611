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

from kaopu_ha import threads  # noqa: F401  some drivers load libraries of oslo
from kaopu_ha.cli import layout
from kaopu_ha.cli.command import Command
from kaopu_ha.wiring import catalogue


class Drivers(Command):
    """List the drivers that are installed, with their options; it asks nobody."""

    sections = ()

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Which ones, and how much of them."""
        parser.add_argument('port', nargs='?', choices=sorted(catalogue.CHOSEN_BY),
                            help='those of one port only')
        parser.add_argument('--options', action='store_true',
                            help='their options, too, with defaults and what they are for')

    def answer(self, args: argparse.Namespace) -> int:
        """1 if a chosen driver is not there or can't be loaded."""
        chosen = catalogue.chosen(self.app.conf)
        ports = [args.port] if args.port else list(catalogue.CHOSEN_BY)
        found = [one for one in catalogue.installed() if one.port in ports]
        names = {(one.port, one.name) for one in found if not one.trouble}
        missing = [(port, name) for port in ports for name in chosen[port]
                   if (port, name) not in names]
        if self.as_json:
            self.say_json([{**dataclasses.asdict(one), 'chosen': one.name in chosen[one.port]}
                           for one in found])
        else:
            for port in ports:
                self._say_port(port, [one for one in found if one.port == port], chosen[port],
                               args.options)
        for port, name in missing:
            self.app.stderr.write(f'The {port} driver "{name}" is chosen, but can\'t be used.\n')
        return 1 if missing else 0

    def _say_port(self, port: str, found: list[catalogue.Known], chosen: tuple[str, ...],
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
