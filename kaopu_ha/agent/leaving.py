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

"""What went off with the host, and not by its user's wish: told apart as well as a host can.

* After a boot: what was on when the former boot ended (``interrupted``), until it is on again.
* While the system is being shut down in good order (systemd says so): the instances are told as
  they were before, and that the host leaves.
* Just before the end, if nobody said why: what went off lately.  Nova says who stopped it.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
from dataclasses import dataclass

from kaopu_ha import ports
from kaopu_ha.agent.runtime import HostRuntime
from kaopu_ha.core import model
from kaopu_ha.core.model import Power
from kaopu_ha.core.news import Fact

# libvirt-guests shuts one guest down after another: this is for systems that do not say it.
LATELY_SECONDS = 120.0


@dataclass(frozen=True)
class Looked:
    """The domains as they are to be told, and what is told of those that went off."""

    domains: tuple[ports.Domain, ...]
    interrupted: tuple[str, ...]
    off_lately: tuple[str, ...]
    leaving: bool


class Past:
    """Remembers what was on.  For one thread."""

    def __init__(self, env: HostRuntime, *, lately_seconds: float) -> None:
        self._env, self._local, self._host, self._clock = env, env.local, env.host, env.clock
        self._lately_seconds = lately_seconds
        self._off_at: dict[str, float] = {}
        self._before: tuple[ports.Domain, ...] | None = None
        self._leaving = False

    def look(self, former: model.Inventory | None, boot_id: str,
             domains: Sequence[ports.Domain] | None, limit: float) -> Looked:
        """Compare what libvirt tells now (None: nothing) with what was published last."""
        booted = former is not None and former.boot_id != boot_id
        interrupted = _interrupted(former, booted, domains or ())
        if domains is None:
            return Looked((), tuple(sorted(interrupted)), self._lately(former, booted, None),
                          self._leaving)
        on = {domain.uuid for domain in domains if domain.power is not Power.OFF}
        went = set() if booted else _on(former) - on
        self._note_leaving(went, limit)
        if self._leaving and self._before is not None:
            return Looked(self._before, former.interrupted if former else (), (), True)
        self._before = tuple(domains)
        lately = self._lately(former, booted, on)
        return Looked(self._before, tuple(sorted(interrupted - on)), lately, self._leaving)

    def leave(self, limit: float) -> bool:
        """Ask whether the host leaves now, as its process is told to end; True if it does."""
        self._note_leaving({self._host}, limit)
        return self._leaving

    # ------------------------------------------------------------ private

    def _note_leaving(self, went: set[str], limit: float) -> None:
        """Ask the system why something went off; nothing went off, nothing is asked."""
        if not went and not self._leaving:
            return
        leaving = self._local.stopping(limit)
        if leaving is not self._leaving:
            if leaving:
                self._env.say(Fact.GOES_DOWN, f'{self._host} is being shut down: its instances are '
                                              f'told as they were before')
            else:
                self._env.say(Fact.STAYS_UP, f'{self._host} is not being shut down any more')
        self._leaving = leaving

    def _lately(self, former: model.Inventory | None, booted: bool,
                on: set[str] | None) -> tuple[str, ...]:
        """What went off in this boot less than a while ago."""
        now = self._clock()
        if former is None or booted or not self._lately_seconds:
            self._off_at = {}
        else:
            gone = set() if on is None else _on(former) - on
            for uuid in (*former.off_lately, *gone):
                self._off_at.setdefault(uuid, now)
        self._off_at = {uuid: at for uuid, at in self._off_at.items()
                        if now - at < self._lately_seconds and uuid not in (on or ())}
        return tuple(sorted(self._off_at))


def as_of(former: model.Inventory, boot_id: str) -> tuple[model.Instance, ...]:
    """The instances as they were told last, for a libvirt that is mute; off if that was before
    the boot."""
    if former.boot_id == boot_id:
        return former.instances
    return tuple(dataclasses.replace(instance, power=Power.OFF) for instance in former.instances)


def _on(former: model.Inventory | None) -> set[str]:
    return {instance.uuid for instance in (former.instances if former else ())
            if instance.power is not Power.OFF}


def _interrupted(former: model.Inventory | None, booted: bool,
                 domains: Sequence[ports.Domain]) -> set[str]:
    if former is None:
        return set()
    if not booted:
        return set(former.interrupted)
    known = {instance.uuid for instance in former.instances}
    # A host that was shut down told what was on before; what came to it meanwhile was on, too.
    came = {domain.uuid for domain in domains} - known if former.leaving else set()
    return _on(former) | ({*former.off_lately, *former.interrupted} & known) | came
