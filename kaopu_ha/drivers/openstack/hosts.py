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

"""Which compute service each of Placement's providers is of.

Providers bear the names of hypervisors, which need not be those of the compute services: Nova
tells which is whose, by UUID.
"""

from __future__ import annotations

from collections.abc import Iterator
import logging
from typing import Any

from kaopu_ha.drivers.openstack import calls as openstack_calls

LOG = logging.getLogger(__name__)

# From this one on Nova shows a hypervisor's id as Placement knows it.
_HYPERVISORS = '2.53'


def hosts(nova: openstack_calls.ServiceClient) -> dict[str, str]:
    """The compute service of each node, by the node's UUID; a row that names none is left out."""
    found = {}
    rows: Iterator[Any] = nova.pages('/os-hypervisors/detail', 'hypervisors', _HYPERVISORS)
    for node in rows:
        try:
            found[str(node['id'])] = str(node['service']['host'])
        except (LookupError, TypeError):
            LOG.warning('Nova lists a hypervisor without id or service: %.200r', node)
    return found
