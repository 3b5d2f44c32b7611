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

"""A stolen compute host: whoever has its certificate writes what its user may write, and no more.

What he writes is made by chance: junk, other people's instances, records of its own that are
changed a little.  Whatever it is, no other host may suffer by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import contextlib
import dataclasses
import json
import random
from typing import Any

from kaopu_ha import access, ports, records
from kaopu_ha.core import model
from kaopu_ha.core.requests import RequestState, RequestVerb
from kaopu_ha.sim.world import World

_EVERY_SECONDS = 0.7

Text = Callable[[random.Random, World, str], str]


class Thief:
    """Writes with one host's rights, until he is thrown out."""

    def __init__(self, world: World, host: str, kinds: Sequence[str] = ()) -> None:
        """Take what he writes: the names of some of ``TEXTS``, or nothing for all of them."""
        self._world, self._host = world, host
        self._chance = random.Random(f'{host} {world.kernel.now}')
        self._texts = [TEXTS[kind] for kind in kinds or sorted(TEXTS)]
        self._name, self._kept = f'thief-on-{host}', dict(world.etcd.entries)
        self.is_there = True
        self._act()

    def leave(self) -> None:
        """Be thrown out: the host has its own records again, and none that it never had.

        A beat of his has no lease, and would outlive the host: it goes, and its agent beats anew.
        """
        self.is_there = False
        alive = self._world.etcd.entries.get(records.ALIVE + self._host)
        if alive is not None and not alive.lease:
            self._commit(ports.Delete(alive.key))
        for key in [key for key in self._world.etcd.entries if self._may_write(key)
                    and not key.startswith(records.ALIVE)]:
            kept = self._kept.get(key)
            self._commit(ports.Put(key, kept.value) if kept else ports.Delete(key))

    # ------------------------------------------------------------ private

    def _act(self) -> None:
        if not self.is_there:
            return
        # While the power is off, or a cable is out, nobody is there.
        node = self._world.machines[self._host].node
        if node.powered and node.on('management') and not self._world.etcd.away:
            text = self._chance.choice(self._texts)(self._chance, self._world, self._host)
            self._commit(ports.Put(self._key(), text))
        self._world.kernel.after(self._chance.uniform(0.5, 1.5) * _EVERY_SECONDS, self._act)

    def _key(self) -> str:
        """One of the keys that the host's user may write."""
        grant = self._chance.choice([grant for grant in access.agent(self._host).grants
                                     if grant.write])
        if not grant.name.endswith('/'):
            return grant.name
        there = [key for key in self._world.etcd.entries if key.startswith(grant.name)]
        others = sorted(self._world.nova.rows)
        return self._chance.choice([*there, *(grant.name + one for one in others),
                                    f'{grant.name}{self._chance.randrange(50)}'])

    def _may_write(self, key: str) -> bool:
        return any(grant.write and grant.covers(key)
                   for grant in access.agent(self._host).grants)

    def _commit(self, write: ports.Put | ports.Delete) -> None:
        assert self._may_write(write.key), write.key
        with contextlib.suppress(ports.StoreError):
            self._world.etcd.commit([], [write], self._name)


# ---------------------------------------------------------------- what he writes


def _inventory(world: World, host: str) -> model.Inventory:
    """What the host would tell itself."""
    machine = world.machines[host]
    return model.Inventory(host, machine.host_uuid, machine.boot_id, machine.uri,
                           (machine.address,), cores=machine.cores, memory_mb=machine.memory_mb)


def _junk(chance: random.Random, world: World, host: str) -> str:
    return chance.choice(('', 'junk', 'null', '[]', '{}', '{"schema": 1}', '{"schema": "one"}',
                          '{"schema": 99}', '"' + 'x' * 100, '\u0000', '{"schema": 1, "host": {}}'))


def _changed(chance: random.Random, world: World, host: str) -> str:
    """His own inventory, in which one field is of another kind."""
    data: dict[str, Any] = json.loads(records.encode(_inventory(world, host)))
    data[chance.choice(sorted(data))] = chance.choice(
        (None, True, -1, 1e300, '', 'x', [], {}, [[]], [None], {'a': 'b'}, ['life']))
    return json.dumps(data)


def _deep(chance: random.Random, world: World, host: str) -> str:
    return '[' * chance.choice((500, 100_000))


def _large(chance: random.Random, world: World, host: str) -> str:
    told = _inventory(world, host)
    many = tuple(model.Instance(f'{number}', 'x' * chance.choice((10, 400)), model.Power.ON)
                 for number in range(chance.choice((50, 600))))
    return records.encode(dataclasses.replace(told, instances=many))


def _others_instances(chance: random.Random, world: World, host: str) -> str:
    """All instances of everybody as his own, with their disks."""
    every = tuple(model.Instance(row.uuid, row.name, model.Power.ON, row.images)
                  for row in world.nova.rows.values())
    return records.encode(dataclasses.replace(_inventory(world, host), instances=every,
                                              domains=tuple(one.uuid for one in every)))


def _others_libvirt(chance: random.Random, world: World, host: str) -> str:
    other = world.machines[chance.choice(sorted(world.machines))]
    return records.encode(dataclasses.replace(
        _inventory(world, host), management_uri=other.uri,
        host_uuid=chance.choice((other.host_uuid, world.machines[host].host_uuid))))


def _others_name(chance: random.Random, world: World, host: str) -> str:
    return records.encode(_inventory(world, chance.choice(sorted(world.machines))))


def _others_addresses(chance: random.Random, world: World, host: str) -> str:
    """All that anybody has by the leader's own word: whose claim is older can be known.

    Who guesses an address before its owner has told of it is the elder there (decision 0034).
    """
    every = tuple(address for name, machine in world.machines.items()
                  for address in machine.addresses if address in _claimed(world, name))
    # With his own guests in it, or nobody would ever judge his host.
    told = world.told_by(host) or _inventory(world, host)
    return records.encode(dataclasses.replace(told, storage_addresses=every))


def _claimed(world: World, host: str) -> Mapping[str, int]:
    claims = world.record(records.Claims, records.CLAIMS + host)
    return claims.since if claims else {}


def _strange_addresses(chance: random.Random, world: World, host: str) -> str:
    told = chance.choice(('10.91.0.300', '', '::', '0.0.0.0/0', '10.91.0.11%eth0', 'x' * 300))
    return records.encode(dataclasses.replace(_inventory(world, host), storage_addresses=(told,)))


def _answer(chance: random.Random, world: World, host: str) -> str:
    """An answer to a request that nobody made of him, or a wish in the name of a person."""
    return records.encode(records.Request(
        chance.choice((RequestVerb.ADMIT, RequestVerb.RESTART_COMPUTE, RequestVerb.READ_STORAGE,
                       RequestVerb.REMOVE_DOMAINS)),
        chance.choice(sorted(world.machines)), 'joe', '',
        state=chance.choice((RequestState.ASKED, RequestState.DONE))))


def _beat(chance: random.Random, world: World, host: str) -> str:
    """A beat, of his own machine or of another's, whose inventory is kept up or not."""
    machine = world.machines[chance.choice((host, *sorted(world.machines)))]
    return records.encode(records.Beat(machine.host_uuid, machine.boot_id,
                                       behind=chance.choice(('', 'x', 'x' * 20_000))))


def _domain(chance: random.Random, world: World, host: str) -> str:
    """A definition, as a host writes it without OpenStack."""
    return records.encode(records.DomainRecord(
        chance.choice(('web', 'x' * 9000)), chance.choice(tuple(model.Power)),
        chance.choice(('<domain/>', 'x' * 300_000)), gone=chance.choice((True, False))))


TEXTS: Mapping[str, Text] = {
    'junk': _junk, 'changed': _changed, 'deep': _deep, 'large': _large, 'answer': _answer,
    'beat': _beat, 'domain': _domain,
    'instances': _others_instances, 'libvirt': _others_libvirt, 'name': _others_name,
    'addresses': _others_addresses, 'strange': _strange_addresses}
