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

"""What of hosts and instances could not be judged or fenced rightly, and why: while all is well.

Each of these is harmless until its host dies, and then it is too late.  So it is found, told and
listed while everybody lives.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
import dataclasses
from dataclasses import dataclass, field
import enum

from kaopu_ha.core import addresses, model, reminding, texts
from kaopu_ha.core.addresses import Claims
from kaopu_ha.core.model import Power


class Reason(enum.Enum):
    """Why something is not protected."""

    NO_AGENT = 'no agent'
    NO_INVENTORY = 'no readable inventory'
    NO_SERVICE = 'no compute service'
    NO_ADDRESS = 'no storage address'
    OUTSIDE = 'address in no client network'
    CLAIMED_TWICE = 'address claimed twice'
    STRANGER = 'client of nobody'
    UNSEEN = 'clients do not answer'
    WITHOUT_DISK = 'guest without its disk'
    STUCK = 'guest stuck'
    HUNG = 'guest hung'
    COMPUTE_GONE = 'nova-compute not running'
    LASTING_BEAT = 'beat without an end'
    NOT_KEPT_UP = 'inventory not kept up'
    UNKNOWN_IMAGE = 'image unknown'
    NO_CLUSTER = 'disk on no known cluster'
    LOCAL_DISK = 'local disk'
    NO_DISK = 'disks unknown'
    NO_ROOM = 'no room elsewhere'
    NO_TARGET = 'no host for it'
    DOUBTFUL = 'no sure host'
    NOT_FENCED = 'may not be fenced'
    NOT_CONDEMNED = 'never condemned'
    NOT_IN_NOVA = 'unknown to Nova'
    STATE = 'its state'
    JUDGED = 'host under judgement'
    ON_HOLD = 'host on hold'
    NOBODY_LEADS = 'nobody leads'
    NOBODY_WORKS = 'no worker'


# How an agent begins the name of a disk on RBD of which it knows no cluster.
_RBD = 'rbd:'


@dataclass(frozen=True)
class Unprotected:
    """A host (all of it, or the named instances of it) that is not protected, with the reason."""

    host: str
    reason: Reason
    text: str
    instances: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    """What Ceph said of a host that beats.  ``strangers``: live clients at addresses of nobody.

    ``silent``: its instances are on, and no client of its acknowledged.  ``mute``: the names of
    those of its instances that are on and have a disk that none did, ``long_mute`` in the last two
    samples.
    """

    strangers: tuple[str, ...] = ()
    silent: bool = False
    mute: frozenset[str] = frozenset()
    long_mute: tuple[str, ...] = ()


def sample(inventory: model.Inventory, said: model.Evidence, before: Sample) -> Sample:
    """What Ceph said now.  An instance that is just started or stopped is mute once, not twice.

    Who runs has all of its disks open, each by a client of its own: one of them may have been
    fenced alone, and no other disk speaks for it.
    """
    silent = {line.asked for line in said.answers if line.sign is model.Sign.SILENCE}
    mute = frozenset(
        instance.name for instance in inventory.instances if instance.power is not Power.OFF
        and any(f'{image.pool}/{image.name}' in silent for image in instance.images))
    return Sample(said.strangers, said.sign is model.Sign.SILENCE, mute,
                  tuple(sorted(mute & before.mute)))


@dataclass(frozen=True)
class Seen:
    """What a leader knows of all hosts.

    ``services``: Nova's by host, None if it was not asked or did not say.  ``behind``: the hosts
    whose beat says that their inventory is not kept up, and why.  ``lasting``: the hosts whose beat
    would outlive them.  ``unreadable``: those that have an inventory which can't be read.
    ``cases``: those on which a case is open.
    """

    inventories: Mapping[str, model.Inventory]
    beating: frozenset[str] = frozenset()
    behind: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, model.ComputeService] | None = None
    claims: Claims = field(default_factory=dict)
    samples: Mapping[str, Sample] = field(default_factory=dict)
    lasting: frozenset[str] = frozenset()
    unreadable: frozenset[str] = frozenset()
    cases: Mapping[str, model.Case] = field(default_factory=dict)


def unprotected(seen: Seen, rules: model.Rules) -> tuple[Unprotected, ...]:
    """Everything that is not protected, by host; of one that is being judged its case tells."""
    found = [*_strange_to_nova(seen), *_without_inventory(seen)]
    owners = addresses.owners(seen.inventories)
    for host, inventory in seen.inventories.items():
        found += _addresses(inventory, owners, seen.claims, rules)
        found += _images(inventory)
        if host in seen.beating:
            found += _sampled(host, seen.samples.get(host, Sample()))
            found += (*_stuck(inventory), *_hung(inventory, rules), *_without_compute(inventory))
        if host in seen.lasting:
            found.append(Unprotected(
                host, Reason.LASTING_BEAT, 'its beat has no lease, so no agent wrote it: when the '
                'host dies it goes on, and nobody looks; delete the key, and start the agent'))
        if seen.behind.get(host):
            found.append(Unprotected(host, Reason.NOT_KEPT_UP, f'what it tells of its instances '
                                     f'is old: {seen.behind[host]}'))
    return tuple(sorted(still_to_be_judged(found, seen.cases),
                        key=lambda item: (item.host, item.reason.value, item.text)))


def still_to_be_judged(found: Iterable[Unprotected],
                       cases: Mapping[str, model.Case]) -> Iterator[Unprotected]:
    """Leave out the hosts that may be dead: what is said of them is of one that lives.

    A host that died just now has no live clients, of course; its case says what is so.  One that
    lives without its agent stays: nothing else tells what will be missing when it dies.
    """
    return (item for item in found if item.host not in cases
            or cases[item.host].verdict is model.Verdict.ALIVE)


def on_now(inventory: model.Inventory) -> model.Inventory:
    """The inventory with what really is on: clients of what went off are not missed."""
    if inventory.leaving:
        return dataclasses.replace(inventory, instances=())
    return dataclasses.replace(inventory, interrupted=(), off_lately=())


def away(inventories: Mapping[str, model.Inventory], beating: Iterable[str]) -> tuple[str, ...]:
    """The hosts that beat and do not reach all of their storage, sorted."""
    return tuple(sorted(host for host in beating if host in inventories and any(
        sign is not model.Sign.LIFE for sign in inventories[host].storage.values())))


def brief(item: Unprotected) -> Unprotected:
    """The same as it is written down: however many instances, and whatever they are called."""
    return dataclasses.replace(
        item, text=texts.bounded(item.text, texts.LINE_BYTES_MAX),
        instances=tuple(map(texts.bounded, item.instances[:texts.NAMES_MAX])))


# ---------------------------------------------------------------- one kind after another


def _strange_to_nova(seen: Seen) -> Iterator[Unprotected]:
    """Hosts that only one side knows; a service that is disabled takes no instances."""
    known = seen.inventories.keys() | seen.unreadable | seen.beating
    services = seen.services or {}
    unserved = seen.beating & set(seen.inventories) - set(services)
    for host, service in services.items():
        if host not in known and service.enabled:
            its = _twin(host, unserved)
            told = (f'an agent that calls itself {its} tells of it: set [DEFAULT] host = {host} '
                    f'there' if its else 'no agent ever told of it')
            yield Unprotected(host, Reason.NO_AGENT, f'it is a compute host of Nova\'s, and '
                              f'{told}: it is not judged, fenced or recovered')
    for host in sorted(unserved) if services else ():
        its = _twin(host, set(services) - known)
        yield Unprotected(host, Reason.NO_SERVICE, 'Nova has no compute service of this name: its '
                          'instances would not be found; ' + (
                              f'Nova calls it {its}: set [DEFAULT] host = {its} for the agent, '
                              f'then forget {host}' if its else
                              'does the agent use another name than nova-compute?'))


def _twin(host: str, others: Collection[str]) -> str:
    """The only one of these that is the short or the full name of the host; '' if none is."""
    found = [other for other in others if _is_short_for(host, other) or _is_short_for(other, host)]
    return found[0] if len(found) == 1 else ''


def _is_short_for(short: str, full: str) -> bool:
    """Names in capitals are the same: DNS says so, Nova does not."""
    return full.lower() == short.lower() or full.lower().startswith(f'{short.lower()}.')


def _without_inventory(seen: Seen) -> Iterator[Unprotected]:
    """Hosts with an agent whose word does not arrive."""
    for host in sorted(seen.unreadable):
        yield Unprotected(host, Reason.NO_INVENTORY, 'what its agent wrote of it can\'t be read '
                          '(the news "unreadable record" say why): it is not judged, fenced or '
                          'recovered')
    for host in sorted(seen.beating - seen.unreadable - frozenset(seen.inventories)):
        yield Unprotected(host, Reason.NO_INVENTORY, 'its agent beats, but has written nothing of '
                          'it (its log says why): it is not judged, fenced or recovered')


def _addresses(inventory: model.Inventory, owners: Mapping[str, frozenset[str]], claims: Claims,
               rules: model.Rules) -> Iterator[Unprotected]:
    host = inventory.host
    if not inventory.storage_addresses:
        yield Unprotected(host, Reason.NO_ADDRESS, 'it has no address in a client network: its '
                          'storage is never silent, and it can\'t be fenced')
    for address in inventory.storage_addresses:
        if not addresses.lies_in(address, rules.client_networks):
            yield Unprotected(host, Reason.OUTSIDE, f'Ceph sees it at {address}, which is in no '
                              f'client network: if it dies, nothing of it is moved '
                              f'([ceph] client_networks)')
        rivals = owners[addresses.spelling(address)]
        elder = addresses.elder(address, rivals, claims)
        if len(rivals) > 1 and elder != host:
            yield Unprotected(host, Reason.CLAIMED_TWICE, f'it claims {address}, which {elder} '
                              f'claimed before: if that one is fenced, it is cut off there, too')


def _images(inventory: model.Inventory) -> Iterator[Unprotected]:
    on = [instance for instance in inventory.instances if instance.power is not Power.OFF]
    # Of ten thousand hosts these are many, and nearly all are well.
    headers = {image.header for instance in on for image in instance.images}
    lost = [instance for instance in on if any(not image.header for image in instance.images)
            ] if '' in headers else []
    if lost:
        names = tuple(sorted(instance.name for instance in lost))
        yield Unprotected(inventory.host, Reason.UNKNOWN_IMAGE, 'the id of an image could not be '
                          f'read, so its clients can\'t be asked: {texts.few(names)}', names)
    lost = [instance for instance in on if instance.local_disks
            and any(disk.startswith(_RBD) for disk in instance.local_disks)]
    if lost:
        names = tuple(sorted(instance.name for instance in lost))
        disks = tuple(sorted({disk.removeprefix(_RBD) for instance in lost
                              for disk in instance.local_disks if disk.startswith(_RBD)}))
        yield Unprotected(inventory.host, Reason.NO_CLUSTER, f'a disk can\'t be fenced, so '
                          f'nobody moves {texts.few(names)}: {texts.few(disks)}', names)


def _stuck(inventory: model.Inventory) -> Iterator[Unprotected]:
    """Nova shows such a guest active, and nobody else tells of it."""
    if inventory.stuck:
        names = tuple(sorted(one.name for one in inventory.instances
                             if one.uuid in inventory.stuck))
        yield Unprotected(inventory.host, Reason.STUCK, f'an I/O error of a disk paused '
                          f'{texts.few(names)}: when the storage takes its writes '
                          f'again (a full pool, most often), virsh resume there, or reboot it '
                          f'(hard)', names)


def _hung(inventory: model.Inventory, rules: model.Rules) -> Iterator[Unprotected]:
    """Nova shows such a guest active, too."""
    if inventory.hung and rules.on_hung is not model.OnHung.LEAVE:
        names = tuple(sorted(one.name for one in inventory.instances
                             if one.uuid in inventory.hung))
        yield Unprotected(inventory.host, Reason.HUNG, f'{texts.few(names)} did not feed the '
                          f'watchdog, which paused it: see its console, then reboot it (hard)',
                          names)


def _without_compute(inventory: model.Inventory) -> Iterator[Unprotected]:
    """Nova shows it down, and nobody else tells of it; nobody disables it: it is no target."""
    if inventory.compute_gone:
        yield Unprotected(inventory.host, Reason.COMPUTE_GONE, 'its agent has not seen a '
                          'nova-compute run there for more than a minute: Nova starts and stops '
                          'nothing there, and it is no target; systemctl status nova-compute')


def _sampled(host: str, sample: Sample) -> Iterator[Unprotected]:
    if sample.strangers:
        ips = tuple(sorted({addresses.ip_of(client) for client in sample.strangers}))
        yield Unprotected(host, Reason.STRANGER, f'a live client at {texts.few(ips)} has a disk of '
                          'its open, and that is no known host\'s address and no tool\'s: while it '
                          'does, this host is not condemned (kaopu-ha tool add, if it is one)')
    if sample.silent:
        yield Unprotected(host, Reason.UNSEEN, 'its instances are on, but Ceph sees no live '
                          'client of it: management alone would judge it')
    elif sample.long_mute:
        names = sample.long_mute
        yield Unprotected(host, Reason.WITHOUT_DISK, f'on, but of a disk of it Ceph sees no live '
                          f'client at this host: {texts.few(names)}: if it came while another host '
                          f'was fenced, it was fenced, too: reboot it (hard)', names)


# ---------------------------------------------------------------- when it is told


Memory = Mapping[tuple[str, str], reminding.Open]

# What is found once may be a host that is being started: it is told in the second look.
_LOOKS = 2


@dataclass(frozen=True)
class DueNews:
    """What is to be told now: what is not protected, what is again; and what to remember."""

    due: tuple[Unprotected, ...]
    over: tuple[tuple[str, Reason], ...]
    memory: Memory


def telling(memory: Memory, found: Iterable[Unprotected], now: float, rules: model.Rules,
            away: Collection[str] = ()) -> DueNews:
    """Say what was found twice in a row, and again every ``remind_again`` seconds.

    Of hosts that are ``away`` nothing is over: a host that died is not protected again by that.
    """
    by_key: dict[tuple[str, str], Unprotected] = {}
    for item in found:
        # Of two addresses one sentence is enough; the list has both.
        by_key.setdefault((item.host, item.reason.name), item)
    due, kept = reminding.reminded(memory, by_key, now, again_seconds=rules.remind_again,
                                   ripe=lambda one: one.looks >= _LOOKS)
    kept |= {key: one for key, one in memory.items() if key[0] in away and key not in kept}
    over = tuple((host, Reason[name]) for (host, name), one in sorted(memory.items())
                 if one.told is not None and (host, name) not in kept)
    return DueNews(tuple(item for key, item in by_key.items() if key in due), over, kept)
