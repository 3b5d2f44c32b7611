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

"""What the kernel says of this host, read from /proc."""

from __future__ import annotations

from collections.abc import Sequence
import contextlib
import functools
import ipaddress
import os
import pathlib
import re
import time

from kaopu_ha.drivers.linux import clock

_COMPUTE = b'nova-compute'
# In the table of local routes: an address, then the line that says it is the host's own.
_OWN_V4 = re.compile(r'\|-- (\S+)\n\s*/32 host LOCAL')
_START_TIME = 19


class LinuxKernel:
    """Reads /proc, as the process sees it: its own namespaces count."""

    def __init__(self, proc: str = '/proc', machine: str = '/sys/class/dmi/id/product_uuid',
                 clock_at_boot: Sequence[str] = clock.AT_BOOT) -> None:
        """Take where the kernel shows itself, and what tells one machine from another.

        ``clock_at_boot``: the command that tells what the wall clock was then.
        """
        self._proc, self._machine = pathlib.Path(proc), pathlib.Path(machine)
        self._clock_at_boot = clock.ClockAtBoot(clock_at_boot)
        self._boot_id = ''
        # The process that was nova-compute when it was asked last, and when it was started.
        self._compute: tuple[str, int] = ('', 0)

    def boot_id(self) -> str:
        """The id of this boot, which no process outlives."""
        if not self._boot_id:
            self._boot_id = (self._proc / 'sys/kernel/random/boot_id').read_text().strip()
        return self._boot_id

    def machine(self) -> str:
        """The UUID of the mainboard, '' if there is none or it is not ours to read."""
        with contextlib.suppress(OSError):
            return self._machine.read_text().strip().lower()
        return ''

    def addresses(self, networks: Sequence[str]) -> tuple[str, ...]:
        """The host's own addresses inside the networks, in order."""
        return _inside(self._shown('net/fib_trie'), self._shown('net/if_inet6'), tuple(networks))

    def compute_started(self) -> str:
        """When nova-compute was started, as boot id and ticks; '' if it does not run.

        Of several processes (its workers have the same command line) the oldest counts.
        """
        ticks = self._ticks()
        return f'{self.boot_id()}/{ticks}' if ticks else ''

    def compute_began(self, limit: float) -> float | None:
        """The earliest that nova-compute can have begun, by this host's wall clock; None if it
        does not run, or nobody can say.

        A clock that was wrong at the boot is set when time servers are reached, and who compares
        with what was written down before that needs to know what the clock was then.
        """
        ticks = self._ticks()
        at_boot = self._clock_at_boot.zero(limit) if ticks else None
        if at_boot is None:
            return None
        up = float((self._proc / 'uptime').read_text().split()[0])
        return min(time.time() - up, at_boot) + ticks / os.sysconf('SC_CLK_TCK')

    # ------------------------------------------------------------ private

    def _shown(self, name: str) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self._proc / name).read_text()
        return ''

    def _ticks(self) -> int:
        """When the oldest nova-compute was started, 0 if there is none.

        While the one that was found last runs, whatever was started since is younger: to look
        through the thousands of processes of a host every two seconds took a tenth of a core.
        """
        process, ticks = self._compute
        if not ticks or self._compute_ticks(process) != ticks:
            self._compute = _, ticks = min(
                ((each, since) for each in os.listdir(self._proc) if each.isdigit()
                 and (since := self._compute_ticks(each))), key=lambda found: found[1],
                default=('', 0))
        return ticks

    def _compute_ticks(self, process: str) -> int:
        """When the process was started, 0 if it is no nova-compute, or gone."""
        try:
            # Unbuffered, and without a path object: there may be thousands.
            with open(f'{self._proc}/{process}/cmdline', 'rb', buffering=0) as file:
                if not _is_compute(file.read()):
                    return 0
            # The second field is the program's name in brackets, and may hold anything.
            stat = (self._proc / process / 'stat').read_text().rpartition(')')[2].split()
            return int(stat[_START_TIME])
        except OSError:
            return 0


# An agent asks every two seconds, and what the kernel shows hardly ever changes.
@functools.lru_cache(maxsize=2)
def _inside(v4: str, v6: str, networks: tuple[str, ...]) -> tuple[str, ...]:
    inside = [ipaddress.ip_network(network) for network in networks]
    shown = (*map(ipaddress.IPv4Address, _OWN_V4.findall(v4)),
             *(ipaddress.IPv6Address(int(line.split()[0], 16)) for line in v6.splitlines()))
    found = {address for address in shown if any(address in network for network in inside)}
    return tuple(str(address) for address in sorted(found, key=lambda a: (a.version, int(a))))


def _is_compute(command: bytes) -> bool:
    if _COMPUTE not in command:
        return False
    words = [word.rsplit(b'/', 1)[-1] for word in command.split(b'\0')]
    # An interpreter, at most one option of it, then the program; not `systemctl restart it`.
    return words[0] == _COMPUTE or (words[0].startswith(b'python') and _COMPUTE in words[1:3])
