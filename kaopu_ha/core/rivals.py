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

"""Whose is a client at an address that several hosts claim?

::

    a live client of the image, at an address of the suspect
    only younger claims beside its own               the suspect's: LIFE
    a rival's, which beats, tells that it has the    may be the rival's: it says nothing of the
    image open, by as many guests as clients answer  suspect, and is not cut with it
    a rival's, which tells nothing of the image,     nobody can tell whose: no LIFE, and no SILENCE
    or of fewer guests, or does not beat             while it answers; a person's word decides

A rival is who claims the address, and not certainly after the suspect.  A word of it takes only
clients out of the count: who is condemned is condemned by the silence of others of its guests.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
import dataclasses

from kaopu_ha.core import model, texts
from kaopu_ha.core.addresses import Claims, Known, neighbours, spelling

# Of the addresses, and of the hosts, in one sentence.
_TOLD_MAX = 3


def is_contested(suspects: Iterable[model.Inventory], known: Known) -> bool:
    """True if another host claims an address of one of these, too."""
    return any(len(known.whose(address)) > 1 for suspect in suspects
               for address in suspect.storage_addresses)


def are_contested(answers: Iterable[model.ImageAnswer], known: Known) -> bool:
    """True if one of these clients is at an address that several hosts claim."""
    return any(len(known.whose(client.ip)) > 1 for answer in answers for client in answer.clients)


def told(known: Known, images: Collection[model.Image],
         inventories: Collection[model.Inventory], claims: Claims) -> Known:
    """The same, with who has these images open by the word of its agent, and since when who claims.

    ``inventories``: of the hosts that beat, and keep them up.
    """
    wanted, holders = set(images), dict[model.Image, dict[str, int]]()
    # All instances of all hosts are looked through: a text is compared sooner than an image.
    headers = {image.header for image in wanted}
    for inventory in inventories:
        for instance in inventory.instances:
            if headers.isdisjoint([image.header for image in instance.images]):
                continue
            for image in wanted & set(instance.images):
                if instance.power is not model.Power.OFF:
                    count = holders.setdefault(image, {})
                    count[inventory.host] = count.get(inventory.host, 0) + 1
    return dataclasses.replace(known, holders=holders, claims=claims, told_by=frozenset(
        inventory.host for inventory in inventories))


def of(host: str, client: model.Client, known: Known) -> frozenset[str]:
    """The rivals of the host at the address of this client."""
    return neighbours(host, spelling(client.ip), known.whose(client.ip), known.claims)


def accounted_for(host: str, answer: model.ImageAnswer, known: Known) -> frozenset[model.Client]:
    """The clients at addresses of the host for which a rival accounts, who has the image open.

    It has as many of them as it has guests with the image, those first that answer.  If more
    answer at its addresses than it can have, it accounts for none.
    """
    found: set[model.Client] = set()
    for rival, guests in known.holders.get(answer.image, {}).items():
        there = [client for client in answer.clients if rival in known.whose(client.ip)]
        if rival != host and sum(client.acknowledged for client in there) <= guests:
            there.sort(key=lambda client: not client.acknowledged)
            found |= {client for client in there[:guests] if rival in of(host, client, known)}
    return frozenset(found)


def not_ruled_out(client: model.Client, answer: model.ImageAnswer,
                  answers: Collection[model.ImageAnswer], known: Known) -> frozenset[str]:
    """Of the hosts that claim the address of this client those that may run the instance with it.

    Not one of which a rival accounts for the client, if it can't be the instance, all of whose
    disks gave these ``answers``: who runs has all of them open, and of another one nobody lives.
    """
    claimed = known.whose(client.ip)
    idle = any(not each.error and not any(other.acknowledged for other in each.clients)
               for each in answers)
    return frozenset(host for host in claimed
                     if not (idle and client in accounted_for(host, answer, known)))


def is_disowned(host: str, client: model.Client, answer: model.ImageAnswer,
                known: Known) -> bool:
    """True of a client at an address that only others claim, none of which has the image open.

    Each says so, and its word is new.  It may be the host's, at an address that it got when its
    agent was dead, or a tool's (decision 0087).
    """
    claimed = known.whose(client.ip)
    return (bool(claimed) and host not in claimed and claimed <= known.told_by
            and not claimed & set(known.holders.get(answer.image, ())))


def may_be_of(host: str, client: model.Client, answer: model.ImageAnswer, known: Known) -> bool:
    """True of a client at an address that the host and a rival claim, which accounts for none."""
    return (host in known.whose(client.ip) and bool(of(host, client, known))
            and client not in accounted_for(host, answer, known))


def doubtful(host: str, clients: Iterable[model.Client],
             known: Known) -> Mapping[str, frozenset[str]]:
    """The addresses of those of the host's live clients that may be a rival's, with the rivals."""
    found = {client.ip: of(host, client, known) for client in clients if client.acknowledged}
    return {ip: hosts for ip, hosts in found.items() if hosts}


def told_of(found: Mapping[str, Collection[str]]) -> str:
    """The addresses, and who claims them as well, in words."""
    rivals = sorted({host for hosts in found.values() for host in hosts})
    return f'{texts.few(sorted(found), _TOLD_MAX)}, claimed by {texts.few(rivals, _TOLD_MAX)}, too'
