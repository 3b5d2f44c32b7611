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
from kaopu_ha.agent.runtime import HostRuntime
from kaopu_ha.core.news import Fact

_RETRY_SECONDS = 1.0


class BeatOfThisHost:
    """The beat, from when libvirt or the state folder has said which machine this is."""

    def __init__(self, env: HostRuntime, *, interval: float, ttl: int,
                 behind: Callable[[], str]) -> None:
        """Take what ``beat.BeatKeeper`` takes, but for who it is."""
        self._env, self._interval, self._ttl, self._behind = env, interval, ttl, behind
        self._beat: beat.BeatKeeper | None = None
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
                self._env.say(Fact.NO_BEAT, f'{self._env.host} does not beat: {failure}')
            self._trouble = True
            return _RETRY_SECONDS
        return self._beat.turn()

    def kept_by(self) -> str:
        """What kept the last beat from being sent, '' if nothing did."""
        state = self._state
        return '' if state is beat.BeatState.BEATING else state.name.lower()

    def unsent(self) -> str:
        """What trouble kept the last beat from being sent; a locked host rightly sends none."""
        state = self._state
        return '' if state in (beat.BeatState.BEATING, beat.BeatState.LOCKED) else state.value

    @property
    def _state(self) -> beat.BeatState:
        return self._beat.standing.state if self._beat else beat.BeatState.STARTING

    def _begin(self) -> beat.BeatKeeper:
        env = self._env
        known = env.local.identity(env.ask_limit)
        identity = records.Beat(known.host_uuid, env.local.boot_id(), f'{env.host}/{os.getpid()}')
        return beat.BeatKeeper(env, identity, interval=self._interval, ttl=self._ttl,
                               behind=self._behind)
