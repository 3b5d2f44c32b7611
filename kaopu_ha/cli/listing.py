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

"""Commands that list: with ``-f``, ``-c`` and ``--sort-column``, as OpenStack's commands do."""

from __future__ import annotations

import abc
import argparse
from collections.abc import Sequence
from typing import Any

from cliff import columns, lister

from kaopu_ha.cli.command import Command, Trouble


class Cell(columns.FormattableColumn[Any]):
    """A value that people are shown in other words, or in a colour."""

    def __init__(self, value: Any, shown: str) -> None:
        super().__init__(value)
        self._shown = shown

    def human_readable(self) -> str:
        """What people are shown."""
        return self._shown


class Listing(Command, lister.Lister):
    """A list, as a table or in the form that is asked for; ``--json`` has the records whole."""

    # The names of the columns.
    heading: tuple[str, ...]
    # What people are told instead of an empty table.
    nothing: str

    @abc.abstractmethod
    def rows(self, args: argparse.Namespace) -> Sequence[Sequence[Any]]:
        """The cells of each row."""

    @abc.abstractmethod
    def records(self, args: argparse.Namespace) -> Any:
        """The same for ``--json``."""

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Do it; what cliff has here wants rows of ``take_action``."""
        return self.take_action(parsed_args)

    def take_action(self, parsed_args: argparse.Namespace) -> int:  # type: ignore[override]
        """Do it, and put foreign failures into words."""
        return Command.take_action(self, parsed_args)

    def answer(self, args: argparse.Namespace) -> int:
        """Say the list."""
        if self.as_json:
            self.say_json(self.records(args))
            return 0
        rows = self.rows(args)
        if not rows and args.formatter == self.formatter_default and not args.columns:
            self.say(self.nothing)
            return 0
        self.say_rows(args, rows)
        return 0

    def say_rows(self, args: argparse.Namespace, rows: Sequence[Sequence[Any]]) -> None:
        """Say rows in the form that is asked for."""
        found = self._formatter_plugins[args.formatter].obj
        assert found is not None
        self.formatter = found
        try:
            self.produce_output(args, self.heading, rows)
        except ValueError as failure:
            raise Trouble(f'There is none of the columns {", ".join(args.columns)}. Columns: '
                          f'{", ".join(self.heading)}.') from failure
