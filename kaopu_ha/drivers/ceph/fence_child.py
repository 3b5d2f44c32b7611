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


"""The child process of the blocklist fence: one cluster, its monitors asked by librados."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
import datetime
import errno
import time
from typing import Any

from kaopu_ha import ports
from kaopu_ha.drivers import child
from kaopu_ha.drivers.ceph import address as ceph_address
from kaopu_ha.drivers.ceph import librados
from kaopu_ha.drivers.ceph import rehearsal as ceph_rehearsal

# Ceph has no entry that never expires; an hour is its default, after which a zombie writes again.
_EXPIRE_SECONDS = 10 * 365 * 86400.0
_EXPIRE_LEAST = datetime.timedelta(days=365)
# The monitors gather what comes in one interval into one map, so entries are sent at one time.
_AT_ONE_TIME = 32
_RESERVE = 0.2
# An object that is not there, by a name that the caps of the manual let this user read.
_PROBED = 'rbd_header.kaopu'
# An OSD that refuses or has no such object has answered, and it waits for the map first.
_ANSWERS = (errno.ENOENT, errno.EPERM, errno.EACCES)


class FenceHandlers:
    """What the child can do.  It connects when first asked, and again after it was replaced."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._joined: librados.Connection | None = None

    def by_name(self) -> dict[str, child.Handler]:
        """The handlers for ``child.serve``."""
        return {'servers': self.servers, 'fence': self.fence, 'doubt': self.doubt,
                'unfence': self.unfence, 'join': self.join, 'rehearse': self.rehearse,
                'listed': self.listed}

    def servers(self, fsid: str) -> dict[str, list[str]]:
        """The addresses of the monitors in quorum and of the active manager."""
        cluster = self._cluster(fsid)
        status = cluster.command('quorum_status')
        manager = cluster.command('mgr dump')
        return {
            'monitor': [address for monitor in status['monmap']['mons']
                        if monitor['rank'] in status['quorum']
                        for address in ceph_address.places(monitor)],
            'manager': ceph_address.places(manager) if manager.get('active_name') else []}

    def fence(self, fsid: str, entries: Sequence[str]) -> None:
        """Add every entry; return when this client has a map with them."""
        cluster = self._cluster(fsid)
        _each(entries, lambda entry: cluster.command(
            'osd blocklist', blocklistop='add', addr=entry, expire=_EXPIRE_SECONDS))
        cluster.await_latest_map()

    def doubt(self, fsid: str, entries: Sequence[str]) -> tuple[str, bool]:
        """Read the entries back and pass librbd's barrier.

        What is missing, empty if nothing is; True if that is an entry.

        An OSD that answers an operation sent with the latest map has that map, and so refuses the
        old client; each other OSD learns it from the first operation of the new client.
        """
        deadline = time.monotonic() + child.seconds_left() - _RESERVE
        cluster = self._cluster(fsid)
        found = _listed(cluster)
        wanted = {entry: ceph_address.parse(entry) for entry in entries}
        absent = [entry for entry, address in wanted.items() if address not in found]
        if absent:
            return f'not listed: {", ".join(absent)}', True
        early = _early(list(wanted.values()), found)
        if early:
            return f'expires too early: {", ".join(map(str, early))}', True
        cluster.await_latest_map()
        pools = self._settings.get('pools') or cluster.pool_names()
        return _unanswered(cluster, pools, deadline), False

    def unfence(self, fsid: str, entries: Sequence[str]) -> None:
        """Remove every entry that is listed, and read their absence back.

        Where none is, nothing has to be allowed that changes the blocklist.
        """
        cluster = self._cluster(fsid)
        listed = _listed(cluster)
        _each([entry for entry in entries if ceph_address.parse(entry) in listed],
              lambda entry: cluster.command(
            'osd blocklist', blocklistop='rm', addr=entry))
        cluster.await_latest_map()
        left = set(_listed(cluster)) & {ceph_address.parse(entry) for entry in entries}
        if left:
            raise ports.PortError(f'still listed: {", ".join(map(str, sorted(left)))}')

    def join(self, fsid: str) -> None:
        """Be let in by the cluster."""
        self._cluster(fsid)

    def rehearse(self, fsid: str, entry: str) -> tuple[str, str]:
        """Do with an entry of nobody what a fence does, and take it back.

        The step that failed and why, both empty if none did.
        """
        cluster = self._cluster(fsid)
        deadline = time.monotonic() + child.seconds_left() - _RESERVE
        return ceph_rehearsal.Rehearsal(cluster, entry, lambda: _unanswered(
            cluster, self._settings.get('pools') or cluster.pool_names(), deadline)).run()

    def listed(self, fsid: str) -> dict[str, Any]:
        """Every entry that is understood (IP, nonce, seconds until it ends), and every range."""
        cluster, now = self._cluster(fsid), datetime.datetime.now(datetime.UTC)
        return {'entries': [(entry.ip, entry.nonce, (until - now).total_seconds())
                            for entry, until in sorted(_listed(cluster).items())],
                'ranges': sorted(_network(each) for each in
                                 cluster.command('osd dump').get('range_blocklist') or ())}

    def _cluster(self, fsid: str) -> librados.Connection:
        if self._joined is None:
            self._joined = librados.Connection(self._settings)
        if self._joined.fsid != fsid:
            raise ports.PortError(f'the fence is for cluster {fsid}, but this one is '
                                  f'{self._joined.fsid}')
        return self._joined


def _each(entries: Sequence[str], do: Callable[[str], object]) -> None:
    if not entries:
        return
    with futures.ThreadPoolExecutor(min(len(entries), _AT_ONE_TIME)) as pool:
        list(pool.map(do, entries))


def _listed(cluster: librados.Connection) -> dict[ceph_address.Address, datetime.datetime]:
    """Every entry of the blocklist, and when it expires.

    One that is not understood is none of ours, which are looked for by their addresses.
    """
    found = {}
    for entry in cluster.command('osd blocklist ls') or ():
        try:
            found[ceph_address.parse(entry['addr'])] = _date(entry['until'])
        except (ports.PortError, LookupError, TypeError, ValueError, AttributeError):
            continue
    return found


def _network(text: str) -> str:
    """A range in CIDR: Ceph writes it as an address, ``cidr:10.0.0.0:0/24``."""
    place = ceph_address.parse(text.removeprefix('cidr:'))
    return f'{place.ip}/{place.nonce}'


def _date(text: str) -> datetime.datetime:
    """A date of Ceph; one that names no zone can't be compared."""
    date = datetime.datetime.fromisoformat(text)
    if date.tzinfo is None:
        raise ValueError(f'{text} names no zone')
    return date


def _early(wanted: Sequence[ceph_address.Address],
           found: Mapping[ceph_address.Address, datetime.datetime]) -> list[ceph_address.Address]:
    """The entries that expire while a zombie may still live, and that no lasting entry covers.

    A new copy that breaks the lock of a dead client lists it again, with an hour to go: that
    shortens our entry for the client, which the one for its whole address still covers.
    """
    least = datetime.datetime.now(datetime.UTC) + _EXPIRE_LEAST
    lasting = {address for address in wanted if found[address] >= least}
    return [address for address in wanted
            if address not in lasting and ceph_address.whole(address.ip) not in lasting]


def _unanswered(cluster: librados.Connection, pools: Sequence[str], deadline: float) -> str:
    """Have the OSDs answer an operation in any pool; why none did, empty if one did."""
    reads = [cluster.pool(pool).read(_PROBED, 1) for pool in pools]
    answered, reason = False, 'there is no pool'
    for read in reads:
        try:
            read.result(deadline)
            answered = True
        except librados.RadosError as failure:
            if failure.number == errno.ESHUTDOWN:
                return 'who reads it back is on the blocklist itself'
            answered = answered or failure.number in _ANSWERS
            reason = str(failure)
    return '' if answered else f'no OSD answered: {reason}'


if __name__ == '__main__':
    child.serve(lambda settings: FenceHandlers(settings).by_name())
