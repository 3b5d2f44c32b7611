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

"""What looks ahead, with the drivers of a controller: for commands, beside the controllers."""

from __future__ import annotations

from collections.abc import Iterator
import concurrent.futures
import contextlib
import time

from oslo_config import cfg

from kaopu_ha import ports, wiring
from kaopu_ha.programs import controllers
from kaopu_ha.wiring import drivers

# So many hosts are asked about at one time.
_HOSTS_AT_ONCE = 8


@contextlib.contextmanager
def foresight(conf: cfg.ConfigOpts, kv: ports.Store) -> Iterator[controllers.Foresight]:
    """What looks ahead, until its drivers are closed in the end.  Raises ConfigError."""
    with contextlib.ExitStack() as held:
        cloud = drivers.make(conf, 'cloud', conf.cloud.driver, kv)
        held.callback(cloud.close)
        fences = [drivers.make(conf, 'fence', name, kv) for name in conf.fence.drivers]
        for fence in fences:
            held.callback(fence.close)
        # Not conf.usage: oslo.config has a usage of its own.
        usage = drivers.make(conf, 'usage', conf['usage'].driver, kv)
        pool = concurrent.futures.ThreadPoolExecutor(_HOSTS_AT_ONCE, 'look')
        held.callback(pool.shutdown, cancel_futures=True)
        yield controllers.Foresight(kv, cloud, usage, fences, wiring.rules(conf), pool,
                                 time.monotonic)
