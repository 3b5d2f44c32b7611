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

"""How soon the API answers each list call, of a cloud of so many hosts.

    python -m tools.bench.api [hosts] [instances of each] [calls of each]

The application asks a real etcd through its mirror, as behind uWSGI, and before each call a host
has told something new.  Each host was said to be dead and had a case that was closed, and one in
ten was recovered.  Asked is by a test client, so neither a socket nor the check of the token (which
a cache of Keystone's middleware spares) is in it.  Printed are the median, the time in which 95 %
of the calls were answered, and the processor's time of these: what is between the two is other
people's work on the machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import contextlib
import dataclasses
from dataclasses import dataclass
import statistics
import sys
import time
from typing import Any
import uuid

from oslo_config import cfg
from werkzeug.test import Client

from kaopu_ha import conf as options
from kaopu_ha import ports, records
from kaopu_ha.api import books, deploy, front
from kaopu_ha.api.call import ApiService
from kaopu_ha.api.v2 import front as v2_front
from kaopu_ha.core import model
from kaopu_ha.core.segments import (
    Notification,
    NotificationKind,
    NotificationStatus,
    RecoveryMethod,
    Segment,
    SegmentHost,
)
from kaopu_ha.drivers.etcd.store import EtcdStore
from kaopu_ha.mirrored import Mirrored
from tests import etcd_single
from tools.bench import status

_TARGET_SECONDS, _TARGET_SHARE = 0.1, 0.95
_AT, _SEGMENT = '2026-01-01T00:00:00', str(uuid.uuid5(uuid.NAMESPACE_DNS, 'segment'))
_AT_ONCE, _RECOVERED = 50, 10
_PROJECT_INSTANCES = 100
LISTS = ('/v1/segments', f'/v1/segments/{_SEGMENT}/hosts', '/v1/notifications', '/v2/hosts',
         '/v2/cases?closed=true', '/v2/recoveries', '/v2/protection', '/v2/instances', '/v2/news')
# What Keystone's middleware writes of a token of an administrator.
ASKER = {'HTTP_X_USER_ID': 'u', 'HTTP_X_USER_NAME': 'u', 'HTTP_X_PROJECT_ID': 'p',
          'HTTP_X_ROLES': 'admin,member,reader'}


@dataclass(frozen=True)
class ListTimes:
    """How long the calls of one list took, in seconds of the clock and of the processor."""

    path: str
    seconds: tuple[float, ...]
    processor: tuple[float, ...]
    kibibytes: float

    @property
    def most(self) -> float:
        """In so long 95 % of them were answered."""
        return _most(self.seconds)

    @property
    def most_processor(self) -> float:
        """And with so much work."""
        return _most(self.processor)


class _Cloud:
    """Knows the hosts, and the instances of the one project."""

    def __init__(self, hosts: int) -> None:
        self._servers = tuple(
            model.Server(one.uuid, one.name, told.host, 'active', power_state=1, project='p')
            for told in (status.inventory(number, 1) for number in range(min(
                hosts, _PROJECT_INSTANCES))) for one in told.instances)

    def services(self) -> dict[str, Any]:
        """None is asked for by a list."""
        return {}

    def servers_of(self, _: str) -> tuple[model.Server, ...]:
        """Those of the project."""
        return self._servers


def measured(hosts: int, each: int, calls: int) -> Iterator[ListTimes]:
    """Ask for each list so often."""
    with contextlib.ExitStack() as held:
        etcd = etcd_single.Etcd()
        held.callback(etcd.close)
        agents = EtcdStore([etcd.endpoint])
        held.callback(agents.close)
        _fill(agents, hosts, each)
        store = Mirrored(EtcdStore([etcd.endpoint]), *books.FOLLOWED)
        held.callback(store.close)
        client = Client(application(store, hosts))
        for path in LISTS:
            yield _asked(client, path, agents, hosts, each, calls)


def main(hosts: int, each: int, calls: int) -> None:
    """Print a line for each list."""
    print(f'{hosts} hosts with {each} instances each, {calls} calls of each list; the target is '
          f'{_TARGET_SHARE:.0%} under {_TARGET_SECONDS * 1000:.0f} ms')
    for one in measured(hosts, each, calls):
        print(f'{one.path.replace(_SEGMENT, "ID"):26} median '
              f'{statistics.median(one.seconds) * 1000:6.1f} ms, 95 % {one.most * 1000:6.1f} ms '
              f'({one.most / _TARGET_SECONDS:.2f} of the target), of a processor '
              f'{one.most_processor * 1000:6.1f} ms; {one.kibibytes:.0f} KiB')


def application(store: ports.Store, hosts: int) -> deploy.Wsgi:
    """The application, for whoever is what ``ASKER`` says."""
    conf = cfg.ConfigOpts()
    options.register(conf)
    conf([], project='kaopu-ha', default_config_files=[], default_config_dirs=[])
    service = ApiService(books.Books(store), _Cloud(hosts),  # type: ignore[arg-type]
                         lambda: f'{_AT}.000+00:00', deploy.allows(deploy.enforcer(conf)))
    made: deploy.Wsgi = front.application(service)
    v2_front.add(made, service)
    return made


# ---------------------------------------------------------------- private


def _most(values: Sequence[float]) -> float:
    place = -(-len(values) * int(_TARGET_SHARE * 100) // 100) - 1
    return sorted(values)[place]


def _asked(client: Client, path: str, agents: ports.Store, hosts: int, each: int,
           calls: int) -> ListTimes:
    seconds, processor, size = [], [], 0
    # Once beforehand: what follows does not read everything, or load a module.
    for number in range(-1, calls):
        _tell(agents, max(number, 0) % hosts, each, number)
        began, worked = time.perf_counter(), time.process_time()
        answer = client.get(path, environ_overrides=ASKER)
        if number >= 0:
            seconds.append(time.perf_counter() - began)
            processor.append(time.process_time() - worked)
        if answer.status_code != 200:
            raise SystemExit(f'{path}: {answer.status_code} {answer.text}')
        size = len(answer.data)
    return ListTimes(path, tuple(seconds), tuple(processor), size / 1024)


def _tell(agents: ports.Store, number: int, each: int, turn: int) -> None:
    """One host tells that it was booted anew."""
    told = dataclasses.replace(status.inventory(number, each), boot_id=f'boot-{turn}')
    agents.commit([], [ports.Put(records.INVENTORY + told.host, records.encode(told))])


def _fill(store: ports.Store, hosts: int, each: int) -> None:
    status.fill(store, hosts, each)
    _put(store, [ports.Put(records.SEGMENT + _SEGMENT, records.encode(Segment(
        1, _SEGMENT, 'all', 'compute', RecoveryMethod.AUTO, _AT)))])
    _put(store, [put for number in range(hosts) for put in _of_host(number)])
    _put(store, [put for number in range(0, hosts, _RECOVERED) for put in _recovered(number, each)])


def _of_host(number: int) -> Sequence[ports.Put]:
    """It is in the segment, was said to be dead once, and had a case that was closed."""
    host = status.inventory(number, 0).host
    ident = str(uuid.uuid5(uuid.NAMESPACE_DNS, host))
    step = model.Step(f'{_AT}.000+00:00', 'controller-1', 'closed', 'its beat is back')
    return [
        ports.Put(records.SEGMENT_HOST + ident, records.encode(SegmentHost(
            number + 1, ident, host, _SEGMENT, 'COMPUTE', _AT, control_attributes='SSH'))),
        ports.Put(records.NOTIFICATION + ident, records.encode(Notification(
            number + 1, ident, NotificationKind.COMPUTE_HOST, host, ident, _SEGMENT, _AT, _AT,
            {'event': 'STOPPED'}, status=NotificationStatus.FINISHED))),
        ports.Put(f'{records.CLOSED}{host}/{1:016}', records.encode(model.Case(
            host, model.Stage.CLOSED, history=(step,))))]


def _recovered(number: int, each: int) -> Iterator[ports.Put]:
    """All of its instances were moved, to the next one."""
    told = status.inventory(number, each)
    step = model.Step(f'{_AT}.000+00:00', 'controller-1', 'finished', 'all are moved')
    recovery = model.Recovery(f'{told.host}-1', told.host, model.RecoveryStage.FINISHED,
                              instances=told.instances, history=(step,))
    yield ports.Put(records.RECOVERY + recovery.id, records.encode(recovery))
    for one in told.instances:
        yield ports.Put(f'{records.EVACUATION}{recovery.id}/{one.uuid}', records.encode(
            model.Evacuation(recovery.id, one.uuid, one.name, told.host, model.Phase.DONE,
                             target=status.inventory(number + 1, 0).host, history=(step,))))


def _put(store: ports.Store, puts: Sequence[ports.Put]) -> None:
    for first in range(0, len(puts), _AT_ONCE):
        store.commit([], puts[first:first + _AT_ONCE])


if __name__ == '__main__':
    main(*(int(given) for given in (*sys.argv[1:], *('1000', '20', '40')[len(sys.argv) - 1:])))
