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

"""The outside world on one page.  If it is not here, the program cannot do it.

Each class is a port: a promise that its drivers (``kaopu_ha.drivers.<port>``, loaded by stevedore
from the namespace ``kaopu_ha.<port>``) keep, and that a contract suite in ``kaopu_ha.testing``
holds them to.  Every call ends by its limit, whatever the other side does.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Mapping, Sequence

from kaopu_ha.core import demands, events, model
from kaopu_ha.core.addresses import NONE_KNOWN, Known
from kaopu_ha.core.board import Board as Board
from kaopu_ha.core.copied import Mirror as Mirror
from kaopu_ha.core.copied import Reread
from kaopu_ha.core.keys import OPERATIONS_MAX as OPERATIONS_MAX
from kaopu_ha.core.keys import Change as Change
from kaopu_ha.core.keys import Compare as Compare
from kaopu_ha.core.keys import Delete as Delete
from kaopu_ha.core.keys import Entry as Entry
from kaopu_ha.core.keys import Put as Put
from kaopu_ha.core.keys import Snapshot as Snapshot
from kaopu_ha.core.local import Disk as Disk
from kaopu_ha.core.local import Domain as Domain
from kaopu_ha.core.local import HostIdentity as HostIdentity
from kaopu_ha.core.local import StorageReader as StorageReader
from kaopu_ha.core.notice import Notice as Notice


class PortError(Exception):
    """The other side could not be reached, or failed; nothing may be concluded from it."""


class StoreError(PortError):
    """The store did not answer; a write that raised it was not done."""


class OutcomeUnknown(PortError):
    """The request may or may not have been carried out; look before you repeat it."""


class Refused(PortError):
    """The other side understood and said no; the message is its reason."""


class NotPermitted(PortError):
    """The permit did not hold when it was read once more; nothing was done."""


class Watching(abc.ABC):
    """A watch under way."""

    @abc.abstractmethod
    def close(self) -> None:
        """End the watch; returns at once, no change is told any more."""


class Store(abc.ABC):
    """A key-value store with revisions, leases, and transactions of ``OPERATIONS_MAX``, as etcd."""

    @abc.abstractmethod
    def read(self, *ranges: str) -> Snapshot:
        """Read keys (a name with ``/`` at its end is a prefix) at one revision, linearizably."""

    def follow(self, *ranges: str) -> Mirror:
        """Keep a mirror of keys, named as for ``read``; none of the names is under another."""
        return Reread(lambda: self.read(*ranges))

    def names(self, prefix: str, most: int) -> tuple[str, ...]:
        """The rests of the first ``most`` keys under a prefix that anybody may fill; StoreError."""
        return tuple(self.read(prefix).under(prefix))[:most]

    def sizes(self) -> Mapping[str, int]:
        """Its size in bytes: ``file``, ``used`` of it, ``quota``, as far as told; StoreError."""
        return {}

    @abc.abstractmethod
    def commit(self, compares: Sequence[Compare], writes: Sequence[Put | Delete]) -> int | None:
        """Do all writes in one transaction if all compares hold: its revision, None if refused.
        Raises StoreError if it was surely not done, OutcomeUnknown if nobody knows."""

    @abc.abstractmethod
    def grant(self, ttl: int) -> int:
        """Make a lease of ``ttl`` whole seconds."""

    @abc.abstractmethod
    def renew(self, lease: int, limit: float) -> int:
        """Renew a lease once, within ``limit`` seconds; the TTL it has now, 0 if it is gone."""

    @abc.abstractmethod
    def revoke(self, lease: int) -> None:
        """End a lease and delete its keys; harmless if it is gone."""

    @abc.abstractmethod
    def watch(self, prefix: str, tell: Callable[[Change], None], since: int = 0) -> Watching:
        """Tell every change of a key or prefix after ``since``, once, in order; members may die.
        ``tell`` must not wait: watches may share its thread."""

    @abc.abstractmethod
    def close(self) -> None:
        """Free what the driver holds."""


class Permit(abc.ABC):
    """Leave to do one outside act.  A driver arms a deadline of ``seconds()`` in the process that
    will act, *then* asks ``holds()``, and only then acts there: a process that was frozen in
    between dies by its deadline instead of acting."""

    @abc.abstractmethod
    def seconds(self) -> float:
        """Seconds that the act may take at most, less than what is left of the lease."""

    @abc.abstractmethod
    def holds(self) -> bool:
        """Read leadership (or claim) and record once more from the store."""


class Probe(abc.ABC):
    """Asks over one network whether hosts are alive."""

    network: model.Network

    @abc.abstractmethod
    def ask(self, suspects: Sequence[model.Inventory], peers: Sequence[model.Inventory],
            limit: float, known: Known = NONE_KNOWN) -> Mapping[str, model.Evidence]:
        """Ask about every suspect at once; answers by host name, all within ``limit`` seconds.

        ``peers`` are other hosts, of which one that answers shows that the observer is well;
        ``known`` tells whose the addresses are at which clients may be seen.  A probe that fails
        for reasons of its own, or has no time for one, gives UNKNOWN; it raises nothing.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """End the probe's child processes."""


class LibvirtObserver(abc.ABC):
    """Asks the libvirt of hosts who they are and which domains they know."""

    @abc.abstractmethod
    def contact(self, uris: Sequence[str], limit: float) -> Mapping[str, model.LibvirtAnswer]:
        """Ask each libvirt; answers by URI, all within ``limit`` seconds."""


class ImageObserver(abc.ABC):
    """Asks Ceph which clients have RBD images open, and which of them are alive."""

    @abc.abstractmethod
    def clients(self, images: Sequence[model.Image],
                limit: float) -> Mapping[model.Image, model.ImageAnswer]:
        """List and actively ask the clients of every image, all within ``limit`` seconds."""


class Fence(abc.ABC):
    """Cuts a dead host off from its disks.  Everything asked twice is harmless."""

    name: str
    gives_proof: bool

    @abc.abstractmethod
    def orders(self, inventory: model.Inventory, clusters: Iterable[str],
               clients: Sequence[str]) -> tuple[model.FenceOrder, ...]:
        """What this fence would cut for the host, an order for each cluster; asks nobody."""

    @abc.abstractmethod
    def forbidden(self, order: model.FenceOrder, limit: float) -> Mapping[str, str]:
        """Addresses of the order that must not be cut (a monitor's, a manager's): the reasons."""

    @abc.abstractmethod
    def fence(self, order: model.FenceOrder, permit: Permit) -> None:
        """Cut off everything in the order.  Raises PortError if it is not sure that it is done."""

    @abc.abstractmethod
    def verify(self, order: model.FenceOrder, limit: float) -> model.Proof:
        """Read the fence back.  Raises nothing: what could not be read does not hold."""

    @abc.abstractmethod
    def unfence(self, order: model.FenceOrder, permit: Permit) -> None:
        """Take the fence back, and read its absence back.  Raises PortError if it is not sure."""

    @abc.abstractmethod
    def close(self) -> None:
        """End the fence's child processes."""


class Cloud(abc.ABC):
    """The compute API.  Reading raises PortError; acting raises any kind of it."""

    @abc.abstractmethod
    def servers(self, host: str) -> tuple[model.Server, ...]:
        """All servers of all projects on the host."""

    def servers_of(self, project: str) -> tuple[model.Server, ...]:
        """The servers of a project, by UUID; nothing where nobody knows of projects.  PortError."""
        return ()

    @abc.abstractmethod
    def server(self, uuid: str) -> model.Server | None:
        """One server, or None if there is none."""

    @abc.abstractmethod
    def services(self) -> Mapping[str, model.ComputeService]:
        """The nova-compute services, by host."""

    @abc.abstractmethod
    def migrations(self, *, instance: str = '', host: str = '') -> tuple[model.Migration, ...]:
        """Migration records of one instance, or those with one host as source or target."""

    @abc.abstractmethod
    def actions(self, instance: str) -> tuple[model.Action, ...]:
        """What was asked for one server lately, newest first; nothing where nobody keeps it."""

    def allocations(self, consumers: Sequence[str]) -> Mapping[str, model.Allocations]:
        """What is set aside for servers, or migrations of them; nothing if nobody counts it."""
        return {}

    def places(self, kinds: Sequence[model.Demand]) -> demands.Places:
        """Where instances of these kinds may be, beside their room; what fails is in ``untold``."""
        return demands.NOWHERE_SAID

    def aggregates(self) -> tuple[demands.Aggregate, ...]:
        """The groups of hosts as they are now, by name; nothing where nobody groups them."""
        return ()

    @abc.abstractmethod
    def force_down(self, host: str, down: bool, permit: Permit) -> None:
        """Set or clear forced_down of the host's compute service."""

    def enable(self, host: str, permit: Permit) -> None:
        """Enable the host's compute service, which a person disabled; nothing if it is so."""
        raise Refused('nobody disables hosts here')

    def join(self, host: str, aggregate: str, permit: Permit) -> None:
        """Add the host to an aggregate, by its name; nothing if it is in it."""
        raise Refused('nobody groups hosts here')

    @abc.abstractmethod
    def evacuate(self, instance: str, target: str, permit: Permit) -> None:
        """Evacuate one server to the target; a running one comes back running."""

    @abc.abstractmethod
    def reset_state(self, instance: str, state: str, permit: Permit) -> None:
        """Set vm_state to ``active`` or ``error`` and clear the task."""

    @abc.abstractmethod
    def start(self, instance: str, permit: Permit, *, anew: bool = False) -> None:
        """Start one server, which is off, on its host; ``anew``: though not shown as stopped, but
        nobody may call so for one that runs."""

    def note(self, instance: str, key: str, text: str, permit: Permit) -> None:
        """Set one item of a server's metadata, whatever it was; the others stay as they are."""
        raise Refused('servers have no metadata here')

    def release(self, read: model.Allocations, host: str, permit: Permit) -> None:
        """Take back what a consumer has on one host only; Refused if it has changed since."""
        raise Refused('nobody counts here')

    def warm(self) -> None:  # noqa: B027  a driver may have nothing to prepare
        """Get ready to act, so that the first act does not wait for it.  Raises PortError."""

    @abc.abstractmethod
    def close(self) -> None:
        """End child processes and connections."""


class UsageSource(abc.ABC):
    """Tells how full hosts are."""

    @abc.abstractmethod
    def usage(self) -> Mapping[str, model.Usage]:
        """Usage by host.  Raises PortError."""


class Queue(abc.ABC):
    """Carries evacuations to workers.  The record in the store is the truth: a task that arrives
    twice or late does no harm, and one that is lost is found there by a worker."""

    @abc.abstractmethod
    def offer(self, tasks: Sequence[str]) -> None:
        """Announce evacuations by their keys, without waiting.  Raises PortError if it can't."""

    @abc.abstractmethod
    def take(self, most: int) -> tuple[str, ...]:
        """Keys of evacuations to look at, without waiting.  Raises PortError if none can come."""

    def listen(self, tell: Callable[[], None]) -> None:  # noqa: B027  one may never tell
        """Have ``tell`` called, in a thread of the driver's, when there may be a task."""

    @abc.abstractmethod
    def close(self) -> None:
        """Free what the driver holds."""


class Notifier(abc.ABC):
    """Tells others what happened.  For one thread, and for one notice at a time.

    ``waits``: it talks to somebody who may be slow or away; one that does not is called where
    the fact is told, and must not raise.
    """

    waits = True

    @abc.abstractmethod
    def notify(self, notice: Notice, limit: float) -> None:
        """Hand the notice over within about ``limit`` seconds, tries of its own included.

        Raises PortError, without any secret in its words, if it is not sure that it was taken.
        One that was not sure may arrive all the same: receivers know it again by its id.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Free what the driver holds."""


class Events(abc.ABC):
    """Tells what the compute service says of instances and services, soon after it happened.

    A promise of form only: an event may be lost, late, doubled, out of order or forged by whoever
    may write to the bus.  Nothing waits for it, and nothing stops while the bus is away."""

    @abc.abstractmethod
    def listen(self, tell: Callable[[events.NovaEvent], None]) -> None:
        """Begin to tell, in a thread of the driver's; returns at once.  To be called once."""

    @abc.abstractmethod
    def close(self) -> None:
        """Tell nothing more, and free what the driver holds."""


class LocalHost(abc.ABC):
    """The host that an agent runs on: its libvirt and its kernel."""

    @abc.abstractmethod
    def identity(self, limit: float) -> HostIdentity:
        """Who this host is; as last known if libvirt is mute.  Raises PortError if never known."""

    @abc.abstractmethod
    def instances(self, limit: float) -> tuple[Domain, ...]:
        """Every domain, running or not, by UUID.  Raises PortError."""

    @abc.abstractmethod
    def remove_domains(self, uuids: Sequence[str], permit: Permit) -> tuple[str, ...]:
        """Destroy and undefine those of the domains that exist; their UUIDs.  Raises PortError."""

    @abc.abstractmethod
    def resume_domains(self, runs: Mapping[str, str], permit: Permit) -> Mapping[str, str]:
        """Resume those that an I/O error paused and that are in this run still, by UUID; for each
        why it does not go on, '' if it does.  Raises PortError."""

    @abc.abstractmethod
    def addresses(self, networks: Sequence[str]) -> tuple[str, ...]:
        """The host's own addresses inside the networks, sorted."""

    @abc.abstractmethod
    def boot_id(self) -> str:
        """The id of this boot of the kernel."""

    @abc.abstractmethod
    def compute_started(self) -> str:
        """When nova-compute was started, as boot id and ticks; '' if it is not seen running."""

    @abc.abstractmethod
    def stopping(self, limit: float) -> bool:
        """True if the host's system is being shut down in good order; False if nobody can say."""

    @abc.abstractmethod
    def run(self, command: Sequence[str], limit: float) -> None:
        """Run an operator's command to its end.  Raises PortError with what it said."""

    @abc.abstractmethod
    def close(self) -> None:
        """End child processes."""
