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

"""What single images, their clients and libvirts answered, before anything is concluded from it."""

from __future__ import annotations

from dataclasses import dataclass
import enum


@dataclass(frozen=True, order=True)
class Image:
    """An RBD image: the cluster by its fsid, the header object by its id, which never changes."""

    cluster: str
    pool: str
    name: str
    header: str


@dataclass(frozen=True)
class Client:
    """A watcher of an RBD image: address with nonce, and whether it acknowledged the ask."""

    address: str
    client_id: int
    acknowledged: bool

    @property
    def ip(self) -> str:
        """The address without port and nonce."""
        return self.address.rsplit('/', 1)[0].rsplit(':', 1)[0].strip('[]')


@dataclass(frozen=True)
class ImageAnswer:
    """What a cluster said of the clients of one image; ``error`` if it could not be asked.

    ``gone``: the cluster said that there is no such image (any more); ``error`` says so, too.
    """

    image: Image
    clients: tuple[Client, ...] = ()
    error: str = ''
    gone: bool = False


class Contact(enum.Enum):
    """How far an ask over the management network came."""

    ANSWERED = 'answered'
    REFUSED = 'refused'
    MUTE = 'mute'
    NOTHING = 'nothing'
    ERROR = 'error'


@dataclass(frozen=True)
class LibvirtAnswer:
    """What a host's libvirt answered: its UUID and the UUIDs of its domains, if it did.

    ``running``: those of them that are on; None if it was not told.
    """

    contact: Contact
    host_uuid: str = ''
    domains: tuple[str, ...] = ()
    reason: str = ''
    running: tuple[str, ...] | None = None
