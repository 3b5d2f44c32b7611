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

"""What Ceph's answers are worth before an incident: its blocklist, its monitors, its pools."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
import ipaddress

from kaopu_ha.core import addresses, model, texts
from kaopu_ha.core.checkup import Finding, Seen, good, weak, wrong
from kaopu_ha.core.model import RecoveryStage, Stage

# Our own entries are made for ten years; what others list (librbd, for one) ends within the day.
_LASTING_SECONDS = 30 * 86400.0
_YEAR_SECONDS = 365 * 86400.0
_FENCED = (Stage.CONFIRMED, Stage.ADMITTING)


@dataclass(frozen=True)
class BlocklistEntry:
    """An entry of a blocklist: nonce 0 is every client at the address."""

    ip: str
    nonce: int
    seconds_left: float

    @property
    def is_whole(self) -> bool:
        """True if it is of every client at the address."""
        return not self.nonce


@dataclass(frozen=True)
class Monitor:
    """A monitor of the cluster's own map, with its addresses."""

    name: str
    addresses: tuple[str, ...]
    in_quorum: bool = True


# ---------------------------------------------------------------- the blocklist


def orders(seen: Seen, cluster: str) -> dict[str, tuple[str, ...]]:
    """The addresses, without nonces, that are to be listed now on this cluster, by host."""
    found = {}
    for case in seen.cases.values():
        recovery = seen.recoveries.get(case.recovery)
        unfenced = case.admit is not None and case.admit.unfenced
        if case.stage in _FENCED and recovery is not None and not unfenced:
            found[case.host] = tuple(sorted({
                model.Client(entry, 0, False).ip for order in recovery.orders
                if order.cluster == cluster for entry in order.addresses}))
    return found


def blocklist(entries: Sequence[BlocklistEntry], ranges: Iterable[str], seen: Seen,
              cluster: str) -> list[Finding]:
    """What is listed and should not be, and what should be and is not."""
    ordered = orders(seen, cluster)
    found = [*_of_the_living(entries, ranges, seen, ordered), *_missing(entries, seen, ordered),
             *_stray(entries, seen, ordered)]
    return found or [good(f'cluster {cluster}', f'{len(entries)} entries in the blocklist, of no '
                                                f'host that lives')]


def _of_the_living(entries: Iterable[BlocklistEntry], ranges: Iterable[str], seen: Seen,
                   ordered: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    owners = addresses.owners({host: one for host, one in seen.living.items()
                               if host not in ordered})
    listed = {addresses.spelling(entry.ip): f'{entry.ip}:0/0' for entry in entries
              if entry.is_whole}
    for network in ranges:
        for address in owners:
            if _lies_in(address, network):
                listed[address] = network
    for address in sorted(set(listed) & set(owners)):
        yield wrong(
            ', '.join(sorted(owners[address])),
            f'it lives, and its address {address} is on the blocklist ({listed[address]})',
            'its guests write to no disk, and it can take no instance of a dead host',
            f'if it was taken back in order: ceph osd blocklist rm {address}:0/0 (of a range: ceph '
            f'osd blocklist range rm), then look into its guests')


def _missing(entries: Iterable[BlocklistEntry], seen: Seen,
             ordered: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    left = {addresses.spelling(entry.ip): entry.seconds_left for entry in entries if entry.is_whole}
    for host, its in sorted(ordered.items()):
        if seen.recoveries[seen.cases[host].recovery].stage is RecoveryStage.FENCING:
            continue    # It is just being done, or told why not.
        absent = [ip for ip in its if addresses.spelling(ip) not in left]
        early = [ip for ip in its if 0 <= left.get(addresses.spelling(ip), -1) < _YEAR_SECONDS]
        if absent or early:
            what = f'{", ".join(absent)} not listed' if absent else (
                f'{", ".join(early)} listed, but not for long')
            yield wrong(host, f'it was confirmed dead and is to be fenced, but {what}',
                        'what still lives there writes again beside the copy elsewhere',
                        'the leader lists it anew within seconds: if it does not, look at '
                        f'kaopu-ha explain {host}')


def _stray(entries: Iterable[BlocklistEntry], seen: Seen,
           ordered: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    wanted = {addresses.spelling(ip) for its in ordered.values() for ip in its}
    living = addresses.owners(seen.living)
    stray = sorted(entry.ip for entry in entries if entry.is_whole
                   and entry.seconds_left > _LASTING_SECONDS
                   and addresses.spelling(entry.ip) not in {*wanted, *living})
    if stray:
        yield weak(
            texts.few(stray), 'on the blocklist for years, and no recovery has ordered it',
            'a host that comes up there has no disks: its guests do not start',
            'if nobody knows it (a lost etcd, a host that was forgotten): ceph osd blocklist rm '
            f'{stray[0]}:0/0')


# ---------------------------------------------------------------- monitors


def monitors(conf: str, named: Mapping[str, Collection[str]],
             there: Sequence[Monitor]) -> list[Finding]:
    """Compare the monitors that a ceph.conf names, with their addresses, to the cluster's map."""
    known = {address: each.name for each in there for address in each.addresses}
    strange = sorted(name for name, its in named.items() if not set(its) & set(known))
    found = {known[address] for its in named.values() for address in its if address in known}
    unnamed = sorted(each.name for each in there if each.name not in found)
    away = sorted(each.name for each in there if not each.in_quorum)
    told = []
    if strange and named:
        told.append(weak(conf, f'it names {texts.few(strange)}, where the cluster has no monitor',
                         'a client that starts asks there in vain, and may be too late',
                         'write the addresses of "ceph mon dump" into mon_host'))
    if named and len(there) > 1 and len(found) < 2:
        told.append(weak(conf, f'of {len(there)} monitors it names {len(found)}; it lacks '
                               f'{texts.few(unnamed)}',
                         'while that one is away no process that starts finds the cluster: nothing '
                         'is judged, and nothing fenced',
                         'write the addresses of "ceph mon dump" into mon_host'))
    if away:
        rest = len(there) - len(away)
        told.append(weak(conf, f'{texts.few(away)} not in quorum, {rest} of {len(there)} are',
                         'with more of them gone nothing can be fenced, and so nothing moves',
                         'ceph quorum_status; start them'))
    return told or [good(conf, f'{len(there)} monitors, all in quorum; the file names '
                               f'{len(found) or "none (by DNS)"}')]


# ---------------------------------------------------------------- pools


def images(seen: Seen, cluster: str) -> dict[str, model.Image]:
    """An image of each pool of this cluster in which a living host has one open."""
    found: dict[str, model.Image] = {}
    for inventory in seen.living.values():
        for image in inventory.images:
            if image.cluster == cluster and image.header:
                found.setdefault(image.pool, image)
    return found


def unread(seen: Seen) -> list[Finding]:
    """The disks whose id no agent could read, by host."""
    found = []
    for host, inventory in sorted(seen.living.items()):
        its = [f'{image.pool}/{image.name}' for image in inventory.images if not image.header]
        if its:
            found.append(wrong(
                host, f'its agent could not read the id of {texts.few(its)}',
                'the instances with these disks are not recovered',
                'name the pool in [ceph] pools, and give the agents\' user what kaopu-ha secure '
                'ceph prints'))
    return found


def _lies_in(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
