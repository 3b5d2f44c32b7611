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

import dataclasses
import unittest

from kaopu_ha import records
from kaopu_ha.core import model, protection
from kaopu_ha.core.model import Power
from kaopu_ha.core.protection import Reason, Sample, Unprotected
from tests.core import values

RULES = values.rules(client_networks=('10.1.0.0/24',))
HOSTS = {f'c{number}': values.an_inventory(f'c{number}', storage_addresses=(f'10.1.0.{number}',))
         for number in (1, 2)}


def found(**changes):
    """Host and reason of everything that is not protected, where nothing else is wrong."""
    seen = dataclasses.replace(protection.Seen(
        HOSTS, frozenset(HOSTS), services={host: values.a_service(host) for host in HOSTS}),
        **changes)
    return [(item.host, item.reason) for item in protection.unprotected(seen, RULES)]


def with_c1(**changes):
    return {**HOSTS, 'c1': dataclasses.replace(HOSTS['c1'], **changes)}


class TestUnprotected(unittest.TestCase):

    def test_while_all_is_well_nothing_is(self):
        self.assertEqual([], found())

    def test_a_compute_host_without_an_agent_is_not(self):
        services = {host: values.a_service(host) for host in ('c1', 'c2', 'c3')}
        self.assertEqual([('c3', Reason.NO_AGENT)], found(services=services))
        services['c3'] = values.a_service('c3', enabled=False)
        self.assertEqual([], found(services=services))

    def test_of_one_whose_inventory_cannot_be_read_nobody_says_that_it_has_no_agent(self):
        services = {host: values.a_service(host) for host in ('c1', 'c2', 'c3')}
        for changes, word in (({'unreadable': frozenset({'c3'})}, "can't be read"),
                              ({'beating': frozenset({'c3'})}, 'written nothing')):
            seen = protection.Seen(HOSTS, services=services, **changes)
            item, = protection.unprotected(seen, RULES)
            self.assertEqual(('c3', Reason.NO_INVENTORY), (item.host, item.reason))
            self.assertIn(word, item.text)

    def test_of_a_host_that_is_being_judged_its_case_tells_unless_it_lives(self):
        samples = {'c1': Sample(silent=True)}
        for verdict, expected in ((model.Verdict.UNDECIDED, []), (model.Verdict.DEAD, []),
                                  (model.Verdict.ALIVE, [('c1', Reason.UNSEEN)])):
            cases = {'c1': values.a_case(verdict=verdict)}
            self.assertEqual(expected, found(samples=samples, cases=cases))

    def test_a_host_that_nova_calls_otherwise_is_not(self):
        services = {'c1.example.org': values.a_service('c1.example.org'),
                    'c2': values.a_service('c2')}
        self.assertEqual([('c1', Reason.NO_SERVICE), ('c1.example.org', Reason.NO_AGENT)],
                         found(services=services))
        # One that is off has nothing to say of Nova; and a Nova that was not asked says nothing.
        self.assertEqual([('c1.example.org', Reason.NO_AGENT)],
                         found(services=services, beating=frozenset({'c2'})))
        self.assertEqual([], found(services=None))

    def test_short_and_full_names_are_told_together_with_the_way_out(self):
        for nova, agent in (('c1.example.org', 'c1'), ('c1', 'c1.example.org'), ('C1', 'c1')):
            with self.subTest(nova, agent=agent):
                seen = protection.Seen(
                    {agent: values.an_inventory(agent)}, frozenset({agent}),
                    services={nova: values.a_service(nova)})
                texts = {item.reason: item.text for item in protection.unprotected(seen, RULES)}
                self.assertIn(f'calls itself {agent} tells of it: set [DEFAULT] host = {nova}',
                              texts[Reason.NO_AGENT])
                self.assertIn(f'Nova calls it {nova}: set [DEFAULT] host = {nova}',
                              texts[Reason.NO_SERVICE])

    def test_hosts_that_are_only_called_alike_are_not_taken_for_one(self):
        for nova, agent in ((('c10',), 'c1'), (('c1.a.org', 'c1.b.org'), 'c1'),
                            (('c1.b.org',), 'c1.a.org')):
            with self.subTest(nova, agent=agent):
                seen = protection.Seen(
                    {agent: values.an_inventory(agent)}, frozenset({agent}),
                    services={name: values.a_service(name) for name in nova})
                texts = {item.reason: item.text for item in protection.unprotected(seen, RULES)}
                self.assertIn('does the agent use another name', texts[Reason.NO_SERVICE])

    def test_a_disk_of_which_no_cluster_is_known_is_told_if_its_instance_is_on(self):
        lost = dataclasses.replace(values.an_instance(name='web'), local_disks=(
            '/var/lib/x',
            'rbd:vms/w_disk (on no cluster of [ceph] conf: its monitors are 10.7.7.7)'))
        item, = protection.unprotected(protection.Seen(with_c1(instances=(lost,))), RULES)
        self.assertEqual((Reason.NO_CLUSTER, ('web',)), (item.reason, item.instances))
        self.assertIn('vms/w_disk (on no cluster of [ceph] conf', item.text)
        self.assertNotIn('/var/lib/x', item.text)
        off = dataclasses.replace(lost, power=Power.OFF)
        self.assertEqual([], found(inventories=with_c1(instances=(off,))))

    def test_a_host_without_a_storage_address_is_not(self):
        self.assertEqual([('c1', Reason.NO_ADDRESS)],
                         found(inventories=with_c1(storage_addresses=())))

    def test_an_address_that_the_fence_does_not_list_is_not(self):
        self.assertEqual([('c1', Reason.OUTSIDE)], found(
            inventories=with_c1(storage_addresses=('10.1.0.1', '10.9.0.1'))))

    def test_of_two_claims_the_younger_is_told_whatever_the_hosts_are_called(self):
        both = with_c1(storage_addresses=('10.1.0.2',))
        claims = {'c1': {'10.1.0.2': 9}, 'c2': {'10.1.0.2': 5}}
        self.assertEqual([('c1', Reason.CLAIMED_TWICE)], found(inventories=both, claims=claims))
        claims = {'c1': {'10.1.0.2': 5}, 'c2': {'10.1.0.2': 9}}
        self.assertEqual([('c2', Reason.CLAIMED_TWICE)], found(inventories=both, claims=claims))

    def test_a_stranger_and_a_silent_sample_count_while_the_host_beats(self):
        samples = {'c1': Sample(('10.9.0.9:0/1',)), 'c2': Sample(silent=True)}
        self.assertEqual([('c1', Reason.STRANGER), ('c2', Reason.UNSEEN)], found(samples=samples))
        self.assertEqual([('c2', Reason.UNSEEN)],
                         found(samples=samples, beating=frozenset({'c2'})))

    def test_guests_with_a_disk_that_is_not_open_are_named_when_that_was_seen_twice(self):
        def said(**signs):
            return dataclasses.replace(
                values.evidence_of(model.Network.STORAGE, model.Sign.LIFE), answers=tuple(
                    model.Answer(f'vms/{name}', '', sign) for name, sign in signs.items()))
        alive, silent = model.Sign.LIFE, model.Sign.SILENCE
        image = {name: model.Image('ceph-1', 'vms', name, name) for name in ('a', 'b', 'x')}
        host = values.an_inventory('c1', instances=(
            values.an_instance('i1', name='web', images=(image['a'], image['b'])),
            values.an_instance('i2', name='db', images=(image['x'],))))
        samples = [Sample()]
        for signs in ({'a': silent, 'b': silent, 'x': alive}, {'a': alive, 'b': alive, 'x': silent},
                      {'a': alive, 'b': alive, 'x': silent}, {'x': model.Sign.UNKNOWN},
                      {'a': silent, 'b': alive, 'x': alive}, {'a': silent, 'b': alive, 'x': alive}):
            samples.append(protection.sample(host, said(**signs), samples[-1]))
        self.assertEqual([(), (), (), ('db',), (), (), ('web',)],
                         [one.long_mute for one in samples])
        item, = protection.unprotected(protection.Seen(
            HOSTS, frozenset(HOSTS), samples={'c1': samples[3]}), RULES)
        self.assertEqual((Reason.WITHOUT_DISK, ('db',)), (item.reason, item.instances))

    def test_guests_that_are_stuck_are_named_while_their_host_beats(self):
        host = values.an_inventory('c1', stuck=('i1',), instances=(
            values.an_instance('i1', Power.PAUSED, name='web'),
            values.an_instance('i2', Power.PAUSED, name='db')))
        for beating, names in ((frozenset({'c1'}), [(Reason.STUCK, ('web',))]), (frozenset(), [])):
            self.assertEqual(names, [(one.reason, one.instances) for one in protection.unprotected(
                protection.Seen({'c1': host}, beating), RULES)])

    def test_guests_that_hang_are_named_unless_the_operator_leaves_them(self):
        host = values.an_inventory('c1', hung=('i1',), instances=(
            values.an_instance('i1', Power.PAUSED, name='web'), values.an_instance('i2')))
        for on_hung in model.OnHung:
            names = [] if on_hung is model.OnHung.LEAVE else [(Reason.HUNG, ('web',))]
            self.assertEqual(names, [(one.reason, one.instances) for one in protection.unprotected(
                protection.Seen({'c1': host}, frozenset({'c1'})),
                dataclasses.replace(RULES, on_hung=on_hung))])

    def test_a_nova_compute_that_is_gone_is_told_while_its_host_beats(self):
        host = values.an_inventory('c1', compute_gone=True)
        for beating, reasons in ((frozenset({'c1'}), [Reason.COMPUTE_GONE]), (frozenset(), [])):
            self.assertEqual(reasons, [one.reason for one in protection.unprotected(
                protection.Seen({'c1': host}, beating), RULES)])

    def test_a_volume_that_a_sibling_on_the_host_has_open_speaks_for_nobody_else(self):
        image = {name: model.Image('ceph-1', 'vms', name, name) for name in ('a', 'b', 'both')}
        host = values.an_inventory('c1', instances=(
            values.an_instance('i1', name='web', images=(image['a'], image['both'])),
            values.an_instance('i2', name='db', images=(image['b'], image['both'])),
            values.an_instance('i3', Power.OFF, name='off', images=(image['a'],))))
        seen = dataclasses.replace(
            values.evidence_of(model.Network.STORAGE, model.Sign.LIFE), answers=tuple(
                model.Answer(f'vms/{name}', '', sign) for name, sign in (
                    ('a', model.Sign.SILENCE), ('b', model.Sign.LIFE), ('both', model.Sign.LIFE))))
        self.assertEqual({'web'}, protection.sample(host, seen, Sample()).mute)
        # Of a volume that none of them has open, none is without a word.
        seen = dataclasses.replace(seen, answers=tuple(
            dataclasses.replace(line, sign=model.Sign.SILENCE if line.asked == 'vms/both'
                                else model.Sign.LIFE) for line in seen.answers))
        self.assertEqual({'web', 'db'}, protection.sample(host, seen, Sample()).mute)

    def test_what_is_off_or_has_no_image_is_not_missed(self):
        for changes in ({'power': Power.OFF}, {'images': ()}):
            host = values.an_inventory('c1', instances=(values.an_instance(**changes),))
            silent = dataclasses.replace(
                values.evidence_of(model.Network.STORAGE, model.Sign.LIFE), answers=(
                    model.Answer('vms/disk', '', model.Sign.SILENCE),))
            self.assertEqual(frozenset(), protection.sample(host, silent, Sample()).mute)

    def test_a_beat_that_would_outlive_its_host_is_told(self):
        self.assertEqual([('c2', Reason.LASTING_BEAT)], found(lasting=frozenset({'c2', 'c9'})))

    def test_an_inventory_that_is_not_kept_up_is_told_with_its_reason(self):
        seen = protection.Seen(HOSTS, behind={'c1': 'libvirt is mute'})
        item, = protection.unprotected(seen, RULES)
        self.assertEqual(('c1', Reason.NOT_KEPT_UP), (item.host, item.reason))
        self.assertIn('libvirt is mute', item.text)

    def test_an_image_whose_id_is_not_known_is_told_by_its_instance_if_that_is_on(self):
        lost = dataclasses.replace(values.an_instance(name='web'), images=(
            model.Image('ceph-1', 'vms', 'disk', ''),))
        item, = protection.unprotected(
            protection.Seen(with_c1(instances=(lost,))), RULES)
        self.assertEqual((Reason.UNKNOWN_IMAGE, ('web',)), (item.reason, item.instances))
        off = dataclasses.replace(lost, power=Power.OFF)
        self.assertEqual([], found(inventories=with_c1(instances=(off,))))


class TestTelling(unittest.TestCase):

    RULES = values.rules(remind_again=3600.0)
    ITEM = Unprotected('c1', Reason.OUTSIDE, 'one address')

    def test_one_that_died_is_not_protected_again_by_that(self):
        memory = protection.telling({}, [self.ITEM], 0.0, self.RULES).memory
        memory = protection.telling(memory, [self.ITEM], 15.0, self.RULES).memory
        away = protection.telling(memory, [], 30.0, self.RULES, {'c1'})
        self.assertEqual(((), ()), (away.due, away.over))
        back = protection.telling(away.memory, [], 45.0, self.RULES)
        self.assertEqual((('c1', Reason.OUTSIDE),), back.over)

    def told(self, *looks):
        """What each look tells, as hosts; and what it says is over."""
        memory, said = {}, []
        for now, items in looks:
            telling = protection.telling(memory, items, now, self.RULES)
            memory = telling.memory
            said.append(([item.text for item in telling.due], list(telling.over)))
        return said

    def test_what_is_found_once_is_not_told(self):
        self.assertEqual([([], []), ([], []), ([], [])],
                         self.told((0.0, [self.ITEM]), (15.0, []), (30.0, [self.ITEM])))

    def test_what_is_found_again_is_told_and_once_an_hour_and_that_it_is_over(self):
        self.assertEqual(
            [([], []), (['one address'], []), ([], []), (['one address'], []),
             ([], [('c1', Reason.OUTSIDE)]), ([], [])],
            self.told((0.0, [self.ITEM]), (15.0, [self.ITEM]), (3000.0, [self.ITEM]),
                      (3615.0, [self.ITEM]), (3630.0, []), (3645.0, [])))

    def test_of_one_host_and_reason_one_sentence_is_told(self):
        other = dataclasses.replace(self.ITEM, text='another address')
        self.assertEqual(['one address'], self.told((0.0, [self.ITEM, other]),
                                                    (15.0, [self.ITEM, other]))[1][0])


class TestBrief(unittest.TestCase):

    def test_the_longest_list_that_is_written_is_one_that_the_store_takes(self):
        item = protection.brief(Unprotected('c' * 253, Reason.UNKNOWN_IMAGE, '\U0001f600' * 9000,
                                            ('\U0001f600' * 255,) * 4096))
        text = records.encode(records.UnprotectedList((item,) * 500, 4096))
        self.assertLess(len(text.encode()), values.REQUEST_BYTES_MAX)

    def test_what_is_short_stays_as_it_is(self):
        item = Unprotected('c1', Reason.UNKNOWN_IMAGE, 'why', ('web', 'db'))
        self.assertEqual(item, protection.brief(item))


if __name__ == '__main__':
    unittest.main()
