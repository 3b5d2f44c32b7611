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
"""Sentences of what people say of hosts that are judged: that they are off.

See ``words_fences`` for the same of hosts that are confirmed dead.
"""

from __future__ import annotations

from kaopu_ha import records
from kaopu_ha.core import detection
from kaopu_ha.core.model import Case, Evacuation, Verdict
from kaopu_ha.core.news import Fact
from kaopu_ha.core.restart import Restart
from kaopu_ha.sim.sentences import Vocabulary
from kaopu_ha.sim.words_cloud import boot, reboot
from kaopu_ha.sim.words_fences import vouch
from kaopu_ha.sim.words_wishes import say_off
from kaopu_ha.sim.world import World

WORDS = Vocabulary()


@WORDS.take('people say what is off and not judged')
def _say_all(world: World) -> None:
    """As the manual has it, where they are told that a host waits, see that it has no power, and
    miss a guest of it, or one that may run there.  What is never told they never mend, unless no
    agent ever told of a guest.  Nobody can judge a host of which no agent told: what waits for it
    they start themselves.
    """
    _reboot_strangers(world)
    reasons = [item.reason for item in world.every(Evacuation, records.EVACUATION)
               if not item.phase.ended]
    wanted = {row.uuid for row in world.nova.rows.values() if row.wanted}
    reasons += [start.reason for record in world.every(Restart, records.RESTART)
                for start in record.unsettled if start.instance in wanted]
    told = {news.host for _, news in world.told if news.fact in (
        Fact.STILL_WAITS, Fact.UNPROTECTED)}
    for case in world.every(Case, records.CASE):
        inventory = world.told_by(case.host)
        known = {one.uuid for one in inventory.instances} if inventory else set()
        missed = any(row.host == case.host and row.wanted and not world.writing_on(row)
                     and (case.host in told or row.uuid not in known)
                     for row in world.nova.rows.values())
        missed = missed or any(f'it may run on {case.host},' in reason
                               or f'being migrated to {case.host},' in reason for reason in reasons)
        doubted = case.stage in detection.JUDGING and case.verdict is Verdict.UNDECIDED
        if missed and doubted:
            vouch(world, case.host, destroyed=False)
    for start in [start for record in world.every(Restart, records.RESTART)
                  for start in record.unsettled if start.instance in wanted]:
        if any(f'being migrated to {host}, of which no agent ever told' in start.reason
               and host in told and not machine.node.powered
               for host, machine in world.machines.items()):
            boot(world, world.nova.rows[start.instance].name)


def _reboot_strangers(world: World) -> None:
    """The guests of other hosts, at addresses of nobody, that keep a case open by a shared disk."""
    strange = {address for case in world.every(Case, records.CASE)
               if case.stage in detection.JUDGING and case.rounds
               for address in case.rounds[-1].strangers}
    for machine in world.machines.values() if strange else ():
        for uuid, guest in machine.guests.items():
            if machine.runs(uuid) and any(client.address in strange for client in guest.clients):
                reboot(world, guest.name)


@WORDS.take('a person is wrong, and says that {host} is switched off')
def _wrongly(world: World, host: str) -> None:
    """It is said of a host that may live: what keeps its disks whole then is the fence."""
    if say_off(world, host):
        world.said_wrongly.add(host)
