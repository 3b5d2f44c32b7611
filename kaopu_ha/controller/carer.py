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

"""Looks after what an admission leaves behind in Nova and Placement: the carer's turn.

``core.aftercare`` decides.  A call is counted in the record before it is made, and made by a child
that dies rather than act late; what Placement has is changed only if it is as it was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
import dataclasses
import math

from kaopu_ha import ports, records
from kaopu_ha.controller.alone import Alone
from kaopu_ha.controller.leadership import Leadership
from kaopu_ha.controller.term import Term
from kaopu_ha.controller.world import RANGES, CloudView
from kaopu_ha.core import addresses, aftercare, certain, model
from kaopu_ha.core.aftercare import Act, Aftercare, Decision, Place, Ward
from kaopu_ha.core.news import Fact, News
from kaopu_ha.runtime import Runtime

_ACT_SECONDS = 4.0
_BUSY_SECONDS, _IDLE_SECONDS = 5.0, 5.0
# Of one host in one turn: each costs three questions to Nova and one to Placement.
_TOGETHER_MAX = 10


class Carer:
    """Advances what is looked after, some instances of each host in each turn.

    Another leader begins each wait anew: it is late, never early.
    """

    def __init__(self, store: ports.Store, leadership: Leadership, cloud: ports.Cloud,
                 images: ports.ImageObserver | None, env: Runtime) -> None:
        self._store, self._cloud, self._images = store, cloud, images
        self._term = Term(leadership, self._forget_all)
        self._rules, self._clock, self._tell = env.rules, env.clock, env.tell
        self.alone = Alone(store, env.clock, env.tell)
        self._since: dict[tuple[str, ...], float] = {}
        # When each was looked at, and when nothing was under way with it then.
        self._looked: dict[tuple[str, str], float] = {}
        self._rested: dict[tuple[str, str], float] = {}

    def turn(self) -> float:
        """Look at what is due; seconds until the next turn."""
        if not self._term.begins():
            return 0.5
        try:
            if not self._store.read(records.AFTERCARE).entries:
                self._forget_all()
                return _IDLE_SECONDS
            world = CloudView(self._store.read(*RANGES, records.EVACUATION, records.AFTERCARE),
                              self._tell)
            found = world.every(Aftercare, records.AFTERCARE)
            self.alone.each(found, 'what is looked after since its admission',
                            lambda host: self._one(world, found[host]))
        except ports.PortError:
            # The detector tells that the store is away; the next turn looks what was written.
            return 1.0
        return _BUSY_SECONDS

    def _one(self, world: CloudView, record: Aftercare) -> None:
        due = self._due(record)
        try:
            decisions = self._decisions(world, record, due)
        except ports.StoreError:
            raise
        except ports.PortError as failure:
            self._tell(News(Fact.CLOUD_AWAY, record.host, f'what was moved from it or to it can\'t '
                                                          f'be looked after: {failure}'))
            return
        self._carry_out(world, record, decisions)

    # ------------------------------------------------------------ look

    def _due(self, record: Aftercare) -> list[Ward]:
        """Those of which something is wrong, and those that were not looked at for a while."""
        at = {ward.instance: self._looked.get((record.host, ward.instance), -math.inf)
              for ward in record.wards}
        before = self._clock() - self._rules.aftercare_patience
        due = [ward for ward in record.wards if ward.reason or at[ward.instance] <= before]
        return sorted(due, key=lambda ward: at[ward.instance])[:_TOGETHER_MAX]

    def _decisions(self, world: CloudView, record: Aftercare,
                   due: Sequence[Ward]) -> tuple[Decision, ...]:
        migrations = {ward.instance: self._cloud.migrations(instance=ward.instance)
                      for ward in due}
        books, unread = self._books(due, migrations)
        decisions = []
        for ward in due:
            # After Placement's answer: what is begun since shows in Nova, or changes the books.
            server = self._cloud.server(ward.instance)
            seen = self._seen(world, record, ward, aftercare.Seen(
                self._term.now(), server, migrations[ward.instance],
                books=_of(ward, migrations[ward.instance], books), unread=unread))
            decisions.append(aftercare.advance(ward, seen, self._rules))
            self._looked[record.host, ward.instance] = self._clock()
            if not seen.moving and not (server and server.task_state):
                self._rested[record.host, ward.instance] = self._clock()
        return tuple(decisions)

    def _books(self, due: Iterable[Ward], migrations: Mapping[str, Sequence[model.Migration]]
               ) -> tuple[Mapping[str, model.Allocations] | None, str]:
        consumers = [consumer for ward in due
                     for consumer in _consumers(ward, migrations[ward.instance])]
        try:
            return self._cloud.allocations(consumers), ''
        except ports.StoreError:
            raise
        except ports.PortError as failure:
            return None, str(failure)

    def _seen(self, world: CloudView, record: Aftercare, ward: Ward,
              seen: aftercare.Seen) -> aftercare.Seen:
        """What was seen of it, with what is known of hosts, and for how long it has been so."""
        strange = aftercare.is_strange(seen.server, seen.migrations)
        hosts = {host for has in (seen.books or {}).values() for host in has.hosts}
        seen = dataclasses.replace(
            seen, moving=_moving(world, ward.instance, seen.server),
            places={host: _place(world, record, host, ward.instance) for host in hosts},
            strange_seconds=self._for(record.host, ward.instance, 'strange', strange),
            unread_seconds=self._for(record.host, ward.instance, 'unread', bool(seen.unread)),
            quiet_seconds=self._for(record.host, ward.instance,
                                    f'{ward.resets}/{ward.releases}', True))
        if not strange or seen.strange_seconds < self._rules.aftercare_patience:
            return seen
        why_not = self._why_not(world, seen.server)
        return dataclasses.replace(seen, runs=not why_not, why_not=why_not,
                                   actions=self._cloud.actions(ward.instance))

    def _why_not(self, world: CloudView, server: model.Server | None) -> str:
        """Why it is not certain that it runs where Nova shows it; '' if it is.

        Its host's agent tells so now, and a live client of that host has all its disks open.
        """
        if server is None:
            return 'Nova has no such server'
        inventory, doubt = world.inventories.get(server.host), _untold(world, server.host)
        if inventory is None or doubt:
            return doubt
        there = next((one for one in inventory.instances if one.uuid == server.uuid), None)
        if there is None or there.power is not model.Power.ON:
            return 'its agent does not tell so'
        if self._images is None or not there.images:
            return 'it has no disk that could be asked about'
        answers = tuple(self._images.clients(there.images, self._rules.storage_limit).values())
        known = addresses.known(world.inventories, (*self._rules.tools, *world.tools))
        found = certain.Seen(server, images=answers, now=answers, known=known,
                             target_addresses=inventory.storage_addresses)
        return '' if certain.open_there(found) else 'not each of its disks is open there'

    def _forget_all(self) -> None:
        self._since, self._looked, self._rested = {}, {}, {}

    def _forget(self, host: str) -> None:
        self._since = {key: at for key, at in self._since.items() if key[0] != host}
        self._looked = {key: at for key, at in self._looked.items() if key[0] != host}
        self._rested = {key: at for key, at in self._rested.items() if key[0] != host}

    def _for(self, host: str, instance: str, what: str, lasts: bool) -> float:
        key = (host, instance, what)
        if not lasts:
            self._since.pop(key, None)
            return 0.0
        return self._clock() - self._since.setdefault(key, self._clock())

    # ------------------------------------------------------------ commit, act

    def _carry_out(self, world: CloudView, record: Aftercare,
                   decisions: Sequence[Decision]) -> None:
        new = aftercare.changed(record, decisions)
        watched = self._for(record.host, '', 'watched', True)
        if watched >= self._rules.aftercare_seconds and self._all_rested(record, watched) and (
                not new.wrong):
            if self._commit(world, record.host, None) is not None:
                self._forget(record.host)
                self._tell(News(Fact.CARED_FOR, record.host, 'Nova and Placement have it right '
                                'about all that was moved from it or to it'))
            return
        revision: int | None = world.snapshot.entries[records.AFTERCARE + record.host].modified
        if new != record:
            revision = self._commit(world, record.host, new if new.wards else None)
            if revision is None:
                return
        acts = [decision for decision in decisions if decision.act in (Act.RESET, Act.RELEASE)]
        self._say(record, new, {decision.ward.instance for decision in acts})
        if acts:
            assert revision is not None
            self._act(world, new, acts, revision, {ward.instance for ward in record.wrong})

    def _all_rested(self, record: Aftercare, watched: float) -> bool:
        """True if each was looked at after the time was over, and nothing was under way with it."""
        over = self._clock() - watched + self._rules.aftercare_seconds
        return all(self._rested.get((record.host, ward.instance), -math.inf) >= over
                   for ward in record.wards)

    def _act(self, world: CloudView, record: Aftercare, acts: Sequence[Decision], revision: int,
             known: Set[str]) -> None:
        """Make the calls; one that did nothing is told if nobody knows of the trouble yet."""
        key = records.AFTERCARE + record.host
        permit = self._term.permit([ports.Compare(key, modified=revision)], _ACT_SECONDS)
        failed = []
        for decision in acts:
            ward = decision.ward
            try:
                self._call(decision, permit)
            except ports.OutcomeUnknown:
                continue
            except ports.PortError as failure:
                failed.append(Decision(aftercare.refused(ward, str(failure))))
                if ward.instance not in known:
                    self._tell(News(Fact.MISBELIEVED, record.host,
                                    f'{ward.name}: {ward.reason}; not mended: {failure}'))
                continue
            self._tell(_mended(decision, record.host))
        if failed:
            self._commit(world, record.host, aftercare.changed(record, failed), revision)

    def _call(self, decision: Decision, permit: ports.Permit) -> None:
        if decision.read is None:
            self._cloud.reset_state(decision.ward.instance, 'active', permit)
        else:
            self._cloud.release(decision.read, decision.place, permit)

    def _say(self, record: Aftercare, new: Aftercare, acted: Set[str]) -> None:
        """Tell what is wrong that was not known to be; what is mended now is told then."""
        known = acted | {ward.instance for ward in record.wrong}
        for ward in new.wrong:
            if ward.instance not in known:
                self._tell(News(Fact.MISBELIEVED, record.host, f'{ward.name}: {ward.reason}'))

    def _commit(self, world: CloudView, host: str, record: Aftercare | None,
                modified: int | None = None) -> int | None:
        key = records.AFTERCARE + host
        compares = [ports.Compare(key, modified=modified)] if modified else world.compare(key)
        write: ports.Put | ports.Delete = ports.Put(key, records.encode(record)) if record \
            else ports.Delete(key)
        return self._store.commit([*self._term.compares(), *compares], [write])


def _mended(decision: Decision, host: str) -> News:
    name = decision.ward.name
    if decision.act is Act.RESET:
        return News(Fact.STATE_RESET, host, f'{name}: {decision.ward.reason}')
    return News(Fact.RELEASED, host, f'{name} on {decision.place}, where it is not')


def _consumers(ward: Ward, migrations: Iterable[model.Migration]) -> tuple[str, ...]:
    """Who may have something set aside for the instance; no evacuation has itself."""
    return (ward.instance, *(one.id for one in migrations if one.kind != 'evacuation'))


def _of(ward: Ward, migrations: Iterable[model.Migration],
        books: Mapping[str, model.Allocations] | None) -> Mapping[str, model.Allocations] | None:
    if books is None:
        return None
    return {consumer: books[consumer] for consumer in _consumers(ward, migrations)
            if consumer in books}


def _moving(world: CloudView, instance: str, server: model.Server | None) -> str:
    """Why the program itself has it in hand; '' if it has not."""
    item = world.under_way(instance)
    if item is not None:
        return f'it is under way from {item.source}'
    # What was to be started on a host from which it was moved since is over.
    for restarts in [one for one in world.restarts.values() if server and one.host == server.host]:
        if any(start.instance == instance for start in restarts.unsettled):
            return f'it is started again on {restarts.host}'
    return ''


def _untold(world: CloudView, host: str) -> str:
    """Why what the host's agent told may be old; '' if it is what is so now."""
    beat, inventory = world.beats.get(host), world.inventories.get(host)
    if beat is None or inventory is None:
        return f'{host} does not beat'
    if beat.behind or inventory.note or beat.boot_id != inventory.boot_id:
        return f'what the agent of {host} told is old'
    return ''


def _place(world: CloudView, record: Aftercare, host: str, instance: str) -> Place:
    inventory, doubt = world.inventories.get(host), _untold(world, host)
    if record.destroyed and host == record.host and inventory is None:
        # It was dead and fenced, stays fenced, and a person says that it is no more.
        doubt = ''
    if inventory is not None and not doubt and (instance in inventory.domains or any(
            one.uuid == instance for one in inventory.instances)):
        doubt = f'the libvirt of {host} knows its domain'
    return Place(host in world.cases, doubt)
