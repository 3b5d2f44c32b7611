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

"""Times as the API has them: in UTC, without a zone, and with microseconds that are cut off."""

from __future__ import annotations

import datetime

from oslo_utils import timeutils

_FORM = '%Y-%m-%dT%H:%M:%S.000000'


def read(text: str) -> datetime.datetime:
    """The time that somebody wrote, in UTC, without a zone.  ValueError, OverflowError."""
    found: datetime.datetime = timeutils.normalize_time(timeutils.parse_isotime(text))
    return found.replace(microsecond=0)


def kept(text: str) -> str:
    """The same as it is kept and shown; '' stays ''."""
    return read(text).strftime(_FORM) if text else ''


def shown(text: str) -> str | None:
    """A kept time as it is shown: None if there was none yet."""
    return text or None


def seconds(one: str, other: str) -> float:
    """How far apart two kept times are."""
    return abs((read(one) - read(other)).total_seconds())
