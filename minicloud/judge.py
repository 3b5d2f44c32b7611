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
"""The judgement: from what is on an instance's disk, did one writer at a time write it?

Pure: bytes and facts in, verdict out. The layout of the disk is told in data/writer.c. The disk
alone decides about writers; Nova is only asked whether the instance should be writing now.
"""

from dataclasses import dataclass, field, replace
import re

BLOCK = 512
JOURNAL = 1
RING = 1024
CONFLICTS = 2048
CONFLICTS_MAX = 256
AREA = (CONFLICTS + CONFLICTS_MAX) * BLOCK

_ENTRY = re.compile(r'(HEAD|LOG) n=(\d+) boot=([0-9a-f]+) ms=(\d+)$')


@dataclass(frozen=True)
class Write:
    """One write that a guest made: its number, the boot that made it, the wall clock."""

    n: int
    boot: str
    ms: int


@dataclass(frozen=True)
class Disk:
    """What one look found on a disk."""

    head: Write | None
    journal: tuple[Write, ...]
    conflicts: tuple[str, ...]
    damaged: tuple[int, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where an instance writes: a partition of an RBD image."""

    pool: str
    image: str
    sector: int


@dataclass(frozen=True)
class Expected:
    """What should be true of an instance, and whose it is."""

    uuid: str
    name: str
    host: str = ''
    status: str = ''
    power: str = ''
    role: str = 'plain'
    places: tuple[Place, ...] = ()

    @property
    def must_grow(self) -> bool:
        """Ordinary instances always write; a paused or stopped one when it runs again.

        One with a disk on its host's own storage dies with that host.
        """
        if self.role == 'local':
            return False
        if self.role in ('off', 'paused'):
            return self.power == 'running' and self.status == 'ACTIVE'
        return True

    @property
    def must_rest(self) -> bool:
        """Nova says that it does not run: then nobody may write to its disk."""
        return self.status in ('SHUTOFF', 'PAUSED') and self.power != 'running'


@dataclass(frozen=True)
class Handover:
    """The last change of the writer. The gap is good to about a second: see data/writer.c."""

    gap_seconds: float
    counter_before: int
    counter_after: int
    boot_before: str
    boot_after: str


@dataclass(frozen=True)
class Judgement:
    """The verdict on one instance with all its figures."""

    expected: Expected
    verdict: str
    reasons: tuple[str, ...]
    counter: int = 0
    boot: str = ''
    growing: bool = False
    grown: int = 0
    conflicts: int = 0
    writers: int = 0
    handover: Handover | None = None
    conflict_records: tuple[str, ...] = field(default=(), repr=False)


def parse(area: bytes) -> Disk:
    """Decode the writer's partition; a block that is neither empty nor ours is damaged."""
    damaged = []

    def entry(number: int, kind: str) -> Write | None:
        line = _line(area, number)
        found = _ENTRY.match(line)
        if found and found[1] == kind:
            return Write(int(found[2]), found[3], int(found[4]))
        if line:
            damaged.append(number)
        return None

    head = entry(0, 'HEAD')
    journal = []
    for number in range(JOURNAL, JOURNAL + RING):
        write = entry(number, 'LOG')
        if write and JOURNAL + write.n % RING != number:
            damaged.append(number)
        elif write:
            journal.append(write)
    journal.sort(key=lambda write: write.n)
    lines = (_line(area, CONFLICTS + slot) for slot in range(CONFLICTS_MAX))
    conflicts = tuple(line for line in lines if line)
    return Disk(head, tuple(journal), conflicts, tuple(damaged))


def runs(journal: tuple[Write, ...]) -> list[list[Write]]:
    """Cut the journal, sorted by number, where the boot changes."""
    found: list[list[Write]] = []
    for write in journal:
        if found and found[-1][-1].boot == write.boot:
            found[-1].append(write)
        else:
            found.append([write])
    return found


def handover(journal: tuple[Write, ...]) -> Handover | None:
    """The last change of the writer that the journal still holds."""
    cut = runs(journal)
    if len(cut) < 2:
        return None
    before, after = cut[-2][-1], cut[-1][0]
    gap = (after.ms - before.ms) / 1000
    return Handover(gap, before.n, after.n, before.boot, after.boot)


def one_writer_at_a_time(disk: Disk) -> list[str]:
    """Tell every sign on one disk that two wrote, or that the past was overwritten."""
    found = []
    if disk.conflicts:
        found.append(f'{len(disk.conflicts)} conflict records')
    order = [run[0].boot for run in runs(disk.journal)]
    mixed = sorted({boot for boot in order if order.count(boot) > 1})
    if mixed:
        found.append(f'writers take turns: {", ".join(mixed)}')
    if disk.damaged:
        found.append(f'{len(disk.damaged)} damaged blocks, first {disk.damaged[0]}')
    last = disk.journal[-1].n if disk.journal else 0
    head = disk.head.n if disk.head else 0
    # The journal is written first: a writer that dies in between leaves it one ahead.
    if not head <= last <= head + 1:
        found.append(f'the head says {head}, the journal {last}')
    return found


def judge(expected: Expected, first: Disk | str, second: Disk | str) -> Judgement:
    """Judge one instance by two looks at its disk; a look that failed is its reason, as text."""
    if isinstance(first, str) or isinstance(second, str):
        trouble = first if isinstance(first, str) else second
        return Judgement(expected, 'RED', (f'the disk was not read: {trouble}',))
    reasons = one_writer_at_a_time(second)
    begin = first.head.n if first.head else 0
    head = second.head or Write(0, '', 0)
    grown = head.n - begin
    if grown < 0:
        reasons.append(f'the counter went back from {begin} to {head.n}')
    if expected.must_grow and grown <= 0:
        reasons.append('the counter does not grow')
    if expected.must_rest and grown > 0:
        reasons.append(f'it is {expected.status}, and somebody writes')
    return Judgement(
        expected,
        'RED' if reasons else 'GREEN',
        tuple(reasons),
        counter=head.n,
        boot=head.boot,
        growing=grown > 0,
        grown=grown,
        conflicts=len(second.conflicts),
        writers=len({write.boot for write in second.journal}),
        handover=handover(second.journal),
        conflict_records=second.conflicts,
    )


def judge_all(
    expected: Expected, first: tuple[Disk | str, ...], second: tuple[Disk | str, ...]
) -> Judgement:
    """Judge one instance by all its disks: the figures are those of its root disk."""
    root, *others = [judge(expected, *looks) for looks in zip(first, second, strict=True)]
    reasons = [*root.reasons, *(f'{place.pool}/{place.image}: {reason}' for place, one in zip(
        expected.places[1:], others, strict=True) for reason in one.reasons)]
    return replace(
        root,
        verdict='RED' if reasons else 'GREEN',
        reasons=tuple(reasons),
        growing=root.growing and all(one.growing for one in others),
        conflicts=root.conflicts + sum(one.conflicts for one in others),
        conflict_records=sum((one.conflict_records for one in others), root.conflict_records),
    )


def _line(area: bytes, number: int) -> str:
    raw = area[number * BLOCK : (number + 1) * BLOCK].rstrip(b'\0')
    return raw.decode('ascii', 'replace').rstrip('\n')
