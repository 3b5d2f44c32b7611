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

"""What a server asks of its host, from its record at Nova: flavor, image and zone.

It is what Nova itself would make of it (read with Nova 34), as far as the record tells: from
microversion 2.96 on the zone that its user pinned it to, from 2.98 on the properties of its image.
What is not told is not asked for; Nova then refuses what Placement offered, and that is learnt.
"""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import logging
import math
import re
from typing import Any

from kaopu_ha.core import demands, texts
from kaopu_ha.core.demands import Amount, Demand, Part

LOG = logging.getLogger(__name__)

# The newest microversion that tells more of a server, and the ones before it.
TELLING = ('2.98', '2.96')

_RESOURCES = re.compile(r'resources(?P<suffix>[a-zA-Z0-9_-]{0,64}):(?P<name>[A-Z0-9_]+)')
_TRAIT = re.compile(r'trait(?P<suffix>[a-zA-Z0-9_-]{0,64}):(?P<name>[A-Z0-9_]+)')
# Of all names together; sixty evacuations are written in one transaction.
_LETTERS_MAX = 4000
_PLAIN = (demands.CORES, demands.DEDICATED_CORES, demands.MEMORY, 'DISK_GB')
_AGGREGATES = 'aggregate_instance_extra_specs:'
_THREADS = 'HW_CPU_HYPERTHREADING'


def demand(record: Mapping[str, Any]) -> Demand | None:
    """What the server asks for; None if its record is of a shape that nobody knows."""
    try:
        return _bearable(_demand(record))
    except (LookupError, TypeError, ValueError, AttributeError) as failure:
        LOG.warning('Nova shows server %s with a flavor or zone that is not understood: %r',
                    record.get('id'), failure)
        return None


# ---------------------------------------------------------------- private


def _demand(record: Mapping[str, Any]) -> Demand:
    flavor, image = record['flavor'], record.get('image') or {}
    specs = {str(key): str(value) for key, value in (flavor.get('extra_specs') or {}).items()}
    properties = {str(key): str(value) for key, value in (image.get('properties') or {}).items()}
    amounts = {'': _own(flavor, specs, properties, has_image=bool(image))}
    traits: dict[str, dict[str, str]] = {'': _thread_traits(specs, properties)}
    for key, value in sorted((properties | specs).items()):
        asked, trait = _RESOURCES.fullmatch(key), _TRAIT.fullmatch(key)
        if asked is not None and key in specs:
            amounts.setdefault(asked['suffix'], {})[asked['name']] = int(value)
        if trait is not None:
            traits.setdefault(trait['suffix'], {})[trait['name']] = value
    is_told = 'pinned_availability_zone' in record
    return Demand(
        tuple(_part(suffix, amounts[suffix], traits.get(suffix, {}))
              for suffix in sorted(amounts))[:demands.PARTS_MAX],
        zone=texts.bounded(record['pinned_availability_zone'] or '') if is_told else '',
        near='' if is_told else texts.bounded(record.get('OS-EXT-AZ:availability_zone') or ''),
        specs=tuple(texts.bounded(f'{key.removeprefix(_AGGREGATES)}={value}')
                    for key, value in sorted(specs.items())
                    if key.startswith(_AGGREGATES))[:demands.NAMES_MAX],
        isolated=specs.get('group_policy') == 'isolate', project=record.get('tenant_id') or '')


def _bearable(found: Demand) -> Demand:
    """What a record can bear, however much a flavor or the image of a user names."""
    names = [*found.specs, *(name for part in found.parts for name in (
        part.suffix, *part.required, *part.forbidden, *(one.name for one in part.amounts)))]
    if sum(map(len, names)) <= _LETTERS_MAX:
        return found
    own = found.parts[0]
    return dataclasses.replace(found, specs=(), parts=(Part(own.suffix, tuple(
        amount for amount in own.amounts if amount.name in _PLAIN)),))


def _own(flavor: Mapping[str, Any], specs: Mapping[str, str], properties: Mapping[str, str],
         has_image: bool) -> dict[str, int]:
    """Cores, memory and disk; a server without an image runs from a volume."""
    cores = int(flavor['vcpus'])
    dedicated = _dedicated(cores, specs, properties)
    # One more for the emulator, where that has to have its own.
    isolated = specs.get('hw:emulator_threads_policy') == 'isolate' and dedicated > 0
    disk = (int(flavor.get('disk') or 0) if has_image else 0) + int(flavor.get('ephemeral') or 0)
    return {demands.CORES: cores - dedicated, demands.DEDICATED_CORES: dedicated + isolated,
            demands.MEMORY: int(flavor['ram']),
            'DISK_GB': disk + math.ceil(int(flavor.get('swap') or 0) / 1024)}


def _dedicated(cores: int, specs: Mapping[str, str], properties: Mapping[str, str]) -> int:
    policy = specs.get('hw:cpu_policy') or properties.get('hw_cpu_policy')
    if policy == 'dedicated':
        return cores
    mask = specs.get('hw:cpu_dedicated_mask') or properties.get('hw_cpu_dedicated_mask')
    return len(_numbers(mask, cores)) if policy == 'mixed' and mask else 0


def _numbers(mask: str, cores: int) -> set[int]:
    """The cores in ``0-3,^2``, or all but those in ``^0``."""
    taken, left_out = set[int](), set[int]()
    for part in mask.split(','):
        first, _, last = part.strip().lstrip('^').partition('-')
        (left_out if part.strip().startswith('^') else taken).update(
            range(int(first), min(int(last or first), cores) + 1))
    return (taken or set(range(cores))) - left_out


def _thread_traits(specs: Mapping[str, str], properties: Mapping[str, str]) -> dict[str, str]:
    policy = specs.get('hw:cpu_thread_policy') or properties.get('hw_cpu_thread_policy')
    wanted = {'isolate': 'forbidden', 'require': 'required'}.get(policy or '')
    return {_THREADS: wanted} if wanted else {}


def _part(suffix: str, amounts: Mapping[str, int], traits: Mapping[str, str]) -> Part:
    def of(wanted: str) -> tuple[str, ...]:
        return tuple(sorted(name for name, value in traits.items()
                            if value == wanted))[:demands.NAMES_MAX]
    return Part(suffix, tuple(Amount(name, number) for name, number in sorted(amounts.items())
                              if number)[:demands.NAMES_MAX], of('required'), of('forbidden'))
