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

"""Which instances of a confirmed host are surely dead, for whoever replaces what it loses.

A cluster that runs in instances (Kubernetes, a database) may give a disk of a lost member to
another one only if the lost member can write to it no more.  That is known as soon as the fence of
its host is proven: nothing that ran in the instance by then writes to any disk of it, ever again.
It is told with the plan, once, of those of which all of this is so::

    its host is fenced by a proof       a person's word is none
    it was silent when confirmed        by a word instead it may live, where nobody told
    it was on, and told of its disks    none of them local, each on a cluster of that proof
    Nova has it on that host alone      active, paused or suspended, and no task: one that was
                                        being moved may live where it was to go
"""

from __future__ import annotations

from collections.abc import Iterable

from kaopu_ha.core import detection, fencing, model
from kaopu_ha.core.model import Power
from kaopu_ha.core.news import DeadInstance

_THERE = frozenset({'active', 'paused', 'suspended'})


def certain(recovery: model.Recovery, servers: Iterable[model.Server],
            planned: Iterable[model.Evacuation],
            case: model.Case | None) -> tuple[DeadInstance, ...]:
    """Those of which it is certain when the plan is made; ``servers``: as Nova lists them then."""
    proofs = [step.at for step in recovery.history
              if step.stage == model.RecoveryStage.PROVEN.value]
    if recovery.word is not None or not proofs or _is_by_a_word(case):
        return ()
    # Where an address may not be cut yet, something may write from there.
    held = {order.cluster for order in recovery.orders if order.held or order.held_clients}
    fenced = fencing.fenced_clusters(recovery.orders) - held
    known = {one.uuid: one for one in recovery.instances}
    shown = {one.uuid: one for one in servers}
    return tuple(DeadInstance(
        item.instance, item.name, item.project, item.opted_in, recovery.host,
        detection.silent_since(case) if case else '', proofs[-1], not item.phase.ended)
        for item in planned if item.power is not Power.OFF
        and _is_dead(known.get(item.instance), shown.get(item.instance), fenced))


def _is_by_a_word(case: model.Case | None) -> bool:
    """True if some network did not say when the host was confirmed: a word decided."""
    return case is not None and bool(case.rounds) and (
        detection.judged(case.rounds[-1].evidence)[0] is not model.Verdict.DEAD)


def _is_dead(one: model.Instance | None, server: model.Server | None,
             fenced: frozenset[str]) -> bool:
    if one is None or one.power is Power.OFF or one.local_disks or not one.images:
        return False
    if not all(image.header and image.cluster in fenced for image in one.images):
        return False
    return server is not None and server.vm_state in _THERE and not server.task_state
