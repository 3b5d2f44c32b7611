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

"""A leader that looks at hosts, by a clock that the test moves."""

import concurrent.futures

from kaopu_ha import ports, records
from kaopu_ha.controller.detector import Detector
from kaopu_ha.controller.leadership import Leadership
from kaopu_ha.core import model
from kaopu_ha.core.model import Network, Sign
from kaopu_ha.runtime import Runtime
from kaopu_ha.sim.kernel import Kernel
from kaopu_ha.sim.network import Node
from kaopu_ha.sim.store import Etcd
from tests.core import values


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Store(ports.Store):
    """The false etcd, which answers at once, or not at all while it is ``away``."""

    away = False

    def __init__(self):
        self._etcd = Etcd(Kernel(1), Node('etcd'))

    @property
    def etcd(self):
        if self.away:
            raise ports.StoreError('etcd does not answer')
        return self._etcd

    def read(self, *ranges):
        return self.etcd.read(ranges)

    def names(self, prefix, most):
        return tuple(self.etcd.read([prefix]).under(prefix))[:most]

    def commit(self, compares, writes):
        return self.etcd.commit(compares, writes)

    def grant(self, ttl):
        return self.etcd.grant(ttl)

    def renew(self, lease, limit):
        return self.etcd.renew(lease)

    def revoke(self, lease):
        self.etcd.revoke(lease)

    def watch(self, prefix, tell, since=0):
        raise NotImplementedError

    def close(self):
        pass


class ScriptedProbe(ports.Probe):
    """Finds every host silent, or what ``sign`` says; ``meanwhile`` happens while it asks."""

    def __init__(self, network, meanwhile=lambda: None):
        self.network, self.meanwhile, self.sign = network, meanwhile, Sign.SILENCE

    def ask(self, suspects, peers, limit, known=None):
        self.meanwhile()
        return {one.host: values.evidence_of(self.network, self.sign) for one in suspects}

    def close(self):
        pass


def an_env(clock, tell=lambda news: None, **changes):
    """What whoever does something runs in; ``pool`` is an executor, or None where none is made."""
    pool = changes.pop('pool', None)
    return Runtime(**{'name': 'one', 'clock': clock, 'now': lambda: values.AT, 'tell': tell,
                      'pool': lambda number, name: pool, 'rules': values.rules()} | changes)


def a_leader(store, name, clock):
    return Leadership(store, 300, an_env(clock, name=name))


class FenceThatHolds(ports.Fence):
    """A fence that has fenced, and says so.  ``orders_of``: its orders for a host, by name."""

    name = 'blocklist'

    def __init__(self, orders_of):
        self._orders_of = orders_of

    def orders(self, inventory, clusters, clients):
        return self._orders_of(inventory.host)

    def forbidden(self, order, limit):
        return {}

    def fence(self, order, permit):
        pass

    def verify(self, order, limit):
        return model.Proof(order.fence, order.cluster, True, 'it was read back')

    def unfence(self, order, permit):
        pass

    def close(self):
        pass


class Watched:
    """The host c1, which does not beat; c2 does.  After ``begin`` its first round is judged."""

    def __init__(self, case, store, leader, clock, rules, meanwhile=lambda: None):
        store.commit([], [ports.Put(key, records.encode(value)) for key, value in (
            (records.INVENTORY + 'c1', values.an_inventory('c1')),
            (records.INVENTORY + 'c2', values.an_inventory('c2')),
            (records.ALIVE + 'c2', records.Beat('uuid', 'boot-1', '1')))])
        pool = concurrent.futures.ThreadPoolExecutor(2)
        case.addCleanup(pool.shutdown)
        self._store, self._clock = store, clock
        self.probes = [ScriptedProbe(Network.MANAGEMENT), ScriptedProbe(Network.STORAGE, meanwhile)]
        self._detector = Detector(store, leader, self.probes, None, [],
                                  an_env(clock, rules=rules, pool=pool))
        self._detector.turn()
        self.look(10.0)

    def look(self, seconds):
        """Let so many seconds pass, and have the leader take its turn."""
        self._clock.now += seconds
        self._detector.turn()

    def case(self):
        entry = self._store.read(records.CASE + 'c1').get(records.CASE + 'c1')
        return records.decode(model.Case, entry.value, entry.key)
