# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Processes by recorded pid.

A daemon is known by a file with its pid and its start time: a pid that was given to
another process since has another start time and is not touched. The file is written by
data/launch, in the namespace where the daemon lives.
"""

from collections.abc import Iterable
from dataclasses import dataclass
import os
from pathlib import Path
import signal
import time

from .shell import wait_for


@dataclass(frozen=True)
class Stat:
    """What /proc/PID/stat tells of a live process."""

    pid: int
    state: str
    parent: int
    session: int
    start: int


def stat(pid: int) -> Stat | None:
    """Read one live process; None if there is none (a zombie is none)."""
    try:
        fields = Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    except (OSError, IndexError):
        return None
    if fields[0] in 'ZX':
        return None
    return Stat(pid, fields[0], int(fields[1]), int(fields[3]), int(fields[19]))


def all_stats() -> list[Stat]:
    """Read every live process of this PID namespace."""
    pids = [int(name) for name in os.listdir('/proc') if name.isdigit()]
    return [seen for pid in sorted(pids) if (seen := stat(pid))]


def recorded(pidfile: Path) -> tuple[int, int] | None:
    """The pid and start time that the file tells, alive or not."""
    try:
        pid, start = pidfile.read_text().split()
    except (OSError, ValueError):
        return None
    return int(pid), int(start)


def alive(pidfile: Path) -> int | None:
    """The recorded pid if that very process is alive."""
    known = recorded(pidfile)
    seen = stat(known[0]) if known else None
    return seen.pid if seen and known and seen.start == known[1] else None


def tree(root: int) -> list[int]:
    """The process, its descendants and its session, root first."""
    stats = all_stats()
    found = [root]
    members = {root}
    grown = True
    while grown:
        grown = False
        for seen in stats:
            if seen.pid not in members and (seen.parent in members or seen.session == root):
                members.add(seen.pid)
                found.append(seen.pid)
                grown = True
    return found


def ancestors() -> set[int]:
    """This process and those that started it."""
    found = {os.getpid()}
    seen = stat(os.getpid())
    while seen and seen.parent:
        found.add(seen.parent)
        seen = stat(seen.parent)
    return found


def send(pids: Iterable[int], sig: signal.Signals) -> None:
    """Send a signal to each; one that is gone meanwhile is no trouble."""
    for pid in pids:
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            continue


def freeze(pid: int) -> None:
    """Stop a process: when this returns, none of its threads does anything more.

    The signal alone takes its time on a busy machine: what was asked meanwhile was still answered.
    """
    os.kill(pid, signal.SIGSTOP)
    wait_for(f'the stop of process {pid}', lambda: all(
        map(_is_stopped, Path(f'/proc/{pid}/task').iterdir())), 5, 0.001)


def _is_stopped(task: Path) -> bool:
    try:
        return (task / 'stat').read_text().rpartition(')')[2].split()[0] in 'TtZX'
    except (FileNotFoundError, ProcessLookupError):
        return True


def kill_tree(root: int) -> None:
    """SIGKILL the process with all that it started; returns when they are gone."""
    pids = tree(root)
    send(pids, signal.SIGKILL)
    wait_for(f'the end of process {root}', lambda: not any(map(stat, pids)), 20, 0.01)


def end_trees(roots: list[int], grace: float = 10) -> None:
    """Ask all to end by SIGTERM, together; after the grace kill what is left."""
    pids = [pid for root in roots for pid in tree(root)]
    send(pids, signal.SIGCONT)
    send(roots, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline and any(map(stat, pids)):
        time.sleep(0.05)
    left = [pid for pid in pids if stat(pid)]
    send(left, signal.SIGKILL)
    wait_for('the end of killed processes', lambda: not any(map(stat, left)), 20, 0.02)


def memory_kib(pids: Iterable[int]) -> int:
    """The proportional memory of the processes in KiB."""
    total = 0
    for pid in pids:
        try:
            rollup = Path(f'/proc/{pid}/smaps_rollup').read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in rollup.splitlines() if line[:4] == 'Pss:')
    return total
