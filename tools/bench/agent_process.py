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

"""The processes that ``agent`` measures: an agent as it is run, and one with the same imports.

    python -m tools.bench.agent_process <folder>     an agent; prints its modules for each line
    python -m tools.bench.agent_process              takes those, imports them, and idles
    python -m tools.bench.agent_process <endpoint> <seconds>
                                                     the same, but renews a lease so often

Nothing is imported that the agent itself does not need; each ends with its input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import contextlib
import importlib
import json
import math
import pathlib
import select
import sys

from kaopu_ha import ports
from kaopu_ha.core import model

FSID = '6e5b1c1e-0000-4000-8000-000000000001'
ADDRESS = '127.0.0.1'


class Ceph(ports.StorageReader):
    """One that answers at once, and sees each image opened from here."""

    def fsid(self, limit: float, cluster: str = '') -> str:
        """It is this one."""
        return FSID

    def header_ids(self, pool: str, names: Sequence[str], limit: float,
                   cluster: str = '') -> Mapping[str, str]:
        """Every name has one."""
        return {name: name[:12] for name in names}

    def touch(self, image: model.Image, limit: float) -> None:
        """It answers."""

    def clients(self, images: Sequence[model.Image],
                limit: float) -> Mapping[model.Image, model.ImageAnswer]:
        """Each has one client, from here."""
        client = model.Client(f'{ADDRESS}:0/1', 1, True)
        return {image: model.ImageAnswer(image, (client,)) for image in images}

    def close(self) -> None:
        """Nothing is held."""


def _agent(folder: pathlib.Path) -> None:
    # As the command of an agent begins.
    from kaopu_ha import threads  # noqa: F401, I001
    from oslo_config import cfg

    from kaopu_ha import conf as options
    from kaopu_ha.cmd import loops
    from kaopu_ha.cmd import process as process
    from kaopu_ha.drivers.libvirt import local
    from kaopu_ha.wiring import agent, drivers

    conf = cfg.ConfigOpts()
    options.register(conf)
    conf(['--config-file', str(folder / 'kaopu-ha.conf')], project='kaopu-ha')
    local._CHILD = 'tools.bench.agent_libvirt'
    asked = local.LocalLibvirt(conf.agent.libvirt_uri, state_path=conf.agent.state_path,
                               proc=str(folder / 'proc'))
    drivers.local = lambda conf, kv: asked
    agent._reader = lambda its: its.kept(Ceph())  # type: ignore[assignment, return-value]
    runner = loops.Runner(agent.program(conf).loops)
    runner.start()
    for _ in sys.stdin:
        print(json.dumps([name for name, one in sys.modules.items() if one]), flush=True)
    runner.stop(2.0)


def _idle(endpoint: str = '', every: float = 1.0) -> None:
    from kaopu_ha import threads  # noqa: F401  what it blocks is not loaded here either
    for name in json.loads(sys.stdin.readline()):
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    renew = _renewed(endpoint, every) if endpoint else bool
    while not select.select([sys.stdin], [], [], every)[0]:
        renew()


def _renewed(endpoint: str, every: float) -> Callable[[], object]:
    """What renews a lease of this process, as a beat is renewed."""
    from kaopu_ha.drivers.etcd.store import EtcdStore
    store = EtcdStore([endpoint])
    lease = store.grant(math.ceil(3 * every))
    return lambda: store.renew(lease, every)


if __name__ == '__main__':
    if len(sys.argv) == 2:
        _agent(pathlib.Path(sys.argv[1]))
    else:
        _idle(*sys.argv[1:2], *map(float, sys.argv[2:]))
