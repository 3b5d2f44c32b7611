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

"""Who may do what with the hosts of segments."""

from __future__ import annotations

from kaopu_ha.api.policies import rule
from kaopu_ha.api.policies.base import ADMIN, READER, documented

RULES = [
    documented(rule('os-hosts', 'index'), READER, 'List the hosts of a segment.',
               ('GET', '/segments/{segment}/hosts')),
    documented(rule('os-hosts', 'detail'), READER, 'Show a host.',
               ('GET', '/segments/{segment}/hosts/{host}')),
    documented(rule('os-hosts', 'create'), ADMIN, 'Put a host into a segment.',
               ('POST', '/segments/{segment}/hosts')),
    documented(rule('os-hosts', 'update'), ADMIN, 'Update a host; hold it, or release it.',
               ('PUT', '/segments/{segment}/hosts/{host}')),
    documented(rule('os-hosts', 'delete'), ADMIN, 'Take a host out of its segment.',
               ('DELETE', '/segments/{segment}/hosts/{host}')),
    documented(rule('os-hosts', 'discoverable'), READER, 'Discover hosts among the extensions.',
               ('GET', '/extensions'), ('GET', '/extensions/{alias}'))]
