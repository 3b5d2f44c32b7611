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

"""What Nova tells over its bus, and the little that it may change.

An event may be late, doubled, lost, out of order or forged.  So it is a hint: it is kept only where
an inventory contradicts it, it counts only while it is newer than that inventory (by revisions of
the store, for clocks differ), and what it says of an instance's power counts only where Nova's own
list, read after the host was fenced, says the same::

    inventory of the host   hint since   Nova at the listing   the instance
    on                      off          stopped               is left if its user stopped it
    off                     on           active                is moved
    (with another host)     came here    active                is moved: its disks are known
    any                     any          says otherwise        goes as without the hint

No evidence, verdict, fence or call to Nova comes of an event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
from dataclasses import dataclass

from kaopu_ha.core.model import Instance, Inventory, Power, Recovery, Server

# Nova's states that say what its user asked for.
_ASKED = {'active': Power.ON, 'stopped': Power.OFF}


@dataclass(frozen=True)
class NovaEvent:
    """What was told, of an instance on a host, or of the host alone (``instance`` is '').

    ``kind`` and ``at`` are Nova's, for people.
    """

    host: str
    kind: str
    instance: str = ''
    power: Power | None = None
    at: str = ''


@dataclass(frozen=True)
class Hint:
    """What an event says that no inventory says (yet): the value of ``event/...``.

    ``instance``: with the power that was told and the disks that an inventory knows; None if the
    event was about the host alone.
    """

    host: str
    kind: str
    at: str = ''
    instance: Instance | None = None


def hint(event: NovaEvent, inventories: Mapping[str, Inventory]) -> Hint | None:
    """What is worth keeping of an event; None if it says nothing new of what is known.

    Disks and names are those of inventories, never the event's: a message may be forged.
    """
    home = inventories.get(event.host)
    if home is None:
        return None
    if not event.instance:
        return Hint(event.host, event.kind, event.at)
    here = _instance(home, event.instance)
    if event.power is None or (here is not None and here.power is event.power):
        return None
    elsewhere = (_instance(inventories[host], event.instance) for host in sorted(inventories))
    known = here or next((found for found in elsewhere if found), None)
    if known is None:
        return None
    return Hint(event.host, event.kind, event.at, dataclasses.replace(known, power=event.power))


def with_arrivals(inventory: Inventory, hints: Iterable[Hint]) -> Inventory:
    """The inventory, with what came to the host since: off, until Nova says that it is active."""
    known = {instance.uuid for instance in inventory.instances}
    came = [dataclasses.replace(each.instance, power=Power.OFF) for each in hints
            if each.instance and each.instance.uuid not in known]
    return dataclasses.replace(inventory, instances=(*inventory.instances, *came)) if came \
        else inventory


def unsettled(hints: Iterable[Hint], servers: Sequence[Server] | None,
              power: Power) -> tuple[str, ...]:
    """The instances that were told to have this power, and of which Nova has not said it yet."""
    settled = {server.uuid for server in servers or () if _asked(server)}
    return tuple(sorted(each.instance.uuid for each in hints if each.instance
                        and each.instance.power is power and each.instance.uuid not in settled))


def settled(instance: Instance, recovery: Recovery, server: Server) -> Instance:
    """The instance with the power that was told, if Nova says the same; else as it is."""
    asked = _asked(server)
    if asked is not Power.ON or instance.uuid not in recovery.on_by_nova:
        return instance
    return dataclasses.replace(instance, power=asked)


def _asked(server: Server) -> Power | None:
    return None if server.task_state else _ASKED.get(server.vm_state)


def _instance(inventory: Inventory, uuid: str) -> Instance | None:
    return next((each for each in inventory.instances if each.uuid == uuid), None)
