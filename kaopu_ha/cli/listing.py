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

"""Commands that list or show, with ``-f`` and ``-c`` as OpenStack's commands have them."""

from __future__ import annotations

import abc
import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from cliff import columns, display, lister, show

from kaopu_ha.cli import layout
from kaopu_ha.cli.command import Command, CommandError


class Cell(columns.FormattableColumn[Any]):
    """A value that people are shown in other words, or in a colour."""

    def __init__(self, value: Any, shown: str) -> None:
        super().__init__(value)
        self._shown = shown

    def human_readable(self) -> str:
        """What people are shown."""
        return self._shown


def or_dash(value: str) -> Cell:
    """A text, which people see as a dash if there is none."""
    return Cell(value, value or '-')


class _Formed(Command, display.DisplayCommandBase[Any]):
    """A command whose answer OpenStack's formatters can give, too: ``-f`` and ``-c``."""

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Do it; what cliff has here wants rows of ``take_action``."""
        return self.take_action(parsed_args)

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Do it, and put foreign failures into words."""
        return Command.take_action(self, parsed_args)

    def is_for_people(self, args: argparse.Namespace) -> bool:
        """True if neither another form nor columns are asked for."""
        return bool(args.formatter == self.formatter_default and not args.columns)

    def formed(self, args: argparse.Namespace, heading: Sequence[str], data: Sequence[Any]) -> None:
        """Say it in the form that is asked for."""
        found = self._formatter_plugins[args.formatter].obj
        assert found is not None
        self.formatter = found
        try:
            self.produce_output(args, heading, data)
        except ValueError as failure:
            raise CommandError(f'There is none of the columns {", ".join(args.columns)}. Columns: '
                               f'{", ".join(heading)}.') from failure


class Listing(_Formed, lister.Lister):  # type: ignore[misc]
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

    def answer(self, args: argparse.Namespace) -> int:
        """Say the list."""
        if self.as_json:
            self.say_json(self.records(args))
            return 0
        rows = self.rows(args)
        if not rows and self.is_for_people(args):
            self.say(self.nothing)
            return 0
        self.formed(args, self.heading, rows)
        return 0


class Showing(_Formed, show.ShowOne):  # type: ignore[misc]
    """One thing, on a page for people; ``-f`` and ``-c`` give its facts alone, ``--json`` all."""

    @abc.abstractmethod
    def subject(self, args: argparse.Namespace) -> Any:
        """What is shown.  Raises Trouble if there is no such thing."""

    @abc.abstractmethod
    def record(self, subject: Any) -> Any:
        """All of it for ``--json``."""

    @abc.abstractmethod
    def facts(self, subject: Any) -> list[tuple[str, str]]:
        """What is said of it in a word or a sentence: names and values, empty where there is none.
        """

    @abc.abstractmethod
    def page(self, subject: Any) -> Iterable[str]:
        """The lines below its facts."""

    def answer(self, args: argparse.Namespace) -> int:
        """Say it."""
        subject = self.subject(args)
        if self.as_json:
            self.say_json(self.record(subject))
        elif self.is_for_people(args):
            self.say([*layout.facts(self.facts(subject)), *self.page(subject)])
        else:
            names, values = zip(*self.facts(subject), strict=True)
            self.formed(args, names, values)
        return 0
