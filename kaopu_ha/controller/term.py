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


"""The leadership as one doer has it: what a turn does belongs to the term in which the turn began.

A turn may hang, another may lead meanwhile, and then this process again.  What such a turn has read
is of a term that is over: it goes on to its end, but nothing of it is written or done any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
import contextlib

from kaopu_ha import permits, ports, records
from kaopu_ha.controller.leadership import Leadership
from kaopu_ha.core import model
from kaopu_ha.core.news import Fact, News


class Term:
    """One for each doer, whose turns are in one thread.  Begins with ``begins()``, turn by turn.

    ``forget`` is called when a turn begins in another term than the turn before it: what a doer
    remembers of what it saw then says nothing of what others did since.
    """

    def __init__(self, leadership: Leadership, forget: Callable[[], None] = lambda: None) -> None:
        self._leadership, self._forget = leadership, forget
        self._epoch = 0
        self.name, self.now = leadership.name, leadership.now

    @property
    def epoch(self) -> int:
        """The revision at which the term of the present turn began; 0 if it has none."""
        return self._epoch

    def begins(self) -> bool:
        """A turn begins: True if this process leads.  To be asked once, before anything is read."""
        # Read first: if the term ends in between, nothing of the turn is written.
        epoch = self._leadership.epoch
        epoch = epoch if self._leadership.leads() else 0
        if epoch != self._epoch:
            self._epoch = epoch
            self._forget()
        return epoch != 0

    def lasts(self) -> bool:
        """True while the term in which the turn began is not known to be over."""
        return self._epoch != 0 and self._leadership.epoch == self._epoch

    def step(self, stage: str, reason: str) -> model.Step:
        """A step of a record's history, taken by this leader now."""
        return model.Step(self.now(), self.name, stage, reason)

    def compares(self) -> tuple[ports.Compare, ...]:
        """What every write of the turn compares.  Raises StoreError if this process leads no more.

        Never the epoch of a later term.  One of 0 would compare that there is no leader, which is
        true while nobody is.
        """
        if not self._epoch or not self._leadership.epoch:
            raise ports.StoreError(f'{self.name} leads no more')
        return (ports.Compare(records.LEADER, created=self._epoch),)

    def permit(self, compares: Sequence[ports.Compare], most: float) -> ports.Permit:
        """Leave for an outside act of at most ``most`` seconds, while the keys stay as read."""
        return permits.LeasePermit(self._leadership.store, self._leadership.seconds,
                                   (*self.compares(), *compares), most)

    @contextlib.contextmanager
    def telling_if_late(self, host: str, what: str, remedy: str) -> Iterator[None]:
        """Tell of the act in this block if the term is over by its end.

        A machine that was paused between the permit and the act, its clocks with it, acts too
        late.  What was done is not undone: whoever leads may rely on it by now.
        """
        try:
            yield
        except ports.NotPermitted:
            raise
        except Exception:
            # Some of it may have been done.
            self._tell_if_late(host, what, remedy)
            raise
        self._tell_if_late(host, what, remedy)

    def _tell_if_late(self, host: str, what: str, remedy: str) -> None:
        try:
            entry = self._leadership.store.read(records.LEADER).get(records.LEADER)
        except ports.PortError:
            return
        if entry is None or entry.created != self._epoch:
            again = self._leadership.epoch not in (0, self._epoch)
            since = 'did not lead for a while' if again else 'leads no more'
            self._leadership.tell(News(
                Fact.ACTED_LATE, host, f'{self.name} {since}, and {what} all the same: was its '
                                       f'machine paused? {remedy}'))
