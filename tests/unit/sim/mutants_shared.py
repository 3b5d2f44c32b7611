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

"""Mutants of volumes that two guests share, and of addresses that two hosts claim: see ``mutants``.
"""

from kaopu_ha.agent import clients
from kaopu_ha.core import casefile, fencing, rivals
from kaopu_ha.core.addresses import spelling
from tests.unit.sim.mutants import mutant, put


def _the_one_that_lives(answer):
    live = [client for client in answer.clients if client.acknowledged] if answer else []
    return spelling(live[0].ip) if len(live) == 1 else ''


@mutant('who answers alone on a shared volume is taken for the own')
def who_answers_alone():
    return [put(clients, '_is_shared', lambda domain, image: False),
            put(clients, '_the_one', _the_one_that_lives)]


@mutant('who is listed alone on a shared volume is taken for the own')
def who_is_listed_alone():
    return [put(clients, '_is_shared', lambda domain, image: False)]


@mutant('a rival\'s client counts as life')
def a_rivals_is_life():
    return [put(rivals, 'neighbours', lambda host, address, claimed, claims: frozenset())]


@mutant('what may be a rival\'s counts as silence')
def a_rivals_is_silence():
    def every(host, answer, known):
        return frozenset(client for client in answer.clients if rivals.of(host, client, known))
    return [put(rivals, 'accounted_for', every),
            put(rivals, 'doubtful', lambda host, clients, known: {})]


@mutant('a dead host has to say no of its rival\'s client')
def the_dead_say_no():
    return [put(rivals, 'not_ruled_out',
                lambda client, answer, answers, known: known.whose(client.ip))]


@mutant('a rival\'s client is cut with the dead')
def a_rivals_is_cut():
    return [put(fencing, 'known_clients', lambda case: case.clients)]


@mutant('what is silent at an address of another host is not cut')
def anothers_is_not_cut():
    return [put(rivals, 'is_disowned', lambda host, client, answer, known: False)]


@mutant('what lives at an address of another host is a tool')
def anothers_is_a_tool():
    return [put(casefile, 'outlived_its_agent', lambda case: False)]
