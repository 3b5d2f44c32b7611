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

"""``kaopu-ha case list`` and ``case show``: the open files on hosts, with their evidence."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from kaopu_ha import records
from kaopu_ha.cli import layout
from kaopu_ha.cli.command import plain
from kaopu_ha.cli.listing import Cell, Listing, Showing, or_dash
from kaopu_ha.core import model
from kaopu_ha.core.model import Case, Sign, Stage, Verdict
from kaopu_ha.core.rules import Rules
from kaopu_ha.telling import named

SIGN_LEVELS = {Sign.LIFE: 'good', Sign.SILENCE: 'error', Sign.UNKNOWN: 'warning'}
VERDICT_LEVELS = {Verdict.ALIVE: 'good', Verdict.DEAD: 'error', Verdict.UNDECIDED: 'warning'}


class CaseList(Listing):
    """List the open cases."""

    heading = ('host', 'stage', 'waited', 'verdict', 'opened', 'last change', 'because')
    nothing = 'No case is open.'

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Which cases."""
        parser.add_argument('--all', action='store_true', help='the closed ones that are kept, too')

    def records(self, args: argparse.Namespace) -> Any:
        """The cases whole."""
        return [plain(case) for case in self._cases(args)]

    def rows(self, args: argparse.Namespace) -> list[list[Any]]:
        """One row for each case; closed ones below."""
        return [self._row(case) for case in self._cases(args)]

    def _cases(self, args: argparse.Namespace) -> list[Case]:
        found = self.look(*[records.CLOSED] * args.all)
        cases = [found.cases[host] for host in sorted(found.cases)]
        if args.all:
            cases += [case for host in found.archived for case in found.closed(host)]
        return cases

    def _row(self, case: Case) -> list[Any]:
        first, last = (case.history[0], case.history[-1]) if case.history else (None, None)
        stage, verdict = case.stage.value, case.verdict.value
        return [case.host, Cell(stage, self.ink('error' if case.recovery else '', stage)),
                or_dash(_waited(case, self.app.rules)),
                Cell(verdict, self.ink(VERDICT_LEVELS[case.verdict], verdict)),
                or_dash(layout.date_and_clock(first.at) if first else ''),
                or_dash(layout.date_and_clock(last.at) if last else ''),
                or_dash(last.reason if last else '')]


class CaseShow(Showing):
    """Show the case on a host: rounds of evidence (-v: with each answer), and its history."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The host."""
        parser.add_argument('host', metavar='HOST')

    def subject(self, args: argparse.Namespace) -> Case:
        """The open case; if none is open, the one that was closed last."""
        return named.case(self.look(f'{records.CLOSED}{args.host}/'), args.host)

    def record(self, subject: Case) -> Any:
        """The case, whole."""
        return plain(subject)

    def facts(self, subject: Case) -> list[tuple[str, str]]:
        """How it stands."""
        return _facts(subject, self.app.rules)

    def page(self, subject: Case) -> list[str]:
        """Its rounds of evidence, and its history."""
        rounds = ['', *self._rounds(subject.rounds)] if subject.rounds else []
        return [*rounds, '', *layout.table(('at', 'by', 'stage', 'because'), [
            (layout.clock(step.at), step.by, step.stage, step.reason) for step in subject.history])]

    def _rounds(self, rounds: Iterable[model.Round]) -> list[str]:
        rows: list[tuple[str, ...]] = []
        for item in rounds:
            head = (layout.clock(item.at), item.by, f'x{item.count}')
            rows += [(*head, 'verdict', self.ink(VERDICT_LEVELS[item.verdict], item.verdict.value),
                      item.rule)]
            for evidence in item.evidence:
                rows.append(('', '', '', evidence.network.value, self._sign(evidence.sign),
                             evidence.rule + (f' (observer: {evidence.observer})'
                                              if evidence.observer else '')))
                if self.verbose:
                    rows += [('', '', '', '', self._sign(line.sign), f'{line.asked}: {line.came}')
                             for line in evidence.answers]
                    rows += [('', '', '', '', 'news', f'open elsewhere: {address}')
                             for address in evidence.elsewhere]
        return layout.table(('round', 'by', 'times', 'network', 'says', 'because'), rows)

    def _sign(self, sign: Sign) -> str:
        return self.ink(SIGN_LEVELS[sign], sign.value)


# ---------------------------------------------------------------- private


def _waited(case: Case, rules: Rules) -> str:
    wait = {Stage.DYING: rules.death_wait(case.kernel_answered),
            Stage.LOCKED: rules.lock_wait(case.kernel_answered)}.get(case.stage)
    return f'{case.waited:.0f} of {wait:.0f} s' if wait is not None else ''


def _facts(case: Case, rules: Rules) -> list[tuple[str, str]]:
    admit = case.admit
    return [('host', case.host), ('stage', case.stage.value),
            ('waited', _waited(case, rules)), ('verdict', case.verdict.value),
            ('kernel', 'answered once: the long waits hold' if case.kernel_answered else ''),
            ('boot id', case.boot_id), ('was on', ', '.join(case.on_at_opening)),
            ('beat seen last', layout.date_and_clock(case.beat_at) if case.beat_at else ''),
            ('inventory', case.behind),
            ('libvirt told', layout.date_and_clock(case.guests_at) if case.guests_at else ''),
            ('recovery', case.recovery),
            *([('admit', f'asked by {admit.asked_by}'),
               ('done', ', '.join(admit.steps)), ('waits for', admit.waiting_for)]
              if admit else [])]
