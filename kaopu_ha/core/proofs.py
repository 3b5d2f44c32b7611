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

"""What makes it safe to evacuate a host: its fence was read back, or a person vouches for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Proof:
    """What was read back of a fence.  ``holds`` only if nothing of the order is missing.

    ``gone``: what fences said itself that something is missing; else nobody could say.
    """

    fence: str
    cluster: str
    holds: bool
    reason: str
    gone: bool = False


@dataclass(frozen=True)
class Word:
    """A person says that a host is off, and stays off until it is admitted.

    In a case it takes the place of what could not be asked, in a recovery that of the proof where
    the fence does not hold; in both until the host is heard of: ``inventory`` is the revision of
    what it had told last when the word was given.  ``destroyed``: it will never run again, so what
    was on its way there is free of it, too.
    """

    who: str
    at: str
    why: str
    destroyed: bool = False
    inventory: int = 0

    @property
    def text(self) -> str:
        """Who says what, and why."""
        state = 'destroyed' if self.destroyed else 'switched off'
        return f'{self.who} says that it is {state} ({self.why})'
