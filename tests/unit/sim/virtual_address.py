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

"""An address that moves to a neighbour when its holder has died."""

from kaopu_ha.sim import libvirt
from tests.unit.sim.mutants import put

VIRTUAL = '10.91.0.200'


def moves(case):
    """Have c1 tell of it too until second 24, and c2 from then on, for the time of a test."""
    real = libvirt.SimLocal.addresses

    def addresses(local, networks):
        holder = 'c1' if local.kernel.now < 24 else 'c2'
        more = {VIRTUAL} if local._machine.name == holder else set()
        local._machine.had |= more
        return tuple(sorted({*real(local, networks), *more}))
    patch = put(libvirt.SimLocal, 'addresses', addresses)
    patch.setUp()
    case.addCleanup(patch.cleanUp)
