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

"""The way to a member over a gRPC channel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc

from kaopu_ha.drivers.etcd import wire

OPTIONS = (
    # etcd hangs up on clients that ping more often than every five seconds.
    ('grpc.keepalive_time_ms', 6000),
    ('grpc.keepalive_timeout_ms', 2000),
    ('grpc.initial_reconnect_backoff_ms', 200),
    ('grpc.min_reconnect_backoff_ms', 1000),
    ('grpc.max_reconnect_backoff_ms', 2000),
    ('grpc.use_local_subchannel_pool', 1),
    ('grpc.enable_http_proxy', 0),
    # 10,000 inventories are more than gRPC's four megabytes.
    ('grpc.max_receive_message_length', -1),
)


class ChannelMember:
    """A member, reached by its address; see ``etcd_calls.Member``."""

    def __init__(self, target: str, credentials: Any) -> None:
        """Make the channel: with TLS if there are credentials."""
        self.target = target
        self._channel = (grpc.insecure_channel(target, options=OPTIONS) if credentials is None
                         else grpc.secure_channel(target, credentials, options=OPTIONS))

    def unary(self, method: wire.Method, request: wire.Message, limit: float,
              headers: tuple[tuple[str, str], ...]) -> wire.Message:
        """Call and wait for the reply."""
        return self._channel.unary_unary(method.path, **_codec(method))(
            request, timeout=limit, metadata=headers)

    def stream(self, method: wire.Method, requests: Iterator[wire.Message],
               headers: tuple[tuple[str, str], ...]) -> Any:
        """Open a stream."""
        return self._channel.stream_stream(method.path, **_codec(method))(
            requests, metadata=headers)

    def close(self) -> None:
        """Break all that is under way."""
        self._channel.close()


def _codec(method: wire.Method) -> dict[str, Any]:
    return {'request_serializer': lambda request: request.SerializeToString(),
            'response_deserializer': method.reply.FromString}
