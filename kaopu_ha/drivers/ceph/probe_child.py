# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.


"""The child process of the Ceph probe: one cluster, asked by librados.

An image's header object is asked twice: the OSD lists its watchers, and the watchers are notified.
A live librbd client acknowledges within milliseconds; one that is frozen, cut off or dead does not,
although its watch stays in the list for 30 s.
"""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
import struct
import time
from typing import Any

from kaopu_ha import ports
from kaopu_ha.drivers import child
from kaopu_ha.drivers.ceph import address as ceph_address
from kaopu_ha.drivers.ceph import librados

# Kept back of the time that is left, to gather and send the answers before the alarm.
_RESERVE = 0.15
# Left at the end of an ask that nobody acknowledges, for a busy machine to tell of it in time.
_SPARE_SECONDS = 0.8
_ID_MAX = 256
# Kept back as well, for each image: of thousands the answers themselves take long.
_RESERVE_EACH = 0.0001
# So many lists are asked for at once; one that hangs is soon counted no more.
_TOGETHER, _STEP = 64, 8
_HANGS_SECONDS = 0.1
_PAUSE_SECONDS = 0.0005
# With less time left no more are begun: what does not end costs this process, see ``librados``.
_LEAST_SECONDS = 0.1


class ImageHandlers:
    """What the child can do.  It connects when first asked, and again after it was replaced."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._joined: librados.Connection | None = None

    def by_name(self) -> dict[str, child.Handler]:
        """The handlers for ``child.serve``."""
        return {'fsid': self.fsid, 'clients': self.clients, 'touch': self.touch,
                'header_ids': self.header_ids, 'monitors': self.monitors,
                'monitor_map': self.monitor_map}

    def fsid(self) -> str:
        """The id of the cluster."""
        return self._cluster().fsid

    def monitors(self) -> list[str]:
        """The addresses in the cluster's map of monitors, without ports."""
        told = self._cluster().command('mon dump')
        return sorted({ceph_address.parse(place).ip for monitor in told['mons']
                       for place in ceph_address.places(monitor)})

    def monitor_map(self) -> dict[str, Any]:
        """The monitors: name, addresses, whether in quorum; and what ails their clocks."""
        cluster = self._cluster()
        told = cluster.command('quorum_status')
        health = cluster.command('health') or {}
        skew = health.get('checks', {}).get('MON_CLOCK_SKEW', {})
        return {'monitors': [(each['name'], sorted({ceph_address.parse(place).ip for place in
                                                    ceph_address.places(each)}),
                              each['rank'] in told['quorum']) for each in told['monmap']['mons']],
                'fsid': cluster.fsid, 'skew': skew.get('summary', {}).get('message', '')}

    def clients(self, images: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
        """The clients of each image (fsid, pool, header), or the error, in the same order.

        Those that come first are asked first: what there is no time for are the last ones.
        """
        cluster = self._cluster()
        asks = [_Ask(cluster, *image) for image in images]
        deadline = (time.monotonic() + child.seconds_left() - _RESERVE
                    - _RESERVE_EACH * len(asks))
        _carry_out(asks, deadline)
        return [ask.answer(deadline) for ask in asks]

    def touch(self, fsid: str, pool: str, header: str) -> None:
        """Have the storage answer an operation on the header object of an image."""
        cluster = self._cluster()
        _same(cluster, fsid)
        deadline = time.monotonic() + child.seconds_left() - _RESERVE
        cluster.pool(pool).read(header, 1).result(deadline)

    def header_ids(self, pool: str, names: Sequence[str]) -> dict[str, str]:
        """The header objects of images by name; those that do not exist are left out."""
        objects = self._cluster().pool(pool)
        deadline = time.monotonic() + child.seconds_left() - _RESERVE
        reads = {name: objects.read(f'rbd_id.{name}', _ID_MAX) for name in names}
        found = {}
        for name, read in reads.items():
            try:
                found[name] = 'rbd_header.' + _string(read.result(deadline))
            except librados.RadosError as failure:
                if not failure.is_absence:
                    raise
        return found

    def _cluster(self) -> librados.Connection:
        if self._joined is None:
            self._joined = librados.Connection(self._settings)
        return self._joined


def _carry_out(asks: Sequence[_Ask], deadline: float) -> None:
    """Have all listed, and notified each as soon as it is: one that hangs holds up no other."""
    waiting, listed = collections.deque(asks), list[_Ask]()
    while (waiting or listed) and (now := time.monotonic()) < deadline:
        fresh = sum(ask.began > now - _HANGS_SECONDS for ask in listed)
        # A few at a time, so that the first are notified before the last are listed.
        for _ in range(min(_TOGETHER - fresh, _STEP, len(waiting))):
            if now < deadline - _LEAST_SECONDS:
                listed.append(waiting.popleft())
                listed[-1].list()
        left = []
        for ask in listed:
            if ask.is_listed:
                ask.notify(deadline)
            else:
                left.append(ask)
        if len(left) == len(listed):
            time.sleep(_PAUSE_SECONDS)
        listed = left


class _Ask:
    """One image: listed, then its watchers notified.  An error ends it and is its answer."""

    def __init__(self, cluster: librados.Connection, fsid: str, pool: str, header: str) -> None:
        self._cluster, self._fsid, self._pool, self._header = cluster, fsid, pool, header
        self.began = 0.0
        self._listing: librados.ListWatchers | None = None
        self._notify: librados.Notify | None = None
        self._watchers: list[librados.Watcher] | None = None
        self._error, self._gone = '', False

    def list(self) -> None:
        """Begin to list the watchers."""
        self.began = time.monotonic()
        try:
            _same(self._cluster, self._fsid)
            self._listing = self._cluster.pool(self._pool).watchers(self._header)
        except ports.PortError as failure:
            self._error = str(failure)

    @property
    def is_listed(self) -> bool:
        """Whether ``notify`` need not wait."""
        return bool(self._error) or self._listing is not None and self._listing.has_ended

    def notify(self, deadline: float) -> None:
        """Wait for the list, and begin to notify those who are in it."""
        if self._error or self._listing is None:
            return
        try:
            self._watchers = self._listing.result(deadline)
            if self._watchers:
                # Less than a second cannot be asked for: then silence is never known in time.
                seconds = max(int(deadline - time.monotonic() - _SPARE_SECONDS), 1)
                self._notify = self._cluster.pool(self._pool).notify(self._header, seconds)
        except librados.RadosError as failure:
            self._error, self._gone = str(failure), failure.is_absence
        except ports.PortError as failure:
            self._error = str(failure)

    def answer(self, deadline: float) -> dict[str, Any]:
        """Wait for the acknowledgements; the clients, or the error."""
        if self._watchers is None:
            self.notify(deadline)
        if self._listing is None:
            self._error = self._error or 'it was not asked in time'
        watchers = self._watchers or []
        acknowledged: frozenset[int] = frozenset()
        try:
            if self._notify is not None:
                acknowledged = self._notify.result(deadline).acknowledged
        except ports.PortError as failure:
            self._error = self._error or str(failure)
        if not self._error and acknowledged - {watcher.client_id for watcher in watchers}:
            # Its address is not known, so it can be nobody's sign; the next round knows it.
            self._error = 'a client came while the image was asked'
        if self._error:
            return {'error': self._error, 'gone': self._gone}
        return {'clients': [[watcher.address, watcher.client_id, watcher.client_id in acknowledged]
                            for watcher in watchers]}


def _same(cluster: librados.Connection, fsid: str) -> None:
    if cluster.fsid != fsid:
        raise ports.PortError(f'the image is on cluster {fsid}, but this one is {cluster.fsid}')


def _string(raw: bytes) -> str:
    """A string as Ceph encodes it: its length in four bytes, then the text."""
    (size,) = struct.unpack_from('<I', raw)
    if not 0 < size == len(raw) - 4:
        raise ports.PortError('the id of the image is not encoded as expected')
    return raw[4:].decode()


if __name__ == '__main__':
    child.serve(lambda settings: ImageHandlers(settings).by_name())
