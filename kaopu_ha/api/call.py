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

"""What a handler is given: who asks, for what, and what it may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kaopu_ha import ports
from kaopu_ha.api.books import Books
from kaopu_ha.api.versions import Version
from kaopu_ha.core.rules import Rules


class Query(Protocol):
    """The query of a URL: a name may stand there several times."""

    def get(self, key: str) -> Any:
        """The first value, or None."""

    def getlist(self, key: str) -> list[str]:
        """All values, in order."""


@dataclass(frozen=True)
class Limits:
    """How much there may be, and how long a notification is a repetition.

    ``waiting_max``: so many requests of a process wait for news at one time.
    """

    rows_max: int = 1000
    notifications_max: int = 5000
    duplicate_seconds: float = 180.0
    waiting_max: int = 4


@dataclass(frozen=True)
class ApiService:
    """What all requests share.  ``now``: the time in UTC, in ISO 8601.

    ``allows``: whether these credentials may do what a rule is about.  ``rules``: the limits by
    which the controllers decide.
    """

    books: Books
    cloud: ports.Cloud
    now: Callable[[], str]
    allows: Callable[[str, Any], bool]
    limits: Limits = Limits()
    rules: Rules = Rules()


@dataclass(frozen=True)
class Call:
    """One request, checked: its body is what its schema says, and who asks may ask.

    ``who``: in words, for people.
    """

    service: ApiService
    version: Version
    who: str
    creds: Any
    query: Query
    body: Any

    @property
    def books(self) -> Books:
        """The records."""
        return self.service.books


@dataclass(frozen=True)
class Response:
    """What a request is answered with; ``body`` None: nothing but the code."""

    code: int
    body: Mapping[str, Any] | None = None


Handler = Callable[..., Response]
Schema = Callable[[Version], Mapping[str, Any]]


@dataclass(frozen=True)
class ApiAction:
    """One thing that can be asked for.

    ``rule``: who may.  ``body``: the schema of what is sent along.
    """

    handle: Handler
    rule: str
    body: Schema | None = None
