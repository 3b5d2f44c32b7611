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


"""What no agent of ours would write, under the keys that a host may write: see ``words``."""

from __future__ import annotations

from collections.abc import Callable
import json
from typing import Any

from kaopu_ha import ports, records
from kaopu_ha.sim.sentences import UnknownWords, Vocabulary
from kaopu_ha.sim.world import World

WORDS = Vocabulary()

_Change = Callable[[dict[str, Any]], str]


def _with(**fields: Any) -> _Change:
    return lambda said: json.dumps(said | fields)


# How a record may be no record, by a name for it; what is given is the one that was there.
NONSENSE: dict[str, _Change] = {
    'nothing': lambda said: '',
    'depth': lambda said: '[' * 100_000,
    'depth-inside': lambda said: json.dumps(said)[:-1] + ',"x":' + '[' * 5000 + ']' * 5000 + '}',
    'length': _with(note='x' * 1_200_000),
    'a-long-text': _with(note='x' * 100_000),
    'half-a-character': _with(note='\ud800'),
    'no-number': lambda said: json.dumps(said)[:-1] + ',"cores":NaN}',
    'a-huge-number': _with(cores=10 ** 40),
    'a-name-twice': lambda said: json.dumps(said)[:-1] + f',"host":{json.dumps(said["host"])}}}',
    'no-address': _with(storage_addresses=['10.91.0.300']),
    'an-address-with-scope': _with(storage_addresses=['fe80::1%eth0']),
    'too-many-addresses': _with(storage_addresses=['10.91.0.11'] * 1000),
    'another-name': _with(host='nobody'),
    'no-instances': _with(instances={'a': 1}),
    'a-newer-schema': _with(schema=99),
}


@WORDS.take('{host} writes {nonsense} as its inventory')
def _writes(world: World, host: str, nonsense: str) -> None:
    """A thief with the certificate of the host, or a fault of its agent."""
    if nonsense not in NONSENSE:
        raise UnknownWords(f'{nonsense} is no nonsense: {", ".join(NONSENSE)}')
    key = records.INVENTORY + host
    entry = world.etcd.entries.get(key)
    # A machine that is off writes nothing; and what is no record by now is nonsense already.
    if entry is None or not world.machines[host].node.powered or (
            world.told_by(host) is None and key not in world.spoiled):
        return
    former = world.spoiled.setdefault(key, entry.value)
    world.etcd.commit([], [ports.Put(key, NONSENSE[nonsense](json.loads(former)))], 'nonsense')


def put_right(world: World) -> None:
    """Put back what was there, unless its owner has written anew."""
    for key, former in world.spoiled.items():
        entry = world.etcd.entries.get(key)
        if entry is not None and entry.value in [
                make(json.loads(former)) for make in NONSENSE.values()]:
            world.etcd.commit([], [ports.Put(key, former)], 'nonsense')
    world.spoiled.clear()
