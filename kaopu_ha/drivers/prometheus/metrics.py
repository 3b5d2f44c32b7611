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

"""The metrics of a process, and the small HTTP server from which Prometheus reads them.

Each metric is here, with its labels; ``kaopu_ha.telling.measures`` says when it moves.  Labels come
from closed lists, never from the cloud: an instance is no label, nor is a host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
import logging
from typing import Any

import prometheus_client
from prometheus_client import core, registry

LOG = logging.getLogger(__name__)

_ASK_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0)
_DOWN_BUCKETS = (10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 420, 600, 900, 1800, 3600)


class Metrics:
    """The metrics of one process.  Safe for threads; counting raises nothing and never waits."""

    def __init__(self, process: str, version: str, facts: Iterable[str],
                 results: Iterable[str]) -> None:
        """Names of all facts and results of moves are given: what is counted begins with 0.

        A counter that appears with 1 would show Prometheus no increase.
        """
        self.registry = prometheus_client.CollectorRegistry()
        self._server: Any = None
        prometheus_client.ProcessCollector(registry=self.registry)
        self._make('Info', 'build', 'Which process of which release this is.').info(
            {'process': process, 'version': version})
        self.news = self._make('Counter', 'news', 'News told, by fact.', 'fact')
        for fact in facts:
            self.news.labels(fact)
        self.notices = self._make('Counter', 'notices', 'Notices by notifier and what became of '
                                  'them.', 'notifier', 'result')
        self.evacuations = self._make('Counter', 'evacuations', 'Moves that ended, by result.',
                                      'result')
        for result in results:
            self.evacuations.labels(result)
        self.down_seconds = self._make(
            'Histogram', 'instance_down_seconds', 'Seconds from the first look without life to '
            'the instance running again, for each instance that was moved.', buckets=_DOWN_BUCKETS)
        self.last_good_turn = self._make(
            'Gauge', 'last_good_turn_timestamp_seconds', 'When a turn of the loop ended well last '
            '(it raised nothing, the store answered, no host was passed over), in seconds since '
            '1970.', 'loop')
        self.beats = self._make('Counter', 'beats', 'Turns of the beat, by result: sent, or the '
                                'state that kept it from being sent.', 'result')
        self.last_beat = self._make('Gauge', 'last_beat_timestamp_seconds',
                                    'When the beat was sent last, in seconds since 1970.')
        self.asks = self._make('Counter', 'asks', 'Asks, by network and sign.', 'network', 'sign')
        self.ask_seconds = self._make('Histogram', 'ask_duration_seconds', 'Seconds that the asks '
                                      'of one look took.', 'network', buckets=_ASK_BUCKETS)
        self.blind_seconds = self._make(
            'Counter', 'blind_seconds', 'Seconds during which a network could not be asked about '
            'some suspect (UNKNOWN).', 'network')
        self.fences = self._make('Counter', 'fences', 'Acts of fences, by result.', 'fence', 'act',
                                 'result')
        self.tasks = self._make('Counter', 'queue_tasks', 'Tasks offered to and taken from the '
                                'queue.', 'act')
        self.queue_failures = self._make('Counter', 'queue_failures', 'Calls of the queue that '
                                         'failed.', 'act')

    def gauges(self, read: Callable[[], Mapping[str, Mapping[tuple[tuple[str, str], ...], float]]],
               helps: Mapping[str, str]) -> None:
        """Have ``read`` called at each scrape; it gives values by gauge and labels."""
        self.registry.register(_AtScrape(read, helps))

    def serve(self, address: str, port: int) -> int:
        """Answer at the address; the port, which the kernel chooses if it is 0.  Raises OSError."""
        self._server, _ = prometheus_client.start_http_server(port, address, self.registry)
        return int(self._server.server_port)

    def close(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _make(self, kind: str, name: str, told: str, *labels: str, **more: Any) -> Any:
        return getattr(prometheus_client, kind)(name, told, labels, namespace='kaopu_ha',
                                                registry=self.registry, **more)


class _AtScrape(registry.Collector):
    """Gauges that are read when somebody wants to know."""

    def __init__(self, read: Callable[[], Mapping[str, Any]], helps: Mapping[str, str]) -> None:
        self._read, self._helps = read, helps

    def describe(self) -> list[Any]:
        """Nothing: to register must not mean to read."""
        return []

    def collect(self) -> Iterable[Any]:
        """Every gauge that has a value now."""
        for name, values in self._read().items():
            labels = [label for label, _ in next(iter(values), ())]
            family = core.GaugeMetricFamily(f'kaopu_ha_{name}', self._helps[name], labels=labels)
            for given, value in values.items():
                family.add_metric([text for _, text in given], value)
            yield family
