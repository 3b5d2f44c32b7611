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

"""The news: each fact as it happens, for who comes again with a cursor."""

from __future__ import annotations

from typing import Any

from kaopu_ha.api.policies.v2 import rule
from kaopu_ha.api.v2.declared import NAME, OwnAction, Parameter
from kaopu_ha.api.v2.inquiry import Inquiry, plain
from kaopu_ha.api.v2.newsroom import WAIT_SECONDS_MAX, NewsLine, NewsPage

_LIMIT = 100
_DETAIL = 'detail'
_QUERY = (
    Parameter('since', {'type': 'integer', 'minimum': 0},
              'The cursor of the answer before. Without it there are no news, but a cursor.'),
    Parameter('wait', {'type': 'integer', 'minimum': 0, 'maximum': WAIT_SECONDS_MAX},
              'Seconds to wait for news if there are none; 0 if it is not given.'),
    Parameter('limit', {'type': 'integer', 'minimum': 1, 'maximum': 1000},
              'About so many at most: those of one revision come together.'),
    Parameter('host', NAME, 'What is of this host only.'),
    Parameter('detail', {'type': 'boolean'}, 'Repeated rounds, claims and keys, too.'))


def show(call: Inquiry) -> dict[str, Any]:
    """Tell what is new since a cursor, and wait for it if nothing is. ``lost`` says why news before
    these may lack; ``more``: ask again at once.
    """
    host, detail = call.query.get('host'), call.query.get('detail', False)

    def is_wanted(line: NewsLine) -> bool:
        return (host is None or line.host == host) and (detail or line.level != _DETAIL)
    return dict(plain(call.newsroom.since(
        call.query.get('since'), call.query.get('limit', _LIMIT), call.query.get('wait', 0),
        is_wanted)))


SHOW = OwnAction(show, rule('news', 'list'), NewsPage, query=_QUERY)
