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

"""What Placement has set aside for servers: read whole, written back without one host's part.

Each change is under the consumer's generation: if anything that it has was changed since it was
read, Placement refuses with a conflict, and nothing is lost.  (``DELETE`` has no such condition,
and takes everything.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kaopu_ha.core import model
from kaopu_ha.drivers.openstack import calls as openstack_calls
from kaopu_ha.drivers.openstack import hosts as openstack_hosts

# From 1.28 on with the consumer's generation; from 1.38 on with its type, which stays as it is.
MICROVERSION = '1.29'


def read(nova: openstack_calls.ServiceClient, placement: openstack_calls.ServiceClient,
         consumers: Sequence[str]) -> dict[str, model.Allocations]:
    """What these consumers have; PortError if any of it is not known."""
    answers = {consumer: placement.get(f'/allocations/{consumer}') for consumer in consumers}
    with openstack_calls.translated('allocations'):
        roots = openstack_hosts.hosts(nova) if any(
            answer['allocations'] for answer in answers.values()) else {}
        known = {provider: _host(placement, roots, provider) for answer in answers.values()
                 for provider in answer['allocations']}
        return {consumer: _allocations(consumer, answer, known)
                for consumer, answer in answers.items()}


def without(read_: model.Allocations, host: str) -> dict[str, Any]:
    """What is to be written in place of what was read, so that nothing is left on the host."""
    return {'allocations': {share.provider: {'resources': dict(share.resources)}
                            for share in read_.shares if share.host != host},
            'consumer_generation': read_.generation,
            'project_id': read_.project, 'user_id': read_.user}


def _host(placement: openstack_calls.ServiceClient, roots: Mapping[str, str], provider: str) -> str:
    """Whose the provider is: a host's own, or one within it (a device, a NUMA cell); '' if it is
    none of a host (storage that hosts share)."""
    if provider in roots:
        return roots[provider]
    answer = placement.get(f'/resource_providers/{provider}')
    return roots.get(str(answer['root_provider_uuid']), '')


def _allocations(consumer: str, answer: Mapping[str, Any],
                 known: Mapping[str, str]) -> model.Allocations:
    """A consumer that has nothing has no generation, either."""
    return model.Allocations(
        consumer, int(answer.get('consumer_generation') or 0),
        tuple(model.Share(provider, known[provider], tuple(sorted(
            (str(name), int(amount)) for name, amount in found['resources'].items())))
            for provider, found in sorted(answer['allocations'].items())),
        str(answer.get('project_id') or ''), str(answer.get('user_id') or ''))
