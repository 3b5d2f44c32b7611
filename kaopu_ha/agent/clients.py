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

"""At which addresses Ceph sees the clients of this host's own guests.

A librbd client keeps for life the address under which it met the cluster, whatever addresses the
kernel has by now.  So the agent reads who watches the images of the guests that run here.  Whose a
watcher is, is concluded from one thing only: a guest that runs has its images open, so if an image
has one client and no other, and that acknowledges, while its guest ran here before the ask and runs
here after it, that client is the guest's.  Two of them may be those of both ends of a live
migration, or a tool's beside the guest's: then nothing is concluded, and it is asked again.  One
that is listed and does not acknowledge counts as well: the guest's own may just be slow, and the
other one is a sibling's that shares the volume, on another host.  A disk that may be shared, as its
definition says, is not asked about at all: the guest's own client may be listed seconds after it
began, or anew after its link was out, and the only one until then is the sibling's.  While the host
does not beat it may be condemned: its own clients are cut off then, and who lives may be the
instance at its new place.  So then it is only concluded if the kernel has that address itself.  A
guest that is paused may be one that comes by a live migration and has nothing open yet: it has to
be seen so twice, and so has one that was paused when it was asked about.  One that is being started
(it has no run yet) opens its disks one after another: of a volume that it shares only its sibling's
client is there.

Cost: one ask (a list and a notify, a few milliseconds) for each image of each start of a guest, all
that are due at once in one batch; again after growing pauses if it could not be concluded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import time

from kaopu_ha import ports
from kaopu_ha.core import model
from kaopu_ha.core.addresses import spelling

# The first pause after an ask that told nothing; each is twice the one before.
_PAUSE_SECONDS = 4.0
_PAUSE_MAX_SECONDS = 600.0
# Of one batch: a host with thousands of disks must not ask for longer than it may.
_TOGETHER_MAX = 256


@dataclass(frozen=True, order=True)
class _Opened:
    """An image as one start of a guest has it open."""

    image: model.Image
    uuid: str
    run: str


@dataclass
class _Concluded:
    """What was concluded: ``address`` is '' until it was.  ``seen`` waits to be confirmed.

    ``before`` is what was seen last of a guest that is paused.  ``on``: it was not, when that was
    asked.  ``shared``: by its definition the disk may be.  ``crowded``: the image has several
    clients, as that of a shared volume has for as long as it is shared.
    """

    shared: bool = False
    address: str = ''
    seen: str = ''
    before: str = ''
    on: bool = False
    crowded: bool = False
    due: float = 0.0
    pause: float = _PAUSE_SECONDS


class OwnClients:
    """Reads who watches the running guests' images, and keeps the addresses.  For one thread."""

    def __init__(self, reader: ports.StorageReader, *, limit: float = 4.0,
                 clock: Callable[[], float] = time.monotonic,
                 may_be_ours: Callable[[str], bool] = lambda address: True) -> None:
        """Take the reader, and the limit of each ask.

        ``may_be_ours`` says whether a client at an address can be one of this host's at all.
        """
        self._reader, self._limit, self._clock = reader, limit, clock
        self._may_be_ours = may_be_ours
        self._known: dict[_Opened, _Concluded] = {}

    @property
    def addresses(self) -> tuple[str, ...]:
        """Those at which Ceph sees clients of guests that run here, sorted."""
        return tuple(sorted({found.address for found in self._known.values() if found.address}))

    @property
    def complete(self) -> bool:
        """True if every running guest's clients are known: none is at an address of before.

        Whose the clients of a shared or crowded image are is never known.  There a guest's other
        images speak for it.
        """
        known = {(opened.uuid, opened.run) for opened, found in self._known.items()
                 if found.address}
        return all(found.address
                   or (found.shared or found.crowded) and (opened.uuid, opened.run) in known
                   for opened, found in self._known.items())

    def look(self, domains: Sequence[ports.Domain],
             images: Callable[[ports.Domain], Sequence[model.Image]]) -> None:
        """Take up what runs now: it confirms what was seen before.  Ask for what is new or due."""
        running = {_Opened(image, domain.uuid, domain.run): domain
                   for domain in domains if domain.power is not model.Power.OFF and domain.run
                   for image in images(domain) if image.header}
        self._known = {opened: self._known.get(opened)
                       or _Concluded(_is_shared(domain, opened.image))
                       for opened, domain in running.items()}
        powers = [domain.power for domain in running.values()]
        for found, power in zip(self._known.values(), powers, strict=True):
            on = power is model.Power.ON
            seen, found.seen = found.seen, ''
            if seen and not self._may_be_ours(seen):
                self._put_off(found)
            elif seen and (found.on and on or seen == found.before):
                found.address = seen
            elif seen:
                found.before, found.due = seen, self._clock() + found.pause
            found.on = on
        self._ask()

    # ------------------------------------------------------------ private

    def _ask(self) -> None:
        now = self._clock()
        due = sorted(opened for opened, found in self._known.items()
                     if not found.shared and not found.address
                     and found.due <= now)[:_TOGETHER_MAX]
        if not due:
            return
        try:
            answers = self._reader.clients([opened.image for opened in due], self._limit)
        except ports.PortError:
            answers = {}
        for opened in due:
            found = self._known[opened]
            answer = answers.get(opened.image)
            found.seen, found.crowded = _the_one(answer), _is_crowded(answer)
            if not found.seen:
                self._put_off(found)

    def _put_off(self, found: _Concluded) -> None:
        found.due = self._clock() + found.pause
        found.pause = min(2 * found.pause, _PAUSE_MAX_SECONDS)


def _is_shared(domain: ports.Domain, image: model.Image) -> bool:
    """True if the domain has it as a disk that others may have open as well."""
    return any(disk.shared for disk in domain.disks
               if (disk.pool, disk.image) == (image.pool, image.name))


def _the_one(answer: model.ImageAnswer | None) -> str:
    """The address of the only client, if it lives; '' if there is none, or another one as well."""
    if answer is None or answer.error or len(answer.clients) != 1:
        return ''
    client = answer.clients[0]
    return spelling(client.ip) if client.acknowledged else ''


def _is_crowded(answer: model.ImageAnswer | None) -> bool:
    return answer is not None and sum(client.acknowledged for client in answer.clients) > 1
