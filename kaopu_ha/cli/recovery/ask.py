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

"""``kaopu-ha recovery retry``, ``give-up``, ``end``, ``go-on``: what people ask of a recovery.

They ask, and the leader answers: see ``core.wishes`` for what may be asked when.
"""

from __future__ import annotations

import argparse
import time

from kaopu_ha import records
from kaopu_ha.cli import layout
from kaopu_ha.cli.command import Command, CommandError, plain, who
from kaopu_ha.core.wishes import Wish, WishState, WishVerb
from kaopu_ha.telling import asking
from kaopu_ha.telling.picture import Picture

_POLL_SECONDS = 0.3


class _AskCommand(Command):
    """Asks, and waits for the answer."""

    verb: WishVerb
    subject = 'INSTANCE'
    subject_help = 'its name or UUID'

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Of what, the reason, and how long to wait."""
        parser.add_argument('subject', metavar=self.subject, help=self.subject_help)
        parser.add_argument('--why', required=True, help='the reason, for your colleagues')
        parser.add_argument('--timeout', type=float, default=60.0, metavar='SECONDS',
                            help='wait so long at most (default: %(default)g); what was asked '
                                 'stays asked for a day')

    def answer(self, args: argparse.Namespace) -> int:
        """0 when it was done, 1 when it was refused, or not done in time."""
        found = self.look(records.WISH)
        written, before = asking.wish(
            found, self.verb, args.subject, asking.Asker(who(), layout.now(), args.why),
            destroyed=getattr(args, 'destroyed', False))
        if before is not None:
            self._say(f'{before.who} asked for it at {layout.date_and_clock(before.at)}, and it '
                      f'is not answered yet.')
        else:
            self._ask(found, written)
        if found.leader is None:
            self._say('Nobody leads now: it is answered when a controller does.')
        return self._follow(written.key, args.timeout)

    def _ask(self, found: Picture, written: asking.Writing) -> None:
        lease = self.store.grant(written.seconds)
        if self.store.commit(found.compare(*written.looked), [written.write(lease)]) is None:
            self.store.revoke(lease)
            raise CommandError('Somebody else asked for it at this moment. '
                               'See kaopu-ha recovery show, and try again.')

    def _follow(self, key: str, limit: float) -> int:
        end, said = time.monotonic() + limit, ''
        while True:
            found = Picture(self.store.read(key))
            found.insist(key)
            wish = found.wishes.get(key[len(records.WISH):])
            if wish is None:
                raise CommandError('What was asked is gone from the store. See kaopu-ha status.')
            if wish.state is not WishState.ASKED:
                return self._end(wish)
            if wish.answer and wish.answer != said:
                said = wish.answer
                self._say(f'  {said}')
            if time.monotonic() >= end:
                waits = wish.answer or 'no leader has answered: is one there, of this release?'
                shown = 'explain' if wish.opened else 'recovery show'
                raise CommandError(f'It is not done after {limit:g} s: {waits} It stays asked for '
                                   'a '
                                   f'day. To see it: kaopu-ha {shown} {wish.host}')
            time.sleep(_POLL_SECONDS)

    def _end(self, wish: Wish) -> int:
        done = wish.state is WishState.DONE
        if self.as_json:
            self.say_json({'wish': plain(wish)})
        elif done:
            self.say(f'Done: {wish.answer}.')
        else:
            raise CommandError(f'Refused: {wish.answer}.')
        return 0 if done else 1

    def _say(self, line: str) -> None:
        if not self.as_json:
            self.say(line)


class RecoveryRetry(_AskCommand):
    """Try again at once to move an instance to any host, or to start it where it was."""

    verb = WishVerb.RETRY


class RecoveryGiveUp(_AskCommand):
    """Give an instance of a recovery up: it is not moved any more, and nobody is reminded of it."""

    verb = WishVerb.GIVE_UP


class _OfAll(_AskCommand):
    """Asks about the recovery of a host as a whole."""

    subject, subject_help = 'HOST', 'the host that is confirmed dead'


class RecoveryEnd(_OfAll):
    """Give every instance of a host's recovery up that is not under way, and wait for the others.
    Where its fence can't hold, nothing is planned: then all of them are.
    """

    verb = WishVerb.END


class RecoveryGoOn(_OfAll):
    """Have what waits go on by your word that a host is off: the verdict of one that can't be
    judged, or a recovery whose fence does not hold.

    Where no fence holds, whoever is wrong has two writers on each disk.  The host must stay off
    until the recovery is finished; if it is heard of before, the word counts no more.
    """

    verb = WishVerb.GO_ON
    subject_help = 'the host that you have seen off'

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The same, and what exactly the person says."""
        super().arguments(parser)
        word = parser.add_mutually_exclusive_group(required=True)
        word.add_argument('--switched-off', action='store_true',
                          help='I have seen that it has no power, and it stays so until its '
                               'recovery is finished')
        word.add_argument('--destroyed', action='store_true',
                          help='it will never run again')
