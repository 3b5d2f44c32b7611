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
"""What is kept of a host that came back: that it did just now, and how often it did lately.

Under leases, so that nobody has to count: a lease that is lost makes a host a target sooner, and
hurts nobody.
"""

from __future__ import annotations

import math

from kaopu_ha import ports, records
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import model


def came_back(store: ports.Store, world: CloudView, step: model.Step, host: str,
              rules: model.Rules) -> list[ports.Put | ports.Delete]:
    """The writes that keep the return of a host.  Raises PortError."""
    value = records.encode(records.Returned(step.at, step.reason))
    prefix = f'{records.RETURNED}{host}/'
    # So many are enough to know that it flaps.
    old = sorted(world.snapshot.under(prefix))
    writes: list[ports.Put | ports.Delete] = [
        ports.Delete(prefix + name) for name in old[:len(old) - rules.flapping_times + 1]]
    writes.append(ports.Put(f'{prefix}{world.snapshot.revision:016d}', value,
                            store.grant(math.ceil(rules.flapping_seconds))))
    if rules.healthy_seconds:
        writes.append(ports.Put(records.FRESH + host, value,
                                store.grant(math.ceil(rules.healthy_seconds))))
    return writes


def flaps(world: CloudView, host: str, rules: model.Rules) -> bool:
    """True if the host came back so often lately that it may soon be gone again."""
    return len(world.snapshot.under(f'{records.RETURNED}{host}/')) >= rules.flapping_times
