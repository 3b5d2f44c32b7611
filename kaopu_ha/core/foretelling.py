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

"""What the leader foretells while all is well: told when it stays, ended when it stays away.

Room comes and goes with every server that somebody boots.  What is found twice in a row is listed,
and stays listed until it was missed twice in a row: both at the pace of the looks ahead, which is
minutes.  An instance without a place, now for one reason and now for another, is without one all
the time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
import dataclasses
from dataclasses import dataclass

from kaopu_ha.core.protection import Reason, Unprotected

_TIMES = 2
# Found anyway while nothing is foretold, or said by a person, or of a host of which its case tells.
_NOT_FORETOLD = frozenset({
    Reason.NO_AGENT, Reason.NO_INVENTORY, Reason.NO_SERVICE, Reason.NO_ADDRESS, Reason.OUTSIDE,
    Reason.STRANGER, Reason.STUCK, Reason.HUNG, Reason.COMPUTE_GONE, Reason.LASTING_BEAT,
    Reason.UNKNOWN_IMAGE, Reason.NO_CLUSTER,
    Reason.JUDGED, Reason.ON_HOLD, Reason.NOBODY_LEADS, Reason.NOBODY_WORKS})
# Found at another pace, by what Ceph was asked.
_OF_CEPH = frozenset({Reason.CLAIMED_TWICE, Reason.UNSEEN, Reason.WITHOUT_DISK, Reason.NOT_KEPT_UP})
# Why nothing is a place for it: from one look to the next each may become another.
_NOWHERE = frozenset({Reason.NO_ROOM, Reason.NO_TARGET, Reason.DOUBTFUL})


@dataclass(frozen=True)
class Kept:
    """What was foretold last of a host for a reason.

    ``found`` and ``missed``: how often in a row; one of them is 0.
    """

    item: Unprotected
    found: int = 1
    missed: int = 0
    listed: bool = False


Memory = Mapping[tuple[str, Reason], Kept]


def taken_over(items: Iterable[Unprotected]) -> dict[tuple[str, Reason], Kept]:
    """The memory of a leader that begins: what the one before had listed stays for now."""
    return {(item.host, item.reason): Kept(item, _TIMES, 0, True) for item in items
            if item.reason not in _NOT_FORETOLD | _OF_CEPH}


def remembered(memory: Memory, looked_at: Collection[str], found: Iterable[Unprotected],
               known: Collection[str]) -> dict[tuple[str, Reason], Kept]:
    """The memory after a look at some hosts; of hosts that are not ``known`` any more nothing is
    kept.
    """
    now = {(item.host, item.reason): item for item in found if item.reason not in _NOT_FORETOLD}
    kept = {key: _looked_for(one, now.get(key)) if key[0] in looked_at else one
            for key, one in memory.items() if key[0] in known}
    new = {key: _begun(item, memory.values()) for key, item in now.items() if key not in kept}
    return {key: one for key, one in {**kept, **new}.items()
            if one.listed or not one.missed}


def listed(memory: Memory) -> tuple[Unprotected, ...]:
    """What is to be listed with all that is not protected."""
    return tuple(one.item for one in memory.values() if one.listed)


def _begun(item: Unprotected, memory: Iterable[Kept]) -> Kept:
    """What is found for the first time, if none of these was without a place for another reason."""
    before = [one.found for one in memory if item.reason in _NOWHERE
              and one.item.reason in _NOWHERE and one.item.host == item.host
              and not set(item.instances).isdisjoint(one.item.instances)]
    found = 1 + max(before, default=0)
    return Kept(item, found, 0, found >= _TIMES)


def _looked_for(one: Kept, item: Unprotected | None) -> Kept:
    if item is None:
        missed = one.missed + 1
        return dataclasses.replace(one, found=0, missed=missed,
                                   listed=one.listed and missed < _TIMES)
    found = one.found + 1
    return Kept(item, found, 0, one.listed or found >= _TIMES)
