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

"""A fence rehearsed with an entry of nobody: listed, read back, passed, taken back.

The entry has an address of the documentation range and a nonce of chance, so it is no client's, and
it ends by itself within a minute, whatever becomes of this process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import contextlib
import random

from kaopu_ha import ports
from kaopu_ha.drivers.ceph import librados

# What stays if this process is killed.
EXPIRE_SECONDS = 60.0
_NONCE_MAX = 2 ** 31 - 1


def entry() -> str:
    """An entry that nobody else has: two rehearsals at one time do not meet."""
    return f'198.51.100.{random.randrange(1, 255)}:0/{random.randrange(1, _NONCE_MAX)}'


class Rehearsal:
    """One rehearsal on a cluster; ``barrier`` says why the OSDs do not answer, '' if they do."""

    def __init__(self, cluster: librados.Connection, its_entry: str,
                 barrier: Callable[[], str]) -> None:
        self._cluster, self._entry, self._barrier = cluster, its_entry, barrier
        self._failed: tuple[str, str] = ('', '')

    def run(self) -> tuple[str, str]:
        """The first step that failed (servers, add, list, barrier, remove) and why; or two ''."""
        with self._step('servers'):
            self._cluster.command('quorum_status')
            self._cluster.command('mgr dump')
        with self._step('add'):
            self._change('add', expire=EXPIRE_SECONDS)
            try:
                self._read_back()
            finally:
                with self._step('remove'):
                    self._change('rm')
                    if self._is_listed():
                        raise ports.PortError('it is listed still')
        return self._failed

    # ------------------------------------------------------------ private

    @contextlib.contextmanager
    def _step(self, name: str) -> Iterator[None]:
        try:
            yield
        except ports.PortError as failure:
            self._failed = self._failed if self._failed[0] else (name, str(failure))

    def _read_back(self) -> None:
        with self._step('list'):
            if not self._is_listed():
                raise ports.PortError('it was taken, and is not listed')
        with self._step('barrier'):
            self._cluster.await_latest_map()
            why = self._barrier()
            if why:
                raise ports.PortError(why)

    def _change(self, what: str, **more: float) -> None:
        self._cluster.command('osd blocklist', blocklistop=what, addr=self._entry, **more)

    def _is_listed(self) -> bool:
        return any(self._entry in str(one.get('addr', ''))
                   for one in self._cluster.command('osd blocklist ls') or ())
