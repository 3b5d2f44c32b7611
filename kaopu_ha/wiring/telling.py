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

"""Joins what tells: the configured notifiers, and the counters."""

from __future__ import annotations

from collections.abc import Iterable
import logging

from oslo_config import cfg

from kaopu_ha import ports, version
from kaopu_ha.conf import metrics as conf_metrics
from kaopu_ha.core.news import Fact
from kaopu_ha.telling import notices
from kaopu_ha.telling.dispatcher import Dispatcher
from kaopu_ha.telling.measures import Measures
from kaopu_ha.wiring import drivers
from kaopu_ha.wiring.runtime import now

LOG = logging.getLogger(__name__)


def dispatcher(conf: cfg.ConfigOpts, kv: ports.Store, process: str, measures: Measures,
               names: Iterable[str]) -> Dispatcher:
    """What a process tells its news to: these notifiers.  Raises ConfigError."""
    told = notifiers(conf, kv, names)
    measures.notifiers(name for name, one in told.items() if one.waits)
    return Dispatcher(told, f'kaopu-ha-{process}:{conf.host}', now=now,
                      projects=conf.notifier.projects, limit=conf.notifier.timeout,
                      counted=measures.news, count=measures.notice)


def notifiers(conf: cfg.ConfigOpts, kv: ports.Store,
              names: Iterable[str]) -> dict[str, ports.Notifier]:
    """The notifiers that are told news, by name, each once.  Raises ConfigError."""
    return {name: drivers.make(conf, 'notifier', name, kv) for name in dict.fromkeys(names)
            if not is_board(name)}


def is_board(name: str) -> bool:
    """True of a notifier that shows what is so, and is told no news.  Raises ConfigError."""
    kind = drivers.load('notifier', name)
    return isinstance(kind, type) and issubclass(kind, ports.Board)


def measures(conf: cfg.ConfigOpts, process: str) -> Measures:
    """The counting of a process, served where the configuration says.

    A port that is taken costs the metrics, not the process: an agent must beat.
    """
    port = conf_metrics.port(conf, process)
    if not port:
        return Measures()
    from kaopu_ha.drivers.prometheus.metrics import Metrics
    made = Metrics(process, version.installed(), [fact.key for fact in Fact],
                   notices.RESULTS.values())
    try:
        made.serve(conf.metrics.bind_address, port)
    except OSError as failure:
        LOG.error('no metrics: %s port %d can\'t be opened: %s', conf.metrics.bind_address, port,
                  failure.strerror or failure)
        return Measures()
    return Measures(made)
