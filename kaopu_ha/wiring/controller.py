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

"""The program of a controller."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from oslo_config import cfg

from kaopu_ha import records, wiring
from kaopu_ha.conf import rules as conf_rules
from kaopu_ha.programs import controllers
from kaopu_ha.telling import standing
from kaopu_ha.wiring import drivers, runtime
from kaopu_ha.wiring.parts import Parts, Program, parts

LOG = logging.getLogger(__name__)


def program(conf: cfg.ConfigOpts) -> Program:
    """A controller: leadership, detection, recovery, admission.  Raises ConfigError."""
    rules, name = wiring.rules(conf), runtime.name(conf)
    with parts(conf, 'controller') as its:
        its = dataclasses.replace(its, store=controllers.mirrored(its.store))
        its.measures.gauges(standing.reader(its.store, name), standing.HELPS)
        management = its.driver('probe', conf.probe.management)
        probes = [its.measures.probe(each) for each in (management, _storage(its))]
        fences = [its.measures.fence(each) for each in its.fences()]
        cloud = its.driver('cloud', conf.cloud.driver)
        # Not conf.usage: oslo.config has a usage of its own.
        usage = drivers.make(conf, 'usage', conf['usage'].driver, its.store)
        queue = its.queue()
        events = its.driver('events', conf.events.driver) if conf.events.driver else None
        env = runtime.runtime_of(name, its.dispatcher(conf.notifier.drivers))
        # Of its own: whoever asks for long must not keep a suspect's look waiting.
        images = _storage(its)
        observing = [management, _storage(its)]
        # Nor must a cut that takes long look like a fence that does not answer.
        fences_asked = its.fences()
        loops, resign = controllers.loops(
            its.store, probes, fences, cloud, management, usage, queue, rules,
            conf.controller.leader_ttl, env, events, images=images, observing=observing,
            fences_asked=fences_asked, ahead=controllers.Ahead(cloud, usage, fences_asked),
            boards=its.boards())
        its.held.callback(resign)
        LOG.info('from power cut to CONFIRMED it takes up to about %s',
                 conf_rules.told(conf_rules.seconds_to_confirmed(rules)))
        return its.program(loops, meets_at=records.LEADER, name=name)


def _storage(its: Parts) -> Any:
    return its.driver('probe', its.conf.probe.storage)
