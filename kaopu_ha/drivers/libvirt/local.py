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

"""The host's own libvirt and kernel, as its agent sees them.

libvirt is asked in a warm child process (``libvirt_child``): a libvirtd that is frozen costs the
child its life, and the agent nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import contextlib
import dataclasses
import json
import pathlib
import subprocess
from typing import Any, Self
from xml.etree import ElementTree

from oslo_config import cfg

from kaopu_ha import ports
from kaopu_ha.core import model
from kaopu_ha.drivers import child, extras
from kaopu_ha.drivers.libvirt import domains
from kaopu_ha.drivers.linux import clock, kernel

# The child needs it; to say so at the start is better than an ask that fails each time.
extras.need('libvirt', 'libvirt')

_SYSTEM_STATE = ('systemctl', 'is-system-running')
_CHILD = 'kaopu_ha.drivers.libvirt.local_child'


class LocalLibvirt(ports.LocalHost):
    """The host that this process runs on.  Safe for threads."""

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, store: ports.Store) -> Self:
        """Made as configured: with definitions where no Nova keeps them."""
        return cls(conf.agent.libvirt_uri, state_path=conf.agent.state_path,
                   definitions=conf.cloud.driver == 'libvirt')

    def __init__(self, libvirt_uri: str = 'qemu:///system', *, state_path: str = '',
                 proc: str = '/proc', definitions: bool = False,
                 clock_at_boot: Sequence[str] = clock.AT_BOOT) -> None:
        """Take where libvirt is, and a folder that outlives reboots ('': none).

        In the folder stays who the host is, for a start at which libvirt does not answer.  With
        ``definitions`` every domain comes with what another host starts it from.
        """
        self._child = child.Child(_CHILD, {'uri': libvirt_uri, 'definitions': definitions})
        self._memory = pathlib.Path(state_path, 'identity.json') if state_path else None
        self._kernel = kernel.LinuxKernel(proc, clock_at_boot=clock_at_boot)
        self._identity: ports.HostIdentity | None = None
        self._described: dict[str, ports.Domain] = {}
        # What libvirt told of each that is not off, and what was made of it: to read the same XML
        # of all guests again every two seconds would be most of an agent's work.
        self._parsed: dict[str, tuple[tuple[str, ...], ports.Domain]] = {}

    def identity(self, limit: float) -> ports.HostIdentity:
        """Who this host is: asked once, then remembered, also in the state folder."""
        if self._identity is not None:
            return self._identity
        try:
            answer = self._child.ask('identity', limit)
        except ports.PortError as failure:
            known = self._remembered()
            if known is None:
                raise ports.PortError(f'the UUID of this host is not known yet: libvirt does not '
                                      f'answer: {failure}') from failure
            return known
        self._identity = ports.HostIdentity(**answer)
        self._remember(answer)
        return self._identity

    def instances(self, limit: float) -> tuple[ports.Domain, ...]:
        """Every domain of the local libvirt, by UUID.

        One that can't be described now is as it was when it last could.
        """
        listed = self._child.ask('domains', limit)
        # Looked for after the domains, and only if it matters: it reads all of /proc.
        began = self._kernel.compute_began(limit) if any(
            model.Power.OFF.value in told[2:3] for told in listed) else None
        found = [self._domain(began, *told) for told in listed]
        self._described = {each.uuid: each for each in found}
        # Whether one that is off was left depends on more than what libvirt tells.
        self._parsed = {told[0]: (tuple(told[1:]), each)
                        for told, each in zip(listed, found, strict=True)
                        if each.power is not model.Power.OFF}
        return tuple(found)

    def remove_domains(self, uuids: Sequence[str], permit: ports.Permit) -> tuple[str, ...]:
        """Destroy and undefine those of the domains that exist."""
        return tuple(self._child.act('remove', permit, uuids=sorted(set(uuids))))

    def resume_domains(self, runs: Mapping[str, str], permit: ports.Permit) -> Mapping[str, str]:
        """Resume what an I/O error paused, and look whether it goes on."""
        return dict(self._child.act('resume', permit, runs=dict(runs)))

    def addresses(self, networks: Sequence[str]) -> tuple[str, ...]:
        """The host's own addresses inside the networks."""
        return self._kernel.addresses(networks)

    def boot_id(self) -> str:
        """The id of this boot of the kernel."""
        return self._kernel.boot_id()

    def compute_started(self) -> str:
        """When nova-compute was started, as boot id and ticks."""
        return self._kernel.compute_started()

    def stopping(self, limit: float) -> bool:
        """Ask systemd for the state of the system; without it nobody can say."""
        try:
            done = subprocess.run(_SYSTEM_STATE, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  timeout=limit, check=False, text=True, errors='replace')
        except (OSError, subprocess.SubprocessError):
            return False
        return done.stdout.strip() == 'stopping'

    def run(self, command: Sequence[str], limit: float) -> None:
        """Run a command to its end; what it started goes on without it."""
        # No pipe: a daemon that the command starts would keep it open for ever.
        try:
            done = subprocess.run(list(command), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  timeout=limit, check=False)
        except subprocess.TimeoutExpired as late:
            raise ports.PortError(f'{command[0]} took longer than {limit:.0f} s') from late
        except OSError as failure:
            raise ports.PortError(f'{command[0]} could not be run: {failure.strerror}') from failure
        if done.returncode:
            raise ports.PortError(f'{" ".join(command)} ended with {done.returncode}')

    def close(self) -> None:
        """End the child process."""
        self._child.close()

    # ------------------------------------------------------------ private

    def _domain(self, began: float | None, uuid: str, text: str, power: str = '', run: str = '',
                wrong: str = '', *anew: str) -> ports.Domain:
        if not power:
            return self._undescribed(uuid, text)
        told, known = self._parsed.get(uuid, ((), None))
        if known is not None and told == (text, power, run, wrong, *anew):
            return known
        try:
            described = domains.parse(text, power=model.Power(power), run=run, anew=anew,
                                      began=began)
            return dataclasses.replace(described, crashed=wrong == 'crashed',
                                       stuck=wrong == 'stuck', hung=wrong == 'hung'
                                       ) if wrong else described
        except (ElementTree.ParseError, ValueError) as failure:
            return self._undescribed(uuid, str(failure))

    def _undescribed(self, uuid: str, reason: str) -> ports.Domain:
        """As it was last, else as one that is on and can't be recovered: it may well be."""
        unknown = ports.Domain(uuid, uuid, model.Power.ON,
                               local_disks=(f'libvirt does not describe it: {reason[:200]}',))
        return dataclasses.replace(self._described.get(uuid, unknown), left=False, crashed=False)

    def _remember(self, answer: dict[str, Any]) -> None:
        if self._memory is None:
            return
        # A machine that was cloned with its disk is another one: the mainboard tells.
        text = json.dumps({'machine': self._kernel.machine(), 'identity': answer})
        with contextlib.suppress(OSError):
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            new = self._memory.with_suffix('.new')
            new.write_text(text)
            new.replace(self._memory)

    def _remembered(self) -> ports.HostIdentity | None:
        if self._memory is None:
            return None
        try:
            kept = json.loads(self._memory.read_text())
            if kept['machine'] != self._kernel.machine():
                return None
            return ports.HostIdentity(**kept['identity'])
        except (OSError, ValueError, KeyError, TypeError):
            return None
