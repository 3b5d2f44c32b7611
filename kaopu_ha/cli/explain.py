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

"""``kaopu-ha explain``: what happened to a host and why, in plain sentences from the records."""

from __future__ import annotations

import argparse
from typing import Any

from kaopu_ha import records
from kaopu_ha.cli import layout
from kaopu_ha.cli.command import Command, plain
from kaopu_ha.core.model import Case
from kaopu_ha.telling import named, written
from kaopu_ha.telling.explained import explained, restarted
from kaopu_ha.telling.picture import Picture


class Explain(Command):
    """Tell what happened to a host and its instances, and why."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The host, and which of its cases."""
        parser.add_argument('host', metavar='HOST')
        parser.add_argument('--case', type=int, default=0, metavar='N', dest='back',
                            help='a closed case: 1 is the one closed last, 2 the one before')

    def answer(self, args: argparse.Namespace) -> int:
        """The open case, or the one closed last."""
        found = self.look(f'{records.CLOSED}{args.host}/')
        if not args.back and _has_starts_only(found, args.host):
            self._tell_starts(found, args.host)
            return 0
        case = named.case(found, args.host, args.back)
        if self.as_json:
            self.say_json(_as_json(found, case))
        else:
            self.say(story(found, case))
            older = len(found.closed(args.host))
            if older and not args.back:
                self.say(['', f'{layout.number(older, "closed case")} kept: '
                          f'kaopu-ha explain {args.host} --case 1'])
        return 0

    def _tell_starts(self, found: Picture, host: str) -> None:
        """Of a host that never had a case: what was started in place there."""
        record = found.restarts[host]
        lines = [f'{host}: no case, and none is kept.', '', *written.restart(restarted(
            found, record))]
        if self.as_json:
            self.say_json({'host': host, 'case': None, 'recovery': None, 'evacuations': [],
                           'restart': plain(record), 'story': lines})
        else:
            self.say(lines)


def story(found: Picture, case: Case) -> list[str]:
    """The whole story of a case, line by line."""
    return written.lines(explained(found, case))


# ---------------------------------------------------------------- private


def _has_starts_only(found: Picture, host: str) -> bool:
    """True if nothing ever made its host suspected, and something was started in place there."""
    closed = found.snapshot.under(f'{records.CLOSED}{host}/')
    return host in found.restarts and not closed and not found.snapshot.get(records.CASE + host)


def _as_json(found: Picture, case: Case) -> dict[str, Any]:
    done = found.recoveries.get(case.recovery)
    return {'host': case.host, 'case': plain(case), 'recovery': plain(done),
            'evacuations': [plain(item) for item in found.evacuations(case.recovery)]
            if done else [], 'story': story(found, case)}
