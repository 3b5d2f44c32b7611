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

"""``kaopu-ha doctor``: will everything that an incident needs be there?  Asked before it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
import contextlib
import dataclasses
import functools
import signal
import threading
from typing import Any

from oslo_upgradecheck.upgradecheck import Code

from kaopu_ha import (
    ports,
    threads,  # noqa: F401  some drivers load libraries of oslo
)
from kaopu_ha.checkup import Check
from kaopu_ha.cli import layout
from kaopu_ha.cli.command import CommandError
from kaopu_ha.cli.listing import Listing
from kaopu_ha.cli.upgrade import Checks
from kaopu_ha.core import checkup, texts
from kaopu_ha.core.checkup import Finding, Severity
from kaopu_ha.doctor import round as rounds
from kaopu_ha.doctor import table

_LIMIT_SECONDS = 30.0
_COLOURS = {Severity.WRONG: 'error', Severity.WEAK: 'warning', Severity.GOOD: 'good'}
_NEVER_ASKED = ('Not asked, for nobody tells it: whether nova.conf of each host has '
                'resume_guests_state_on_host_boot (leave it false), and the clocks of hosts.')


class Doctor(Listing):
    """Ask Ceph, Nova, Placement, libvirt, etcd, brokers and this configuration what a failure will
    need of them.  Run it where a controller runs, with its configuration, as its user."""

    sections = ()
    heading = ('severity', 'side', 'subject', 'found', 'in a failure', 'what to do')
    nothing = 'Nothing was asked.'
    _findings: Sequence[Finding] = ()

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """How long it may take.  Without ``-f`` and ``-c`` it is told at length."""
        parser.set_defaults(formatter='')
        parser.add_argument('--limit', type=_seconds, default=_LIMIT_SECONDS, metavar='SECONDS',
                            help='how long it may take in all (default: %(default)g)')

    def answer(self, args: argparse.Namespace) -> int:
        """0 nothing is wrong, 1 something is, 2 nobody could be asked."""
        found = self._findings = checkup.in_order(checkup.merged(self._found(args.limit)))
        if args.formatter or args.columns or self.as_json:
            args.formatter = args.formatter or self.formatter_default
            super().answer(args)
        else:
            self.say(list(self._told(found)))
        return checkup.exit_code(found)

    def rows(self, args: argparse.Namespace) -> list[tuple[str, ...]]:
        """One row for each."""
        return [(one.severity.value, one.side, one.subject, one.found, one.failure, one.advice)
                for one in self._findings]

    def records(self, args: argparse.Namespace) -> list[dict[str, Any]]:
        """The same, and whether it could be asked."""
        return [{**dataclasses.asdict(one), 'severity': one.severity.value}
                for one in self._findings]

    # ------------------------------------------------------------ asking

    def _found(self, limit: float) -> list[Finding]:
        snapshot: ports.Snapshot | None = None
        with contextlib.suppress(ports.PortError):    # The store's own checks say it better.
            snapshot = table.read(self.store)
        with contextlib.ExitStack() as held, _ended_by_sigterm():
            wanted = [*table.wanted(self.app.conf, self.store, snapshot, held),
                      *_of_this_machine(Checks(self.app.conf))]
            try:
                return rounds.ask_all(wanted, limit, self._progress)
            except KeyboardInterrupt:
                # To close them is to wait for what they ask, and that ends by its own limit.
                held.pop_all()
                raise CommandError('Ended before everything was asked; what was written for it was '
                                   'taken back.') from None

    def _progress(self, line: str) -> None:
        if self.app.stderr.isatty():
            self.app.stderr.write(f'{line}\n')
            self.app.stderr.flush()

    # ------------------------------------------------------------ telling

    def _told(self, found: Sequence[Finding]) -> Iterator[str]:
        shown = [one for one in found if self.verbose or one.severity is not Severity.GOOD]
        width = max((len(one.severity.value) for one in shown), default=0)
        for one in shown:
            name = f'{one.severity.value:<{width}}'
            yield f'{self.ink(_COLOURS[one.severity], name)}  {one.side}: {one.subject}'
            for title, text in (('', one.found), ('In a failure: ', one.failure),
                                ('What to do: ', one.advice)):
                if text:
                    yield f'{"":{width}}  {title}{text}'
        bad = [one for one in found if one.severity is not Severity.GOOD]
        good = [one for one in found if one.severity is Severity.GOOD]
        if not bad:
            yield self.ink('good', 'Nothing is wrong.')
        sides = sorted({one.side for one in good})
        yield f'{layout.number(len(good), "answer")} as they should be, of: {texts.few(sides)}.'
        if not self.verbose:
            yield _NEVER_ASKED


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 1.0 <= seconds <= 3600.0:
        raise argparse.ArgumentTypeError(f'{text}: from 1 to 3600')
    return seconds


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Be told to end as by Ctrl-C: what was written is taken back first."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Not by a SIGINT to itself: what a shell starts in the background passes over that.
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


# ---------------------------------------------------------------- this machine


def _of_this_machine(checks: Checks) -> list[rounds.Asked]:
    """What ``upgrade check`` looks at, but for what is of no matter while nothing is upgraded."""
    def ask(name: str, limit: float) -> list[Finding]:
        del limit
        if name in ('records', 'processes'):
            checks.store()    # It reads them.
        result = getattr(checks, name)()
        why = str(result.details or '')
        if result.code is Code.SUCCESS or why.startswith('Not looked at'):
            return [checkup.good(name, why or 'as it should be')]
        make = checkup.weak if result.code is Code.WARNING else checkup.wrong
        return [make(name, why, 'a process that is started again with it does not start, or does '
                                'not understand what it reads', 'kaopu-ha-status upgrade check')]

    return [rounds.Asked('this machine', Check(name, functools.partial(ask, name)))
            for name in ('configuration', 'drivers', 'records', 'processes')]
