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

"""Takes reserved hosts for recoveries that have no other target: taking's turn.

``core.taking`` decides.  Each step is committed before it is acted on, and may be done again by
another leader; a call is made by a child that dies rather than act late.
"""

from __future__ import annotations

import dataclasses

from kaopu_ha import ports, records
from kaopu_ha.controller.alone import Alone
from kaopu_ha.controller.lasting import Lasting
from kaopu_ha.controller.leadership import Leadership
from kaopu_ha.controller.term import Term
from kaopu_ha.controller.world import RANGES, SEGMENTS, CloudView
from kaopu_ha.core import kept, model, taking
from kaopu_ha.core.segments import SegmentHost, Taking
from kaopu_ha.core.taking import Act, Decision
from kaopu_ha.runtime import Runtime

_ACT_SECONDS = 4.0
_BUSY_SECONDS, _IDLE_SECONDS = 1.0, 5.0
_APART = 'If it is not to be there: openstack aggregate remove host'
_REMEDY = 'If it is not to take instances: openstack compute service set --disable'


class Taker:
    """Advances every reserved host that is taken by a step in each turn."""

    def __init__(self, store: ports.Store, leadership: Leadership, cloud: ports.Cloud,
                 env: Runtime) -> None:
        self._store, self._cloud = store, cloud
        # Of each host what this leader saw of its stage, and of its calls, and since when.
        self._since: Lasting[tuple[str, str]] = Lasting(env.clock)
        self._term = Term(leadership, self._since.clear)
        self._rules, self._tell = env.rules, env.tell
        self.alone = Alone(store, env.clock, env.tell)

    def turn(self) -> float:
        """Begin with what is waited for, advance what is begun; seconds until the next turn."""
        if not self._term.begins():
            return 0.5
        try:
            few = CloudView(self._store.read(*SEGMENTS, records.RECOVERY), self._tell)
            if not few.grouping.taken and not (few.grouping.reserved and any(
                    map(kept.is_open, few.every(model.Recovery, records.RECOVERY).values()))):
                return _IDLE_SECONDS
            world = CloudView(self._store.read(
                *RANGES, *SEGMENTS, records.RECOVERY, records.EVACUATION), self._tell)
            wanted = taking.wanted(world.evacuations, world.grouping)
            self.alone.each({*wanted, *world.grouping.taken}, 'to take it',
                            lambda host: self._one(world, host, wanted.get(host, '')))
        except ports.PortError:
            # The detector tells that the store is away.
            return _BUSY_SECONDS
        self._since.keep(lambda key: key[0] in world.grouping.taken)
        return _BUSY_SECONDS

    def _one(self, world: CloudView, host: str, wanted_for: str) -> None:
        one = world.grouping.taken.get(host)
        if one is None:
            segment = world.grouping.segment_of[host]
            decision = taking.opened(host, wanted_for, segment,
                                     taking.Seen(self._term.now(), self._term.name))
            self._commit(world, decision, [_put(decision.taking)])
            return
        seen = self._seen(world, one)
        decision = taking.advance(one, seen, self._rules)
        if decision.act is Act.ASK:
            try:
                services = self._cloud.services()
            except ports.PortError as failure:
                decision = taking.waits(one, str(failure))
            else:
                decision = taking.advance(one, self._with_aggregates(dataclasses.replace(
                    seen, services=services)), self._rules)
        self._carry_out(world, decision)

    def _seen(self, world: CloudView, one: Taking) -> taking.Seen:
        host, group = one.host, world.grouping
        return taking.Seen(
            self._term.now(), self._term.name,
            awaited_by=taking.awaited_by(host, world.evacuations, group),
            reserved=host in group.reserved and group.segment_of.get(host) == one.segment,
            recovery=world.every(model.Recovery, records.RECOVERY).get(one.recovery),
            lost=_lost(world, host),
            seconds=self._since.seconds((host, 'stage'), (one.stage, one.failures)),
            since_call=self._since.seconds((host, 'call'), (one.stage, one.failures, one.calls, sum(
                each.calls for each in one.joins))))

    def _with_aggregates(self, seen: taking.Seen) -> taking.Seen:
        """What was seen, with the aggregates if it is to be added to any."""
        if not self._rules.joins_aggregates:
            return seen
        try:
            return dataclasses.replace(seen, aggregates=self._cloud.aggregates())
        except ports.PortError as failure:
            return dataclasses.replace(seen, unread=str(failure))

    # ------------------------------------------------------------ commit, act, tell

    def _carry_out(self, world: CloudView, decision: Decision) -> None:
        one, key = decision.taking, records.TAKING + decision.taking.host
        if decision.act is Act.REST:
            return
        if decision.act is Act.FORGET:
            self._commit(world, decision, [ports.Delete(key)])
            return
        writes: list[ports.Put | ports.Delete] = [_put(one)]
        its = _segment_hosts(world, one) if decision.act is Act.READY else {}
        writes += [ports.Put(name, records.encode(dataclasses.replace(each, reserved=False)))
                   for name, each in its.items()]
        revision = self._commit(world, decision, writes, *its)
        if revision is not None and decision.act in (Act.JOIN, Act.ENABLE):
            self._call(world, decision, revision)

    def _call(self, world: CloudView, decision: Decision, revision: int) -> None:
        """Ask Nova for it; what surely did nothing is written."""
        one = decision.taking
        written = ports.Compare(records.TAKING + one.host, modified=revision)
        permit = self._term.permit([written, *world.compare(records.CASE + one.host)],
                                   _ACT_SECONDS)
        try:
            self._act(decision, permit)
        except ports.OutcomeUnknown:
            # Nova is looked at before it is asked once more.
            return
        except ports.PortError as failure:
            what = f'add it to {decision.aggregate}' if decision.aggregate else 'enable it'
            if decision.aggregate and isinstance(failure, ports.Refused):
                failed = taking.refused(one, decision.aggregate, str(failure))
            else:
                failed = taking.waits(one, f'Nova did not {what}: {failure}').taking
            self._store.commit([*self._term.compares(), written], [_put(failed)])

    def _act(self, decision: Decision, permit: ports.Permit) -> None:
        host = decision.taking.host
        if decision.act is Act.JOIN:
            with self._term.telling_if_late(
                    host, f'may have added it to {decision.aggregate}', _APART):
                self._cloud.join(host, decision.aggregate, permit)
        else:
            with self._term.telling_if_late(host, 'may have enabled its service', _REMEDY):
                self._cloud.enable(host, permit)

    def _commit(self, world: CloudView, decision: Decision,
                writes: list[ports.Put | ports.Delete], *keys: str) -> int | None:
        """Write it if all that was looked at is as it was, then tell; None if it was refused."""
        one = decision.taking
        looked = (records.TAKING + one.host, records.SEGMENT + one.segment,
                  records.RECOVERY + one.recovery, *_segment_hosts(world, one), *keys)
        committed = self._store.commit(
            [*self._term.compares(), *world.compare(*dict.fromkeys(looked))], writes)
        if committed is not None:
            for item in decision.news:
                self._tell(item)
        return committed


def _put(one: Taking) -> ports.Put:
    return ports.Put(records.TAKING + one.host, records.encode(one))


def _segment_hosts(world: CloudView, one: Taking) -> dict[str, SegmentHost]:
    """The records that say that it is in a segment, by their keys: one, as the API writes them."""
    return {records.SEGMENT_HOST + uuid: each for uuid, each in world.segment_hosts.items()
            if each.name == one.host}


def _lost(world: CloudView, host: str) -> str:
    """Why nothing could be sent there, whatever Nova says; empty if nothing is known against it."""
    if world.has(records.CASE + host) or world.has(records.LOCK + host):
        return 'it is suspected'
    if host in world.held:
        return 'it is on hold'
    return '' if world.beats_truly(host) else 'it does not beat'
