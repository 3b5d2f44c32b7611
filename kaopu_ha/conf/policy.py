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

"""The operator's policy, read from ``[evacuation]``: see ``core.policy``.

::

    protected_by = metadata:HA_Enabled, tag:HA_Enabled    SOURCE:KEY; the first that is there counts
    managed = Octavia: project=0123abcd name=amphora-*    OWNER: what is so of its instances
"""

from __future__ import annotations

from collections.abc import Iterable

from oslo_config import cfg

from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.core.cloud import Source
from kaopu_ha.core.policy import Managed, Named, Policy

_SOURCES = {source.value: source for source in Source}
_CONDITIONS = ('name', 'project', 'metadata', 'tag')


def policy(conf: cfg.ConfigOpts) -> Policy:
    """The policy of this configuration, checked.  Raises ConfigError."""
    group = conf.evacuation
    if group.protect == 'marked' and not group.protected_by:
        raise ConfigError('[evacuation] protect is marked, but protected_by is empty, so nothing '
                          'would ever be moved: name the marks that count, like '
                          'metadata:HA_Enabled, or set protect = all')
    return Policy(
        protects_unmarked=group.protect == 'all',
        protected_by=_marks('protected_by', group.protected_by),
        priority_by=_marks('priority_by', group.priority_by),
        managed=tuple(map(_managed, group.managed)))


def _marks(option: str, given: Iterable[str]) -> tuple[Named, ...]:
    found = []
    for text in given:
        source, _, key = text.partition(':')
        if source.strip() not in _SOURCES or not key.strip():
            raise ConfigError(f'[evacuation] {option}: {text} names no mark: write '
                              f'{", ".join(f"{name}:KEY" for name in _SOURCES)}')
        found.append(Named(_SOURCES[source.strip()], key.strip()))
    return tuple(found)


def _managed(text: str) -> Managed:
    owner, _, conditions = text.partition(':')
    given: dict[str, str] = {}
    for condition in conditions.split():
        what, _, value = condition.partition('=')
        if what not in _CONDITIONS or not value or what in given:
            raise ConfigError(f'[evacuation] managed: {text}: {condition} is no condition: write '
                              f'each once, like name=amphora-* project=ID metadata=KEY=VALUE '
                              f'tag=TAG')
        given[what] = value
    if not owner.strip() or not given:
        raise ConfigError(f'[evacuation] managed: {text}: write OWNER: and what is so of its '
                          f'instances, like Octavia: project=ID name=amphora-*')
    if given.get('name', '').strip('*') == '' and len(given) == 1 and 'name' in given:
        raise ConfigError(f'[evacuation] managed: {text} is of every instance: nothing would ever '
                          f'be moved')
    return Managed(owner.strip(), **given)
