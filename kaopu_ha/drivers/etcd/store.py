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

"""The store in etcd, over etcd's gRPC API, from release 3.4 on.

A client of our own, because those that exist lose events or hang when a member dies; the decision
record has the figures.  Here the port is put into etcd's words; failover and the meaning of
failures are in ``etcd_calls``, the way to a member in ``etcd_channel``, watches in ``etcd_watch``,
mirrors in ``etcd_mirror``, the stream that both are told by in ``stream``, renewals in
``etcd_keepalive``, and the messages in ``etcd_wire``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Self

from oslo_config import cfg

from kaopu_ha import access, checkup, ports
from kaopu_ha.conf import store as conf_store
from kaopu_ha.core import etcd_endpoint
from kaopu_ha.core.checkup import Seen
from kaopu_ha.drivers.etcd import access as etcd_access
from kaopu_ha.drivers.etcd import calls as etcd_calls
from kaopu_ha.drivers.etcd import channel as etcd_channel
from kaopu_ha.drivers.etcd import checks as etcd_checks
from kaopu_ha.drivers.etcd import keepalive as etcd_keepalive
from kaopu_ha.drivers.etcd import mirror as etcd_mirror
from kaopu_ha.drivers.etcd import tls as etcd_tls
from kaopu_ha.drivers.etcd import watch as etcd_watch
from kaopu_ha.drivers.etcd import wire

_JOIN_SECONDS = 1.0


class EtcdStore(ports.Store, access.AccessControl, checkup.Checkable):
    """The store in a cluster of etcd members.  Safe for threads; make it after a fork, not before.

    The store of a cluster that was restored from a backup is another store: it is refused until
    this object is made anew.
    """

    options = {conf_store.GROUP: conf_store.OPTS}

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, store: ports.Store | None = None) -> Self:
        """Made as configured; it is the store itself.  Raises ConfigError."""
        return cls(**conf_store.access(conf))

    def __init__(self, endpoints: Sequence[str], *, timeout: float = 5.0, try_limit: float = 1.5,
                 user: str = '', password: str = '', ca: str = '', cert: str = '', key: str = '',
                 first: int | None = None) -> None:
        """Take the members' addresses (``host:port``, or URLs); connects to none of them yet.

        ``timeout`` limits every call, ``try_limit`` the wait for one member.  ``ca``, ``cert`` and
        ``key`` name PEM files; TLS is used if there is a ``ca`` or an https URL.  ``first`` says
        which endpoint to begin with (None: any).
        """
        if not endpoints:
            raise ValueError('the etcd store needs at least one endpoint')
        files = etcd_tls.TlsFiles(endpoints, ca, cert, key)
        self._calls = etcd_calls.ClusterClient(
            self.reach(endpoints, files), files, etcd_calls.Login(user, password),
            timeout=timeout, try_limit=try_limit, first=first)
        self._user = user
        self._keep_alive = etcd_keepalive.KeepAlive(self._calls)
        self._timeout = timeout
        self._watches = etcd_watch.Watches(self._calls)
        self._mirrors: list[etcd_mirror.EtcdMirror] = []

    def reach(self, endpoints: Sequence[str], files: etcd_tls.TlsFiles) -> list[etcd_calls.Member]:
        """The way to each member."""
        return [etcd_channel.ChannelMember(etcd_endpoint.parse(endpoint).place, files.credentials)
                for endpoint in endpoints]

    def read(self, *ranges: str) -> ports.Snapshot:
        """Read keys and prefixes in one read-only transaction, which etcd makes linearizable."""
        reply = self._calls.repeat(wire.TXN, wire.TxnRequest(
            success=[wire.RequestOp(request_range=_range(name)) for name in ranges]))
        entries = [etcd_watch.entry_of(pair) for answer in reply.responses
                   for pair in answer.response_range.kvs]
        return ports.Snapshot(revision=reply.header.revision,
                              entries={entry.key: entry for entry in entries})

    def follow(self, *ranges: str) -> etcd_mirror.EtcdMirror:
        """Keep a mirror; each look at it asks for the revision, and waits until it is there."""
        mirror = etcd_mirror.EtcdMirror(self._calls, ranges, self._timeout)
        self._mirrors = [one for one in self._mirrors if not one.is_closed] + [mirror]
        return mirror

    def names(self, prefix: str, most: int) -> tuple[str, ...]:
        """Read the first keys under a prefix; etcd sends no values and no more than ``most``."""
        wanted = _range(prefix)
        wanted.limit, wanted.keys_only = most, True
        reply = self._calls.repeat(wire.TXN, wire.TxnRequest(
            success=[wire.RequestOp(request_range=wanted)]))
        return tuple(etcd_watch.text(pair.key)[len(prefix):] for answer in reply.responses
                     for pair in answer.response_range.kvs)

    def sizes(self) -> Mapping[str, int]:
        """Ask one member for its database; only from etcd 3.6 on it tells its quota."""
        said = self._calls.repeat(wire.STATUS, wire.StatusRequest())
        told = {'file': said.dbSize, 'used': said.dbSizeInUse, 'quota': said.dbSizeQuota}
        return {kind: size for kind, size in told.items() if size}

    def commit(self, compares: Sequence[ports.Compare],
               writes: Sequence[ports.Put | ports.Delete]) -> int | None:
        """Do all writes if all compares hold.

        A put under a lease that is gone raises StoreError: nothing was written.
        """
        request = wire.TxnRequest(
            compare=[condition for compare in compares for condition in _conditions(compare)],
            success=[_operation(write) for write in writes])
        reply = self._calls.once(wire.TXN, request)
        return reply.header.revision if reply.succeeded else None

    def grant(self, ttl: int) -> int:
        """Make a lease.  One whose answer is lost lapses by itself, so asking twice is harmless."""
        return int(self._calls.repeat(wire.GRANT, wire.LeaseGrantRequest(TTL=ttl)).ID)

    def renew(self, lease: int, limit: float) -> int:
        """Renew a lease once.  Raises StoreError if no member answered in time."""
        return self._keep_alive.renew(lease, limit)

    def revoke(self, lease: int) -> None:
        """End a lease and delete its keys.  Raises OutcomeUnknown if no member said so in time."""
        try:
            self._calls.repeat(wire.REVOKE, wire.LeaseRevokeRequest(ID=lease))
        except etcd_calls.CallRefused as refused:
            if 'lease not found' not in str(refused):
                raise
        except ports.StoreError as error:
            raise ports.OutcomeUnknown(str(error)) from error

    def watch(self, prefix: str, tell: Callable[[ports.Change], None],
              since: int = 0) -> ports.Watching:
        """Tell every change under a prefix, or of a key, after ``since`` (0: from now on)."""
        return self._watches.add(prefix, tell, since)

    def allow(self, accounts: Sequence[access.Account]) -> tuple[str, ...]:
        """Make each user and its role, with these grants and no others; needs the user root."""
        return etcd_access.allow(self._calls, accounts)

    def enforce(self) -> None:
        """Enable authentication; whoever asks must show root's certificate from then on."""
        etcd_access.enforce(self._calls)

    def checks(self, seen: Seen) -> tuple[checkup.Check, ...]:
        """Its members, its room, what it keeps, our rights in it, and how long beats last."""
        return etcd_checks.checks(self._calls, self._user, seen)

    def close(self) -> None:
        """End all watches and threads; what is called later raises StoreError."""
        self._watches.close()
        for mirror in self._mirrors:
            mirror.close()
        self._keep_alive.close()
        self._calls.close()
        self._watches.join(_JOIN_SECONDS)
        for mirror in self._mirrors:
            mirror.join(_JOIN_SECONDS)


def _range(name: str) -> wire.Message:
    key = name.encode()
    return wire.RangeRequest(key=key, range_end=wire.range_end(key))


def _conditions(compare: ports.Compare) -> Iterator[wire.Message]:
    key = compare.key.encode()
    if compare.modified is not None:
        yield wire.Compare(result=wire.EQUAL, target=wire.MODIFIED, key=key,
                           mod_revision=compare.modified)
    if compare.created is not None:
        yield wire.Compare(result=wire.EQUAL, target=wire.CREATED, key=key,
                           create_revision=compare.created)


def _operation(write: ports.Put | ports.Delete) -> wire.Message:
    if isinstance(write, ports.Delete):
        return wire.RequestOp(request_delete_range=wire.DeleteRangeRequest(key=write.key.encode()))
    return wire.RequestOp(request_put=wire.PutRequest(
        key=write.key.encode(), value=write.value.encode(), lease=write.lease))
