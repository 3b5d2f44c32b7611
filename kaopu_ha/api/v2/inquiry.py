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

"""What a handler of our own resources is given: who asks, for what, and what it may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib import parse

from kaopu_ha import records
from kaopu_ha.api.books import Books
from kaopu_ha.api.call import ApiService
from kaopu_ha.api.faults import conflict
from kaopu_ha.api.v2.newsroom import Newsroom
from kaopu_ha.api.v2.projects import Projects
from kaopu_ha.core.rules import Rules
from kaopu_ha.telling.asking import Asker, Writing
from kaopu_ha.telling.picture import Picture


@dataclass(frozen=True)
class Inquiry:
    """One request, checked: its query and its body are as they are declared, and who asks may ask.

    ``who``: in words, for people.  ``query``: by name, as numbers and truths where they are.
    """

    service: ApiService
    newsroom: Newsroom
    projects: Projects
    who: str
    creds: Any
    query: Mapping[str, Any]
    body: Any

    @property
    def books(self) -> Books:
        """The records."""
        return self.service.books

    @property
    def rules(self) -> Rules:
        """The limits by which the controllers decide."""
        return self.service.rules

    def asker(self) -> Asker:
        """Who writes something now, and why, if it was said."""
        return Asker(self.who, self.service.now(), (self.body or {}).get('why', ''))

    def write(self, found: Picture, writing: Writing) -> None:
        """Write it, if what it relies on is as it was read.

        Raises Fault: 409 if it is not, 503 if it was not written or nobody knows.
        """
        if not self.books.write(found.compare(*writing.looked), writing.write, writing.seconds):
            raise conflict('Somebody else wrote at this moment. Nothing was changed. Look, and '
                           'ask again.')

    def page(self, noun: str, idents: Sequence[str]) -> tuple[Sequence[str], dict[str, Any]]:
        """Those of the ids, in their order, that are asked for; and the link to the next ones.

        Raises Fault 409 if the marker is none of them: so it is, too, if it was one and is gone.
        """
        start, marker = 0, self.query.get('marker')
        if marker is not None:
            if marker not in idents:
                raise conflict(f'marker: {marker} is not in this list (any more): begin again')
            start = idents.index(marker) + 1
        limit = min(self.query.get('limit', self.service.limits.rows_max),
                    self.service.limits.rows_max)
        shown = idents[start:start + limit]
        if start + limit >= len(idents):
            return shown, {}
        query = {name: str(value).lower() if isinstance(value, bool) else value
                 for name, value in self.query.items()} | {'marker': shown[-1], 'limit': limit}
        return shown, {f'{noun}_links': [{'rel': 'next', 'href': f'?{parse.urlencode(query)}'}]}


LINKS = {'type': 'array', 'items': {
    'type': 'object', 'required': ['rel', 'href'],
    'properties': {'rel': {'type': 'string'}, 'href': {'type': 'string'}}}}


def plain(record: Any) -> Any:
    """A record as it is shown; None stays None."""
    return None if record is None else records.plain(record)
