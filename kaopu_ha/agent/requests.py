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

"""What the host does when it is asked: the requests that only its own agent can carry out.

For an admission:

==================  =======================================  ==================================
verb                given                                    done when
==================  =======================================  ==================================
``restart compute``                                          nova-compute is a new process, or
                                                             the host has none
``remove domains``  UUIDs                                    none of them is known to libvirt
``read storage``    cluster, pool, header for each image;    the storage answered each read
                    nothing: every configured cluster
==================  =======================================  ==================================

Only while ``lock/<host>`` is permanent, and only for this boot.  The agent needs no beat for it.
While there is no lock at all it resumes what is stuck (``resuming``).  Carried out
twice, each does no harm: the answer may have been lost on its way to the store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import dataclasses
from dataclasses import dataclass
import functools
import math

from kaopu_ha import permits, ports, records
from kaopu_ha.agent.resuming import Resumer
from kaopu_ha.agent.runtime import HostRuntime
from kaopu_ha.agent.storage import CephCluster, OwnStorage
from kaopu_ha.agent.trouble import Trouble
from kaopu_ha.core import model
from kaopu_ha.core.news import Fact
from kaopu_ha.core.requests import RequestState, RequestVerb

_SOON_SECONDS = 1.0


@dataclass(frozen=True)
class _Restart:
    """A restart under way: when nova-compute was started before, and until when it may take."""

    before: str
    until: float


class RequestRunner:
    """Carries out the requests to one host.  For one thread."""

    def __init__(self, env: HostRuntime, storage: ports.StorageReader, *,
                 restart_compute: Sequence[str], clusters: Sequence[CephCluster] = (CephCluster(),),
                 interval: float = 5.0, restart_limit: float = 90.0,
                 act_limit: float = 20.0) -> None:
        """Take the command that restarts nova-compute (empty: the host has none), and limits."""
        self._env, self._store, self._host, self._local = env, env.store, env.host, env.local
        self._requests = records.requests_to(env.host)
        self._reader, self._clusters = storage, tuple(clusters)
        self._storage = OwnStorage(storage, clusters, limit=env.ask_limit, clock=env.clock)
        self._command, self._restart_limit = tuple(restart_compute), restart_limit
        self._act_limit, self._ask_limit, self._interval = act_limit, env.ask_limit, interval
        self._clock = env.clock
        self._restarts: dict[str, _Restart] = {}
        self._resumer = Resumer(env)
        self._trouble = Trouble(env, f'requests to {env.host} are', 'looked at')

    @property
    def trouble(self) -> str:
        """Why requests were not looked at in the last turn, '' if they were.  For any thread."""
        return self._trouble.why

    def turn(self) -> float:
        """Carry out what is asked; the seconds until the next turn.  Raises nothing."""
        trouble = ''
        try:
            self._carry_out()
        except (ports.PortError, records.RecordError) as failure:
            trouble = str(failure)
        self._trouble.note(trouble)
        return min(_SOON_SECONDS, self._interval) if self._restarts else self._interval

    # ------------------------------------------------------------ private

    def _carry_out(self) -> None:
        # Two keys first: hardly any host is locked, and each looks every few seconds.
        seen = self._store.read(records.LOCK + self._host, self._resumer.key)
        if self._permanent(seen) is None:
            self._restarts.clear()
            self._resumer.look(seen)
            return
        seen = self._store.read(records.LOCK + self._host, self._requests)
        lock = self._permanent(seen)
        if lock is None:
            return
        asked = [(entry, request) for entry in seen.under(self._requests).values()
                 if (request := self._ours(entry)) is not None]
        open_keys = {entry.key for entry, _ in asked}
        self._restarts = {key: one for key, one in self._restarts.items() if key in open_keys}
        for entry, request in asked:
            answer = self._answer(lock, entry, request)
            if answer is not None:
                self._write(entry, answer)

    def _permanent(self, seen: ports.Snapshot) -> ports.Entry | None:
        entry = seen.get(records.LOCK + self._host)
        if entry is None or not records.record(records.Lock, entry).permanent:
            return None
        return entry

    def _ours(self, entry: ports.Entry) -> records.Request | None:
        try:
            request = records.record(records.Request, entry)
        except records.RecordError:
            return None    # Of a newer release; whoever asked for it sees no answer.
        if (request.host, request.state) != (self._host,
                                             RequestState.ASKED) or request.verb not in _VERBS:
            return None
        return request

    def _answer(self, lock: ports.Entry, entry: ports.Entry,
                request: records.Request) -> records.Request | None:
        """The request with its answer, or None while it is under way."""
        boot_id = self._local.boot_id()
        if request.boot_id not in ('', boot_id):
            return _ended(request, RequestState.REFUSED, f'it was asked of boot {request.boot_id}, '
                                                  f'this is {boot_id}')
        # What the act depends on has no lease: the lock and the request must be as they were.
        permit = permits.LeasePermit(
            self._store, lambda: math.inf,
            [ports.Compare(each.key, modified=each.modified) for each in (lock, entry)],
            self._act_limit)
        try:
            answer = _VERBS[request.verb](self, entry.key, request.given, permit)
        except ports.NotPermitted:
            return None    # The lock or the request changed: the next turn sees how.
        except ports.PortError as failure:
            self._restarts.pop(entry.key, None)
            return _ended(request, RequestState.FAILED, str(failure))
        return None if answer is None else _ended(request, RequestState.DONE, answer)

    def _write(self, entry: ports.Entry, answered: records.Request) -> None:
        done = self._store.commit([ports.Compare(entry.key, modified=entry.modified)],
                                  [ports.Put(entry.key, records.encode(answered))])
        self._restarts.pop(entry.key, None)
        if done is not None:
            self._env.say(
                Fact.REQUEST_DONE if answered.state is RequestState.DONE else Fact.REQUEST_FAILED,
                f'{answered.verb.value} on {self._host}, asked by {answered.who}: '
                f'{answered.state.value}: {answered.answer}')

    # ------------------------------------------------------------ the verbs

    def _restart(self, key: str, given: Sequence[str], permit: ports.Permit) -> str | None:
        if not self._command:
            return 'this host has no nova-compute'
        restart = self._restarts.get(key)
        if restart is None:
            restart = _Restart(self._local.compute_started(), self._clock() + self._restart_limit)
            self._local.run(self._command, self._restart_limit)
            self._restarts[key] = restart
        started = self._local.compute_started()
        if started and started != restart.before:
            return f'nova-compute was started at {started}'
        if self._clock() < restart.until:
            return None
        raise ports.PortError('the same nova-compute still runs' if started
                              else 'no nova-compute is seen running on the host')

    def _remove(self, key: str, given: Sequence[str], permit: ports.Permit) -> str | None:
        removed = self._local.remove_domains(given, permit)
        absent = [uuid for uuid in given if uuid not in removed]
        return '; '.join(filter(None, (
            f'removed {", ".join(removed)}' if removed else '',
            f'not there: {", ".join(absent)}' if absent else ''))) or 'nothing was given'

    def _read(self, key: str, given: Sequence[str], permit: ports.Permit) -> str | None:
        if len(given) % 3:
            raise ports.Refused('an image is given as cluster, pool and header')
        images = [model.Image(cluster=given[at], pool=given[at + 1], name='', header=given[at + 2])
                  for at in range(0, len(given), 3)]
        for image in images:
            self._twice(functools.partial(self._reader.touch, image, self._ask_limit))
        if not images:
            for cluster in self._clusters:
                self._twice(functools.partial(self._storage.read, cluster))
        return f'the storage answered {len(images) or len(self._clusters)} reads'

    @staticmethod
    def _twice(read: Callable[[], None]) -> None:
        # A connection that the fence has broken shows it only when it is used: the second is new.
        try:
            read()
        except ports.PortError:
            read()


_VERBS: dict[RequestVerb,
             Callable[[RequestRunner, str, Sequence[str], ports.Permit], str | None]] = {
    RequestVerb.RESTART_COMPUTE: RequestRunner._restart,
    RequestVerb.REMOVE_DOMAINS: RequestRunner._remove,
    RequestVerb.READ_STORAGE: RequestRunner._read}


def _ended(request: records.Request, state: RequestState, answer: str) -> records.Request:
    return dataclasses.replace(request, state=state, answer=answer)
