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

"""Who may do what, in code: oslo.policy's rules under the names that Masakari's have, and our own.

What is in ``policy.yaml`` overrides it.  Reading is also for those who may read the whole cloud.
"""

from __future__ import annotations

from collections.abc import Iterator
import importlib

from oslo_policy import policy

NOUNS = ('base', 'extensions', 'hosts', 'notifications', 'segments', 'versions', 'vmoves',
         'v2')


def rule(noun: str, action: str) -> str:
    """The name of the rule for this."""
    return f'os_masakari_api:{noun}:{action}'


def list_rules() -> Iterator[policy.RuleDefault]:
    """All rules, for oslo.policy's generators and for the API itself."""
    for name in NOUNS:
        yield from importlib.import_module(f'kaopu_ha.api.policies.{name}').RULES
