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

"""A host that answered another loop of the leader during a look is not silent in that look.

The detector is not the only one who asks: a host that is taken back, one that a person calls off,
one where an instance may run, or have its disks open, that is to be started elsewhere.  A network
may be mended in the middle of a look, after the judge's ask and before another's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import threading
from typing import TypeVar

from kaopu_ha import ports
from kaopu_ha.core import evidence, model
from kaopu_ha.core.addresses import Known

_Asked = TypeVar('_Asked')
_Said = TypeVar('_Said')

Said = Mapping[model.Network, Mapping[str, model.Evidence]]

# No look takes so long.
_KEPT_SECONDS = 60.0


class Overheard(ports.LibvirtObserver, ports.ImageObserver):
    """The observers of the other loops.  Of each libvirt and image it keeps the last answer."""

    def __init__(self, libvirt: ports.LibvirtObserver, images: ports.ImageObserver | None,
                 clock: Callable[[], float]) -> None:
        self._libvirt, self._images, self.clock = libvirt, images, clock
        self._answered: dict[str, tuple[float, model.LibvirtAnswer]] = {}
        self._listed: dict[model.Image, tuple[float, model.ImageAnswer]] = {}
        self._mutex = threading.Lock()

    def contact(self, uris: Sequence[str], limit: float) -> Mapping[str, model.LibvirtAnswer]:
        """Ask each libvirt, as promised."""
        answers = self._libvirt.contact(uris, limit)
        now = self.clock()
        # One loop's answers must not be lost to another one's, which come at the same time.
        with self._mutex:
            self._answered = _fresh(self._answered, now) | {
                uri: (now, answer) for uri, answer in answers.items()
                if answer.contact is model.Contact.ANSWERED}
        return answers

    def clients(self, images: Sequence[model.Image],
                limit: float) -> Mapping[model.Image, model.ImageAnswer]:
        """List and ask the clients of every image, as promised."""
        assert self._images is not None, 'who has no such observer asks for no clients'
        answers = self._images.clients(images, limit)
        now = self.clock()
        with self._mutex:
            self._listed = _fresh(self._listed, now) | {
                image: (now, answer) for image, answer in answers.items() if not answer.error}
        return answers

    def counted(self, said: Said, suspects: Sequence[model.Inventory], known: Known,
                since: float) -> Said:
        """What each network says of each suspect, with what was heard since then."""
        heard = {model.Network.MANAGEMENT: self._by_libvirt, model.Network.STORAGE: self._by_images}
        return dict(said) | {
            network: {suspect.host: one(suspect, said[network][suspect.host], known, since)
                      for suspect in suspects}
            for network, one in heard.items() if network in said}

    def _by_libvirt(self, suspect: model.Inventory, said: model.Evidence, known: Known,
                    since: float) -> model.Evidence:
        at, answer = self._answered.get(suspect.management_uri, (since, None))
        if answer is None or at < since:
            return said
        # Whatever it is, silence it is not: the libvirt of another host makes it UNKNOWN.
        return _instead(said, evidence.management(suspect, answer, True, said.observer))

    def _by_images(self, suspect: model.Inventory, said: model.Evidence, known: Known,
                   since: float) -> model.Evidence:
        listed = self._listed
        found = {image: listed[image][1] for image in suspect.images
                 if image in listed and listed[image][0] >= since}
        if not found:
            return said
        of_these = dataclasses.replace(suspect, instances=tuple(
            instance for instance in suspect.instances if not found.keys().isdisjoint(
                instance.images)))
        heard = evidence.storage(of_these, list(found.values()), said.observer, known)
        alive = heard.sign is model.Sign.LIFE or heard.strangers
        return _instead(said, heard) if alive else said


def _fresh(heard: Mapping[_Asked, tuple[float, _Said]],
           now: float) -> dict[_Asked, tuple[float, _Said]]:
    """What was heard lately: hosts that are replaced leave nothing behind."""
    return {asked: said for asked, said in heard.items() if now - said[0] < _KEPT_SECONDS}


def _instead(said: model.Evidence, heard: model.Evidence) -> model.Evidence:
    if said.sign is model.Sign.LIFE:
        return said
    return dataclasses.replace(heard, rule=f'{heard.rule}, asked for something else')
