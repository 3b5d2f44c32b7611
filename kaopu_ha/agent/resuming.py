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

"""Resumes what an I/O error paused, when the leader asks for it.

Only while the host is not locked and its own beat stands, both in the permit: a host that is judged
resumes nothing.  Only for this boot, and only what is stuck still in the run that is meant.  Such a
guest is no second run of anything: it is where it was, and its client is the one that a fence cuts.
"""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import math

from kaopu_ha import permits, ports, records
from kaopu_ha.agent.runtime import HostRuntime
from kaopu_ha.core.news import Fact
from kaopu_ha.core.requests import RequestState, RequestVerb

# Less than any host takes from its last beat until it is confirmed.
_ACT_SECONDS = 4.0


class Resumer:
    """Carries out ``request/<host>/resume-domains``.  A part of the turn of requests."""

    def __init__(self, env: HostRuntime) -> None:
        self._env, self._store, self._local = env, env.store, env.local
        self._lock, self._beat = records.LOCK + env.host, records.ALIVE + env.host
        self.key = records.request_to(env.host, RequestVerb.RESUME_DOMAINS)

    def look(self, seen: ports.Snapshot) -> None:
        """Do what is asked in this snapshot of the request and the lock.  Raises PortError."""
        entry = seen.get(self.key)
        request = self._ours(entry) if seen.get(self._lock) is None else None
        if entry is None or request is None:
            return
        if request.boot_id != self._local.boot_id():
            self._answer(entry, request, RequestState.REFUSED,
                         f'it was asked of boot {request.boot_id}')
            return
        beat = self._store.read(self._beat).get(self._beat)
        if beat is None or records.record(records.Beat, beat).boot_id != request.boot_id:
            return
        # The request stands under a lease: once that has lapsed, nobody waits for it any more.
        permit = permits.LeasePermit(self._store, lambda: math.inf, [
            ports.Compare(self._lock, modified=0), ports.Compare(self._beat, created=beat.created),
            ports.Compare(self.key, modified=entry.modified)], _ACT_SECONDS)
        try:
            said = self._local.resume_domains(
                dict(zip(request.given[::2], request.given[1::2], strict=True)), permit)
        except ports.NotPermitted:
            return    # What it depends on has changed: the next turn sees how.
        except ports.PortError as failure:
            self._answer(entry, request, RequestState.FAILED, str(failure))
            return
        self._answer(entry, request, RequestState.FAILED if all(said.values())
                     else RequestState.DONE, _text(said))

    # ------------------------------------------------------------ private

    def _ours(self, entry: ports.Entry | None) -> records.Request | None:
        try:
            request = records.record(records.Request, entry) if entry is not None else None
        except records.RecordError:
            return None    # Of a newer release; whoever asked for it sees no answer.
        is_ours = request is not None and len(request.given) % 2 == 0 and (
            request.verb, request.host, request.state) == (
                RequestVerb.RESUME_DOMAINS, self._env.host, RequestState.ASKED)
        return request if is_ours else None

    def _answer(self, entry: ports.Entry, request: records.Request, state: RequestState,
                answer: str) -> None:
        """Write the answer, which lasts for as long as the question would have."""
        answered = dataclasses.replace(request, state=state, answer=answer)
        done = self._store.commit([ports.Compare(self.key, modified=entry.modified)], [
            ports.Put(self.key, records.encode(answered), entry.lease)])
        if done is not None:
            self._env.say(
                Fact.REQUEST_DONE if state is RequestState.DONE else Fact.REQUEST_FAILED,
                f'{request.verb.value} on {self._env.host}, asked by {request.who}: '
                f'{state.value}: {answer}')


def _text(said: Mapping[str, str]) -> str:
    resumed = [uuid for uuid, why in sorted(said.items()) if not why]
    return '; '.join([*([f'resumed {", ".join(resumed)}'] if resumed else []), *(
        f'{uuid}: {why}' for uuid, why in sorted(said.items()) if why)])
