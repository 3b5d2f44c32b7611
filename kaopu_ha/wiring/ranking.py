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

"""What a leader would plan with, for a command: asked once, and let go."""

from __future__ import annotations

import contextlib

from oslo_config import cfg

from kaopu_ha import ports
from kaopu_ha.core.rules import Rules
from kaopu_ha.core.selection import Candidate
from kaopu_ha.programs import controllers
from kaopu_ha.wiring import drivers, runtime


def candidates(conf: cfg.ConfigOpts, kv: ports.Store, rules: Rules) -> tuple[Candidate, ...]:
    """Every host with all that decides whether it may be a target, and its use.

    Raises ConfigError; PortError if Nova, or who tells the use, does not answer.
    """
    with contextlib.ExitStack() as held:
        cloud = drivers.make(conf, 'cloud', conf.cloud.driver, kv)
        held.callback(cloud.close)
        usage = drivers.make(conf, 'usage', conf['usage'].driver, kv)
        # What can't be read is told by the leader, again and again.
        env = runtime.runtime_of('kaopu-ha', lambda news: None)
        return controllers.candidates(kv, cloud, usage, rules, env)
