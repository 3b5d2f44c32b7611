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

"""Who may do what with our own resources."""

from __future__ import annotations

from collections.abc import Iterator

from oslo_policy import policy

from kaopu_ha.api.policies.base import ADMIN, READER, documented

# Of a project: its own, to which the target of each request is set.
OF_PROJECT = f'{READER} or rule:project_reader'


def rule(noun: str, action: str) -> str:
    """The name of the rule for this."""
    return f'kaopu_ha:v2:{noun}:{action}'


def _get(noun: str, path: str, what: str, action: str = 'list',
         check: str = READER) -> policy.DocumentedRuleDefault:
    return documented(rule(noun, action), check, what, ('GET', path))


def _post(noun: str, action: str, path: str, what: str) -> policy.DocumentedRuleDefault:
    return documented(rule(noun, action), ADMIN, what, ('POST', path))


def _rules() -> Iterator[policy.RuleDefault]:
    yield policy.RuleDefault('project_reader', 'role:reader and project_id:%(project_id)s',
                             'Who may read what is of his own project.')
    yield _get('hosts', '/v2/hosts', 'List the hosts.')
    yield _get('hosts', '/v2/hosts/{host}', 'Show a host.', 'show')
    yield _post('hosts', 'hold', '/v2/hosts/{host}/hold', 'Leave a host alone.')
    yield _post('hosts', 'release', '/v2/hosts/{host}/release', 'End the hold on a host.')
    yield _post('hosts', 'admit', '/v2/hosts/{host}/admit', 'Take a confirmed host back.')
    yield _get('cases', '/v2/cases', 'List the cases.')
    yield _get('cases', '/v2/cases/{host}', 'Show a case with its evidence.', 'show')
    yield _get('explain', '/v2/explain/{host}', 'Tell what happened to a host, and why.', 'show')
    yield _get('recoveries', '/v2/recoveries', 'List the recoveries.')
    yield _get('recoveries', '/v2/recoveries/{recovery}', 'Show a recovery with its moves.', 'show')
    for action, what in (('end', 'Give up what is not under way in a recovery.'),
                         ('go-on', 'Say that a host is off, in the place of what is not known.')):
        yield _post('recoveries', action, f'/v2/recoveries/{{host}}/{action}', what)
    for action, what in (('retry', 'Try again to move or to start an instance.'),
                         ('give-up', 'Give an instance of a recovery up.')):
        yield _post('recoveries', action, f'/v2/recoveries/instances/{{instance}}/{action}', what)
    yield _get('waiting', '/v2/waiting', 'List what is open and does not move.')
    yield _get('protection', '/v2/protection', 'List what is not protected.')
    yield _get('brake', '/v2/brake', 'Show the brake.', 'show')
    yield _post('brake', 'release', '/v2/brake/release', 'Let the cases go on that it holds.')
    yield _get('news', '/v2/news', 'Follow the news.')
    yield _get('instances', '/v2/instances', 'List what was done with instances of a project, and '
               'which are not protected.', check=OF_PROJECT)
    yield _get('instances', '/v2/instances/{instance}', 'Show that of one.', 'show', OF_PROJECT)


RULES = list(_rules())
