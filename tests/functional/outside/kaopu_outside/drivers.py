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

"""A probe for each network, a fence and a usage driver, as somebody else would write them.

Each notes what it was asked in the file that its own option names.
"""

from oslo_config import cfg

from kaopu_ha import ports
from kaopu_ha.core import model

OPTIONS = {'outside': [cfg.StrOpt('notes', help='File in which each driver notes what it did.')]}


class _Noting:

    options = OPTIONS

    def __init__(self, notes):
        self._notes = notes

    @classmethod
    def from_conf(cls, conf, store):
        return cls(conf.outside.notes)

    def note(self, word):
        with open(self._notes, 'a', encoding='utf-8') as notes:
            notes.write(word + '\n')

    def close(self):
        self.note('closed')


class _Probe(_Noting, ports.Probe):

    def ask(self, suspects, peers, limit, known=None):
        self.note(f'asked over {self.network.value}')
        return {one.host: model.Evidence(self.network, model.Sign.SILENCE, 'nobody is at home')
                for one in suspects}


class ManagementProbe(_Probe):
    """Asks a concierge."""

    network = model.Network.MANAGEMENT

    def contact(self, uris, limit):
        raise ports.PortError('a concierge knows no domains')


class StorageProbe(_Probe):
    """Listens at the door."""

    network = model.Network.STORAGE


class Switch(_Noting, ports.Fence):
    """Pulls the plug of a storage switch."""

    name, gives_proof = 'outside', True

    def orders(self, inventory, clusters, clients):
        return tuple(model.FenceOrder(self.name, cluster, inventory.storage_addresses)
                     for cluster in clusters)

    def forbidden(self, order, limit):
        return {}

    def fence(self, order, permit):
        self.note('cut')

    def verify(self, order, limit):
        self.note('proven')
        return model.Proof(self.name, order.cluster, True, 'the plug lies on the floor')

    def unfence(self, order, permit):
        self.note('mended')


class Spreadsheet(_Noting, ports.UsageSource):
    """Knows how full hosts are."""

    def usage(self):
        self.note('usage')
        return {}
