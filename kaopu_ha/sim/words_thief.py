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

"""A stolen host, and what etcd is filled with: see ``words``."""

from __future__ import annotations

from kaopu_ha import ports, records
from kaopu_ha.sim.sentences import UnknownWords, Vocabulary
from kaopu_ha.sim.thief import TEXTS, Thief
from kaopu_ha.sim.world import World

WORDS = Vocabulary()


@WORDS.take('{host} is stolen')
def _stolen(world: World, host: str) -> None:
    """Somebody has its certificate, and writes whatever its user may write."""
    _steal(world, host)


@WORDS.take('{host} is stolen by one who writes {kind}')
def _stolen_for(world: World, host: str, kind: str) -> None:
    if kind not in TEXTS:
        raise UnknownWords(f'a thief writes {", ".join(sorted(TEXTS))}; not {kind}')
    _steal(world, host, kind)


@WORDS.take('the thief leaves {host}')
def _thrown_out(world: World, host: str) -> None:
    # Thrown out before, he is gone.
    world.thieves.pop(host, lambda: None)()
    _excuse(world, host)


@WORDS.take('somebody writes a beat of {host} that does not end')
def _lasting_beat(world: World, host: str) -> None:
    """Without a lease, as no agent writes it; it stays when the host is off."""
    machine = world.machines[host]
    beat = records.Beat(machine.host_uuid, machine.boot_id, 'somebody')
    world.etcd.commit([], [ports.Put(records.ALIVE + host, records.encode(beat))], 'somebody')


@WORDS.take('etcd may take {number} KiB')
def _quota(world: World, number: str) -> None:
    world.etcd.quota_bytes = int(number) * 1024


def throw_out(world: World) -> None:
    """Take every host back from its thief."""
    for host in sorted(world.thieves):
        _thrown_out(world, host)


def end_lasting_beats(world: World) -> None:
    """Delete each beat that no agent wrote, as people are told to; an agent writes its own anew."""
    for key in [key for key, entry in world.etcd.entries.items()
                if key.startswith(records.ALIVE) and not entry.lease]:
        world.etcd.commit([], [ports.Delete(key)], 'people')


def _steal(world: World, host: str, *kinds: str) -> None:
    if world.machines[host] and host not in world.thieves:
        world.thieves[host] = Thief(world, host, kinds).leave
        _excuse(world, host)


def _excuse(world: World, host: str) -> None:
    """What the thief tells of his own host is his trouble, also of what came to it since."""
    world.excused.update({row.uuid: 'its host was stolen' for row in world.nova.rows.values()
                          if row.host == host})
