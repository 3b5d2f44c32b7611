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

"""The brake as the leader sees it in the records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kaopu_ha import records
from kaopu_ha.core import brake
from kaopu_ha.core.rules import Rules
from kaopu_ha.telling.picture import Picture


@dataclass(frozen=True)
class StormShown:
    """How things stand with the brake, and who of the silent was released by a person.

    ``counted`` are the hosts that are silent now, also where there is no storm.
    """

    now: brake.Storm
    counted: tuple[str, ...]
    released: tuple[str, ...]
    cooldown: float

    @property
    def on(self) -> bool:
        """True in a storm and in the cooldown after it."""
        return self.now.on

    @property
    def braked(self) -> tuple[str, ...]:
        """Who is not condemned, dead or not."""
        return self.now.braked

    def sentence(self) -> str:
        """The state of the brake, for people."""
        if not self.on:
            return 'off'
        parts = [self._held()]
        if self.braked and self.released:
            parts.append(f'released for {", ".join(self.released)}')
        if self.now.condemned:
            parts.append('condemned lately: ' + ', '.join(
                one.host for one in self.now.condemned))
        if self.now.calm is not None:
            parts.append(f'fewer are silent now: off in {self.cooldown - self.now.calm:.0f} s if '
                         'that stays so')
        return '; '.join(parts)

    def _held(self) -> str:
        if self.braked:
            return f'ON: nobody of {", ".join(self.braked)} is condemned'
        if self.released:
            return f'storm: released for all of {", ".join(self.released)}'
        return 'ON: whoever falls silent now is not condemned'


def storm(found: Picture, rules: Rules) -> StormShown:
    """Apply the rules of ``core.brake`` to what the store holds."""
    opened = {host: entry.created for host, entry in found.snapshot.under(records.CASE).items()}
    entry = found.entry(records.BRAKE)
    release = brake.Release() if found.brake is None or entry is None else brake.given(
        found.brake.released_for, found.brake.cases, entry.modified, opened)
    known, told = found.known, found.inventories
    seen = brake.Seen(
        '', '', 0.0, known, found.cases, opened,
        beating=frozenset(host for host in known if found.beats_now(host)), on_hold=found.held,
        empty=frozenset(host for host in found.cases
                        if host in told and not told[host].images), release=release,
        unread=frozenset(found.snapshot.under(records.ALIVE)) - known)
    counted = brake.silent(seen.cases, seen.known, seen.on_hold, seen.empty)
    return StormShown(brake.advance(found.storm, seen, rules), counted,
                      tuple(host for host in counted if brake.is_released(host, release, opened)),
                      rules.storm_cooldown)


def as_json(state: StormShown, found: Picture) -> dict[str, Any]:
    """The state of the brake, for machines."""
    return {'storm': state.on, 'counted': list(state.counted), 'braked': list(state.braked),
            'released': found.brake and records.plain(found.brake), 'condemned_lately': [
                one.host for one in state.now.condemned],
            'off_in_seconds': None if state.now.calm is None or not state.on
            else round(state.cooldown - state.now.calm, 1)}


# ---------------------------------------------------------------- private
