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

"""What the other rules are made of."""

from __future__ import annotations

from oslo_policy import policy

ADMIN = 'rule:admin_api'
READER = 'rule:admin_api or rule:cloud_reader'
ANYBODY = '@'

RULES = [
    policy.RuleDefault('context_is_admin', 'role:admin', 'Who is an administrator.'),
    policy.RuleDefault('admin_or_owner', 'rule:context_is_admin or project_id:%(project_id)s',
                       'An administrator, or somebody of the project that is meant.'),
    policy.RuleDefault('admin_api', 'rule:context_is_admin', 'What only administrators may do.'),
    policy.RuleDefault('cloud_reader', 'role:reader and system_scope:all',
                       'Who may read the whole cloud, and change nothing.')]


def documented(name: str, check: str, description: str,
               *operations: tuple[str, str]) -> policy.DocumentedRuleDefault:
    """A rule about requests, each a method and a path."""
    return policy.DocumentedRuleDefault(
        name, check, description,
        [{'method': method, 'path': path} for method, path in operations])
