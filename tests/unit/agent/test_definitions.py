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

"""What an agent publishes of the definitions of its domains, while its host is shut down, too."""

import dataclasses

from kaopu_ha import ports, records
from kaopu_ha.agent.domains import DomainPublisher
from kaopu_ha.core.model import Power
from tests.core.values import an_inventory
from tests.unit.agent.case import HOST, AgentCase, ScriptedHost, domain

ONE, TWO = (dataclasses.replace(domain(name), definition=f'<domain>{name}</domain>')
            for name in ('one', 'two'))
ONE_OFF = dataclasses.replace(ONE, power=Power.OFF, run='')


class LeavingTest(AgentCase):

    def setUp(self):
        super().setUp()
        self.host = ScriptedHost()
        self.inventory = an_inventory(host=HOST, host_uuid=self.host.host_uuid, boot_id='boot-1')
        self.put(records.INVENTORY + HOST, self.inventory)
        self.publisher = DomainPublisher(self.env(self.host), interval=1.0)
        self.look(ONE, TWO)

    def look(self, *domains):
        self.host.domains = domains
        self.publisher.turn()

    def powers(self):
        """What is told of each domain: its power."""
        prefix = f'{records.DOMAIN}{HOST}/'
        return {uuid: records.decode(records.DomainRecord, entry.value).power
                for uuid, entry in self.store.read(prefix).under(prefix).items()}

    def test_what_goes_off_is_told_off(self):
        self.look(ONE_OFF, TWO)
        self.assertEqual({ONE.uuid: Power.OFF, TWO.uuid: Power.ON}, self.powers())

    def test_what_goes_off_with_the_system_stays_as_it_was_told(self):
        self.host.stops = True
        self.look(ONE_OFF)
        self.assertEqual({ONE.uuid: Power.ON, TWO.uuid: Power.ON}, self.powers())

    def test_it_stays_so_while_the_inventory_says_that_the_host_leaves(self):
        self.put(records.INVENTORY + HOST, dataclasses.replace(self.inventory, leaving=True))
        self.look()
        self.assertEqual({ONE.uuid: Power.ON, TWO.uuid: Power.ON}, self.powers())
        self.assertEqual(0, self.host.asked_why)

    def test_an_inventory_of_the_former_boot_stops_nobody(self):
        self.put(records.INVENTORY + HOST, dataclasses.replace(self.inventory, leaving=True))
        self.host.boot = 'boot-2'
        self.look(ONE_OFF, TWO)
        self.assertEqual({ONE.uuid: Power.OFF, TWO.uuid: Power.ON}, self.powers())

    def test_while_nothing_goes_off_nothing_is_asked(self):
        self.look(ONE, TWO)
        self.assertEqual(0, self.host.asked_why)

    def test_what_cannot_be_read_is_written_anew_or_taken_away(self):
        key = f'{records.DOMAIN}{HOST}/'
        junk = dict.fromkeys(('a', ONE.uuid, 'settled', 'z'), 'z')
        self.put(records.SERVER + 'settled', records.Owner(HOST))
        self.store.commit([], [ports.Put(key + uuid, text) for uuid, text in junk.items()])
        self.look(ONE)
        self.assertEqual({ONE.uuid: Power.ON, 'settled': Power.OFF}, self.powers())
        self.assertEqual('', self.publisher.trouble)
