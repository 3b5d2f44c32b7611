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

"""What a person means by a name: the case, the recovery; or why there is no such thing."""

from __future__ import annotations

from kaopu_ha import records
from kaopu_ha.core.model import Case, Recovery
from kaopu_ha.telling import wording
from kaopu_ha.telling.picture import Picture


class Unmet(Exception):
    """What a person asks for can't be told or done; the message says why, and what to do."""


class Nowhere(Unmet):
    """There is nothing of that name."""


class NotNow(Unmet):
    """It is there, but can't be done as things are."""


def case(found: Picture, host: str, back: int = 0) -> Case:
    """The open case of a host, or the one closed last; ``back``: a closed one, 1 is the last.

    Raises Nowhere, and RecordError if it can't be read.
    """
    if back:
        return _closed_case(found, host, back)
    found.insist(records.CASE + host)
    if host in found.cases:
        return found.cases[host]
    closed = found.closed(host)
    if closed:
        return closed[-1]
    for key in found.unreadable:
        if key.startswith(f'{records.CLOSED}{host}/'):
            found.insist(key)
    if host in found.hosts:
        raise Nowhere(f'There is no case on {host}, and none is kept: its beat never failed.'
                      if found.beats_now(host) else
                      f'There is no case on {host} yet, but it does not beat.')
    raise Nowhere(f'No host {host} is known. Known hosts: {", ".join(found.hosts) or "none"}.')


def recovery(found: Picture, name: str) -> Recovery:
    """The recovery of this id, or the newest of this host.

    Raises Nowhere, and RecordError if it can't be read.
    """
    found.insist(records.RECOVERY + name)
    if name in found.recoveries:
        return found.recoveries[name]
    mine = found.recoveries_of(name)
    if mine:
        return mine[-1]
    open_case = found.cases.get(name)
    if open_case is not None and open_case.recovery:
        found.insist(records.RECOVERY + open_case.recovery)
    ids = ', '.join(found.recoveries) or 'none'
    raise Nowhere(f'There is no recovery {name}, and none of a host of that name. '
                  f'Recoveries: {ids}.')


def host(found: Picture, name: str) -> str:
    """The name of a host that told of itself.

    Raises Nowhere with those that are known, and RecordError if what it told can't be read.
    """
    found.insist(records.INVENTORY + name)
    if name in found.inventories:
        return name
    names = ', '.join(found.inventories) or 'none; does an agent run anywhere?'
    raise Nowhere(f'No host {name} is known. Known hosts: {names}.')


def _closed_case(found: Picture, name: str, back: int) -> Case:
    closed = found.closed(name)
    if not 1 <= back <= len(closed):
        raise Nowhere(f'{wording.number(len(closed), "closed case")} of {name} can be read; '
                      f'there is none with the number {back}.')
    return closed[-back]
