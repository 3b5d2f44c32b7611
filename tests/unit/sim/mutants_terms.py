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


"""Mutants of the term to which a turn belongs: see ``mutants``."""

from kaopu_ha import ports, records
from kaopu_ha.controller.term import Term
from tests.unit.sim.mutants import mutant, put


@mutant('a turn writes in whatever term it wakes')
def any_term():
    def compares(term):
        epoch = term._leadership.epoch
        if not epoch:
            raise ports.StoreError('it leads no more')
        return (ports.Compare(records.LEADER, created=epoch),)
    return [put(Term, 'compares', compares)]
