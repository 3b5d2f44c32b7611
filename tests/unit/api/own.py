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

"""A cloud in which a host died, as our own resources show it."""

import dataclasses

from kaopu_ha import records
from kaopu_ha.core import brake, model, protection
from kaopu_ha.core.model import Phase, Stage, Step
from kaopu_ha.core.restart import Restart, Start, StartPhase
from tests.unit.api.scene import PROJECT, ApiCase
from tests.unit.cli import scene as told

WEB, DB, OLD, MAIL = told.WEB, told.DB, told.OLD, '00000004-aaaa-4000-8000-000000000000'
OTHERS = '0123456789abcdef0123456789abcdef'


def a_server(uuid, name, host='c2', project=PROJECT, **more):
    """A server of Nova's that is on."""
    return model.Server(uuid, name, host, 'active', power_state=1, project=project, **more)


class OwnCase(ApiCase):
    """c1 is confirmed dead and its instances are moved, c2 and c3 are well, c4 was rebooted."""

    def setUp(self):
        super().setUp()
        self.put(records.LEADER, records.Leader('ctl-1', told.at(0)))
        for host, instances in (('c1', None), ('c2', ()), ('c3', ()), ('c4', ())):
            self.put(records.INVENTORY + host, told.an_inventory(host, instances=instances))
        for host in ('c2', 'c3', 'c4'):
            self.put(records.ALIVE + host, records.Beat('uuid', f'boot-of-{host}', '1.0'))
        self.put(records.CASE + 'c1', told.a_case(stage=Stage.CONFIRMED))
        self.put(records.LOCK + 'c1', records.Lock('ctl-1', told.at(6, 45), True, 'c1-1234'))
        self.put(records.RECOVERY + 'c1-1234', told.a_recovery())
        self.moved(told.an_evacuation())
        self.moved(told.an_evacuation(DB, 'db-1', Phase.FAILED, 'c3', reason='3 were tried on c3',
                                      attempts=3), OTHERS)
        self.put(records.RESTART + 'c4', Restart('c4', 'boot-2', (
            Start(MAIL, 'mail-1', StartPhase.RUNS, 'it runs', at=told.at(9)),)))
        self.put(records.UNPROTECTED, records.UnprotectedList((
            protection.Unprotected('c3', protection.Reason.LOCAL_DISK, 'db-1: a disk on c3 alone',
                                   ('db-1',)),
            protection.Unprotected('c4', protection.Reason.NO_ADDRESS, 'c4 told no address')),
            2, 'ctl-1', told.at(8)))
        self.cloud.its = (a_server(WEB, 'web-1'), a_server(MAIL, 'mail-1', 'c4'),
                          a_server(DB, 'db-1', 'c3', OTHERS))

    def moved(self, item, project=PROJECT):
        """Write a move of a project's instance."""
        self.put(f'{records.EVACUATION}{item.recovery}/{item.instance}',
                 dataclasses.replace(item, project=project))

    def there_is_a_storm(self):
        """c2 and c3 are silent at one time, and the brake holds them."""
        for host in ('c2', 'c3'):
            self.put(records.CASE + host, told.a_case(host))
        self.put(records.STORM, brake.Storm(on=True, braked=('c2', 'c3'), silent=('c2', 'c3'),
                                            seconds=10.0))

    def closed(self, host, number, minute=30, **more):
        """Write a closed case of before."""
        case = told.a_case(host, **more)
        step = Step(told.at(minute), 'ctl-1', 'closed', f'its beat is back ({number})')
        self.put(f'{records.CLOSED}{host}/{number:016}', dataclasses.replace(
            case, stage=Stage.CLOSED, history=(*case.history, step)))
