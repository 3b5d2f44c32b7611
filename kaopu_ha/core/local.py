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

"""What the machine that an agent runs on says of itself, and what it reads of the storage."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kaopu_ha.core.model import Image, ImageAnswer, Power


@dataclass(frozen=True)
class HostIdentity:
    """Which machine this is, and how much of it there is."""

    host_uuid: str
    cores: int
    memory_mb: int


@dataclass(frozen=True)
class Disk:
    """An RBD disk in libvirt's words; its cluster is told by the monitors only.

    ``shared``: by its definition others may have it open as well.
    """

    pool: str
    image: str
    monitors: tuple[str, ...] = ()
    shared: bool = False


@dataclass(frozen=True)
class Domain:
    """A domain of the local libvirt.

    ``run`` differs each time it is started; '' if it is off, or if its disks are just being opened.
    ``definition``: what another host starts it from, if that is asked for; no secrets.
    ``left``: it is off, and was certainly defined before the nova-compute that runs now began.
    ``crashed``: it is off because its guest went off by itself, in this boot.  ``stuck``: an I/O
    error of a disk paused it.  ``hung``: its watchdog did, for its guest had not fed it.
    """

    uuid: str
    name: str
    power: Power
    run: str = ''
    disks: tuple[Disk, ...] = ()
    local_disks: tuple[str, ...] = ()
    cores: int = 0
    memory_mb: int = 0
    definition: str = ''
    left: bool = False
    crashed: bool = False
    stuck: bool = False
    hung: bool = False


class StorageReader(abc.ABC):
    """A port: reads Ceph from a host.  ``cluster`` is an fsid, '' if there is one only."""

    @abc.abstractmethod
    def fsid(self, limit: float, cluster: str = '') -> str:
        """The id of the configured cluster.  Raises PortError."""

    @abc.abstractmethod
    def header_ids(self, pool: str, names: Sequence[str], limit: float,
                   cluster: str = '') -> Mapping[str, str]:
        """Header objects of images by name; those not there are left out.  Raises PortError."""

    def monitors(self, limit: float, cluster: str = '') -> tuple[str, ...]:
        """Addresses of the cluster's monitors, without ports; () if it can't tell.  PortError."""
        return ()

    @abc.abstractmethod
    def touch(self, image: Image, limit: float) -> None:
        """Have the storage answer an operation on the image's header.  Raises PortError."""

    @abc.abstractmethod
    def clients(self, images: Sequence[Image],
                limit: float) -> Mapping[Image, ImageAnswer]:
        """List and actively ask the clients of every image, as ``ImageObserver`` does."""

    @abc.abstractmethod
    def close(self) -> None:
        """End child processes."""


# Nova tells whole seconds, and the kernel when a process began to a hundredth.
_SURELY_SECONDS = 2.0


def is_left(power: Power, made: float | None, began: float | None) -> bool:
    """True if a domain is older than its host's nova-compute, and off.

    ``made``: when Nova made its XML, ``began``: the earliest that this nova-compute can have begun,
    both by the clock of that one host; None if it is not known.
    """
    return power is Power.OFF and made is not None and began is not None and (
        made + _SURELY_SECONDS <= began)
