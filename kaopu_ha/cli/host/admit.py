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

"""``kaopu-ha host admit``: ask the leader to take a confirmed host back, and follow it."""

from __future__ import annotations

import argparse
import time

from kaopu_ha import ports, records
from kaopu_ha.cli import layout
from kaopu_ha.cli.command import Command, CommandError, plain, who
from kaopu_ha.core import model
from kaopu_ha.core.requests import RequestState
from kaopu_ha.telling import asking
from kaopu_ha.telling.picture import Picture

_POLL_SECONDS = 0.5


class HostAdmit(Command):
    """Take a host back that was confirmed dead and is repaired."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The host, and how long to follow."""
        parser.add_argument('host', metavar='HOST')
        parser.add_argument('--no-wait', action='store_true', help='ask, and do not follow')
        parser.add_argument('--timeout', type=float, default=900.0, metavar='SECONDS',
                            help='follow so long at most (default: %(default)g); '
                                 'the admission goes on after that')

    def answer(self, args: argparse.Namespace) -> int:
        """0 when it is admitted (or asked, with --no-wait), 1 when it was refused or failed."""
        host: str = args.host
        key = records.admit_request(host)
        found = self.look(key)
        request = self._ask(found, host)
        if args.no_wait:
            if self.as_json:
                self.say_json({'host': host, 'request': plain(request), 'steps': []})
            return 0
        try:
            return self._follow(host, key, args.timeout)
        except KeyboardInterrupt:
            raise CommandError(f'The admission goes on without you. To see it: '
                               f'kaopu-ha case show {host}') from None

    def _ask(self, found: Picture, host: str) -> records.Request:
        writing = asking.admit(found, host, asking.Asker(who(), layout.now(), ''))
        written = self.store.commit(found.compare(*writing.looked), [writing.write()])
        if written is None:
            raise CommandError(f'{host} is not admitted: its case changed at this moment. '
                               f'See kaopu-ha case show {host}, and try again.')
        self._tell(f'Asked to admit {host}.')
        if found.leader is None:
            self._tell('Nobody leads now: it begins when a controller does.')
        request: records.Request = writing.record
        return request

    def _follow(self, host: str, key: str, limit: float) -> int:
        end, said = time.monotonic() + limit, _Said()
        while True:
            found = Picture(self.store.read(key, records.CASE + host))
            found.insist(key)
            for line in said.new(found.cases.get(host)):
                self._tell(line)
            request = found.requests.get(key[len(records.REQUEST):])
            if request is None or request.state is not RequestState.ASKED:
                return self._end(host, request, said)
            if found.snapshot.get(records.CASE + host) is None:
                raise CommandError(f'{host} is not admitted: its case ended meanwhile. '
                                   f'See kaopu-ha host show {host}.')
            if time.monotonic() >= end:
                waits = f' It waits for: {said.waiting_for}.' if said.waiting_for else ''
                raise CommandError(f'{host} is not admitted yet after {limit:g} s; the admission '
                                   'goes '
                                   f'on.{waits} To see it: kaopu-ha case show {host}')
            time.sleep(_POLL_SECONDS)

    def _end(self, host: str, request: records.Request | None, said: _Said) -> int:
        if request is None:
            raise CommandError(f'The request to admit {host} is gone from the store. '
                               f'See kaopu-ha host show {host}.')
        done = request.state is RequestState.DONE
        if self.as_json:
            self.say_json({'host': host, 'request': plain(request), 'steps': list(said.steps)})
            return 0 if done else 1
        if not done:
            raise CommandError(f'The admission of {host} was {request.state.value}: '
                               f'{request.answer}')
        # The last steps and the end come in one look: the case is in the archive by then.
        for line in said.new(_newest(self.store, host)):
            self._tell(line)
        self._tell(f'{host} is admitted: it may receive instances again.')
        return 0

    def _tell(self, line: str) -> None:
        if not self.as_json:
            self.say(line)


class _Said:
    """What was shown of an admission so far."""

    def __init__(self) -> None:
        self.steps: tuple[str, ...] = ()
        self.waiting_for = ''

    def new(self, case: model.Case | None) -> list[str]:
        """Lines for the steps, and the thing waited for, that were not shown yet."""
        if case is None or case.admit is None:
            return []
        lines = [f'  done: {step}' for step in case.admit.steps[len(self.steps):]]
        self.steps = case.admit.steps
        if case.admit.waiting_for and case.admit.waiting_for != self.waiting_for:
            lines.append(f'  waits: {case.admit.waiting_for}')
        self.waiting_for = case.admit.waiting_for
        return lines


def _newest(store: ports.Store, host: str) -> model.Case | None:
    closed = Picture(store.read(f'{records.CLOSED}{host}/')).closed(host)
    return closed[-1] if closed else None
