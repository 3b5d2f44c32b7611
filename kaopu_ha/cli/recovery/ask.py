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

import abc
import argparse
from collections.abc import Iterator
import dataclasses
import time

from kaopu_ha import ports, records
from kaopu_ha.cli import layout
from kaopu_ha.cli.command import Command, CommandError, plain, who
from kaopu_ha.cli.picture import Picture
from kaopu_ha.core import detection, model, restart, texts
from kaopu_ha.core.wishes import Wish, WishState, WishVerb

_POLL_SECONDS = 0.3
# Question and answer are shown for so long, and an end that waits ends with them.
_KEPT_SECONDS = 86400


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

    @abc.abstractmethod
    def meant(self, found: Picture, subject: str) -> Wish:
        """The wish about this subject, without its words.  Raises Trouble if nothing is meant."""

    def wished(self, wish: Wish, args: argparse.Namespace) -> Wish:
        """The wish, with what else was said on the command line."""
        return wish

    def answer(self, args: argparse.Namespace) -> int:
        """0 when it was done, 1 when it was refused, or not done in time."""
        found = self.look(records.WISH)
        wish = dataclasses.replace(
            self.wished(self.meant(found, args.subject), args), who=who(), at=layout.now(),
            why=texts.bounded(args.why, texts.LINE_BYTES_MAX))
        key = records.wish(wish)
        before = found.wishes.get(key[len(records.WISH):])
        if before is not None and before.state is WishState.ASKED and (
                (before.recovery, before.boot_id, before.opened)
                == (wish.recovery, wish.boot_id, wish.opened)):
            self._say(f'{before.who} asked for it at {layout.date_and_clock(before.at)}, and it '
                      f'is not answered yet.')
        else:
            self._ask(found, key, wish)
        if found.leader is None:
            self._say('Nobody leads now: it is answered when a controller does.')
        return self._follow(key, args.timeout)

    def _ask(self, found: Picture, key: str, wish: Wish) -> None:
        lease = self.store.grant(_KEPT_SECONDS)
        if self.store.commit(found.compare(key),
                             [ports.Put(key, records.encode(wish), lease)]) is None:
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

    def meant(self, found: Picture, subject: str) -> Wish:
        """The move that is open, or else what is started in place, or else what has ended."""
        return _instance(found, self.verb, subject)


class RecoveryGiveUp(_AskCommand):
    """Give an instance of a recovery up: it is not moved any more, and nobody is reminded of it."""

    verb = WishVerb.GIVE_UP

    def meant(self, found: Picture, subject: str) -> Wish:
        """As for a retry."""
        return _instance(found, self.verb, subject)


class _OfAll(_AskCommand):
    """Asks about the recovery of a host as a whole."""

    subject, subject_help = 'HOST', 'the host that is confirmed dead'

    def meant(self, found: Picture, subject: str) -> Wish:
        """The recovery of its open case."""
        found.insist(records.CASE + subject)
        case = found.cases.get(subject)
        if case is not None and case.recovery:
            return Wish(self.verb, subject, '', '', '', recovery=case.recovery)
        if case is None and subject not in found.hosts:
            self.known(found, subject)
        if case is not None:
            raise CommandError(f'{subject} has no recovery: its case is {case.stage.value}. To '
                               'leave '
                               f'it alone: kaopu-ha host hold {subject} --why ...')
        record = found.restarts.get(subject)
        hint = (f' What is started in place is waved off: kaopu-ha host wave-off {subject} '
                f'--why ...') if record is not None and record.unsettled else ''
        raise CommandError(f'{subject} has no open recovery.{hint}')


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

    def meant(self, found: Picture, subject: str) -> Wish:
        """Its case while it is judged, later the recovery of that."""
        key = records.CASE + subject
        found.insist(key)
        case, entry = found.cases.get(subject), found.entry(key)
        if case is not None and entry is not None and case.stage in detection.JUDGING:
            return Wish(self.verb, subject, '', '', '', opened=entry.created)
        return super().meant(found, subject)

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The same, and what exactly the person says."""
        super().arguments(parser)
        word = parser.add_mutually_exclusive_group(required=True)
        word.add_argument('--switched-off', action='store_true',
                          help='I have seen that it has no power, and it stays so until its '
                               'recovery is finished')
        word.add_argument('--destroyed', action='store_true',
                          help='it will never run again')

    def wished(self, wish: Wish, args: argparse.Namespace) -> Wish:
        """With what the person says of it."""
        return dataclasses.replace(wish, destroyed=args.destroyed)


# ---------------------------------------------------------------- which instance is meant


def _instance(found: Picture, verb: WishVerb, name: str) -> Wish:
    meant = sorted((*_moves(found, verb, name), *_starts(found, verb, name)),
                   key=lambda each: each[0])
    uuids = sorted({wish.instance for _, wish in meant})
    if len(uuids) > 1:
        raise CommandError(f'{len(uuids)} instances have the name {name}: say the UUID, one of '
                           f'{", ".join(uuids)}.')
    if meant:
        return meant[0][1]
    former = [each for each in found.recoveries.values() for item in found.evacuations(each.id)
              if name in (item.instance, item.name)]
    if former:
        raise CommandError(f'The recovery of {former[-1].host} is over: the host was admitted or '
                           f'forgotten since. If {name} is to run: openstack server start {name}')
    raise CommandError(f'No recovery has an instance {name}, and none of that name is started '
                       'again in '
                       f'place. See kaopu-ha recovery list.')


# How soon one is meant among several of one instance, and the wish.
_Meant = tuple[tuple[int, int], Wish]


def _moves(found: Picture, verb: WishVerb, name: str) -> Iterator[_Meant]:
    """Its moves in the recoveries of hosts that are not admitted; the newest one first."""
    for case in found.cases.values():
        for item in found.evacuations(case.recovery) if case.recovery else ():
            if name in (item.instance, item.name):
                yield (2 * item.phase.ended, -_born(found, item)), Wish(
                    verb, case.host, '', '', '', recovery=case.recovery, instance=item.instance,
                    name=item.name)


def _born(found: Picture, item: model.Evacuation) -> int:
    entry = found.entry(records.RECOVERY + item.recovery)
    return entry.created if entry else 0


def _starts(found: Picture, verb: WishVerb, name: str) -> Iterator[_Meant]:
    for record in found.restarts.values():
        for start in record.starts:
            if name in (start.instance, start.name):
                yield (3 if _is_settled(start) else 1, 0), Wish(
                    verb, record.host, '', '', '', boot_id=record.boot_id,
                    instance=start.instance, name=start.name)


def _is_settled(start: restart.Start) -> bool:
    # What a person waved off may be tried again.
    return start.phase.settled and start.phase is not restart.StartPhase.WAVED_OFF
