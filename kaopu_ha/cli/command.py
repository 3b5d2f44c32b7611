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

"""What all commands have in common: ``--json``, the store, and failures said in one line."""

from __future__ import annotations

import abc
import argparse
from collections.abc import Iterable
import functools
import getpass
import json
import os
import socket
from typing import TYPE_CHECKING, Any

from cliff import command

from kaopu_ha import ports, records
from kaopu_ha.cli import layout
from kaopu_ha.telling import named, picture

if TYPE_CHECKING:
    from kaopu_ha.cli import shell


_NO_ACCESS = ('permission', 'authenticat', 'password', 'user name')


class CommandError(Exception):
    """Why a command failed: one line that says what to do."""


class Misconfigured(CommandError):
    """The configuration is wrong: a command ends with 2 as the services do."""


class Command(command.Command):
    """A command.  ``answer`` does it and returns the exit code; PortError and RecordError that
    it lets go become one line and exit code 1."""

    app: shell.Shell
    # The sections of the configuration that it reads; () for all, which takes longer.
    sections: tuple[str, ...] = ('default', 'store', 'detection', 'ceph')

    # Without the parameter cmd_name cliff looks for no plugins of the command: that is slow.
    def __init__(self, app: shell.Shell, app_args: argparse.Namespace | None) -> None:
        super().__init__(app, app_args)
        self.as_json = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The parser with ``--json`` and what ``arguments`` adds."""
        parser = super().get_parser(prog_name)
        parser.add_argument('--json', action='store_true', help='answer with JSON')
        self.arguments(parser)
        return parser

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments of this command."""
        del parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Do it, and put foreign failures into words."""
        self.as_json = parsed_args.json or self.app.options.json
        try:
            return self.answer(parsed_args)
        except named.Unmet as failure:
            raise CommandError(str(failure)) from failure
        except ports.OutcomeUnknown as failure:
            raise CommandError(f'It is not known whether the write was done ({failure}). '
                               'Look before you repeat it.') from failure
        except ports.PortError as failure:
            raise CommandError(_store_trouble(failure, self.app.endpoints())) from failure
        except records.RecordError as failure:
            raise CommandError(f'A record in the store can\'t be read: {failure}. '
                               'If it was written by a newer release, use that release\'s '
                               'kaopu-ha.') from failure

    @abc.abstractmethod
    def answer(self, args: argparse.Namespace) -> int:
        """Do what was asked; the exit code."""

    # ------------------------------------------------------------ for the commands

    @property
    def store(self) -> ports.Store:
        """The store, opened when it is first needed."""
        return self.app.store

    @property
    def verbose(self) -> bool:
        """True if more is to be told (-v)."""
        return bool(self.app.options.verbose)

    @functools.cached_property
    def ink(self) -> layout.Ink:
        """The colours of the terminal, if there is one."""
        return layout.Ink(self.app.stdout)

    def look(self, *more: str) -> picture.Picture:
        """Read the store."""
        return picture.read(self.store, *more)

    def say(self, lines: str | Iterable[str]) -> None:
        """Write lines to the standard output, at once."""
        text = lines if isinstance(lines, str) else '\n'.join(lines)
        self.app.stdout.write(text + '\n')
        self.app.stdout.flush()

    def say_json(self, data: Any, *, one_line: bool = False) -> None:
        """Write JSON with sorted names."""
        self.say(json.dumps(data, sort_keys=True, ensure_ascii=False,
                            indent=None if one_line else 2))

    def known(self, found: picture.Picture, host: str) -> None:
        """Raise Unmet, with the hosts that are known, if the host has no inventory."""
        named.host(found, host)


def _store_trouble(failure: ports.PortError, endpoints: str) -> str:
    if any(word in str(failure).lower() for word in _NO_ACCESS):
        return (f'The store at {endpoints} refuses access: {failure}. Check user, password and '
                'certificates in [store] of the configuration (--config-file).')
    return (f'The store does not answer at {endpoints}: {failure}. Check that etcd runs and has a '
            'majority, and that the endpoints are right (--config-file, --endpoints).')


def who() -> str:
    """The person that asks, as user@machine; the one behind sudo, if there is one."""
    try:
        user = os.environ.get('SUDO_USER') or getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f'{user}@{socket.gethostname()}'


def plain(record: Any) -> Any:
    """A record for JSON; None stays None."""
    return None if record is None else records.plain(record)
