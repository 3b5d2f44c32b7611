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

"""Whose each address is; where several hosts claim one, what they say of their disks is read, too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
import dataclasses

from kaopu_ha import ports, records
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import addresses, casefile, model, rivals


def whose(store: ports.Store, world: CloudView, rules: model.Rules,
          suspects: Sequence[model.Inventory]) -> addresses.Known:
    """Whose each address is, to judge these hosts."""
    known = _known(store, world, rules)
    images = {image for suspect in suspects for image in suspect.images}
    known = _told(store, world, known, images, rivals.is_contested(suspects, known))
    return dataclasses.replace(known, outlived=frozenset(
        suspect.host for suspect in suspects
        if suspect.host in world.cases
        and casefile.outlived_its_agent(world.cases[suspect.host])))


def whose_clients(store: ports.Store, world: CloudView, rules: model.Rules,
                  answers: Collection[model.ImageAnswer]) -> addresses.Known:
    """Whose each address is, to say who runs the instance whose disks gave these answers."""
    known = _known(store, world, rules)
    if not rivals.are_contested(answers, known):
        return known
    return _told(store, world, known, {answer.image for answer in answers}, contested=True)


def _known(store: ports.Store, world: CloudView, rules: model.Rules) -> addresses.Known:
    return world.known(rules.tools, _claims(store) if world.mute else {})


def _told(store: ports.Store, world: CloudView, known: addresses.Known,
          images: Collection[model.Image], contested: bool) -> addresses.Known:
    claims = _claims(store) if contested else {}
    fresh = [world.inventories[host] for host, beat in world.beats.items()
             if host in world.inventories and world.beats_truly(host) and not beat.behind]
    return rivals.told(known, images, fresh, claims)


def _claims(store: ports.Store) -> Mapping[str, Mapping[str, int]]:
    return records.View(store.read(records.CLAIMS)).claims
