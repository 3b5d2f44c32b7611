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

"""Mutants of what is looked after once a host is back.  See ``mutants``."""

from kaopu_ha.controller.carer import Carer
from kaopu_ha.core import aftercare
from tests.unit.sim.mutants import mutant, put


@mutant('nobody looks after what a host left behind')
def nobody_cares():
    return [put(Carer, 'turn', lambda carer: 60.0)]


@mutant('what Nova shows after an old message stays')
def shown_wrongly():
    return [put(aftercare, 'is_strange', lambda server, migrations: False)]


@mutant('what is counted twice stays')
def counted_twice():
    real = aftercare._why_it_stays

    def stays(consumer, host, seen):
        return '' if real(consumer, host, seen) is None else real(consumer, host, seen)
    return [put(aftercare, '_why_it_stays', stays)]


@mutant('what it uses is taken back instead')
def taken_where_it_is():
    real = aftercare._released

    def released(ward, seen, rules, read, host):
        return real(ward, seen, rules, read, seen.server.host)
    return [put(aftercare, '_released', released)]
