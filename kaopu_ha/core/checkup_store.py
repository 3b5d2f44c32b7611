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

"""What etcd's answers are worth before an incident: members, room, former values, rights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kaopu_ha.core.checkup import Finding, good, unasked, weak, wrong

# etcd's own, if it was not told another; before 3.6 it does not say which it has.
QUOTA_BYTES = 2 * 1024 ** 3
_FULL, _FILLS = 0.8, 0.6
# A cluster that compacts by the hour has done so long before it was written to so often.
_WRITTEN_WRONG, _WRITTEN_WEAK = 10_000, 1_000
_KEPT_MAX = 1_000_000
# The releases in which members may differ for good after a crash.
_INCONSISTENT = ('3.5.0', '3.5.1', '3.5.2')
_UPKEEP = 'see the page on etcd\'s upkeep'


@dataclass(frozen=True)
class MemberStatus:
    """A member as it was asked at its address; ``trouble``: why it did not answer."""

    address: str
    version: str = ''
    file_bytes: int = 0
    quota_bytes: int = 0
    trouble: str = ''


def members(asked: Sequence[MemberStatus], in_cluster: int) -> list[Finding]:
    """The members that are named, of so many in the cluster (0: it does not say)."""
    found: list[Finding] = []
    away = [one for one in asked if one.trouble]
    for one in away:
        found.append(weak(one.address, f'this member does not answer: {one.trouble}',
                          'with one more gone etcd may have no majority: nothing is decided then',
                          'start it, or correct [store] endpoints'))
    if in_cluster > len(asked):
        found.append(weak('[store] endpoints', f'it names {len(asked)} of {in_cluster} members',
                          'while these are away this machine finds no store, though it is there',
                          'name all members'))
    if in_cluster == 1:
        found.append(weak('etcd', 'it has one member',
                          'when that machine dies nothing is noticed and nothing moved, until it '
                          'is back', 'run three members on three machines'))
    versions = sorted({one.version for one in asked if one.version})
    if len(versions) > 1:
        found.append(weak('etcd', f'its members have several versions: {", ".join(versions)}',
                          'an upgrade that stopped half-way takes less than each of them can',
                          'bring all members to one version'))
    bad = [version for version in versions if version in _INCONSISTENT]
    if bad:
        found.append(weak('etcd', f'version {bad[0]} may lose its members\' agreement in a crash',
                          'two members tell two truths: a host may be judged by the older one',
                          'upgrade to 3.5.9 or later'))
    if away and len(away) == len(asked):
        return [unasked('etcd', away[0].trouble, 'nothing is decided without it',
                        'start it; look at [store] endpoints and certificates')]
    return found or [good('etcd', f'{len(asked)} members answer, version {", ".join(versions)}')]


def room(asked: Sequence[MemberStatus], alarms: Sequence[str] | None) -> list[Finding]:
    """How much of their quota the members' databases take, and their alarms (None: untold)."""
    found = [wrong('etcd', f'the alarm {alarm} stands',
                   'etcd takes no writes: nothing is decided, and no beat is taken up again',
                   f'compact, defragment, then etcdctl alarm disarm; {_UPKEEP}')
             for alarm in sorted(set(alarms or ()))]
    for one in asked:
        quota = one.quota_bytes or QUOTA_BYTES
        share = one.file_bytes / quota
        if share > _FILLS:
            make = wrong if share > _FULL else weak
            kept = '' if one.quota_bytes else ' (its default: it does not tell)'
            found.append(make(one.address, f'its database takes {share:.0%} of the quota of '
                              f'{quota / 1024 ** 3:.1f} GiB{kept}',
                              'when it is full etcd takes no writes: nothing is decided any more',
                              f'compact, defragment, raise the quota; {_UPKEEP}'))
    most = max((one.file_bytes for one in asked), default=0)
    told = 'it does not tell our user of alarms' if alarms is None else 'no alarm'
    return found or [good('etcd', f'its database takes {most / 1024 ** 2:.0f} MiB; {told}')]


def former_values(revision: int, oldest: int) -> list[Finding]:
    """How far back etcd keeps former values: from the revision ``oldest`` on, of ``revision``."""
    kept = revision - oldest
    advice = f'--auto-compaction-mode=periodic --auto-compaction-retention=1h; {_UPKEEP}'
    if oldest <= 1 and kept > _WRITTEN_WEAK:
        make = wrong if kept > _WRITTEN_WRONG else weak
        return [make('etcd', f'it has kept every value since it was made, {kept} changes',
                     'it grows until its quota is reached, and then nothing is decided any more',
                     advice)]
    if kept > _KEPT_MAX:
        return [weak('etcd', f'it keeps the last {kept} changes',
                     'it may reach its quota, and then nothing is decided any more', advice)]
    return [good('etcd', f'it keeps the last {kept} changes')]


def rights(user: str, refusal: str = '') -> list[Finding]:
    """May the user of this configuration write what a controller writes?  Not, if refused."""
    whose = f'etcd user {user}' if user else 'etcd user'
    if not refusal:
        return [good(whose, 'it may write')]
    return [wrong(whose, f'it may not write: {refusal}',
                  'a controller with this configuration never leads',
                  'give it the role of kaopu-ha secure etcd, or run this with the configuration '
                  'of a controller')]


