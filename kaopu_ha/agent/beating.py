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

"""The beat of a host, from when it is known which machine this is: libvirt must not keep its agent.
"""

from __future__ import annotations

from collections.abc import Callable
import os

from kaopu_ha import ports, records
from kaopu_ha.agent import beat

_RETRY_SECONDS = 1.0


class BeatOfThisHost:
    """The beat, from when libvirt or the state folder has said which machine this is."""

    def __init__(self, store: ports.Store, host: str, local: ports.LocalHost, *, interval: float,
                 ttl: int, ask_limit: float, tell: beat.Tell, behind: Callable[[], str]) -> None:
        """Take what ``beat.Beat`` takes, and who knows which machine this is."""
        self._store, self._host, self._local = store, host, local
        self._interval, self._ttl, self._ask_limit = interval, ttl, ask_limit
        self._tell, self._behind = tell, behind
        self._beat: beat.Beat | None = None
        self._trouble = False

    @property
    def beating(self) -> bool:
        """True if the host beat when that was tried last."""
        return self._beat is not None and self._beat.beating

    def turn(self) -> float:
        """A turn of the beat; seconds until the next one."""
        try:
            self._beat = self._beat or self._begin()
        except ports.PortError as failure:
            if not self._trouble:
                self._tell('warning', f'{self._host} does not beat: {failure}')
            self._trouble = True
            return _RETRY_SECONDS
        return self._beat.turn()

    def kept_by(self) -> str:
        """What kept the last beat from being sent, '' if nothing did."""
        state = self._state
        return '' if state is beat.State.BEATING else state.name.lower()

    def unsent(self) -> str:
        """What trouble kept the last beat from being sent; a locked host rightly sends none."""
        state = self._state
        return '' if state in (beat.State.BEATING, beat.State.LOCKED) else state.value

    @property
    def _state(self) -> beat.State:
        return self._beat.standing.state if self._beat else beat.State.STARTING

    def _begin(self) -> beat.Beat:
        known = self._local.identity(self._ask_limit)
        identity = records.Beat(known.host_uuid, self._local.boot_id(),
                                f'{self._host}/{os.getpid()}')
        return beat.Beat(self._store, self._host, identity, interval=self._interval, ttl=self._ttl,
                         tell=self._tell, behind=self._behind)
