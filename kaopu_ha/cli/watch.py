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

"""``kaopu-ha watch``: a line for each fact, as it happens."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
import queue
import time

from kaopu_ha import ports, records
from kaopu_ha.cli import layout
from kaopu_ha.cli.command import Command, CommandError, plain
from kaopu_ha.core.model import Phase
from kaopu_ha.telling import picture
from kaopu_ha.telling.picture import Picture
from kaopu_ha.telling.story import Line, calmed, told

# A watch that says nothing may be a store that is away: so it is asked now and then.
_CHECK_SECONDS = 10.0


class Watch(Command):
    """Tell each fact as it happens, until Ctrl-C (-v: repeated rounds, claims and keys, too)."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """When to end."""
        parser.add_argument('--until-finished', metavar='HOST',
                            help='end when the recovery of this host is finished')
        parser.add_argument('--timeout', type=float, metavar='SECONDS',
                            help='end after so many seconds; with --until-finished that is a '
                                 'failure')

    def answer(self, args: argparse.Namespace) -> int:
        """0 when it was ended or what was awaited came, 1 if that did not come in time."""
        follower = Follower(self.store)
        if args.until_finished:
            self.known(follower.picture(), args.until_finished)
        self._begin(follower)
        limit = time.monotonic() + args.timeout if args.timeout is not None else None
        try:
            return self._go_on(follower, args, limit)
        except KeyboardInterrupt:
            return 0
        finally:
            follower.close()

    # ------------------------------------------------------------ private

    def _begin(self, follower: Follower) -> None:
        found = follower.picture()
        leader = f'{found.leader.name} leads' if found.leader else 'nobody leads'
        beats = sum(found.beats_now(host) for host in found.inventories)
        text = (f'watching: {leader}; {beats} of {layout.number(len(found.inventories), "host")} '
                f'beat; {layout.number(len(found.cases), "open case")}')
        self._tell(Line('watch', '', text))

    def _go_on(self, follower: Follower, args: argparse.Namespace, limit: float | None) -> int:
        host: str | None = args.until_finished
        look = True
        while True:
            if host and look and follower.finished(host):
                self._tell(Line('watch', host, follower.summary(host), 'good'))
                return 0
            left = _CHECK_SECONDS if limit is None else limit - time.monotonic()
            if left <= 0:
                if host:
                    raise CommandError(f'The recovery of {host} is not finished after '
                                       f'{args.timeout:g} s. To see it: kaopu-ha explain {host}')
                return 0
            look = False
            for line in follower.next(min(left, _CHECK_SECONDS)):
                look = look or line.kind in ('recovery', 'case')
                if line.level != 'detail' or self.verbose:
                    self._tell(line)

    def _tell(self, line: Line) -> None:
        at = line.at or layout.now()
        if self.as_json:
            self.say_json({**plain(line), 'at': at}, one_line=True)
            return
        level = 'dim' if line.level == 'detail' else line.level
        self.say(f'{layout.clock(at)}  {line.host or "-":<12}  {self.ink(level, line.text)}')


class Follower:
    """Keeps what the store holds, and tells what changes in it."""

    def __init__(self, store: ports.Store) -> None:
        self._store = store
        self._changes: queue.SimpleQueue[ports.Change] = queue.SimpleQueue()
        snapshot = store.read(records.PREFIX)
        self._entries = dict(snapshot.entries)
        self._revision = snapshot.revision
        self._before = {item.id for item in self.picture().recoveries.values()}
        self._away = False
        self._watching = store.watch(records.PREFIX, self._changes.put, snapshot.revision)

    def close(self) -> None:
        """End the watch."""
        self._watching.close()

    def picture(self) -> Picture:
        """What the store holds, as far as it was told."""
        return Picture(ports.Snapshot(self._revision, self._entries))

    def next(self, seconds: float) -> Iterator[Line]:
        """The lines of the next change, or of the store's absence, within some seconds."""
        try:
            change = self._changes.get(timeout=seconds)
        except queue.Empty:
            yield from self._check()
            return
        if change.relist:
            yield from self._relist()
        else:
            yield from self._changed(change.key, change.entry)
            self._revision = max(self._revision, change.revision)

    def finished(self, host: str) -> bool:
        """True if the recovery of the host's open case is finished, or one that began since."""
        found = self.picture()
        case = found.cases.get(host)
        return any(item.stage.finished for item in found.recoveries_of(host)
                   if item.id not in self._before or (case and case.recovery == item.id))

    def summary(self, host: str) -> str:
        """What became of the instances in the newest recovery of the host."""
        found = self.picture()
        item = found.recoveries_of(host)[-1]
        phases = [each.phase for each in found.evacuations(item.id)]
        ended, _ = picture.progress(found, item)
        parts = ', '.join(f'{phases.count(phase)} {phase.value}' for phase in Phase
                          if phase in phases)
        span = layout.between(item.history[0].at, item.history[-1].at) if item.history else None
        return (f'the recovery is finished: {layout.number(ended, "instance")} ended'
                + (f' ({parts})' if parts else '') + f', {layout.seconds(span)} after CONFIRMED')

    # ------------------------------------------------------------ private

    def _changed(self, key: str, entry: ports.Entry | None) -> list[Line]:
        old = self._entries.pop(key, None)
        if entry is not None:
            self._entries[key] = entry
        lines = told(old.value if old else None, entry.value if entry else None, key)
        return [calmed(line, self.picture().cases) if line.kind == 'fence' else line
                for line in lines]

    def _relist(self) -> Iterator[Line]:
        """Events were lost: what differs from what is known is what changed."""
        snapshot = self._store.read(records.PREFIX)
        self._revision = snapshot.revision
        for key in sorted({*self._entries, *snapshot.entries}):
            yield from self._changed(key, snapshot.get(key))

    def _check(self) -> Iterator[Line]:
        try:
            self._store.read(records.LEADER)
        except ports.PortError as failure:
            if not self._away:
                yield Line('store', '', f'the store does not answer: {failure}', 'error')
            self._away = True
        else:
            if self._away:
                yield Line('store', '', 'the store answers again', 'good')
            self._away = False
