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

"""``kaopu-ha protection``: would each instance come back if its host died now, and where to."""

from __future__ import annotations

import argparse
import collections
from collections.abc import Iterable, Sequence
import dataclasses
from typing import Any

from kaopu_ha import ports
from kaopu_ha.cli import layout
from kaopu_ha.cli.command import CommandError, Misconfigured, plain
from kaopu_ha.cli.listing import Cell, Listing
from kaopu_ha.core import texts
from kaopu_ha.core.prospect import Forecast, Foreseen, Prospect

_INK = {Forecast.PROTECTED: 'good', Forecast.DOUBTFUL: 'warning', Forecast.UNPROTECTED: 'error',
        Forecast.NOT_KNOWN: 'warning'}
# A reason may name each of a thousand hosts; --json has all of it.
_WHY_BYTES_MAX = 240


class Protection(Listing):
    """Say of each instance that is on whether it would come back if its host died now, and where
    it would go; if it would not, why.

    Exit code: 0 if all would (but for those that are left alone on purpose), 1 if some would not,
    or nobody is sure of it, 2 if it could not be asked, or not of all.
    """

    sections = ()
    heading = ('host', 'instance', 'uuid', 'protected', 'reason', 'target', 'places', 'why')
    nothing = 'No instance is on.'

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Of which host, or of which instance."""
        parser.add_argument('name', metavar='HOST|INSTANCE', nargs='?', default='',
                            help='only this host, or this instance (name or uuid)')

    def take_action(self, parsed_args: argparse.Namespace) -> int:  # type: ignore[override]
        """Do it; what can't be asked is another exit code than what is not protected."""
        try:
            return super().take_action(parsed_args)
        except Misconfigured:
            raise
        except CommandError as trouble:
            self.app.LOG.error(str(trouble))
            return 2

    def answer(self, args: argparse.Namespace) -> int:
        """Say it, and how it stands in all."""
        self._found = self._foreseen(args.name)
        if not self.as_json and self.is_for_people(args):
            self.say(self._page(args))
        else:
            super().answer(args)
        return self._code(self._shown(args))

    def rows(self, args: argparse.Namespace) -> Sequence[Sequence[Any]]:
        """One row for each instance."""
        return [(one.host, one.name, one.instance, one.answer.value,
                 one.reason.name.lower() if one.reason else '', one.target,
                 Cell(list(one.places), ', '.join(one.places)), one.text)
                for one in self._shown(args)]

    def records(self, args: argparse.Namespace) -> dict[str, Any]:
        """All of it, with the sums."""
        shown = self._shown(args)
        return {'instances': [_plain(one) for one in shown], 'totals': _totals(shown),
                'hosts': {host: _totals([one for one in self._found.prospects if one.host == host])
                          for host in self._found.hosts},
                'told': [plain(item) for item in self._found.told],
                'unasked': self._found.unasked, 'untold': list(self._found.untold),
                'braked': self._found.braked}

    # ------------------------------------------------------------ private

    def _code(self, found: Iterable[Prospect]) -> int:
        answers = {one.answer for one in found}
        if answers & {Forecast.UNPROTECTED, Forecast.DOUBTFUL}:
            return 1
        could_not = Forecast.NOT_KNOWN in answers or self._found.unasked or self._found.untold
        return 2 if could_not else 0

    def _foreseen(self, name: str) -> Foreseen:
        from kaopu_ha.wiring import ahead
        try:
            with ahead.foresight(self.app.conf, self.store) as foresight:
                found = foresight.look(name)
        except ports.StoreError:
            raise
        except ports.PortError as failure:
            raise CommandError(f'It could not be asked: {failure}. Run it where a controller runs, '
                               'with '
                               'its configuration (--config-file).') from failure
        if name and name not in found.hosts and not _of(name, found.prospects):
            off = any(name in (one.uuid, one.name) for one in found.off)
            raise CommandError(f'{name} is off: there is nothing to bring back.' if off else
                               f'There is no host {name}, and no instance of this name or uuid is '
                               'on.')
        return found

    def _shown(self, args: argparse.Namespace) -> list[Prospect]:
        """Those that were asked for."""
        if not args.name or args.name in self._found.hosts:
            return list(self._found.prospects)
        return _of(args.name, self._found.prospects)

    def _page(self, args: argparse.Namespace) -> list[str]:
        """For people: whole hosts in a line each, and what is wrong; all of it where one is named.
        """
        shown = self._shown(args)
        if not shown:
            return [self.nothing]
        listed = [one for one in shown if args.name or self.verbose
                  or one.answer is not Forecast.PROTECTED]
        lines = self._table(listed) if listed else []
        hosts = [*_hosts(self._found.prospects), *self._notes()]
        told = self.ink('good' if self._code(shown) == 0 else 'error', _sum(shown))
        return [*lines, *([''] if lines else []), *hosts, *([''] if hosts else []), told,
                *_reasons(shown)]

    def _table(self, found: Iterable[Prospect]) -> list[str]:
        rows = [(one.host, one.name, self.ink(_INK.get(one.answer, ''), one.answer.value),
                 one.target or '-', ', '.join(place for place in one.places
                                              if place != one.target) or '-',
                 _why(one)) for one in found]
        return layout.table(('HOST', 'INSTANCE', 'COMES BACK', 'GOES TO', 'OR TO', 'WHY NOT'), rows)

    def _notes(self) -> list[str]:
        """What else is told of these hosts, and is no reason of the instances above."""
        reasons = {(one.host, one.reason) for one in self._found.prospects}
        lines = [f'{item.host}: {item.reason.value}: {item.text}' for item in self._found.told
                 if (item.host, item.reason) not in reasons]
        if self._found.unasked:
            lines.append('Whether their addresses may be fenced could not be asked: '
                         f'{self._found.unasked}')
        lines += [f'Not known: {text}' for text in self._found.untold]
        if self._found.braked:
            lines.append('The brake holds: whoever dies now waits for its end, or for a person '
                         '(kaopu-ha status).')
        return [self.ink('warning', line) for line in lines]


# ---------------------------------------------------------------- private


def _of(name: str, found: Iterable[Prospect]) -> list[Prospect]:
    return [one for one in found if name in (one.instance, one.name)]


def _plain(one: Prospect) -> dict[str, Any]:
    return {**dataclasses.asdict(one), 'answer': one.answer.value,
            'reason': one.reason.name.lower() if one.reason else ''}


def _totals(found: Sequence[Prospect]) -> dict[str, Any]:
    answers = collections.Counter(one.answer for one in found)
    reasons = collections.Counter(one.reason.name.lower() for one in found if one.reason)
    return {'on': len(found), 'reasons': dict(sorted(reasons.items())),
            **{answer.name.lower(): answers[answer] for answer in Forecast}}


def _sum(found: Sequence[Prospect]) -> str:
    counts = collections.Counter(one.answer for one in found)
    parts = [f'{counts[answer]} {word}' for answer, word in (
        (Forecast.PROTECTED, 'would come back'), (Forecast.DOUBTFUL, 'doubtful'),
        (Forecast.UNPROTECTED, 'would not'), (Forecast.LEFT, 'left alone on purpose'),
        (Forecast.NOT_KNOWN, 'not known'))
        if counts[answer] or answer is Forecast.PROTECTED]
    is_or_are = 'is' if len(found) == 1 else 'are'
    return f'{layout.number(len(found), "instance")} {is_or_are} on: {", ".join(parts)}.'


def _reasons(found: Iterable[Prospect]) -> list[str]:
    counts = collections.Counter(one.reason for one in found if one.reason)
    return [f'  {count} for: {reason.value}' for reason, count in sorted(
        counts.items(), key=lambda each: (-each[1], each[0].value))]


def _hosts(found: Iterable[Prospect]) -> list[str]:
    """Those of whose instances some would come back, and some not: what each of them is told."""
    by_host: dict[str, list[Prospect]] = {}
    for one in found:
        by_host.setdefault(one.host, []).append(one)
    lines = []
    for host, those in sorted(by_host.items()):
        back = sum(one.answer is Forecast.PROTECTED for one in those)
        if back < len(those):
            why = collections.Counter(one.reason.value for one in those if one.reason)
            told = ', '.join(f'{count} {reason}' for reason, count in sorted(why.items()))
            lines.append(f'{host}: {back} of {len(those)} would come back'
                         + (f' ({told})' if told else ''))
    return lines


def _why(one: Prospect) -> str:
    reason = f'{one.reason.value}: ' if one.reason else ''
    return reason + texts.bounded(one.text, _WHY_BYTES_MAX)
