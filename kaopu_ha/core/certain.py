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

"""What is certain of a move: of its target, of the clients of its disks, of its trace in Nova.

Each function gives a fact that a row of ``core.attempt`` asks for.  What was not asked, or was not
answered, makes nothing certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kaopu_ha.core import elsewhere, fencing, model, rivals
from kaopu_ha.core.addresses import NONE_KNOWN, Known, spelling
from kaopu_ha.core.model import Contact, Evacuation, Phase


@dataclass(frozen=True)
class Seen:
    """What the worker saw.

    ``seconds``: since this worker first saw the attempt; late after a takeover, never early.
    ``libvirt`` and ``images``: the target's, asked only when they matter (None: not asked).
    ``known``: whose the address of a live client is that is none of the target.
    ``elsewhere``: the hosts at whose addresses a client has an image open, or to which Nova was
    migrating it, with what libvirt says there of the domain: is it on, None if it did not say.
    ``harmless``: those that are fenced, or have no agent.
    ``there``: the instance as the target's agent tells of it (None: it does not), and ``now``: the
    answers of the disks that it has there (None: not told).  ``target_left``: that agent is alive,
    and tells that its domain there is off and older than the nova-compute ``target_started``.
    ``up_seconds``: for so long the target's nova-compute was seen up, at each look;
    ``runs_seconds``: for so long it certainly ran there, at each look.
    ``orders``: those by which the source is fenced, while that is proven.
    ``actions``: what users asked for it, newest first; only of one that Nova shows stopped.
    ``source_returned``: the source was booted since it was confirmed: Nova may have found it off.
    """

    server: model.Server | None
    migrations: Sequence[model.Migration] = ()
    seconds: float = 0.0
    libvirt: model.LibvirtAnswer | None = None
    images: Sequence[model.ImageAnswer] | None = None
    target_addresses: tuple[str, ...] = ()
    target_uuid: str = ''
    target_started: str = ''
    target_left: bool = False
    known: Known = NONE_KNOWN
    elsewhere: Mapping[str, bool | None] = field(default_factory=dict)
    harmless: frozenset[str] = frozenset()
    there: model.Instance | None = None
    now: Sequence[model.ImageAnswer] | None = None
    up_seconds: float = 0.0
    runs_seconds: float = 0.0
    source_returned: bool = False
    orders: tuple[model.FenceOrder, ...] = ()
    actions: tuple[model.Action, ...] = ()


def open_there(seen: Seen) -> bool:
    """True if a live client of the target has every disk open that the instance has now.

    A server that was rescued, or whose volume was detached or deleted since, has others than its
    old host told: the target's agent says which.  Until it does, those that still exist count.
    """
    if _on_there(seen) is False:
        # A sibling that shares the volume, or a tool, has it open.
        return False
    disks = seen.now or [answer for answer in seen.images or () if not answer.gone]
    return bool(disks) and all(
        any(client.acknowledged and _is_of_target(client, seen)
            for client in answer.clients) for answer in disks)


def foreign_clients(seen: Seen) -> tuple[model.Client, ...]:
    """The live clients of its images at addresses that the target does not tell of."""
    return tuple(client for answer in seen.images or () for client in answer.clients
                 if client.acknowledged and not _is_of_target(client, seen))


def _is_of_target(client: model.Client, seen: Seen) -> bool:
    return spelling(client.ip) in map(spelling, seen.target_addresses)


def stranger(seen: Seen) -> str:
    """The address of a live client that is no known host's and no tool's; '' if there is none.

    It may be a guest on a host that nobody knows, or at an address that its host did not tell.
    """
    return min((client.ip for client in foreign_clients(seen)
                if seen.known.is_nobodys(client.ip)), default='')


def silent_of_nobody(item: Evacuation, seen: Seen) -> tuple[model.Client, ...]:
    """The clients that are listed, do not answer, and may write again: nobody's, and not fenced.

    Or at an address of the source that is not cut, for a rival claims it, which accounts for none;
    or at one of hosts of which none has the instance, by its agent and by its libvirt.

    One may be a guest of the source, begun after its verdict at an address that nobody told.  If it
    was somebody else's, it is dead by now, and one client is refused (decision 0035).
    """
    found = silent(item.source, seen.images or (), seen.orders, seen.known)
    return (*(client for client in found if not _is_of_target(client, seen)),
            *_disowned(item, seen))


def _disowned(item: Evacuation, seen: Seen) -> Iterator[model.Client]:
    """Those at addresses of hosts that have not the instance: see ``rivals.is_disowned``."""
    for client, answer in _silent_and_uncut(seen.images or (), seen.orders):
        if rivals.is_disowned(item.source, client, answer, seen.known) and all(
                seen.elsewhere.get(host) is False for host in seen.known.whose(client.ip)):
            yield client


def silent(source: str, answers: Iterable[model.ImageAnswer], orders: Sequence[model.FenceOrder],
           known: Known) -> tuple[model.Client, ...]:
    """Those, of these disks of the source, wherever they go."""
    return tuple(client for client, answer in _silent_and_uncut(answers, orders)
                 if known.is_nobodys(client.ip)
                 or rivals.may_be_of(source, client, answer, known))


def knows(answer: model.LibvirtAnswer, host_uuid: str, instance: str) -> bool | None:
    """Does this host's libvirt know the instance's domain?  None if the host itself did not say."""
    if answer.contact is not Contact.ANSWERED or answer.host_uuid.lower() != host_uuid.lower():
        return None
    return instance in answer.domains


def runs_by(answer: model.LibvirtAnswer, host_uuid: str, instance: str) -> bool | None:
    """Is the instance's domain on there?  None if the host itself did not say.

    One that is known and off is left there, and writes nothing; what receives a migration is on.
    """
    known = knows(answer, host_uuid, instance)
    return instance in answer.running if known and answer.running is not None else known


def nobody_there(seen: Seen) -> bool:
    """True if it is certain that the target does not run it: no domain, and no client answers."""
    return _domain_there(seen) is False and _no_client_there(seen)


def absent_there(seen: Seen) -> bool:
    """True if the target's libvirt does not know it, whoever else there has one of its disks open.

    That may be a sibling that shares a volume with it, or a tool: it can't be the instance.
    """
    return _domain_there(seen) is False


def runs_there(seen: Seen) -> bool:
    """True if it is certain that it runs on the target, whatever Nova shows.

    An open disk alone does not say so: a tool reads, and a sibling writes a volume that they share.
    So its host has to say that it is on: its libvirt, or its agent where that does not.
    """
    told = seen.there.power is not model.Power.OFF if seen.there is not None else None
    on = _on_there(seen)
    return (_domain_there(seen) is True and open_there(seen) and told is not False
            and bool(told if on is None else on))


def off_there(seen: Seen) -> bool:
    """True if the target knows the domain, and it is off, or no client of it answers: it came."""
    return _domain_there(seen) is True and (_on_there(seen) is False or _no_client_there(seen))


def restarted(item: Evacuation, seen: Seen) -> bool:
    """True if the nova-compute that was called has ended: what it had begun, it does not end.

    But the call may have lain in its queue, for the one that runs now to begin with.
    """
    before = item.attempt.target_started if item.attempt else ''
    return bool(before and seen.target_started) and before != seen.target_started


def _domain_there(seen: Seen) -> bool | None:
    if seen.libvirt is None or seen.server is None:
        return None
    return knows(seen.libvirt, seen.target_uuid, seen.server.uuid)


def _on_there(seen: Seen) -> bool | None:
    """Is its domain on, as libvirt on the target says?  None if it does not say."""
    known = _domain_there(seen)
    if not known or seen.libvirt is None or seen.libvirt.running is None:
        return known if known is False else None
    return seen.server is not None and seen.server.uuid in seen.libvirt.running


def _no_client_there(seen: Seen) -> bool:
    asked = bool(seen.images) and not unasked(seen.images)
    return asked and not stranger(seen) and not any(
        client.acknowledged and _is_of_target(client, seen)
        for answer in seen.images or () for client in answer.clients)


def unasked(answers: Sequence[model.ImageAnswer] | None) -> bool:
    """True if some images could not be asked.  One that is gone was: nobody has it open."""
    return answers is None or any(answer.error and not answer.gone for answer in answers)


def live_clients_on(seen: Seen) -> tuple[str, ...]:
    """Every host that claims an address at which a live client has one of the images open, sorted.

    Not one of which a rival there accounts for the client: see ``core.rivals``.

    The source is one of them only if its fence does not hold: a fenced client can't answer.
    """
    return tuple(sorted({
        host for answer in seen.images or () for client in answer.clients if client.acknowledged
        for host in rivals.not_ruled_out(client, answer, seen.images or (), seen.known)}))


def running_on(seen: Seen) -> str:
    """Another host on which the instance may run; empty if there is none.

    A live client there is a guest that a live migration brought far, or a tool that reads: the
    host's libvirt decides, and one that does not say is no answer (``contributor/method.rst``).
    Of several hosts that claim its address every one has to say no.
    """
    return next((host for host in live_clients_on(seen)
                 if seen.elsewhere.get(host) is not False), '')


def silent_on(item: Evacuation, seen: Seen) -> tuple[str, ...]:
    """Every host on which it may run unseen, and write again, sorted.

    A client of that host is listed, does not answer, and is not fenced; or Nova shows that the
    instance was being migrated there when its source died.  Nova writes the end of that down after
    the guest is over, and Ceph lists a client that it does not hear for half a minute only.
    """
    clients = {host for client, _ in _silent_and_uncut(seen.images or (), seen.orders)
               for host in seen.known.whose(client.ip)}
    came = elsewhere.migrated_to(seen.migrations, item.source)
    if item.phase is not Phase.QUEUED:
        clients.discard(item.target)
    return tuple(sorted((clients | (set(came) - {item.target})) - {item.source}))


def may_run_on(item: Evacuation, seen: Seen) -> str:
    """One of the hosts that are silent with it, and do not say that they have it not; or ''."""
    return next((host for host in silent_on(item, seen) if host not in seen.harmless
                 and seen.elsewhere.get(host) is not False), '')


def fresh_migrations(item: Evacuation, seen: Seen) -> tuple[model.Migration, ...]:
    """The evacuation records that came since the attempt was committed: its trace in Nova."""
    before = item.attempt.seen_before if item.attempt else ()
    return tuple(migration for migration in seen.migrations
                 if migration.kind == 'evacuation' and migration.id not in before)


def _silent_and_uncut(answers: Iterable[model.ImageAnswer], orders: Sequence[model.FenceOrder]
                      ) -> Iterator[tuple[model.Client, model.ImageAnswer]]:
    """The clients that do not answer, and may write again, each with what its disk answered."""
    return ((client, answer) for answer in answers for client in answer.clients
            if not client.acknowledged
            and not fencing.cuts(orders, answer.image.cluster, client))
