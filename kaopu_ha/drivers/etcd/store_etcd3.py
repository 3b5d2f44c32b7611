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

"""The store in etcd, with the package ``etcd3`` between us and the members.

For those who must name that package.  Its client (one for each member) holds the channel and TLS,
its stubs make the calls, its messages go over the wire.  What it lacks or does wrong is ours, and
the same as in the driver ``etcd``: other members when one fails, what a failure means, the log-in
and its renewal, leases kept alive over one stream, watches that resume.  The decision record tells
what was tried and found of the package.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kaopu_ha.core import etcd_endpoint
from kaopu_ha.drivers.etcd import calls as etcd_calls
from kaopu_ha.drivers.etcd import channel as etcd_channel
from kaopu_ha.drivers.etcd import etcd3_stubs, wire
from kaopu_ha.drivers.etcd import store as etcd
from kaopu_ha.drivers.etcd import tls as etcd_tls

etcd3: Any = etcd3_stubs.imported()

class Etcd3Store(etcd.EtcdStore):
    """The store by the package etcd3; every promise is that of the driver ``etcd``.

    TLS needs a ``ca``: the package knows no certificates of the system.
    """

    def reach(self, endpoints: Sequence[str], files: etcd_tls.TlsFiles) -> list[etcd_calls.Member]:
        """The way to each member.  Raises ValueError for what the package can't do."""
        if not files.ca and any(etcd_endpoint.parse(each).is_secure for each in endpoints):
            raise ValueError('the package etcd3 speaks TLS only with certificates of its own: set '
                             '[store] ca, or driver = etcd')
        if bool(files.cert) != bool(files.key):
            raise ValueError('[store] cert and key go together: set both or none')
        return [PackageMember(etcd_endpoint.parse(endpoint).place, ca=files.ca, cert=files.cert,
                              key=files.key)
                for endpoint in endpoints]


@dataclass(frozen=True)
class _Call:
    """A call of a stub of the package's, with the message that it wants."""

    stub: Any
    request: Any

    def __call__(self, request: wire.Message, **settings: Any) -> Any:
        return self.stub(self.own(request), **settings)

    def own(self, request: wire.Message) -> Any:
        """The same request as a message of the package's.

        What etcd has learned since the package was made (to ask a watch for progress) is a field
        that its messages do not know and pass on as it is.
        """
        return self.request.FromString(request.SerializeToString())


class PackageMember:
    """A member, reached by a client of the package's; see ``etcd_calls.Member``."""

    def __init__(self, target: str, *, ca: str, cert: str, key: str) -> None:
        """Make the client.  It is given no user: it would log in here and now, and only once."""
        self.target = target
        host, _, port = target.rpartition(':')
        self._client = etcd3.client(
            host=host, port=port, ca_cert=ca or None, cert_cert=cert or None,
            cert_key=key or None, grpc_options=etcd_channel.OPTIONS)
        self._calls = _calls(self._client)

    def unary(self, method: wire.Method, request: wire.Message, limit: float,
              headers: etcd_calls.Headers) -> wire.Message:
        """Call and wait for the reply."""
        reply = self._calls[method](request, timeout=limit, metadata=headers)
        # Of its quota etcd tells in a field that the package's message passes on unread.
        return method.reply.FromString(reply.SerializeToString()) if method is wire.STATUS else (
            reply)

    def stream(self, method: wire.Method, requests: Iterator[wire.Message],
               headers: etcd_calls.Headers) -> Any:
        """Open a stream."""
        call = self._calls[method]
        return call.stub(map(call.own, requests), metadata=headers)

    def close(self) -> None:
        """Break all that is under way."""
        self._client.close()


def _calls(client: Any) -> dict[wire.Method, _Call]:
    rpc = etcd3.etcdrpc
    return {
        wire.TXN: _Call(client.kvstub.Txn, rpc.TxnRequest),
        wire.GRANT: _Call(client.leasestub.LeaseGrant, rpc.LeaseGrantRequest),
        wire.REVOKE: _Call(client.leasestub.LeaseRevoke, rpc.LeaseRevokeRequest),
        wire.KEEP_ALIVE: _Call(client.leasestub.LeaseKeepAlive, rpc.LeaseKeepAliveRequest),
        wire.WATCH: _Call(rpc.WatchStub(client.channel).Watch, rpc.WatchRequest),
        wire.TIME_TO_LIVE: _Call(client.leasestub.LeaseTimeToLive, rpc.LeaseTimeToLiveRequest),
        wire.ALARM: _Call(client.maintenancestub.Alarm, rpc.AlarmRequest),
        wire.MEMBERS: _Call(client.clusterstub.MemberList, rpc.MemberListRequest),
        wire.STATUS: _Call(client.maintenancestub.Status, rpc.StatusRequest),
        wire.AUTHENTICATE: _Call(rpc.AuthStub(client.channel).Authenticate,
                                 rpc.AuthenticateRequest),
    }
