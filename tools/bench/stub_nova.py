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

"""A Nova that evacuates on paper, with a Keystone and a Placement beside it, for measurements.

It is a process of its own, so that its work is nobody else's, and has one thread for all: what it
takes itself is little, and the same for whoever asks.  A call to evacuate takes ``call_seconds``;
with a ``rate`` no more of them are taken in a second, and the others wait for their turn.  What
was taken arrives on its target ``move_seconds`` later, some a quarter sooner and some a quarter
later: whoever asks now and then should not be lucky with all of them.

A client asks for what it wants to know of the measurement itself under ``/bench``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
import dataclasses
from dataclasses import dataclass, field
import json
import multiprocessing
from multiprocessing import connection
import time
from typing import Any
from urllib import parse
import zlib

import requests

_CORES, _MEMORY_MB, _DISK_GB = 1, 1024, 1


@dataclass(frozen=True)
class Pace:
    """How long a call takes, how many are taken in a second at most, how long a move takes."""

    call_seconds: float = 1.0
    rate: float = 0.0
    move_seconds: float = 4.0


@dataclass
class Guest:
    """A server, and what became of it."""

    uuid: str
    source: str
    target: str = ''
    # When its call came, was taken, and it arrives; none of it yet is 0.
    came: float = 0.0
    taken: float = 0.0
    arrives: float = 0.0

    @property
    def moves(self) -> bool:
        """True while it is on its way."""
        return self.taken > 0 and time.monotonic() < self.arrives

    @property
    def host(self) -> str:
        """Where Nova shows it."""
        return self.target if self.taken and not self.moves else self.source


@dataclass
class Cloud:
    """The state of it all."""

    url: str = ''
    pace: Pace = Pace()
    hosts: list[str] = field(default_factory=list)
    guests: dict[str, Guest] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    free_at: float = 0.0

    def begin(self, given: dict[str, Any]) -> dict[str, Any]:
        """A new cloud of these hosts and guests (by UUID, with their host), at this pace."""
        self.hosts, self.pace = given['hosts'], Pace(**given['pace'])
        self.guests = {uuid: Guest(uuid, host) for uuid, host in given['guests'].items()}
        self.down, self.free_at = set(), 0.0
        return {}

    async def evacuate(self, guest: Guest, target: str) -> tuple[int, Any]:
        """Take the call when its turn has come and its time is over."""
        if guest.came:
            return 409, {'conflictingRequest': {'message': 'it is being evacuated'}}
        guest.came = time.monotonic()
        turn = guest.came
        if self.pace.rate:
            turn = self.free_at = max(guest.came, self.free_at + 1 / self.pace.rate)
        await asyncio.sleep(max(turn - guest.came, self.pace.call_seconds))
        guest.target, guest.taken = target, time.monotonic()
        guest.arrives = guest.taken + self.pace.move_seconds * _varied(guest.uuid)
        return 200, {}

    # ------------------------------------------------------------ what is read

    def server(self, guest: Guest) -> dict[str, Any]:
        """As Nova shows it."""
        moves = guest.moves
        return {
            'id': guest.uuid, 'name': f'vm-{guest.uuid[:8]}', 'tenant_id': 'p', 'metadata': {},
            'status': 'REBUILD' if moves else 'ACTIVE', 'tags': [],
            'OS-EXT-SRV-ATTR:host': guest.host, 'OS-EXT-SRV-ATTR:instance_name': guest.uuid,
            'OS-EXT-STS:vm_state': 'active', 'OS-EXT-STS:power_state': 1,
            'OS-EXT-STS:task_state': 'rebuilding' if moves else None,
            'pinned_availability_zone': None, 'image': {'id': 'i', 'properties': {}},
            'flavor': {'vcpus': _CORES, 'ram': _MEMORY_MB, 'disk': _DISK_GB, 'ephemeral': 0,
                       'swap': 0, 'extra_specs': {}}}

    def migration(self, guest: Guest) -> dict[str, Any]:
        """The record of its call."""
        return {'uuid': f'm{guest.uuid}', 'instance_uuid': guest.uuid,
                'migration_type': 'evacuation', 'source_compute': guest.source,
                'status': 'accepted' if guest.moves else 'done', 'dest_compute': guest.target}

    def service(self, host: str) -> dict[str, Any]:
        """The nova-compute of a host."""
        down = host in self.down
        return {'id': host, 'host': host, 'binary': 'nova-compute', 'status': 'enabled',
                'state': 'down' if down else 'up', 'forced_down': down, 'zone': 'nova'}

    def candidates(self) -> dict[str, Any]:
        """Placement offers each host, which is its own provider."""
        return {'provider_summaries': {host: {'root_provider_uuid': host} for host in self.hosts},
                'allocation_requests': [{'allocations': {host: {}}} for host in self.hosts]}

    def calls(self) -> list[list[Any]]:
        """Host, when it came and when it was taken, of each call that was taken."""
        return [[guest.source, guest.came, guest.taken] for guest in self.guests.values()
                if guest.taken]

    def token(self) -> dict[str, Any]:
        """One that lasts, with a catalog."""
        whose = {'id': 'd', 'name': 'bench', 'domain': {'id': 'd'}}
        return {'token': {
            'expires_at': '2099-01-01T00:00:00.000000Z', 'issued_at': '2026-01-01T00:00:00.000000Z',
            'methods': ['password'], 'user': whose, 'project': whose, 'catalog': [
                {'type': kind, 'name': kind, 'id': kind, 'endpoints': [{
                    'id': kind, 'interface': 'internal', 'region': 'here', 'region_id': 'here',
                    'url': self.url + path}]}
                for kind, path in (('compute', '/compute/v2.1'), ('placement', '/placement'))]}}

    def version(self, path: str) -> dict[str, Any] | None:
        """The version documents that keystoneauth asks for."""
        link = [{'rel': 'self', 'href': f'{self.url}{path}'}]
        return {
            '/v3': {'version': {'id': 'v3.14', 'status': 'stable', 'links': link}},
            '/compute/v2.1': {'version': {'id': 'v2.1', 'status': 'CURRENT', 'version': '2.100',
                                          'min_version': '2.1', 'links': link}},
            '/placement': {'versions': [{'id': 'v1.0', 'max_version': '1.39', 'min_version': '1.0',
                                         'status': 'CURRENT', 'links': link}]}}.get(path)


def _varied(uuid: str) -> float:
    """Another share for each, the same in every run."""
    return 0.75 + zlib.crc32(uuid.encode()) % 1000 / 2000


async def _answered(cloud: Cloud, method: str, path: str, query: dict[str, str],
                    body: Any) -> tuple[int, Any]:
    if path == '/v3/auth/tokens':
        return 201, cloud.token()
    version = cloud.version(path.rstrip('/'))
    if version is not None:
        return 200, version
    path = path.removeprefix('/compute/v2.1').removeprefix('/placement')
    first, _, rest = path.lstrip('/').partition('/')
    guest = cloud.guests.get(rest.partition('/')[0]) if first == 'servers' else None
    if guest is not None and method == 'POST':
        return await cloud.evacuate(guest, body['evacuate']['host'])
    if guest is not None:
        return 200, {'server': cloud.server(guest)}
    if method == 'PUT' and first == 'os-services':
        cloud.down.add(rest)
        return 200, {}
    known: dict[str, Callable[[], Any]] = {
        '/servers/detail': lambda: {'servers': [
            cloud.server(each) for each in cloud.guests.values() if each.host == query['host']]},
        '/os-services': lambda: {'services': [
            cloud.service(host) for host in cloud.hosts if host == query.get('host', host)]},
        '/os-migrations': lambda: {'migrations': [
            cloud.migration(each) for each in [cloud.guests[query['instance_uuid']]]
            if each.taken]},
        '/os-hypervisors/detail': lambda: {'hypervisors': [
            {'id': host, 'service': {'host': host}} for host in cloud.hosts]},
        '/os-aggregates': lambda: {'aggregates': []},
        '/os-server-groups': lambda: {'server_groups': []},
        '/allocation_candidates': cloud.candidates,
        '/bench/begin': lambda: cloud.begin(body), '/bench/calls': cloud.calls}
    return (200, known[path]()) if path in known else (404, {})


# ---------------------------------------------------------------- its process


class Stub:
    """The process, until ``close``.  ``eye``: the port at which images are asked for."""

    def __init__(self) -> None:
        context = multiprocessing.get_context('spawn')
        ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        self.pid = self._process.pid
        port, self.observer = ours.recv()
        self.url = f'http://127.0.0.1:{port}'

    def begin(self, hosts: list[str], guests: dict[str, str], pace: Pace) -> None:
        """A new cloud."""
        requests.post(f'{self.url}/bench/begin', timeout=10, json={
            'hosts': hosts, 'guests': guests, 'pace': dataclasses.asdict(pace)}).raise_for_status()

    def calls(self) -> list[tuple[str, float, float]]:
        """Host, when it came and when it was taken, of each call; by when it was taken."""
        found = requests.get(f'{self.url}/bench/calls', timeout=10).json()
        return sorted(((host, came, taken) for host, came, taken in found),
                      key=lambda call: call[2])

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.join()


def _serve(pipe: connection.Connection) -> None:
    asyncio.run(_served(pipe))


async def _served(pipe: connection.Connection) -> None:
    cloud = Cloud()

    async def http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            lines = head.decode().split('\r\n')
            method, target, _ = lines[0].split(' ', 2)
            length = next((int(line.partition(':')[2]) for line in lines
                           if line.lower().startswith('content-length:')), 0)
            body = json.loads(await reader.readexactly(length) or 'null')
            path, _, query = target.partition('?')
            status, given = await _answered(
                cloud, method, path, dict(parse.parse_qsl(query)), body)
            text = json.dumps(given).encode()
            writer.write(f'HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\nContent-Type: '
                         f'application/json\r\nX-Subject-Token: t\r\n\r\n'.encode() + text)
            await writer.drain()
        writer.close()

    async def observer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """For each guest that is named the host on which its disk is open."""
        while line := await reader.readline():
            guest = cloud.guests[line.decode().strip()]
            there = guest.host if guest.taken and not guest.moves else ''
            writer.write(there.encode() + b'\n')
        writer.close()

    servers = [await asyncio.start_server(each, '127.0.0.1', 0, backlog=1024)
               for each in (http, observer)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    cloud.url = f'http://127.0.0.1:{ports[0]}'
    pipe.send(ports)
    await asyncio.Event().wait()


async def _head(reader: asyncio.StreamReader) -> bytes:
    """What comes before the body; nothing if the other side is gone."""
    try:
        return await reader.readuntil(b'\r\n\r\n')
    except (asyncio.IncompleteReadError, ConnectionError):
        return b''
