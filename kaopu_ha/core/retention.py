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

"""Which records of things that are over are kept, and for how long.

What is over is kept for people, who ask why.  It must not grow with the years: every turn of a
leader reads most of it.  What an admission has yet to learn from is not over: whoever asks here has
left that out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Over:
    """Something that is over: its name, and when it ended, as people's clocks said."""

    name: str
    at: str


def outdated(every: Iterable[Over], before: str) -> tuple[str, ...]:
    """The names of those that ended before this date; one without a date is kept."""
    return tuple(each.name for each in every if each.at and each.at < before)
