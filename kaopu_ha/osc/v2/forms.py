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

"""What the commands have in common: lists of rows, things with their facts, words with a reason.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
import json
from typing import Any

from cliff import columns
from osc_lib.command import command

from kaopu_ha.osc.client import ApiClient

_Formed = tuple[Sequence[str], Iterable[Sequence[Any]]]
_Shown = tuple[Sequence[str], Sequence[Any]]


class Whole(columns.FormattableColumn[Any]):
    """A list or an object: whole for programs, on one line for people."""

    def human_readable(self) -> str:
        """Names with commas between them, anything else as JSON."""
        if isinstance(self._value, list) and all(isinstance(each, str) for each in self._value):
            return ', '.join(self._value)
        return json.dumps(self._value, ensure_ascii=False)


class HaCommand(command.Command):
    """A command with the client of the API."""

    @property
    def api(self) -> ApiClient:
        """The client."""
        # As the plug-in names it.
        found: ApiClient = getattr(self.app.client_manager, 'kaopu_ha')  # noqa: B009
        return found

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The parser with what ``arguments`` adds."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        self.arguments(parser)
        return parser

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments of this command."""
        del parser


class HaListing(HaCommand, command.Lister):
    """A list; ``fields``: of each row, in order."""

    fields: tuple[str, ...]

    def rows(self, args: argparse.Namespace) -> Iterable[Mapping[str, Any]]:
        """The rows."""
        raise NotImplementedError

    def take_action(self, parsed_args: argparse.Namespace) -> _Formed:
        """List them."""
        return self.fields, [tuple(_cell(row[name]) for name in self.fields)
                             for row in self.rows(parsed_args)]


class HaShowing(HaCommand, command.ShowOne):
    """One thing with its facts."""

    def thing(self, args: argparse.Namespace) -> Mapping[str, Any]:
        """The thing."""
        raise NotImplementedError

    def take_action(self, parsed_args: argparse.Namespace) -> _Shown:
        """Show it."""
        found = self.thing(parsed_args)
        return tuple(found), tuple(_cell(value) for value in found.values())


def with_why(parser: argparse.ArgumentParser) -> None:
    """Have a reason asked for."""
    parser.add_argument('--why', required=True, help='the reason, for your colleagues')


def _cell(value: Any) -> Any:
    return Whole(value) if isinstance(value, list | dict) else value
