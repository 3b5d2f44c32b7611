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

"""The program of a worker."""

from __future__ import annotations

import dataclasses

from oslo_config import cfg

from kaopu_ha import records, wiring
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.programs import workers
from kaopu_ha.wiring import runtime
from kaopu_ha.wiring.parts import Program, parts


def program(conf: cfg.ConfigOpts) -> Program:
    """A worker: its claims, and the evacuations it has claimed.  Raises ConfigError."""
    rules, name = wiring.rules(conf), runtime.name(conf)
    if conf.worker.claim_ttl <= conf.nova.timeout:
        raise ConfigError(f'[worker] claim_ttl {conf.worker.claim_ttl} s <= [nova] timeout '
                          f'{conf.nova.timeout:g} s: a call to Nova must end before the claim '
                          f'could lapse; make claim_ttl longer')
    with parts(conf, 'worker') as its:
        its = dataclasses.replace(its, store=workers.mirrored(its.store))
        cloud = its.driver('cloud', conf.cloud.driver)
        queue = its.queue()
        images = its.driver('probe', conf.probe.storage)
        libvirt = its.driver('probe', conf.probe.management)
        env = runtime.runtime_of(name, its.dispatcher(conf.notifier.drivers))
        loops, give_back = workers.loops(
            its.store, cloud, queue, images, libvirt, rules, conf.worker.claim_ttl,
            conf.worker.concurrency, env)
        its.held.callback(give_back)
        return its.program(loops, meets_at=records.LEADER, name=name)
