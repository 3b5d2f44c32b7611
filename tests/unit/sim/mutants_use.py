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

"""Mutants of live use: see ``mutants``."""

from kaopu_ha import ports, records
from kaopu_ha.agent.use import UsePublisher
from kaopu_ha.core import live, selection
from tests.unit.sim.mutants import mutant, put


@mutant('live use is not looked at')
def not_looked_at():
    real = live.joined
    return [put(live, 'joined', lambda room, told, weight: real(room, {}, weight))]


@mutant('the busiest host is taken')
def busiest():
    def weighed(usage, core_class=''):
        return False, -selection.use(usage.live or usage), selection.use(usage)
    return [put(selection, 'weighed', weighed)]


@mutant('a figure is renewed that nobody measures')
def renewed_unread():
    real = UsePublisher.turn

    def turn(publisher):
        wait = real(publisher)
        if publisher.trouble and publisher._lease:
            publisher._store.renew(publisher._lease, 1.0)
        return wait
    return [put(UsePublisher, 'turn', turn)]


@mutant('a change of use is never told')
def never_told_anew():
    real = live.told_anew
    return [put(live, 'told_anew', lambda before, readings, at: before or real(
        before, readings, at))]


@mutant('who tells no live use is taken for idle')
def silent_is_idle():
    real = selection.weighed

    def weighed(usage, *core_class):
        found = real(usage, *core_class)
        return (False, 0.0, found[2]) if found[0] else found
    return [put(selection, 'weighed', weighed)]


@mutant('live use outlives its lease')
def without_lease():
    def write(publisher, figure):
        publisher._told = figure
        publisher._store.commit([], [ports.Put(publisher._key, records.encode(figure))])
    return [put(UsePublisher, '_write', write)]


@mutant('what comes to a host makes it no busier')
def herd():
    return [put(selection, '_live_with', lambda usage, evacuation: usage)]
