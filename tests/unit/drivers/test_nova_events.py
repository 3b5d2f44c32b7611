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

"""Nova's notifications, as a real Nova 34 sent them, and what a stranger might send."""

import copy
import json
import pathlib
import random
import unittest

from kaopu_ha.core.events import NovaEvent
from kaopu_ha.core.model import Power
from kaopu_ha.drivers.openstack import events as nova

SAMPLES = json.loads((pathlib.Path(__file__).parent / 'nova_notifications.json').read_text())
CHANGES = 10_000
SEED = 20261125

_ODD = [None, True, 0, -1, 1.5, float('inf'), '', 'x' * 100_000, '\x00', '\ud800', '../../etc',
        'a/b', 'é', '1.1\n', [], {}, [[]], {'nova_object.data': {}}, [None] * 1000, 'c1\n', ' c1',
        'c' * 256, 'nova-compute:', 'nova-compute:c1:c2', 'ACTIVE', '٣', 10 ** 400]

_READ = {'publisher_id', 'event_type', 'payload', 'timestamp', 'uuid', 'host', 'state', 'binary',
         'nova_object.name', 'nova_object.namespace', 'nova_object.version', 'nova_object.data'}


def told(sample):
    return nova.read(sample['publisher_id'], sample['event_type'], sample['payload'],
                     sample['timestamp'])


def a_sample(kind):
    return copy.deepcopy(next(each for each in SAMPLES if each['event_type'] == kind))


class WhatNovaSays(unittest.TestCase):

    def test_each_kind_that_is_heard(self):
        seen = {each['event_type']: told(each) for each in SAMPLES}
        wanted = {
            'instance.create.end': ('c2', Power.ON), 'instance.power_on.end': ('c1', Power.ON),
            'instance.power_off.end': ('c1', Power.OFF),
            'instance.live_migration_post_dest.end': ('c3', Power.ON),
            'instance.rebuild.end': ('c1', Power.ON), 'instance.delete.end': ('c2', None),
            'service.update': ('c3', None)}
        self.assertEqual(wanted, {kind: (event.host, event.power) for kind, event in seen.items()
                                  if event is not None})

    def test_an_event_of_an_instance_names_it_and_the_time(self):
        sample = a_sample('instance.power_off.end')
        uuid = sample['payload']['nova_object.data']['uuid']
        self.assertEqual(NovaEvent('c1', 'instance.power_off.end', uuid, Power.OFF,
                                   sample['timestamp']), told(sample))

    def test_an_evacuation_ends_on_the_host_that_says_so(self):
        sample = a_sample('instance.rebuild.end')
        self.assertEqual('c3', sample['payload']['nova_object.data']['host'])
        self.assertEqual('c1', told(sample).host)

    def test_a_service_that_is_no_nova_compute_is_passed_over(self):
        sample = a_sample('service.update')
        sample['payload']['nova_object.data']['binary'] = 'nova-scheduler'
        self.assertIsNone(told(sample))

    def test_a_later_minor_version_is_read_and_a_new_major_one_is_not(self):
        for version, read in (('1.0', True), ('1.99', True), ('2.0', False), ('1', False)):
            sample = a_sample('instance.power_off.end')
            sample['payload']['nova_object.version'] = version
            self.assertEqual(read, told(sample) is not None, version)

    def test_an_instance_in_any_other_state_says_nothing_of_its_power(self):
        for state in ('paused', 'error', 'building', None, ['active'], {'active': 1}):
            sample = a_sample('instance.live_migration_post_dest.end')
            sample['payload']['nova_object.data']['state'] = state
            self.assertIsNone(told(sample), state)

    def test_what_is_no_uuid_no_host_and_no_time_is_none(self):
        for name, value in (('uuid', 'x'), ('uuid', '0' * 36), ('uuid', None)):
            sample = a_sample('instance.power_off.end')
            sample['payload']['nova_object.data'][name] = value
            self.assertIsNone(told(sample))
        for publisher in ('nova-compute:', 'nova-compute:a/b', 'nova-compute:../x', 'nova-api:c1',
                          'c1', 'nova-compute:' + 'c' * 256, 'nova-compute:c1\n', None, ['c1']):
            sample = a_sample('instance.power_off.end') | {'publisher_id': publisher}
            self.assertIsNone(told(sample), publisher)
        sample = a_sample('instance.power_off.end') | {'timestamp': 'now\n' + 'x' * 1000}
        self.assertEqual('', told(sample).at)


class WhatAStrangerSays(unittest.TestCase):

    def test_whatever_is_sent_is_an_event_of_good_form_or_none(self):
        chance = random.Random(SEED)
        events = 0
        for number in range(CHANGES):
            sample = copy.deepcopy(chance.choice(SAMPLES))
            for _ in range(chance.randint(1, 3)):
                change(sample, chance)
            with self.subTest(seed=SEED, number=number):
                event = nova.read(sample.get('publisher_id'), sample.get('event_type'),
                                  sample.get('payload'), sample.get('timestamp'))
                if event is not None:
                    events += 1
                    self.assert_of_good_form(event)
        # It is no test if nothing comes through, nor if all does.
        self.assertLess(CHANGES // 20, events)
        self.assertLess(events, CHANGES)

    def assert_of_good_form(self, event):
        self.assertRegex(event.host, r'\A[A-Za-z0-9._-]{1,255}\Z')
        self.assertRegex(event.instance, r'\A([0-9a-f-]{36})?\Z')
        self.assertIn(event.power, (Power.ON, Power.OFF) if event.instance else (None,))
        self.assertRegex(event.at, r'\A[0-9T:. +Z-]{0,40}\Z')
        self.assertIn(event.kind, {each['event_type'] for each in SAMPLES})


def change(value, chance):
    """Change one thing, at any depth; rather one that is read."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        deeper = [key for key in keys if isinstance(value[key], dict | list) and value[key]]
        if not keys:
            return
        if deeper and chance.random() < 0.6:
            value = value[chance.choice(deeper)]
            continue
        change_here(value, chance.choice([key for key in keys if key in _READ]
                                         if chance.random() < 0.5 and _READ & set(keys)
                                         else keys), chance)
        return


def change_here(value, key, chance):
    inner, way = value[key], chance.randrange(4)
    if way == 0 and isinstance(value, dict):
        del value[key]
    elif way == 1 and isinstance(inner, str) and inner:
        at, odd = chance.randrange(len(inner)), chr(chance.randrange(0x250))
        value[key] = inner[:at] + odd + inner[at + chance.randint(0, 1):]
    elif way == 2 and isinstance(value, dict):
        value[key] = value[chance.choice(list(value))]
    else:
        value[key] = copy.deepcopy(chance.choice(_ODD))
