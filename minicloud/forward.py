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

"""A port of this machine behind which is one of a namespace: bytes go on as they come."""

from collections.abc import Callable, Iterator
import contextlib
import socket
import socketserver
import threading

_BYTES = 65536


class _Handler(socketserver.BaseRequestHandler):
    """One connection, until either side ends it."""

    server: 'Forwarder'

    def handle(self) -> None:
        try:
            there = self.server.connect()
        except OSError:
            return    # The caller sees his connection end, as he would see it there.
        with there:
            back = threading.Thread(target=_pump, args=(there, self.request), daemon=True)
            back.start()
            _pump(self.request, there)
            back.join()


class Forwarder(socketserver.ThreadingTCPServer):
    """Takes connections at a port, 0 for any, and joins each to one that `connect` makes."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, connect: Callable[[], socket.socket]) -> None:
        self.connect = connect
        super().__init__(('127.0.0.1', port), _Handler)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


@contextlib.contextmanager
def forwarded(connect: Callable[[], socket.socket], port: int = 0) -> Iterator[int]:
    """Have it work during the body; the port."""
    with Forwarder(port, connect) as forwarder:
        threading.Thread(target=forwarder.serve_forever, daemon=True).start()
        try:
            yield forwarder.port
        finally:
            forwarder.shutdown()


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Hand on what comes until it ends, and then say so."""
    with contextlib.suppress(OSError):
        while data := source.recv(_BYTES):
            target.sendall(data)
    for one, how in ((target, socket.SHUT_WR), (source, socket.SHUT_RD)):
        with contextlib.suppress(OSError):
            one.shutdown(how)
