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

"""The false libvirt: what an agent sees of its own host, and what an observer hears of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import functools
import ipaddress
import math

from kaopu_ha import ports
from kaopu_ha.core import evidence, model
from kaopu_ha.core.addresses import NONE_KNOWN, Known
from kaopu_ha.core.local import is_left
from kaopu_ha.core.model import Contact, LibvirtAnswer
from kaopu_ha.sim.kernel import Kernel
from kaopu_ha.sim.leave import Leave
from kaopu_ha.sim.machine import Libvirtd, Machine
from kaopu_ha.sim.network import Node, is_refused, reaches

_LATENCY = 0.01
_PEERS_MAX = 3
_REACHED = (Contact.ANSWERED, Contact.REFUSED, Contact.MUTE)


class SimLocal(ports.LocalHost):
    """The host that an agent runs on.

    ``commands`` are the operator's: what each does, by its first word, and in how many seconds.
    """

    def __init__(self, machine: Machine, compute_started: Callable[[], str],
                 commands: Mapping[str, Callable[[], float]],
                 compute_began: Callable[[], float | None] = lambda: None) -> None:
        self._machine, self._started, self._commands = machine, compute_started, dict(commands)
        self._began = compute_began
        self.kernel = machine.kernel

    def identity(self, limit: float) -> ports.HostIdentity:
        """As promised."""
        machine = self._machine
        return ports.HostIdentity(machine.host_uuid, machine.cores, machine.memory_mb)

    def instances(self, limit: float) -> tuple[ports.Domain, ...]:
        """As promised."""
        self._libvirt(limit)
        guests, shared, began = self._machine.guests, self._machine.shared, self._began()
        return tuple(_domain(uuid, guest.name, guest.power, guest.run, guest.images,
                             shared(guest), guest.local_disks, is_left(
                                 guest.power, math.floor(guest.made), began),
                             guest.crashed, guest.stuck, guest.hung)
                     for uuid, guest in sorted(guests.items()))

    def remove_domains(self, uuids: Sequence[str], permit: ports.Permit) -> tuple[str, ...]:
        """As promised."""
        leave = Leave(self.kernel, permit)
        self._libvirt(leave.seconds)
        leave.take()
        return tuple(uuid for uuid in uuids if self._machine.remove(uuid))

    def resume_domains(self, runs: Mapping[str, str], permit: ports.Permit) -> Mapping[str, str]:
        """As promised."""
        leave = Leave(self.kernel, permit)
        self._libvirt(leave.seconds)
        leave.take('resume')
        return {uuid: self._machine.go_on(uuid, run) for uuid, run in sorted(runs.items())}

    def addresses(self, networks: Sequence[str]) -> tuple[str, ...]:
        """As promised."""
        return _inside((*self._machine.addresses, '127.0.0.1'), tuple(networks))

    def boot_id(self) -> str:
        """As promised."""
        return self._machine.boot_id

    def compute_started(self) -> str:
        """As promised."""
        return self._started()

    def stopping(self, limit: float) -> bool:
        """As promised."""
        return self._machine.stopping

    def run(self, command: Sequence[str], limit: float) -> None:
        """As promised."""
        act = self._commands.get(command[0])
        if act is None:
            raise ports.PortError(f'{command[0]}: no such command')
        seconds = act()
        self.kernel.sleep(min(seconds, limit))
        if seconds > limit:
            raise ports.PortError(f'{command[0]} took longer than {limit:g} s')

    def close(self) -> None:
        """Nothing is held."""

    def _libvirt(self, limit: float) -> None:
        self.kernel.sleep(_LATENCY)
        if self._machine.libvirtd is Libvirtd.FROZEN:
            self.kernel.sleep(limit - _LATENCY)
            raise ports.PortError(f'libvirt did not answer within {limit:g} s')
        if self._machine.libvirtd is Libvirtd.DEAD:
            raise ports.PortError('libvirt is not running')


class SimLibvirt(ports.Probe, ports.LibvirtObserver):
    """What an observer hears over the management network.

    ``heard`` is told each host that answered, and ``could_ask`` is whether this observer could have
    heard the last time it asked: for whoever checks the verdicts.
    """

    network = model.Network.MANAGEMENT

    def __init__(self, kernel: Kernel, node: Node, machines: Mapping[str, Machine],
                 heard: Callable[[str, bool], None] = lambda host, true: None) -> None:
        self.kernel, self.sick, self.could_ask = kernel, False, True
        # When each host was last asked about.
        self.asked: dict[str, float] = {}
        # When the kernel of each answered last, but not its libvirt; and those that said nothing
        # in the last ask, as did everybody else.
        self.kernels: dict[str, float] = {}
        self.alone_with: set[str] = set()
        self._node, self._heard = node, heard
        self._machines = {machine.uri: machine for machine in machines.values()}

    def ask(self, suspects: Sequence[model.Inventory], peers: Sequence[model.Inventory],
            limit: float, known: Known = NONE_KNOWN) -> Mapping[str, model.Evidence]:
        """As promised."""
        self.asked |= {suspect.host: self.kernel.now for suspect in suspects}
        bystanders = [peer.management_uri for peer in peers][:_PEERS_MAX]
        reached = {uri for uri in bystanders if self._contact(uri) in _REACHED}
        self.kernel.sleep(_LATENCY)
        # Now, not before: an observer may get well on the way.
        self.could_ask = not self.sick and self._node.on(self.network.value)
        answers = self._said([suspect.management_uri for suspect in suspects], limit)
        reached |= {uri for uri, answer in answers.items() if answer.contact in _REACHED}
        self._remember({suspect.host: answers[suspect.management_uri].contact
                        for suspect in suspects}, bool(reached))
        return {suspect.host: evidence.management(
            suspect, answers[suspect.management_uri], bool(reached - {suspect.management_uri}),
            self._node.name) for suspect in suspects}

    def _remember(self, contacts: Mapping[str, Contact], reached: bool) -> None:
        """For whoever checks the verdicts: what an ask found."""
        self.kernels |= {host: self.kernel.now for host, contact in contacts.items()
                         if contact in (Contact.REFUSED, Contact.MUTE)}
        self.alone_with = set() if reached else {
            host for host, contact in contacts.items() if contact is Contact.NOTHING}

    def contact(self, uris: Sequence[str], limit: float) -> Mapping[str, LibvirtAnswer]:
        """As promised: what does not answer takes the whole limit."""
        self.kernel.sleep(_LATENCY)
        return self._said(uris, limit)

    def _said(self, uris: Sequence[str], limit: float) -> Mapping[str, LibvirtAnswer]:
        answers = {uri: self._answer(uri) for uri in uris}
        if any(answer.contact in (Contact.MUTE, Contact.NOTHING) for answer in answers.values()):
            self.kernel.sleep(limit - _LATENCY)
        return answers

    def could_hear(self, machine: Machine) -> bool:
        """True if this host would answer now, if it were asked: for whoever checks the verdicts."""
        return not self.sick and self._contact(machine.uri) is Contact.ANSWERED

    def close(self) -> None:
        """Nothing is held."""

    def _answer(self, uri: str) -> LibvirtAnswer:
        contact = self._contact(uri)
        if self.sick:
            return LibvirtAnswer(Contact.ERROR, reason='no valid certificate')
        if contact is not Contact.ANSWERED:
            return LibvirtAnswer(contact)
        machine = self._machines[uri]
        self._heard(machine.name, True)
        return LibvirtAnswer(
            contact, machine.host_uuid, tuple(sorted(machine.guests)),
            running=tuple(sorted(uuid for uuid in machine.guests if machine.runs(uuid))))

    def _contact(self, uri: str) -> Contact:
        machine = self._machines.get(uri)
        if machine is None:
            return Contact.ERROR
        if not reaches(self._node, machine.node, 'management'):
            refused = is_refused(self._node, machine.node, 'management')
            return Contact.REFUSED if refused else Contact.NOTHING
        return {Libvirtd.RUNNING: Contact.ANSWERED, Libvirtd.DEAD: Contact.REFUSED,
                Libvirtd.FROZEN: Contact.MUTE}[machine.libvirtd]


# An agent looks at its guests every other second, and hardly ever finds another thing.
@functools.lru_cache(maxsize=1024)
def _domain(uuid: str, name: str, power: model.Power, run: int, images: tuple[model.Image, ...],
            shared: frozenset[model.Image],
            local_disks: tuple[str, ...], left: bool, crashed: bool, stuck: bool,
            hung: bool) -> ports.Domain:
    return ports.Domain(
        uuid, name, power, str(run) if run else '',
        tuple(ports.Disk(image.pool, image.name, (monitor(image.cluster),), image in shared)
              for image in images), local_disks, left=left, crashed=crashed,
        stuck=stuck, hung=hung)


@functools.lru_cache(maxsize=1024)
def _inside(addresses: tuple[str, ...], networks: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(address for address in addresses if any(
        ipaddress.ip_address(address) in ipaddress.ip_network(network) for network in networks))


def monitor(cluster: str) -> str:
    """The address of a false cluster's monitor."""
    return f'monitor-of-{cluster}'
