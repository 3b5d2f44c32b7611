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

"""What keeps an agent from a part of its work: told when it begins and when it is over."""

from __future__ import annotations

from kaopu_ha.agent.runtime import HostRuntime
from kaopu_ha.core.news import Fact


class Trouble:
    """Why something is not done, '' while it is.  For one writer; ``why`` for any thread."""

    def __init__(self, env: HostRuntime, what: str, done: str) -> None:
        """Take what it is about, and what is done in good times: *requests are*, *looked at*."""
        self._env, self._what, self._done = env, what, done
        self.why = ''

    def note(self, why: str) -> None:
        """Tell that it failed, once, and that it goes on.  A new reason is no news."""
        if bool(why) is not bool(self.why):
            if why:
                self._env.say(Fact.HINDERED, f'{self._what} not {self._done}: {why}')
            else:
                self._env.say(Fact.GOES_ON, f'{self._what} {self._done} again')
        self.why = why
