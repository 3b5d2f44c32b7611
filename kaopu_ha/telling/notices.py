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

"""The notices that are made of news: versioned payloads, documented in operator/notifications.

A payload has a name, a version ``major.minor`` and its data, in the shape of OpenStack's versioned
notifications.  A field that is added raises the minor number; one that is taken away or changes its
meaning raises the major one.  The samples in ``doc/notification_samples`` are what is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
import hashlib
from typing import Any

from kaopu_ha import records
from kaopu_ha.core.news import DeadInstance, News, Outcome
from kaopu_ha.core.notice import Audience, Notice

ALL_PROJECTS = '*'

# Who tells projects.
_PUBLISHER = 'kaopu-ha'

# The phases in which a move ends, in words for others.
RESULTS = {'done': 'moved', 'failed': 'failed', 'left': 'left',
           'not recoverable': 'not_recoverable'}


def made(news: News, *, publisher: str, at: str, new_id: Callable[[], str],
         projects: Collection[str]) -> tuple[Notice, ...]:
    """The notice for operators, and those for each instance whose project is to be told of it.

    A project is told if the operator lets it (``projects``) and the server's metadata asks for it.
    """
    data = {'fact': news.fact.key, 'host': news.host or None, 'text': news.text,
            'instances': [_versioned('InstancePayload', '1.0', _for_operators(item))
                          for item in news.outcomes],
            'dead': [_versioned('DeadInstancePayload', '1.0',
                                {**_of_dead(one), 'source': one.source}) for one in news.dead]}
    first = Notice(new_id(), f'news.{news.fact.key}', news.fact.level, publisher, at,
                   Audience.OPERATORS, news.line, _versioned('NewsPayload', '1.1', data))
    return (first, *(_for_project(item, at, new_id()) for item in news.outcomes
                     if is_told(item, projects)),
            *(_dead_for_project(one, at, new_id()) for one in news.dead
              if is_told(one, projects)))


def is_told(item: Outcome | DeadInstance, projects: Collection[str]) -> bool:
    """True if the instance's project asked to be told of it, and may be."""
    return item.opted_in and bool(item.project) and (
        ALL_PROJECTS in projects or item.project in projects)


def seconds_down(item: Outcome) -> float | None:
    """Seconds from the first look without life to the end of the move; None if it still is down.

    The host was lost before that look: by up to 4/3 of beat_ttl + 2 s.
    """
    if item.result != 'done':
        return None
    return records.seconds_between(item.silent_since, item.ended_at)


# ---------------------------------------------------------------- private


def _for_operators(item: Outcome) -> dict[str, Any]:
    return {**_common(item), 'reason': item.reason or None, 'source': item.source,
            'target': item.target or None, 'confirmed_at': item.confirmed_at or None}


def _for_project(item: Outcome, at: str, new_id: str) -> Notice:
    """What a project may know: hosts by the ids that Nova shows it, and no reason in our words.

    A reason may name hosts and paths, and a publisher is a host.
    """
    data = {**_common(item), 'source_host_id': _host_id(item.project, item.source),
            'target_host_id': _host_id(item.project, item.target)}
    event_type = 'instance.evacuated' if item.result == 'done' else 'instance.not_evacuated'
    priority = 'info' if item.result in ('done', 'left') else 'error'
    return Notice(new_id, event_type, priority, _PUBLISHER, at, Audience.PROJECTS,
                  f'{item.name} ({item.instance}): {RESULTS[item.result]}',
                  _versioned('InstanceEvacuationPayload', '1.0', data))


def _dead_for_project(one: DeadInstance, at: str, new_id: str) -> Notice:
    """The same of an instance that is surely dead."""
    data = {**_of_dead(one), 'source_host_id': _host_id(one.project, one.source)}
    return Notice(new_id, 'instance.dead', 'warning', _PUBLISHER, at, Audience.PROJECTS,
                  f'{one.name} ({one.instance}): surely dead',
                  _versioned('InstanceDeadPayload', '1.0', data))


def _of_dead(one: DeadInstance) -> dict[str, Any]:
    return {'uuid': one.instance, 'name': one.name, 'project_id': one.project or None,
            'silent_since': one.silent_since or None, 'fenced_at': one.fenced_at,
            'is_moved': one.is_moved}


def _common(item: Outcome) -> dict[str, Any]:
    return {'uuid': item.instance, 'name': item.name, 'project_id': item.project or None,
            'result': RESULTS[item.result], 'silent_since': item.silent_since or None,
            'ended_at': item.ended_at, 'seconds_down': seconds_down(item)}


def _host_id(project: str, host: str) -> str | None:
    """Nova's hostId, by which a project knows a host without its name."""
    return hashlib.sha224((project + host).encode()).hexdigest() if host else None


def _versioned(name: str, version: str, data: dict[str, Any]) -> dict[str, Any]:
    return {'kaopu_ha_object.name': name, 'kaopu_ha_object.namespace': 'kaopu_ha',
            'kaopu_ha_object.version': version, 'kaopu_ha_object.data': data}
