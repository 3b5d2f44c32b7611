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

"""A libvirt that answered another loop of the leader during a look is not silent in that look.

The detector is not the only one who asks: a host that is taken back, one that a person calls off,
one where an instance may run that is to be started elsewhere.  A network may be mended in the
middle of a look, after the judge's ask and before another's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import dataclasses

from kaopu_ha import ports
from kaopu_ha.core import evidence, model

Said = Mapping[str, model.Evidence]


class Overheard(ports.LibvirtObserver):
    """The observer of the other loops.  Of each libvirt that answered it keeps the last answer."""

    def __init__(self, libvirt: ports.LibvirtObserver, clock: Callable[[], float]) -> None:
        self._libvirt, self.clock = libvirt, clock
        self._heard: dict[str, tuple[float, model.LibvirtAnswer]] = {}

    def contact(self, uris: Sequence[str], limit: float) -> Mapping[str, model.LibvirtAnswer]:
        """Ask each libvirt, as promised."""
        answers = self._libvirt.contact(uris, limit)
        now = self.clock()
        self._heard |= {uri: (now, answer) for uri, answer in answers.items()
                        if answer.contact is model.Contact.ANSWERED}
        return answers

    def counted(self, said: Said, suspects: Sequence[model.Inventory], since: float) -> Said:
        """What the management network says of each suspect, with what was heard since then."""
        return {suspect.host: self._with(said[suspect.host], suspect, since)
                for suspect in suspects}

    def _with(self, said: model.Evidence, suspect: model.Inventory,
              since: float) -> model.Evidence:
        at, answer = self._heard.get(suspect.management_uri, (since, None))
        if answer is None or at < since or said.sign is model.Sign.LIFE:
            return said
        heard = evidence.management(suspect, answer, True, said.observer)
        # Whatever it is, silence it is not: the libvirt of another host makes it UNKNOWN.
        return dataclasses.replace(heard, rule=f'{heard.rule}, asked for something else')
