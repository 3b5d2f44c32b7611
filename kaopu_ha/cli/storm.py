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

"""The brake, as the leader sees it in the records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kaopu_ha.cli import command, picture
from kaopu_ha.core import brake
from kaopu_ha.core.rules import Rules


@dataclass(frozen=True)
class Storm:
    """Whether too many hosts are silent at once, which ones, and which of them may not go on."""

    on: bool
    counted: tuple[str, ...]
    braked: tuple[str, ...]
    released: tuple[str, ...]

    def sentence(self) -> str:
        """The state of the brake, for people."""
        if not self.on:
            return 'off'
        if not self.braked:
            return f'storm: released for all of {", ".join(self.counted)}'
        more = f'; released for {", ".join(self.released)}' if self.released else ''
        return f'ON: nobody of {", ".join(self.braked)} is condemned{more}'


def storm(found: picture.Picture, rules: Rules) -> Storm:
    """Apply the rule of ``core.brake`` to what the store holds."""
    cases, held, hosts = tuple(found.cases.values()), found.held, len(found.inventories)
    released = found.brake.released_for if found.brake else ()
    counted = brake.counted(cases, held)
    return Storm(
        on=brake.storm(cases, held, hosts, rules), counted=counted,
        braked=tuple(sorted(brake.braked(cases, held, released, hosts, rules))),
        released=tuple(host for host in counted if host in released))


def as_json(state: Storm, found: picture.Picture) -> dict[str, Any]:
    """The state of the brake, for machines."""
    return {'storm': state.on, 'counted': list(state.counted), 'braked': list(state.braked),
            'released': command.plain(found.brake)}
