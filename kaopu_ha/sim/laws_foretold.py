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

"""What was foretold comes true: who was said to come back does, and who was not does not.

Just before a host dies the prospect of everything on it is asked, as ``kaopu-ha protection`` asks
it.  If nothing else happens then, it is compared with what became of it: on the one hand when its
recovery is planned, on the other when that is finished, or after a while.

It is foretold with what is so: of what happened before, only what had time to be known, and what
shows before the day, counts (``_KNOWN``).  That a guest does not start on its target, or that no
worker runs, shows on the day.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
import concurrent.futures
from dataclasses import dataclass, field
import re
from typing import Any

from kaopu_ha import ports, records
from kaopu_ha.controller.foresight import Foresight
from kaopu_ha.core import model
from kaopu_ha.core.model import Evacuation, Recovery
from kaopu_ha.core.prospect import Forecast, Prospect
from kaopu_ha.core.protection import Reason
from kaopu_ha.sim.blocklist import SimBlocklist
from kaopu_ha.sim.network import Node
from kaopu_ha.sim.nova import SimNova
from kaopu_ha.sim.world import World

Say = Callable[[str, str], None]

_LAW = 'what is foretold comes true'
_DEATHS = re.compile(r'(?:power off|freeze) (\w+)|cut (\w+) both')
# What shows while all is well, once it had time to be told.
_KNOWN = re.compile(
    r'(hold|release|disable|enable|stop|boot|reboot|create|delete|pause|resize) .*|'
    r'.* has \d+ (dedicated )?cores|(a|no) monitor of .* is at the address of .*|'
    r'zone \w+ has .*|Nova does not tell who is pinned to a zone|\w+ is pinned to its zone|'
    r'a group (keeps|has at most|would have) .*|\w+ asks for dedicated cores|'
    r'\w+ is (set aside for|of) project \w+|'
    r'kill agent-.*|mark .* by .*|attach a volume to \w+|time passes')
_KNOWN_SECONDS = 10.0
# What waits for these is planned all the same.
_MAY_WAIT = (Reason.NO_ROOM, Reason.NO_TARGET, Reason.NOT_FENCED)
# So long a recovery takes at most behind its waits, if nothing else happens.
_ENDED_SECONDS = 110.0
_AFTER_THE_END_SECONDS = 2.0


@dataclass(eq=False)
class _Foretold:
    """What was said of a host just before it died, and when."""

    host: str
    at: float
    prospects: Mapping[str, Prospect] = field(default_factory=dict)


class Foretold:
    """Asks before a death, and compares."""

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        self._foretold: _Foretold | None = None
        # When something happened last that is known by now; infinite once nobody could foretell.
        self._known_at, self._clear = -_KNOWN_SECONDS, True
        world.happens = self._happens

    def _happens(self, sentence: str) -> None:
        """Something is about to happen."""
        now, dies = self._world.kernel.now, _DEATHS.fullmatch(sentence)
        if dies and self._clear and now - self._known_at >= _KNOWN_SECONDS:
            host = dies.group(1) or dies.group(2)
            self._foretold = _Foretold(host, now, {
                one.instance: one for one in self._sure(foreseen(self._world, host))})
            rules = self._world.setup.times.rules
            self._world.kernel.after(
                rules.death_seconds + rules.lock_seconds + _ENDED_SECONDS, self._ended)
            self._clear = False
        elif sentence != 'time passes':
            self._foretold = None
            self._clear = self._clear and not dies and bool(_KNOWN.fullmatch(sentence))
            self._known_at = now

    def _sure(self, said: Collection[Prospect]) -> list[Prospect]:
        """Without those of which only Nova knows, and whoever gets the room that they leave."""
        doubtful = [one for one in said if one.answer is Forecast.DOUBTFUL]
        if not doubtful or not self._world.nova.lay.is_used:
            return list(said)
        return [one for one in said if one not in doubtful and one.reason is not Reason.NO_ROOM]

    def committed(self, who: str, writes: Sequence[ports.Put | ports.Delete],
                  before: Mapping[str, ports.Entry]) -> None:
        """Something was committed: is it the plan, or the end, of what was foretold?"""
        if self._foretold is None:
            return
        its = f'{records.RECOVERY}{self._foretold.host}-'
        for write in writes:
            if isinstance(write, ports.Put) and write.key.startswith(its):
                stage = records.record(Recovery, write).stage
                if stage.planned:
                    self._planned()
                elif stage.finished:
                    self._world.kernel.after(_AFTER_THE_END_SECONDS, self._ended)

    def _planned(self) -> None:
        """Who was said to come back is to be moved; who is to stay for good was said not to."""
        assert self._foretold is not None
        moves = {item.instance: item for item in self._world.every(Evacuation, records.EVACUATION)
                 if item.source == self._foretold.host}
        for uuid, said in self._foretold.prospects.items():
            move = moves.get(uuid)
            stays = move is None or move.phase.ended
            comes = said.answer is Forecast.PROTECTED or said.reason in _MAY_WAIT
            if stays if comes else not stays:
                planned = f'{move.phase.value}: {move.reason}' if move else 'not there'
                self._wrong(said, f'in the plan it is {planned}')

    def _ended(self) -> None:
        if self._foretold is None:
            return
        told, self._foretold = self._foretold, None
        for uuid, said in told.prospects.items():
            row = self._world.nova.rows.get(uuid)
            places = self._world.writing_on(row) if row else []
            if (said.answer is Forecast.PROTECTED) is (not places or told.host in places):
                self._wrong(said, f'it runs on {" and ".join(places) or "no host"}')

    def _wrong(self, said: Prospect, what: str) -> None:
        why = f' ({said.text})' if said.text else ''
        self._say(_LAW, f'{said.name} of {said.host}: would it come back? '
                        f'{said.answer.value}{why}; but {what}')


def foreseen(world: World, host: str) -> tuple[Prospect, ...]:
    """The prospects of everything on a host, asked in no time, by one who sees everything."""
    nova = _StillNova(world)
    foresight = Foresight(_StillStore(world), nova, nova, [_StillFence(world)],
                          world.setup.times.rules, _AtOnce(), lambda: world.kernel.now)
    return foresight.look(host).prospects


# ---------------------------------------------------------------- ports that take no time


class _StillStore(ports.Store):
    """The store as it is, only to be read."""

    def __init__(self, world: World) -> None:
        self._world = world

    def read(self, *ranges: str) -> ports.Snapshot:
        return self._world.etcd.read(ranges)

    def commit(self, compares: Sequence[ports.Compare],
               writes: Sequence[ports.Put | ports.Delete]) -> int | None:
        raise NotImplementedError

    def grant(self, ttl: int) -> int:
        raise NotImplementedError

    def renew(self, lease: int, limit: float) -> int:
        raise NotImplementedError

    def revoke(self, lease: int) -> None:
        raise NotImplementedError

    def watch(self, prefix: str, tell: Callable[[ports.Change], None],
              since: int = 0) -> ports.Watching:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is held."""


class _StillNova(SimNova, ports.UsageSource):
    """The false Nova and Placement, without a network between."""

    def __init__(self, world: World) -> None:
        super().__init__(world.nova, Node('nowhere'))

    def _go(self) -> None:
        """Here nothing is on its way."""

    def usage(self) -> Mapping[str, model.Usage]:
        return self.nova.usage()


class _StillFence(SimBlocklist):
    """The fence of the false Ceph, without a network between."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clusters, Node('nowhere'), world.client_networks)

    def _reach(self, order: model.FenceOrder, limit: float) -> Any:
        return self._clusters[order.cluster]


class _AtOnce(concurrent.futures.Executor):
    """Does it where it is asked to."""

    def submit(self, work: Callable[..., Any], /, *given: Any,
               **named: Any) -> concurrent.futures.Future[Any]:
        done: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            done.set_result(work(*given, **named))
        except Exception as failure:  # noqa: BLE001  whoever asks for the result gets it
            done.set_exception(failure)
        return done
