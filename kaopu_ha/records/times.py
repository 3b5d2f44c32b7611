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

"""Times as records have them: texts in ISO 8601, in UTC, of wall clocks.  They are for people."""

from __future__ import annotations

import datetime


def seconds_between(since: str, until: str) -> float | None:
    """Seconds from one to the other, never less than none; None if one of them is no time."""
    try:
        passed = datetime.datetime.fromisoformat(until) - datetime.datetime.fromisoformat(since)
    except (ValueError, TypeError):
        return None
    return round(max(passed.total_seconds(), 0.0), 1)
