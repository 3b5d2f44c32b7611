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

"""What the answers to ``kaopu-ha doctor`` are worth."""

import dataclasses
import unittest

from kaopu_ha.core import (
    checkup,
    checkup_ceph,
    checkup_hosts,
    checkup_store,
    model,
    protection,
)
from kaopu_ha.core.checkup import Finding, Seen, Severity
from kaopu_ha.core.checkup_ceph import BlocklistEntry, Monitor
from kaopu_ha.core.checkup_hosts import Certificate
from kaopu_ha.core.checkup_store import MemberStatus
from kaopu_ha.core.model import Contact, Image, LibvirtAnswer, Power, Sign, Stage

YEARS = 10 * 365 * 86400.0
GIB = 1024 ** 3


def a_host(name='c1', address='10.2.0.11', **given):
    return model.Inventory(name, f'uuid-{name}', 'b', f'qemu+tls://{name}/system',
                           storage_addresses=(address,), **given)


def seen(*inventories, **given):
    return Seen(**{'inventories': {one.host: one for one in inventories},
                   'beats': {one.host: 1 for one in inventories}, **given})


def fenced(stage=Stage.CONFIRMED, recovery_stage=model.RecoveryStage.EVACUATING, **given):
    """What is seen while c1 is fenced at 10.2.0.11."""
    order = model.FenceOrder('ceph_blocklist', 'f', ('10.2.0.11:0/0',), ('10.2.0.11:0/7',))
    recovery = model.Recovery('c1-1', 'c1', recovery_stage, (order,))
    return seen(a_host(), cases={'c1': model.Case('c1', stage, recovery='c1-1', **given)},
                recoveries={'c1-1': recovery})


class Judged(unittest.TestCase):

    def only(self, found, severity, *words):
        self.assertEqual([severity], [one.severity for one in found], found)
        for word in words:
            self.assertIn(word, f'{found[0].subject} {found[0].found} {found[0].failure}')
        if severity is not Severity.GOOD:
            self.assertTrue(found[0].failure and found[0].advice, found)
        return found[0]

    def good(self, found, *words):
        return self.only(found, Severity.GOOD, *words)

    def weak(self, found, *words):
        return self.only(found, Severity.WEAK, *words)

    def wrong(self, found, *words):
        return self.only(found, Severity.WRONG, *words)


class Findings(Judged):

    def test_the_exit_code(self):
        good, weak = (Finding(each, 'x', 'y', side='store') for each in (Severity.GOOD,
                                                                         Severity.WEAK))
        wrong = Finding(Severity.WRONG, 'x', 'y', side='store')
        unasked = dataclasses.replace(wrong, asked=False)
        here = dataclasses.replace(good, side='this machine')
        self.assertEqual([0, 0, 1, 1, 2, 2, 2], [checkup.exit_code(found) for found in (
            [good], [good, weak], [good, wrong], [good, unasked], [unasked], [here, unasked], [])])
        self.assertEqual(1, checkup.exit_code([good, dataclasses.replace(wrong, side='hosts')]))

    def test_the_worst_comes_first(self):
        found = [Finding(each, 'x', 'y') for each in (Severity.GOOD, Severity.WRONG, Severity.WEAK)]
        self.assertEqual([Severity.WRONG, Severity.WEAK, Severity.GOOD],
                         [one.severity for one in checkup.in_order(found)])

    def test_what_could_not_be_asked_of_one_is_said_once(self):
        away = [Finding(Severity.WRONG, 'Nova', f'{n}', side='cloud', asked=False) for n in 'abc']
        other = Finding(Severity.WRONG, 'Nova', 'd', side='cloud')
        found = checkup.merged([away[0], other, *away[1:]])
        self.assertEqual(['a; 2 more likewise', 'd'], [one.found for one in found])
        self.assertEqual([away[0]], checkup.merged(away[:1]))


class Blocklist(Judged):

    def judged(self, entries, known, ranges=()):
        return checkup_ceph.blocklist(entries, ranges, known, 'f')

    def test_nobody_listed(self):
        self.good(self.judged([], seen(a_host())), '0 entries')

    def test_a_living_host(self):
        self.wrong(self.judged([BlocklistEntry('10.2.0.11', 0, YEARS)], seen(a_host())),
                   'c1', 'it lives', 'write to no disk')

    def test_a_living_host_under_another_spelling(self):
        self.wrong(self.judged([BlocklistEntry('fd00::b', 0, 60.0)],
                               seen(a_host(address='fd00:0::0B'))),
                   'c1')

    def test_a_living_host_in_a_range(self):
        self.wrong(self.judged([], seen(a_host()), ['10.2.0.0/28']), '10.2.0.0/28')
        self.good(self.judged([], seen(a_host()), ['10.3.0.0/28', 'nonsense']))

    def test_a_client_of_a_living_host_that_librbd_listed_ends_by_itself(self):
        self.good(self.judged([BlocklistEntry('10.2.0.11', 7, 3600.0)], seen(a_host())))

    def test_a_host_under_suspicion_is_not_called_living(self):
        known = seen(a_host(), cases={'c1': model.Case('c1', Stage.DYING)})
        self.weak(self.judged([BlocklistEntry('10.2.0.11', 0, YEARS)], known),
                  'no recovery has ordered')

    def test_a_fenced_host(self):
        for stage in (Stage.CONFIRMED, Stage.ADMITTING):
            self.good(self.judged([BlocklistEntry('10.2.0.11', 0, YEARS)], fenced(stage)))

    def test_a_fence_that_is_gone_or_ends_soon(self):
        self.wrong(self.judged([], fenced()), 'c1', 'not listed', 'writes again')
        self.wrong(self.judged([BlocklistEntry('10.2.0.11', 0, 3600.0)], fenced()), 'not for long')

    def test_a_fence_that_is_just_being_made_or_was_taken_back_is_not_missed(self):
        self.good(self.judged([], fenced(recovery_stage=model.RecoveryStage.FENCING)))
        self.good(self.judged([], fenced(Stage.ADMITTING, admit=model.AdmitProgress(
            'p', unfenced=True))))

    def test_an_order_on_another_cluster_is_not_missed_here(self):
        self.good(checkup_ceph.blocklist([], [], fenced(), 'g'))

    def test_what_stays_for_years_without_an_order(self):
        self.weak(self.judged([BlocklistEntry('10.2.0.99', 0, YEARS)], seen(a_host())), '10.2.0.99')
        self.good(self.judged([BlocklistEntry('10.2.0.99', 0, 3600.0)], seen(a_host())))


class Monitors(Judged):

    MAP = (Monitor('a', ('10.2.0.1',)), Monitor('b', ('10.2.0.2',)), Monitor('c', ('10.2.0.3',)))

    def judged(self, *named, there=MAP):
        return checkup_ceph.monitors('ceph.conf', {each: (each,) for each in named}, there)

    def test_all_or_two_of_them_are_named(self):
        self.good(self.judged('10.2.0.1', '10.2.0.2', '10.2.0.3'), '3 monitors')
        self.good(self.judged('10.2.0.1', '10.2.0.2'))

    def test_one_of_three_is_named(self):
        self.weak(self.judged('10.2.0.1'), 'names 1', 'b, c')

    def test_where_a_cluster_has_one_it_is_enough(self):
        self.good(self.judged('10.2.0.1', there=self.MAP[:1]))

    def test_one_that_moved(self):
        self.weak(self.judged('10.2.0.1', '10.2.0.2', '10.2.0.9'), '10.2.0.9', 'no monitor')

    def test_a_name_that_means_several_addresses(self):
        self.good(checkup_ceph.monitors('ceph.conf', {'mons.example.org': (
            '10.2.0.1', '10.2.0.2')}, self.MAP))

    def test_a_file_without_monitors_finds_them_by_dns(self):
        self.good(self.judged(), 'by DNS')

    def test_one_out_of_quorum(self):
        there = (*self.MAP[:2], dataclasses.replace(self.MAP[2], in_quorum=False))
        self.weak(self.judged('10.2.0.1', '10.2.0.2', there=there), 'c not in quorum, 2 of 3')


class Disks(Judged):

    def test_a_disk_whose_id_no_agent_read(self):
        images = (Image('f', 'vms', 'web', 'rbd_header.1'), Image('f', 'volumes', 'v', ''))
        host = a_host(instances=(model.Instance('u', 'web', Power.ON, images),))
        self.wrong(checkup_ceph.unread(seen(host)), 'c1', 'volumes/v', 'not recovered')
        self.assertEqual({'vms'}, set(checkup_ceph.images(seen(host), 'f')))
        off = dataclasses.replace(host, instances=(model.Instance('u', 'web', Power.OFF, images),))
        self.assertEqual([], checkup_ceph.unread(seen(off)))


class Libvirts(Judged):

    GUEST = model.Instance('u1', 'web', Power.ON)

    def judged(self, answer, **given):
        return checkup_hosts.libvirt(seen(a_host(**given)), {'c1': answer})

    def answered(self, running=('u1',), uuid='uuid-c1'):
        return LibvirtAnswer(Contact.ANSWERED, uuid, tuple(running), running=tuple(running))

    def test_one_that_answers_with_the_domains_that_its_agent_told(self):
        self.good(self.judged(self.answered(), instances=(self.GUEST,)), '1 libvirts')

    def test_one_that_nobody_can_ask(self):
        self.wrong(self.judged(LibvirtAnswer(Contact.ERROR, reason='certificate')),
                   'c1', 'certificate', 'UNDECIDED')

    def test_those_that_count_as_silent_though_they_live(self):
        for contact in (Contact.REFUSED, Contact.MUTE, Contact.NOTHING):
            self.wrong(self.judged(LibvirtAnswer(contact)), 'though it beats', 'condemned')

    def test_another_machine_at_its_uri(self):
        self.wrong(self.judged(self.answered(uuid='other')), 'other')

    def test_domains_that_its_agent_did_not_tell_of(self):
        self.weak(self.judged(self.answered(('u1', 'u2')), instances=(self.GUEST,)),
                  '1 run that', 'u2')
        self.weak(self.judged(self.answered(()), instances=(self.GUEST,)), '1 do not run')

    def test_the_good_ones_are_not_told_beside_a_wrong_one(self):
        both = seen(a_host(), a_host('c2', '10.2.0.12'))
        found = checkup_hosts.libvirt(both, {
            'c1': LibvirtAnswer(Contact.REFUSED), 'c2': LibvirtAnswer(Contact.ANSWERED, 'uuid-c2')})
        self.wrong(found, 'c1')


class Anchors(Judged):

    def test_without_any_two_hosts_are_too_few(self):
        self.wrong(checkup_hosts.anchors({}, 2), 'none is set', 'UNDECIDED')
        self.wrong(checkup_hosts.anchors({'gw:22': False}, 1), 'none answers', 'gw:22')
        self.assertEqual([], checkup_hosts.anchors({}, 3))
        self.assertEqual([], checkup_hosts.anchors({}, 0))

    def test_with_one(self):
        self.good(checkup_hosts.anchors({'gw:22': True}, 2))
        self.weak(checkup_hosts.anchors({'gw:22': True, 'sw:22': False}, 2), 'sw:22')


class Names(Judged):

    def test_the_same(self):
        self.good(checkup_hosts.names(seen(a_host()), ['c1']), '1 agents')

    def test_short_and_full(self):
        for ours, theirs in (('c1', 'c1.example.org'), ('c1.example.org', 'c1'), ('c1', 'C1')):
            found = self.wrong(checkup_hosts.names(seen(a_host(ours)), [theirs]), ours, theirs)
            self.assertIn(f'host on that machine to {theirs}', found.advice)

    def test_strangers_to_each_other(self):
        found = checkup_hosts.names(seen(a_host()), ['x'])
        self.assertEqual([(Severity.WRONG, 'c1'), (Severity.WRONG, 'x')],
                         [(one.severity, one.subject) for one in found])


class Times(Judged):

    def test_beats(self):
        self.good(checkup_hosts.beats({'c1': 12, 'c2': 12}, 12), '2 hosts')
        self.weak(checkup_hosts.beats({'c1': 30, 'c2': 12}, 12), 'c1', '18 s later')
        self.weak(checkup_hosts.beats({'c1': 3, 'c2': 3}, 12), 'c1, c2', 'nowhere else')

    def test_clocks(self):
        self.assertEqual([], checkup_hosts.clock('x', -4.0))
        self.weak(checkup_hosts.clock('x', -90.0), '90 s behind')
        self.weak(checkup_hosts.clock('x', 90.0), '90 s before')

    def test_certificates(self):
        self.assertEqual([], checkup_hosts.certificates([]))
        self.good(checkup_hosts.certificates([Certificate('a', 300.0), Certificate('b', 99.0)]),
                  '2, the first ends in 99 days')
        self.weak(checkup_hosts.certificates([Certificate('a', 300.0), Certificate('b', 9.0)]),
                  'b', 'in 9 days')
        self.wrong(checkup_hosts.certificates([Certificate('a', -2.0)]), 'ended 2 days ago')


class Watchers(Judged):
    """Agents, the leader, workers."""

    def test_all_is_well(self):
        self.good(checkup_hosts.agents(seen(a_host()), 'ctl/1'), 'ctl/1 leads')
        for role in ('controller', 'worker'):
            self.good(checkup_hosts.processes(role, ['a/1', 'b/2']), '2 run')

    def test_nobody_leads(self):
        self.wrong(checkup_hosts.agents(seen(a_host()), ''), 'nobody leads')

    def test_no_agent(self):
        self.assertFalse(self.wrong(checkup_hosts.agents(Seen(), 'ctl/1')).asked)

    def test_an_agent_without_beat_and_without_case(self):
        self.wrong(checkup_hosts.agents(seen(a_host(), beats={}), 'ctl/1'), 'does not beat')

    def test_an_agent_without_beat_whose_host_is_being_judged(self):
        for stage in (Stage.SUSPECTED, Stage.LAST_LOOK):
            known = seen(a_host(), beats={}, cases={'c1': model.Case('c1', stage)})
            self.weak(checkup_hosts.agents(known, 'ctl/1'), stage.value, 'may not be moved')
        for stage in (Stage.CONFIRMED, Stage.ADMITTING):
            known = seen(a_host(), beats={}, cases={'c1': model.Case('c1', stage)})
            self.good(checkup_hosts.agents(known, 'ctl/1'))

    def test_what_an_agent_says_itself(self):
        self.wrong(checkup_hosts.agents(seen(a_host(note='libvirt is mute')), 'ctl/1'), 'mute')
        self.wrong(checkup_hosts.agents(seen(a_host(storage={'f': Sign.SILENCE})), 'ctl/1'),
                   'cluster f', 'no target')

    def test_fences(self):
        self.assertEqual([], checkup_hosts.fences(['ceph_blocklist']))
        self.wrong(checkup_hosts.fences([]), 'is empty', 'nothing is moved')

    def test_notifications_that_are_trusted_are_told_of(self):
        self.assertEqual([], checkup_hosts.trusted(False))
        found, = checkup_hosts.trusted(True)
        self.assertEqual((Severity.WEAK, '[detection] trust_notifications is on'),
                         (found.severity, found.found))

    def test_what_the_leader_found_is_told_by_reason(self):
        told = [protection.Unprotected(host, protection.Reason.OUTSIDE, 'x')
                for host in ('c1', 'c2', 'c1')]
        self.wrong(checkup_hosts.unprotected(told), 'c1, c2', 'address in no client network')
        self.assertEqual([], checkup_hosts.unprotected([]))

    def test_processes(self):
        self.wrong(checkup_hosts.processes('worker', []), 'workers', 'none runs', 'fenced')
        self.weak(checkup_hosts.processes('controller', ['a/1', 'a/2']), 'are on a', 'noticed')


class Store(Judged):

    def asked(self, count=3, **given):
        return [MemberStatus(f'm{number}:2379', **{'version': '3.5.16', **given})
                for number in range(count)]

    def test_members(self):
        self.good(checkup_store.members(self.asked(), 3), '3 members answer')
        self.good(checkup_store.members(self.asked(), 0))
        self.weak(checkup_store.members(self.asked(1), 1), 'one member')
        self.weak(checkup_store.members(self.asked(2), 3), 'names 2 of 3')
        self.weak(checkup_store.members(self.asked(version='3.5.1'), 3), '3.5.1')
        self.weak(checkup_store.members([*self.asked(2), MemberStatus('m9', '3.4.30')], 3),
                  'several')
        away = MemberStatus('m9', trouble='refused')
        self.weak(checkup_store.members([*self.asked(2), away], 3), 'm9', 'refused')
        self.assertFalse(self.wrong(checkup_store.members([away], 0)).asked)

    def test_room(self):
        self.good(checkup_store.room(self.asked(file_bytes=GIB), []), 'no alarm')
        self.good(checkup_store.room(self.asked(), None), 'does not tell')
        self.weak(checkup_store.room(self.asked(1, file_bytes=1.4 * GIB), []), '70%', 'its default')
        self.wrong(checkup_store.room(self.asked(1, file_bytes=1.9 * GIB), []), '95%')
        self.good(checkup_store.room(self.asked(file_bytes=1.9 * GIB, quota_bytes=8 * GIB), []))
        self.wrong(checkup_store.room(self.asked(), ['NOSPACE', 'NOSPACE']), 'NOSPACE')

    def test_former_values(self):
        for oldest, revision, severity in ((1, 900, Severity.GOOD), (1, 5000, Severity.WEAK),
                                           (1, 50_000, Severity.WRONG),
                                           (49_000, 50_000, Severity.GOOD),
                                           (2, 2_000_000, Severity.WEAK)):
            self.only(checkup_store.former_values(revision, oldest), severity)

    def test_rights(self):
        self.good(checkup_store.rights('kaopu'), 'etcd user kaopu')
        self.wrong(checkup_store.rights('', 'permission denied'), 'permission denied', 'never')


if __name__ == '__main__':
    unittest.main()
