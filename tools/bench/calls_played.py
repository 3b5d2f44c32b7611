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

"""What is played beside the stub of Nova: the fence, Ceph, libvirt, and how full hosts are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import socket
import threading
from typing import Any

from kaopu_ha import ports
from kaopu_ha.core import addresses, model

CLUSTER = '6e5b1c1e-0000-4000-8000-000000000001'
FENCE = 'ceph_blocklist'


class Fence(ports.Fence):
    """One that has cut, and says so."""

    name = FENCE
    gives_proof = True

    def orders(self, inventory: model.Inventory, clusters: Any,
               clients: Sequence[str]) -> tuple[model.FenceOrder, ...]:
        """Of each host its one address."""
        return (order(inventory.storage_addresses[0]),)

    def forbidden(self, order: model.FenceOrder, limit: float) -> Mapping[str, str]:
        """Nothing is."""
        return {}

    def fence(self, order: model.FenceOrder, permit: ports.Permit) -> None:
        """It is cut."""

    def verify(self, order: model.FenceOrder, limit: float) -> model.Proof:
        """It holds."""
        return model.Proof(FENCE, order.cluster, True, 'listed')

    def unfence(self, order: model.FenceOrder, permit: ports.Permit) -> None:
        """Nobody asks for that here."""

    def close(self) -> None:
        """Nothing is held."""


class Usage(ports.UsageSource):
    """There is room on all targets."""

    def __init__(self, targets: Sequence[str]) -> None:
        self._usage = {host: model.Usage(1024, 0, 1 << 22, 0) for host in targets}

    def usage(self) -> Mapping[str, model.Usage]:
        """Always the same."""
        return self._usage


class Eyes(ports.ImageObserver, ports.LibvirtObserver):
    """A Ceph and a libvirt that see what the stub has moved."""

    def __init__(self, port: int) -> None:
        self._port, self._own = port, threading.local()

    def clients(self, images: Sequence[model.Image],
                limit: float) -> Mapping[model.Image, model.ImageAnswer]:
        """Who has them open."""
        return {image: model.ImageAnswer(image, self._clients(image)) for image in images}

    def _clients(self, image: model.Image) -> tuple[model.Client, ...]:
        if not hasattr(self._own, 'file'):
            self._own.file = socket.create_connection(('127.0.0.1', self._port)).makefile('rw')
        self._own.file.write(image.name + '\n')
        self._own.file.flush()
        host = self._own.file.readline().strip()
        return (model.Client(f'{address(host)}:0/1', 1, True),) if host else ()

    def contact(self, uris: Sequence[str], limit: float) -> Mapping[str, model.LibvirtAnswer]:
        """It is mute: the disks say enough."""
        return {uri: model.LibvirtAnswer(model.Contact.MUTE) for uri in uris}


def address(host: str) -> str:
    """Where a host reaches Ceph."""
    kind, _, number = host.partition('-')
    return f'10.{1 if kind == "dead" else 2}.0.{int(number) + 1}'


def order(of: str) -> model.FenceOrder:
    """What is cut of a host at this address."""
    return model.FenceOrder(FENCE, CLUSTER, (addresses.spelling(of),))
