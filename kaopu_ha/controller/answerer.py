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

"""Answers what people ask of recoveries and of the instances in them, ``core.wishes`` decides; and
follows what others say of hosts (``hearsay``).
"""

from __future__ import annotations

from collections.abc import Mapping

from kaopu_ha import ports, records
from kaopu_ha.controller import hearsay
from kaopu_ha.controller.alone import Alone
from kaopu_ha.controller.leadership import Leadership
from kaopu_ha.controller.term import Term
from kaopu_ha.controller.world import RANGES, CloudView
from kaopu_ha.core import model, wishes
from kaopu_ha.core.wishes import Reply, Wish, WishState, WishVerb
from kaopu_ha.runtime import Runtime


class Answerer:
    """Answers every wish that waits, in the order in which they were asked."""

    def __init__(self, store: ports.Store, leadership: Leadership, cloud: ports.Cloud,
                 env: Runtime) -> None:
        self._store, self._rules, self._tell = store, env.rules, env.tell
        self._term = Term(leadership, lambda: self._hearsay.forget())
        self._hearsay = hearsay.Hearsay(store, self._term, cloud, env)
        self.alone = Alone(store, env.clock, env.tell)

    def turn(self) -> float:
        """Answer what was asked; seconds until the next turn."""
        if not self._term.begins():
            return 0.5
        try:
            world = CloudView(self._store.read(records.WISH, records.NOTIFICATION), self._tell)
            if not _waiting(world) and not self._hearsay.waiting(world):
                return 5.0
            world = CloudView(self._store.read(*RANGES, *hearsay.RANGES, records.PROOF,
                                               records.WISH), self._tell)
            asked, said = _waiting(world), self._hearsay.waiting(world)

            def answer(host: str) -> None:
                self._answer_first(world, asked.get(host, {}))
                self._hearsay.follow(world, said.get(host, {}))
            self.alone.each({*asked, *said}, 'what people ask or say of it', answer)
        except ports.PortError:
            # The detector tells that the store is away.
            return 1.0
        return 0.5 if asked else 2.0

    def _answer_first(self, world: CloudView, asked: Mapping[str, Wish]) -> None:
        """Write the first answer that is new: what comes behind it is seen in the next turn."""
        for key, wish in asked.items():
            answer = wishes.answered(wish, self._seen(world, wish, asked), self._rules)
            if answer.wish != wish or answer.evacuations:
                self._write(world, key, answer)
                return

    def _seen(self, world: CloudView, wish: Wish, asked: Mapping[str, Wish]) -> wishes.Seen:
        mine = f'{wish.recovery}/'
        moves = world.every(model.Evacuation, records.EVACUATION + mine)
        return wishes.Seen(
            self._term.now(), self._term.name, case=world.cases.get(wish.host),
            recovery=world.every(model.Recovery, records.RECOVERY).get(wish.recovery),
            evacuations=tuple(moves.values()),
            unreadable=len(moves) < len(world.snapshot.under(records.EVACUATION + mine)),
            restart=world.restarts.get(wish.host),
            proven=world.has(records.PROOF + wish.recovery),
            beats=world.has(records.ALIVE + wish.host),
            inventory_revision=world.modified(records.INVENTORY + wish.host),
            opened=world.opened.get(wish.host, 0), held=wish.host in world.held,
            ends=tuple(other for other in asked.values() if other.verb is WishVerb.END
                       and other.recovery == wish.recovery))

    def _write(self, world: CloudView, key: str, answer: Reply) -> None:
        """Everything in one transaction, if all that was looked at is as it was; then tell."""
        wish = answer.wish
        moves = {f'{records.EVACUATION}{move.recovery}/{move.instance}': move
                 for move in answer.evacuations}
        ends = {records.wish(end): end for end in answer.withdrawn}
        writes: list[ports.Put | ports.Delete] = [
            ports.Put(name, records.encode(move)) for name, move in moves.items()]
        writes += [_kept(world, name, each) for name, each in {key: wish, **ends}.items()]
        looked = [key, *ends, *moves, records.CASE + wish.host, records.ALIVE + wish.host]
        if answer.recovery is not None:
            writes.append(ports.Put(records.RECOVERY + wish.recovery,
                                    records.encode(answer.recovery)))
        if answer.case is not None:
            # What an agent tells now would end the word at once.
            looked += [records.INVENTORY + wish.host, records.HOST + wish.host]
            writes.append(ports.Put(records.CASE + wish.host, records.encode(answer.case)))
        if wish.recovery:
            looked.append(records.RECOVERY + wish.recovery)
        if answer.restart is not None:
            looked.append(records.RESTART + wish.host)
            writes.append(ports.Put(looked[-1], records.encode(answer.restart)))
        if self._store.commit([*self._term.compares(), *world.compare(*looked)],
                              writes) is not None:
            for item in answer.news:
                self._tell(item)


def _waiting(world: CloudView) -> dict[str, dict[str, Wish]]:
    """What waits for an answer: by host, then by key, as it was asked last."""
    entries = world.snapshot.under(records.WISH)
    found = world.every(Wish, records.WISH)
    asked: dict[str, dict[str, Wish]] = {}
    for name in sorted(found, key=lambda name: entries[name].modified):
        wish = found[name]
        # What stands under another key than its own was not asked by our command.
        if wish.state is WishState.ASKED and records.wish(wish) == records.WISH + name:
            asked.setdefault(wish.host, {})[records.WISH + name] = wish
    return asked


def _kept(world: CloudView, key: str, wish: Wish) -> ports.Put:
    """The answer lasts for as long as the question would have."""
    entry = world.snapshot.get(key)
    return ports.Put(key, records.encode(wish), entry.lease if entry else 0)
