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

"""Counts what a process does, from outside: by wrappers around its ports, and by reading records.

Controller, worker, agent and core know nothing of it.  Without metrics nothing is wrapped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
import contextlib
import dataclasses
import time
from typing import Any

from kaopu_ha import ports, programs
from kaopu_ha.core import model
from kaopu_ha.core.addresses import NONE_KNOWN, Known
from kaopu_ha.core.news import News
from kaopu_ha.telling import notices

# Two looks that are further apart than this do not belong together: nobody was suspect between.
_LOOKS_APART = 60.0

Clock = Callable[[], float]


class Measures:
    """The counting of one process; does nothing if ``metrics`` is None."""

    def __init__(self, metrics: Any = None, clock: Clock = time.monotonic) -> None:
        self._metrics, self._clock = metrics, clock

    def news(self, news: News) -> None:
        """Count one news, and the moves whose end it tells."""
        if self._metrics is None:
            return
        self._metrics.news.labels(news.fact.key).inc()
        for item in news.outcomes:
            self._metrics.evacuations.labels(notices.RESULTS[item.result]).inc()
            down = notices.seconds_down(item)
            if down is not None:
                self._metrics.down_seconds.observe(down)

    def notice(self, notifier: str, result: str) -> None:
        """Count one notice: ``sent`` or ``lost``."""
        if self._metrics is not None:
            self._metrics.notices.labels(notifier, result).inc()

    def notifiers(self, names: Iterable[str]) -> None:
        """Begin to count for these notifiers."""
        for name in names if self._metrics is not None else ():
            for result in ('sent', 'lost'):
                self._metrics.notices.labels(name, result)

    def beat(self, turn: Callable[[], float], state: Callable[[], str]) -> Callable[[], float]:
        """The turn of a beat, counted by the state after it: '' if the beat was sent."""
        if self._metrics is None:
            return turn

        def counted() -> float:
            seconds = turn()
            kept = state()
            self._metrics.beats.labels(kept or 'sent').inc()
            if not kept:
                self._metrics.last_beat.set(time.time())
            return seconds
        return counted

    def loops(self, loops: Iterable[programs.Loop]) -> tuple[programs.Loop, ...]:
        """The loops; of each it is told when a turn of it ended well last.

        A process that has just started counts as if its turns had: they have not failed yet.
        """
        return tuple(loops) if self._metrics is None else tuple(
            dataclasses.replace(loop, turn=self._ending(loop)) for loop in loops)

    def _ending(self, loop: programs.Loop) -> Callable[[], float]:
        last_good = self._metrics.last_good_turn.labels(loop.name)
        last_good.set(time.time())

        def turn() -> float:
            seconds = loop.turn()
            if not loop.trouble():
                last_good.set(time.time())
            return seconds
        return turn

    def probe(self, probe: Any) -> Any:
        """The probe, measured."""
        return probe if self._metrics is None else CountedProbe(probe, self._metrics, self._clock)

    def fence(self, fence: Any) -> Any:
        """The fence, measured."""
        return fence if self._metrics is None else CountedFence(fence, self._metrics)

    def queue(self, queue: Any) -> Any:
        """The queue, measured."""
        return queue if self._metrics is None else CountedQueue(queue, self._metrics)

    def gauges(self, read: Callable[[], Mapping[str, Any]], helps: Mapping[str, str]) -> None:
        """Have these gauges read at each scrape."""
        if self._metrics is not None:
            self._metrics.gauges(read, helps)

    def close(self) -> None:
        """Answer scrapes no more."""
        if self._metrics is not None:
            self._metrics.close()


# ---------------------------------------------------------------- wrappers


class _Around:
    """What stands around a driver: all that is not counted is passed on as it is."""

    def __init__(self, inner: Any, metrics: Any) -> None:
        self._inner, self._metrics = inner, metrics

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class CountedProbe(_Around):
    """A probe whose asks are counted, with the seconds for which it was blind.

    It is blind from a look that left some suspect UNKNOWN until the next look that leaves none so;
    the asking itself counts too.  While nobody is suspect nobody is asked, and no time counts.
    """

    def __init__(self, probe: ports.Probe, metrics: Any, clock: Clock = time.monotonic) -> None:
        super().__init__(probe, metrics)
        self._clock = clock
        self._blind_since: float | None = None
        for sign in model.Sign:
            metrics.asks.labels(probe.network.value, sign.value)
        metrics.blind_seconds.labels(probe.network.value)

    def ask(self, suspects: Sequence[model.Inventory], peers: Sequence[model.Inventory],
            limit: float, known: Known = NONE_KNOWN) -> Mapping[str, model.Evidence]:
        """Ask, and count."""
        began = self._clock()
        said: Mapping[str, model.Evidence] = self._inner.ask(
            suspects, peers, limit, known)
        self._count(began, [evidence.sign for evidence in said.values()])
        return said

    def _count(self, began: float, signs: Sequence[model.Sign]) -> None:
        network, ended = self._inner.network.value, self._clock()
        self._metrics.ask_seconds.labels(network).observe(ended - began)
        for sign in signs:
            self._metrics.asks.labels(network, sign.value).inc()
        since, blind = self._blind_since, model.Sign.UNKNOWN in signs
        self._blind_since = ended if blind else None
        if since is not None and began - since > _LOOKS_APART:
            since = None
        if since is None and blind:
            since = began
        if since is not None:
            self._metrics.blind_seconds.labels(network).inc(ended - since)


class CountedFence(_Around):
    """A fence whose acts are counted by what came of them, under the names that they always had.
    """

    def __init__(self, fence: ports.Fence, metrics: Any) -> None:
        super().__init__(fence, metrics)
        for act in ('cut', 'prove', 'mend'):
            for result in ('done', 'failed', 'not_permitted'):
                metrics.fences.labels(fence.name, act, result)

    def fence(self, order: model.FenceOrder, permit: ports.Permit) -> None:
        """Cut, and count."""
        with self._counted('cut'):
            self._inner.fence(order, permit)

    def verify(self, order: model.FenceOrder, limit: float) -> model.Proof:
        """Read back, and count whether it holds."""
        proof: model.Proof = self._inner.verify(order, limit)
        self._count('prove', 'done' if proof.holds else 'failed')
        return proof

    def unfence(self, order: model.FenceOrder, permit: ports.Permit) -> None:
        """Take the cut back, and count."""
        with self._counted('mend'):
            self._inner.unfence(order, permit)

    @contextlib.contextmanager
    def _counted(self, act: str) -> Iterator[None]:
        try:
            yield
        except ports.PortError as failure:
            self._count(act, 'not_permitted' if isinstance(failure, ports.NotPermitted)
                        else 'failed')
            raise
        self._count(act, 'done')

    def _count(self, act: str, result: str) -> None:
        self._metrics.fences.labels(self._inner.name, act, result).inc()


class CountedQueue(_Around):
    """A queue whose tasks are counted."""

    def __init__(self, queue: ports.Queue, metrics: Any) -> None:
        super().__init__(queue, metrics)
        for act in ('offer', 'take'):
            metrics.tasks.labels(act)
            metrics.queue_failures.labels(act)

    def offer(self, tasks: Sequence[str]) -> None:
        """Offer, and count."""
        with self._metrics.queue_failures.labels('offer').count_exceptions(ports.PortError):
            self._inner.offer(tasks)
        self._metrics.tasks.labels('offer').inc(len(tasks))

    def take(self, most: int) -> tuple[str, ...]:
        """Take, and count."""
        with self._metrics.queue_failures.labels('take').count_exceptions(ports.PortError):
            taken: tuple[str, ...] = self._inner.take(most)
        self._metrics.tasks.labels('take').inc(len(taken))
        return taken
