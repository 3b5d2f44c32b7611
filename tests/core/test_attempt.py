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

"""What a worker does next with an evacuation that it has claimed."""

import dataclasses
import random
import unittest

from kaopu_ha.core import (
    attempt,
    certain,
    conditions,
    evacuation,
    model,
    policy,
    refusals,
    rows,
)
from kaopu_ha.core.addresses import NONE_KNOWN, Known
from kaopu_ha.core.attempt import Act, Decision
from kaopu_ha.core.model import Contact, Phase
from tests.core.values import (
    AT,
    DATA,
    DISK,
    a_client,
    a_libvirt,
    a_migration,
    a_server,
    an_answer,
    an_evacuation,
    an_instance,
    first_look,
    nobody_there,
    rules,
    runs_there,
    under_way,
    work_look,
)

LONG = 120.0
IN_THE_WAY = 'c2 has its domain, off, to be undefined by hand: '
CALLS = (Act.COMMIT, Act.CALL)


def queued(**changes):
    return an_evacuation(phase=Phase.QUEUED, **{'target': 'c2'} | changes)


def decided(item, seen, given):
    """The decision, whichever row made it."""
    return dataclasses.replace(attempt.advance(item, seen, given), row='')


def act(item, seen):
    return attempt.advance(item, seen, rules(attempt_limit=LONG, settle_seconds=10)).act


def calling(**changes):
    return under_way(Phase.CALLING, **changes)


def moving(**changes):
    return under_way(Phase.MOVING, **changes)


def claimed(*hosts):
    return Known({'10.1.0.3': frozenset(hosts)})


class TheFirstCall(unittest.TestCase):

    def test_each_state_has_its_act(self):
        # the server -> act, and the state that it is reset to
        table = [
            (a_server(), Act.COMMIT, ''),
            (a_server(vm_state='error'), Act.COMMIT, ''),
            (a_server(task_state='rebooting'), Act.COMMIT, ''),
            (a_server(vm_state='paused'), Act.RESET, 'active'),
            (a_server(vm_state='stopped'), Act.RESET, 'active'),
            (a_server(task_state='migrating'), Act.RESET, 'active'),
            (a_server(vm_state='suspended'), Act.FAILED, ''),
            (a_server(vm_state='resized'), Act.FAILED, ''),
            (a_server(vm_state='soft-delete'), Act.LEFT, ''),
            (a_server(task_state='deleting'), Act.LEFT, ''),
        ]
        for server, expected, state in table:
            with self.subTest(vm_state=server.vm_state, task_state=server.task_state):
                decision = decided(queued(), first_look(server), rules())
                self.assertEqual((expected, state), (decision.act, decision.state))

    def test_after_its_reset_a_paused_one_is_called(self):
        self.assertIs(Act.RESET, act(queued(), first_look(a_server(vm_state='paused'))))
        self.assertIs(Act.COMMIT, act(queued(), first_look(a_server(vm_state='active'))))

    def test_somebodys_evacuation_under_way_is_waited_for(self):
        self.assertEqual(
            Decision(Act.WAIT, 'an evacuation of it is already under way'),
            decided(queued(), first_look(migrations=[a_migration()]), rules()))

    def test_one_that_ended_is_not(self):
        for status in ('done', 'completed', 'failed', 'error'):
            seen = first_look(migrations=[a_migration(status=status)])
            self.assertIs(Act.COMMIT, act(queued(), seen))

    def test_one_to_a_target_that_was_given_up_is_not_for_it_stays_unfinished_for_ever(self):
        seen = first_look(a_server(task_state='rebuilding'), migrations=[a_migration(target='c2')])
        self.assertIs(Act.COMMIT, act(queued(target='c3', tried=('c2',)), seen))

    def test_one_from_a_former_host_is_not_for_nova_finished_another_record(self):
        seen = first_look(migrations=[a_migration(source='c9', target='c1')])
        self.assertIs(Act.COMMIT, act(queued(), seen))

    def test_what_is_on_its_target_already_is_taken_over_without_a_state_asked(self):
        for vm_state in ('active', 'error', 'paused'):
            self.assertEqual(
                Decision(Act.COMMIT, 'it is there already'),
                decided(queued(), first_look(a_server(host='c2', vm_state=vm_state)),
                                rules()))

    def test_its_users_stop_is_respected_but_not_that_of_a_source_that_came_back(self):
        stopping = a_server(task_state='powering-off')
        # seconds, the source was booted since -> act
        table = [(0.0, False, Act.WAIT), (19.9, False, Act.WAIT), (20.0, False, Act.LEFT),
                 (0.0, True, Act.COMMIT), (20.0, True, Act.COMMIT)]
        for seconds, returned, expected in table:
            seen = first_look(stopping, seconds=seconds, source_returned=returned)
            self.assertIs(expected, act(queued(), seen), (seconds, returned))

    def test_a_stop_that_its_source_carried_out_after_the_plan_is_its_users_or_novas(self):
        stop, novas = model.Action('stop', 'user', AT), model.Action('stop', '', AT)
        start = model.Action('start', 'user', AT)
        for actions, expected in (((stop,), Act.LEFT), ((novas,), Act.RESET), ((), Act.RESET),
                                  ((novas, stop), Act.LEFT), ((novas, start, stop), Act.RESET)):
            seen = first_look(a_server(vm_state='stopped'), actions=actions, source_returned=True)
            self.assertIs(expected, act(queued(), seen), actions)

    def test_a_live_client_of_another_host_holds_it_back(self):
        # A live migration had come far when its source died: the guest runs on the other host.
        seen = first_look(a_server(task_state='migrating'), known=claimed('c3'),
                          images=(an_answer(a_client('10.1.0.3:0/9')),))
        self.assertEqual(Decision(Act.WAIT, 'a live client on c3 has its disk open'),
                         decided(queued(), seen, rules()))

    def test_one_whose_domain_another_host_knows_runs_there_and_is_mended_by_hand(self):
        seen = first_look(a_server(task_state='migrating'), known=claimed('c3'),
                          images=(an_answer(a_client('10.1.0.3:0/9')),), elsewhere={'c3': True})
        self.assertEqual(
            Decision(Act.WAIT, 'c3 has its domain on, and a live client there has its disk open, '
                               'but Nova shows it on c1: if it runs there, its record has to be '
                               'mended by hand'), decided(queued(), seen, rules()))

    def test_a_tool_on_another_host_does_not_once_its_libvirt_denies_the_domain(self):
        seen = first_look(known=claimed('c3'), images=(an_answer(a_client('10.1.0.3:0/9')),))
        for known, expected in ((None, Act.WAIT), (True, Act.WAIT), (False, Act.COMMIT)):
            self.assertIs(expected, act(queued(), dataclasses.replace(
                seen, elsewhere={'c3': known})))

    def test_a_libvirt_with_another_uuid_denies_nothing(self):
        for contact, uuid, expected in ((Contact.ANSWERED, 'U3', False),
                                        (Contact.ANSWERED, 'u9', None), (Contact.MUTE, 'u3', None)):
            answer = model.LibvirtAnswer(contact, uuid, ('other',))
            self.assertIs(expected, certain.knows(answer, 'u3', 'i1'))

    def test_of_two_hosts_that_claim_its_address_each_has_to_deny_it(self):
        seen = first_look(known=claimed('c3', 'c4'),
                          images=(an_answer(a_client('10.1.0.3:0/9')),))
        for denied, expected in (({'c4': False}, Act.WAIT), ({'c3': False}, Act.WAIT),
                                 ({'c3': True, 'c4': False}, Act.WAIT),
                                 ({'c3': False, 'c4': False}, Act.COMMIT)):
            self.assertIs(expected, act(queued(), dataclasses.replace(seen, elsewhere=denied)))

    def test_a_live_client_of_the_dead_host_itself_is_no_leave_to_call(self):
        seen = first_look(known=claimed('c1'), images=(an_answer(a_client('10.1.0.3:0/9')),))
        self.assertIs(Act.WAIT, act(queued(), seen))

    def test_a_client_of_a_tool_does_not_and_one_of_nobody_does(self):
        seen = first_look(images=(an_answer(a_client('10.1.0.99:0/9')),))
        for tools, expected in ((('10.1.0.99',), Act.COMMIT), (('10.1.0.96/28',), Act.COMMIT),
                                (('10.1.0.9',), Act.WAIT), ((), Act.WAIT)):
            self.assertIs(expected, act(queued(), dataclasses.replace(
                seen, known=Known(tools=tools))), tools)

    def silent(self, *orders, known=NONE_KNOWN):
        """The decision where a client at an address of nobody is listed, and says nothing."""
        silent = an_answer(a_client('10.1.0.99:0/9', acknowledged=False))
        return act(queued(), first_look(images=(silent,), known=known, orders=orders))

    def test_a_silent_client_of_nobody_is_fenced_before_the_first_call(self):
        self.assertIs(Act.HAVE_FENCED, self.silent())
        # by its nonce, or by its address; not on another cluster, nor with another nonce
        table = [(DISK.cluster, (), ('10.1.0.99:0/9',), Act.COMMIT),
                 (DISK.cluster, ('10.1.0.99:0/0',), (), Act.COMMIT),
                 (DATA.cluster, (), ('10.1.0.99:0/9',), Act.HAVE_FENCED),
                 (DISK.cluster, ('10.1.0.9:0/0',), ('10.1.0.99:0/8',), Act.HAVE_FENCED)]
        for cluster, addresses, clients, expected in table:
            order = model.FenceOrder('ceph_blocklist', cluster, addresses, clients)
            self.assertIs(expected, self.silent(order), order)

    def test_one_that_is_held_is_not_fenced(self):
        order = model.FenceOrder('ceph_blocklist', DISK.cluster, (),
                                 held_clients=('10.1.0.99:0/9',))
        self.assertIs(Act.HAVE_FENCED, self.silent(order))

    def test_one_of_a_tool_is_not_fenced(self):
        self.assertIs(Act.COMMIT, self.silent(known=Known(tools=('10.1.0.99',))))

    def test_a_host_that_is_silent_with_it_says_that_it_has_it_not_or_is_fenced(self):
        silent = an_answer(a_client('10.1.0.3:0/9', acknowledged=False))
        over = model.Migration('7', 'i1', 'live-migration', 'running', 'c1', 'c3')
        order = model.FenceOrder('ceph_blocklist', DISK.cluster, ('10.1.0.3:0/0',))
        doubts = (first_look(images=(silent,), known=claimed('c3')),
                  first_look(migrations=(over,)))
        for seen in doubts:
            for changes, expected in (
                    ({}, Act.WAIT), ({'elsewhere': {'c3': None}}, Act.WAIT),
                    ({'elsewhere': {'c3': True}}, Act.WAIT),
                    ({'elsewhere': {'c3': False}}, Act.COMMIT),
                    ({'harmless': frozenset({'c3'})}, Act.COMMIT)):
                self.assertIs(expected, act(queued(), dataclasses.replace(seen, **changes)))
        # What the source's own fence refuses is no doubt; that the guest came over is one.
        fenced = [act(queued(), dataclasses.replace(seen, orders=(order,))) for seen in doubts]
        self.assertEqual([Act.COMMIT, Act.WAIT], fenced)

    def test_what_is_to_be_fenced_grows_and_is_bounded(self):
        images = (an_answer(*(a_client(f'10.1.0.99:0/{number}', acknowledged=False)
                              for number in range(40))),)
        named = attempt.to_be_fenced(queued(clients=('10.1.0.1:0/1',)), first_look(images=images),
                                     rules())
        self.assertIn('10.1.0.1:0/1', named)
        self.assertEqual(16, len(named))

    def test_nor_is_it_called_again_while_a_client_of_nobody_has_it_open(self):
        lost = a_migration(status='completed')
        for clients, expected in (((), Act.CALL), ((a_client('10.1.0.99:0/9'),), Act.WAIT)):
            seen = work_look(seconds=LONG, libvirt=a_libvirt(), images=(an_answer(*clients),),
                             migrations=[lost], up_seconds=9999.0)
            self.assertIs(expected, act(moving(), seen))

    def test_nothing_is_called_while_its_images_could_not_be_asked(self):
        for images in (None, (an_answer(error='timed out'),)):
            self.assertIs(Act.WAIT, act(queued(), first_look(images=images)))


class Elsewhere(unittest.TestCase):

    def test_a_deleted_instance_is_left(self):
        for item in (queued(), calling(), moving()):
            self.assertEqual(Decision(Act.LEFT, 'the instance was deleted'),
                             decided(item, work_look(None), rules()))

    def seen(self, seconds=0.0, migrations=(), **server):
        """It is on another host, and nothing of it is on the target."""
        return work_look(a_server(**{'host': 'c9'} | server), seconds=seconds,
                         migrations=migrations, **nobody_there())

    def test_what_others_moved_elsewhere_is_left(self):
        for item in (queued(), moving()):
            self.assertEqual(Decision(Act.LEFT, 'it is on c9 by now: not our doing'),
                             decided(item, self.seen(), rules()))

    def test_what_was_not_called_is_left_without_asking(self):
        self.assertIs(Act.LEFT, act(queued(), work_look(a_server(host='c9'))))

    def test_what_runs_on_the_target_all_the_same_is_not_left(self):
        # The late end of an attempt that was given up ended this one in error, in Nova only.
        seen = work_look(a_server(host='c9', vm_state='error'), seconds=LONG,
                         migrations=[a_migration(status='failed')], **runs_there())
        for item in (calling(), moving(tried=('c9',))):
            self.assertEqual(Decision(
                Act.WAIT, 'it runs on c2, but Nova shows it on c9: its record has to be mended by '
                          'hand'), decided(item, seen, rules()))

    def test_what_may_run_on_the_target_is_not_left(self):
        for libvirt, images in ((None, None), (a_libvirt('i1'), (an_answer(error='mute'),)),
                                (a_libvirt(contact=Contact.MUTE), (an_answer(),)),
                                (a_libvirt(), (an_answer(a_client()),))):
            seen = work_look(a_server(host='c9'), seconds=LONG, libvirt=libvirt, images=images)
            self.assertIs(Act.WAIT, act(moving(), seen), (libvirt, images))

    def test_what_is_off_on_the_target_is_left_when_the_attempt_has_had_its_time(self):
        for seconds, wanted in ((LONG - 1, Act.WAIT), (LONG, Act.LEFT)):
            seen = work_look(a_server(host='c9'), seconds=seconds, libvirt=a_libvirt('i1'),
                             images=(an_answer(),))
            self.assertIs(wanted, act(moving(), seen))

    def test_on_a_target_that_was_given_up_it_is_a_former_attempts_while_ours_is_under_way(self):
        item = moving(tried=('c9',))
        for migrations, wanted in (([a_migration()], Act.WAIT),
                                   ([a_migration(status='done')], Act.LEFT), ([], Act.LEFT)):
            self.assertIs(wanted, act(item, self.seen(migrations=migrations)))

    def test_while_it_has_a_task_there_it_is_waited_for(self):
        for item in (queued(), calling(), moving()):
            for task, seconds in (('rebuilding', 999.0), ('powering-off', LONG - 1)):
                self.assertIs(Act.WAIT, act(item, self.seen(seconds, task_state=task)))

    def test_a_task_that_was_left_over_holds_it_back_no_longer_than_an_attempt_may_last(self):
        for item in (queued(), calling(), moving()):
            self.assertIs(Act.LEFT, act(item, self.seen(LONG, task_state='powering-off')))

    def test_a_call_of_unknown_outcome_gets_its_time_to_show_and_no_more(self):
        self.assertIs(Act.WAIT, act(calling(), self.seen(9.9)))
        self.assertIs(Act.LEFT, act(calling(), self.seen(10.0)))


class TakingOver(unittest.TestCase):
    """The attempt is committed; nobody knows if its call was made."""

    def test_a_trace_of_the_call_means_that_it_moves(self):
        # the trace
        table = [
            work_look(migrations=[a_migration()]),
            work_look(migrations=[a_migration(status='done')]),
            work_look(a_server(task_state='rebuilding')),
            work_look(a_server(task_state='rebuild_spawning')),
            work_look(a_server(task_state='rebuild_block_device_mapping')),
            work_look(a_server(host='c2', task_state='rebuild_spawning')),
        ]
        for seen in table:
            for seconds in (0.0, 10.0, 999.0):
                seen = work_look(seen.server, migrations=seen.migrations, seconds=seconds)
                self.assertEqual(Decision(Act.MOVING, 'Nova has the call'),
                                 decided(calling(), seen, rules()))

    def test_a_record_from_before_the_attempt_is_no_trace(self):
        item = calling(seen_before=('m1',))
        seen = work_look(migrations=[a_migration('m1')], seconds=10.0)
        self.assertIs(Act.CALL, act(item, seen))

    def test_nor_is_one_of_another_kind(self):
        seen = work_look(migrations=[a_migration(kind='live-migration')], seconds=10.0)
        self.assertIs(Act.CALL, act(calling(), seen))

    def test_nor_is_a_task_that_an_attempt_before_this_one_left(self):
        item = calling(seen_before=('m1',))
        item = dataclasses.replace(item, attempts=item.attempts * 2)
        seen = work_look(a_server(task_state='rebuilding'), migrations=[a_migration('m1')],
                         seconds=10.0)
        self.assertIs(Act.CALL, act(item, seen))

    def test_without_a_trace_it_waits_and_then_calls_again(self):
        # seconds since this worker first saw the attempt -> act
        for seconds, expected in ((0.0, Act.WAIT), (9.9, Act.WAIT), (10.0, Act.CALL),
                                  (999.0, Act.CALL)):
            self.assertIs(expected, act(calling(), work_look(seconds=seconds)))

    def test_an_instance_that_was_in_error_before_is_called_like_any_other(self):
        seen = work_look(a_server(vm_state='error'), seconds=10.0)
        self.assertIs(Act.CALL, act(calling(), seen))


class Error(unittest.TestCase):
    """Nova failed, as the server and a record of this attempt say."""

    def seen(self, **changes):
        given = {'migrations': [a_migration(status='failed')]} | changes
        return work_look(a_server(vm_state='error', fault='no valid host'), **given)

    def test_with_nobody_there_the_target_is_refused_with_novas_reason(self):
        for item in (calling(), moving()):
            self.assertEqual(Decision(Act.REFUSED, 'no valid host'),
                             decided(item, self.seen(**nobody_there()), rules()))

    def test_of_a_call_that_a_source_completed_when_it_was_booted_it_says_nothing(self):
        # The call may still lie in the target's queue.
        seen = self.seen(migrations=[a_migration(status='completed')], **nobody_there())
        self.assertIs(Act.WAIT, act(moving(), seen))
        seen = dataclasses.replace(seen, seconds=LONG, up_seconds=9999.0)
        self.assertIs(Act.CALL, act(moving(), seen))

    def test_with_its_domain_off_there_for_long_the_target_is_refused(self):
        there = {'libvirt': a_libvirt('i1'), 'images': (an_answer(),)}
        self.assertEqual(Decision(Act.REFUSED, IN_THE_WAY + 'no valid host'),
                         decided(moving(), self.seen(seconds=LONG, **there), rules()))
        for less in ({'seconds': LONG - 1}, {'migrations': [a_migration()]},
                     {'images': (an_answer(a_client()),)}, {'images': (an_answer(error='mute'),)}):
            self.assertIsNot(Act.REFUSED, act(moving(), self.seen(
                **{'seconds': LONG} | there | less)), less)

    def test_with_its_domain_off_there_a_sibling_that_has_its_volume_open_is_not_taken_for_it(self):
        off = dataclasses.replace(a_libvirt('i1'), running=())
        there = {'libvirt': off, 'images': (an_answer(a_client()),)}
        self.assertEqual(Decision(Act.REFUSED, IN_THE_WAY + 'no valid host'),
                         decided(moving(), self.seen(seconds=LONG, **there), rules()))
        arrived = work_look(a_server(host='c2'), **there)
        self.assertIs(Act.WAIT, act(moving(), arrived))
        self.assertIs(Act.DONE, act(moving(), dataclasses.replace(
            arrived, libvirt=dataclasses.replace(off, running=('i1',)))))

    def test_without_certainty_it_waits(self):
        answers, silent = (an_answer(a_client()),), (an_answer(a_client(acknowledged=False)),)
        lacks = a_libvirt('i2')
        mute = a_libvirt(contact=Contact.MUTE)
        # libvirt of the target, answers of the images -> act
        table = [
            (None, None, Act.WAIT),
            (None, silent, Act.WAIT),
            (mute, silent, Act.WAIT),
            (a_libvirt('i1'), silent, Act.WAIT),
            (a_libvirt('i1'), answers, Act.WAIT),
            # Whoever has its disk open there, it is a tool, or a sibling that shares a volume.
            (lacks, answers, Act.REFUSED),
            (lacks, (an_answer(error='the OSD is mute'),), Act.REFUSED),
            (lacks, (*silent, an_answer(a_client(), image=DATA)), Act.REFUSED),
            (lacks, None, Act.REFUSED),
            (lacks, silent, Act.REFUSED),
            (lacks, (an_answer(),), Act.REFUSED),
            (lacks, (an_answer(a_client('10.1.0.9:0/1')),), Act.REFUSED),
        ]
        for libvirt, images, expected in table:
            with self.subTest(libvirt=libvirt, images=images):
                seen = self.seen(libvirt=libvirt, images=images)
                for item in (calling(), moving()):
                    self.assertIs(expected, act(item, seen))

    def test_while_a_record_is_unfinished_it_is_not_refused(self):
        seen = self.seen(migrations=[a_migration(status='failed'), a_migration('m2')],
                         **nobody_there())
        self.assertIs(Act.WAIT, act(moving(), seen))
        self.assertIs(Act.MOVING, act(calling(), seen))

    def test_an_error_from_before_the_attempt_refuses_nothing(self):
        seen = self.seen(migrations=[a_migration(status='failed')], **nobody_there())
        self.assertIs(Act.WAIT, act(moving(seen_before=('m1',)), seen))


class Done(unittest.TestCase):

    def test_active_on_the_target_with_its_disk_open_there_is_done(self):
        for item in (calling(), moving()):
            seen = work_look(a_server(host='c2'), **runs_there())
            self.assertEqual(Decision(Act.DONE, 'active on c2, its disk open there'),
                             decided(item, seen, rules()))

    def test_anything_less_is_not_done(self):
        there, here = a_server(host='c2'), a_server()
        open_ = an_answer(a_client())
        # the server, the answers of its images
        table = [
            (here, (open_,)),
            (a_server(host='c2', task_state='rebuild_spawning'), (open_,)),
            (a_server(host='c2', vm_state='error'), (open_,)),
            (there, None),
            (there, ()),
            (there, (an_answer(),)),
            (there, (an_answer(error='the OSD is mute'),)),
            (there, (an_answer(a_client(acknowledged=False)),)),
            (there, (an_answer(a_client('10.1.0.9:0/1')),)),
            (there, (open_, an_answer(image=DATA))),
        ]
        for server, images in table:
            with self.subTest(server=server, images=images):
                self.assertIs(Act.WAIT, act(moving(), work_look(server, images=images)))

    def test_every_disk_has_to_be_open_there(self):
        images = (an_answer(a_client()), an_answer(a_client('10.1.0.2:0/9'), image=DATA))
        seen = work_look(a_server(host='c2'), images=images)
        self.assertIs(Act.DONE, act(moving(images=(DISK, DATA)), seen))

    def test_stopped_on_the_target_it_came_there(self):
        for item in (calling(), moving()):
            seen = work_look(a_server(host='c2', vm_state='stopped'), seconds=3.0)
            self.assertEqual(
                Decision(Act.DONE, 'it came to c2, and was stopped there since'),
                decided(item, seen, rules()))

    def test_stopped_there_after_its_source_was_booted_it_is_told_as_failed(self):
        seen = work_look(a_server(host='c2', vm_state='stopped'), source_returned=True)
        decision = attempt.advance(moving(), seen, rules())
        self.assertIs(Act.FAILED, decision.act)
        self.assertIn('start it', decision.reason)

    def test_shown_stopped_there_though_it_runs_its_state_is_reset(self):
        seen = work_look(a_server(host='c2', vm_state='stopped'), **runs_there())
        self.assertEqual(Decision(Act.SHOW, 'it runs on c2, but Nova shows it stopped', 'active'),
                         decided(moving(), seen, rules()))

    def test_shown_in_error_there_though_it_runs_its_state_is_reset_at_once(self):
        # Another target, which was given up, ended late, and Nova believed it.
        seen = work_look(a_server(host='c2', vm_state='error'),
                         migrations=[a_migration(status='done')], **runs_there())
        self.assertEqual(Decision(Act.SHOW, 'it runs on c2, but Nova shows it in error', 'active'),
                         decided(moving(), seen, rules()))
        for less in ({'migrations': [a_migration()]}, {'libvirt': a_libvirt('i1')},
                     {'images': (an_answer(error='mute'),)}, {'server': a_server(
                         host='c2', vm_state='error', task_state='rebuilding')}):
            self.assertIs(Act.WAIT, act(moving(), dataclasses.replace(seen, **less)), less)

    def test_shown_active_there_though_nothing_of_it_runs_it_has_failed_in_the_end(self):
        seen = work_look(a_server(host='c2'), seconds=LONG, **nobody_there())
        self.assertEqual(Decision(Act.FAILED, 'Nova shows it active on c2, but nothing of it runs '
                                            'there'), decided(moving(), seen, rules()))
        self.assertIs(Act.WAIT, act(moving(), dataclasses.replace(seen, seconds=LONG - 1)))

    def test_what_went_off_there_before_its_disk_was_seen_open_has_arrived(self):
        there = {'libvirt': a_libvirt('i1'), 'images': (an_answer(),)}
        seen = work_look(a_server(host='c2'), seconds=LONG, **there)
        self.assertEqual(Decision(Act.DONE, 'it came to c2, and went off there since'),
                         decided(moving(), seen, rules()))
        for less in ({'seconds': LONG - 1}, {'libvirt': a_libvirt(contact=Contact.MUTE)},
                     {'libvirt': None}, {'server': a_server(host='c2', task_state='rebooting')}):
            self.assertIs(Act.WAIT, act(moving(), dataclasses.replace(seen, **less)), less)

    def test_what_its_user_changed_there_is_done_and_left_as_it_is(self):
        for vm_state in ('suspended', 'paused', 'rescued', 'shelved'):
            for seconds in (1.0, 999.0):
                for answers in (nobody_there(), runs_there()):
                    seen = work_look(a_server(host='c2', vm_state=vm_state), seconds=seconds,
                                     **answers)
                    decision = attempt.advance(moving(), seen, rules())
                    self.assertEqual((Act.DONE, 'arrived, and changed'),
                                     (decision.act, decision.row))

    def test_the_disks_that_it_has_now_have_to_be_open_there_as_its_target_tells(self):
        there = an_instance(images=(DISK,))
        was_rescued = work_look(a_server(host='c2'), images=(an_answer(image=DATA),
                                                             an_answer(a_client())))
        for now, expected in ((None, Act.WAIT), ((an_answer(),), Act.WAIT),
                              ((an_answer(a_client()),), Act.DONE),
                              ((an_answer(a_client()), an_answer(image=DATA)), Act.WAIT)):
            seen = dataclasses.replace(was_rescued, there=there, now=now)
            self.assertIs(expected, act(moving(images=(DATA, DISK)), seen), now)

    def test_a_volume_that_was_deleted_since_is_not_waited_for(self):
        gone = dataclasses.replace(an_answer(image=DATA, error='no such object'), gone=True)
        for here, expected in ((an_answer(a_client()), Act.DONE), (an_answer(), Act.WAIT)):
            seen = work_look(a_server(host='c2'), images=(here, gone))
            self.assertIs(expected, act(moving(images=(DISK, DATA)), seen))
        self.assertIs(Act.COMMIT, act(queued(), first_look(images=(an_answer(), gone))))

    def test_a_sibling_of_a_shared_volume_does_not_make_it_run(self):
        off = an_instance(power=model.Power.OFF)
        for there, expected in ((off, Act.WAIT), (an_instance(), Act.SHOW)):
            seen = work_look(a_server(vm_state='error'), seconds=LONG, there=there,
                             **runs_there())
            self.assertIs(expected, act(moving(), seen))

    def test_an_open_volume_does_not_make_it_run_while_nobody_says_that_its_domain_is_on(self):
        # Its only disk is shared, and a sibling on the target has it open.
        open_there = {'images': (an_answer(a_client()),)}
        on, off = an_instance(), an_instance(power=model.Power.OFF)
        for running, there, expected in (
                (None, None, Act.WAIT), (None, off, Act.WAIT), (None, on, Act.SHOW),
                (('i1',), None, Act.SHOW), (('i1',), off, Act.WAIT)):
            libvirt = dataclasses.replace(a_libvirt('i1'), running=running)
            seen = work_look(a_server(vm_state='error'), seconds=LONG, there=there,
                             libvirt=libvirt, **open_there)
            self.assertIs(expected, act(moving(), seen), (running, there))

    def test_one_that_is_off_there_is_refused_with_the_reason_whoever_has_its_volume_open(self):
        libvirt = dataclasses.replace(a_libvirt('i1'), running=())
        seen = work_look(a_server(vm_state='error', fault='No space left'), seconds=LONG,
                         libvirt=libvirt, images=(an_answer(a_client()),),
                         migrations=[a_migration(status='failed')])
        self.assertEqual(Decision(Act.REFUSED, IN_THE_WAY + 'No space left'),
                         decided(moving(), seen, rules()))

    def test_one_that_is_being_stopped_there_is_waited_for(self):
        seen = work_look(a_server(host='c2', task_state='powering-off'))
        self.assertIs(Act.WAIT, act(moving(), seen))


    def test_one_that_runs_there_and_is_being_stopped_or_rebooted_is_done(self):
        for task in ('powering-off', 'rebooting_hard', 'deleting', 'migrating'):
            seen = work_look(a_server(host='c2', task_state=task), seconds=LONG, **runs_there())
            self.assertEqual(Decision(Act.DONE, f'it came to c2, and Nova shows active/{task} '
                                                f'there'), decided(moving(), seen, rules()))


class NotTaken(unittest.TestCase):
    """Its target's claim failed, or its group was there: Nova shows it as it was, and no fault."""

    def decided(self, status='failed', server=None, **there):
        seen = work_look(server or a_server(), migrations=(a_migration(status=status),),
                         seconds=12.0, **there or nobody_there())
        return attempt.advance(moving(), seen, rules())

    def test_a_record_that_failed_while_nothing_else_changed_ends_it(self):
        found = self.decided()
        self.assertEqual((Act.REFUSED, 'its target did not take it'), (found.act, found.row))

    def test_what_may_still_come_is_waited_for(self):
        rebuilding = a_server(task_state='rebuilding')
        for changes in ({'status': 'accepted'}, {'status': 'completed'}, {'server': rebuilding},
                        {**runs_there()}):
            with self.subTest(**changes):
                self.assertIs(Act.WAIT, self.decided(**changes).act)


class TooLong(unittest.TestCase):

    def test_before_the_limit_it_waits_whatever_the_target_says(self):
        for answers in ({}, nobody_there(), runs_there()):
            seen = work_look(a_server(task_state='rebuilding'), seconds=119.9, **answers)
            self.assertIs(Act.WAIT, act(moving(), seen))

    def test_running_there_while_nova_stays_in_rebuild_its_state_is_reset(self):
        for server in (a_server(task_state='rebuilding'), a_server(host='c2', vm_state='error'),
                       a_server(host='c2', task_state='rebuild_spawning')):
            decision = decided(moving(), work_look(server, seconds=LONG, **runs_there()),
                                     rules())
            self.assertEqual((Act.SHOW, 'active'), (decision.act, decision.state))

    def test_while_nova_may_still_write_down_that_it_runs_there_its_state_is_left_alone(self):
        # Its nova-compute hung with the call, and goes on: a state that is set spoils what it does.
        not_yet, over = 'runs, and Nova does not know yet', {
            'rebuild_spawning': 'runs, shown in another state', '': 'runs, shown on its source'}
        item = moving()
        item = dataclasses.replace(item, attempts=(dataclasses.replace(
            item.attempt, target_started='boot-1/7'),))
        at_work = work_look(seconds=LONG, target_started='boot-1/7', **runs_there())
        long_up = {'up_seconds': 60.0, 'runs_seconds': 60.0}
        for task, row in over.items():
            for status, change, expected in (
                    ('pre-migrating', {}, not_yet), ('accepted', {}, not_yet),
                    # A source that boots completes it, whatever its target does.
                    ('completed', {}, not_yet), ('failed', {}, row), ('done', {}, row),
                    ('pre-migrating', long_up, row),
                    ('pre-migrating', long_up | {'runs_seconds': 59.0}, not_yet),
                    ('pre-migrating', long_up | {'up_seconds': 59.0}, not_yet),
                    # What it finds in its queue it does anew.
                    ('accepted', {'target_started': 'boot-1/8'}, not_yet)):
                seen = dataclasses.replace(at_work, server=a_server(task_state=task),
                                           migrations=[a_migration(status=status)], **change)
                self.assertEqual(expected, attempt.advance(item, seen, rules()).row,
                                 (task, status, change))

    def test_what_is_shown_active_already_is_not_reset_again_and_again(self):
        seen = work_look(a_server(), seconds=LONG, **runs_there())
        self.assertIs(Act.WAIT, act(moving(), seen))

    def test_a_call_that_may_still_begin_is_never_repeated(self):
        # Its nova-compute hung with the message before it (measured: both were spoilt).
        lost = work_look(a_server(task_state='rebuilding'), seconds=LONG, up_seconds=60.0,
                         migrations=[a_migration()], **nobody_there())
        less = ({'up_seconds': 59.0}, {'up_seconds': 0.0, 'seconds': 9999.0},
                {'migrations': [a_migration(status='pre-migrating')]}, {'seconds': 119.0})
        for change in less:
            seen = dataclasses.replace(lost, **change)
            self.assertIs(Act.WAIT, attempt.advance(moving(), seen, rules()).act, change)

    def test_what_was_begun_by_a_nova_compute_that_ended_since_is_called_again(self):
        item = moving()
        item = dataclasses.replace(item, attempts=(dataclasses.replace(
            item.attempt, target_started='boot-1/7'),))
        seen = work_look(a_server(task_state='rebuilding'), seconds=LONG, up_seconds=60.0,
                         target_started='boot-1/8',
                         migrations=[a_migration(status='pre-migrating')], **nobody_there())
        self.assertIs(Act.CALL, attempt.advance(item, seen, rules()).act)

    def test_a_call_that_was_lost_is_repeated_to_the_same_target(self):
        seen = work_look(a_server(task_state='rebuilding'), seconds=LONG, up_seconds=60.0,
                         migrations=[a_migration()], **nobody_there())
        self.assertEqual(Decision(Act.CALL, 'nothing of it is on c2 after 120 s'),
                         decided(moving(), seen, rules()))

    def test_a_sibling_on_the_target_does_not_keep_a_lost_call_from_being_repeated(self):
        there = {'libvirt': a_libvirt(), 'images': (an_answer(a_client()),)}
        seen = work_look(a_server(task_state='rebuilding'), seconds=LONG, up_seconds=60.0,
                         migrations=[a_migration()], **there)
        self.assertIs(Act.CALL, act(moving(), seen))
        for images in (None, (an_answer(a_client('10.1.0.99:0/1')),)):
            self.assertIs(Act.WAIT, act(moving(), dataclasses.replace(seen, images=images)))

    def test_with_nobody_there_a_record_that_the_sources_boot_completed_is_no_end(self):
        for statuses, wanted in ((('completed',), Act.CALL),
                                 (('completed', 'failed'), Act.REFUSED)):
            seen = work_look(a_server(task_state='rebuilding'), seconds=LONG, up_seconds=60.0,
                             migrations=[
                a_migration(f'm{number}', status=status) for number, status in enumerate(statuses)],
                **nobody_there())
            self.assertIs(wanted, act(moving(), seen), statuses)

    def test_with_nobody_there_and_no_record_unfinished_the_target_is_refused(self):
        for migrations in ((), [a_migration(status='failed')], [a_migration(status='done')]):
            seen = work_look(a_server(task_state='rebuilding'), seconds=LONG,
                             migrations=migrations, **nobody_there())
            self.assertEqual(Decision(Act.REFUSED, 'c2 never started it'),
                             decided(moving(), seen, rules()))

    def test_with_its_domain_left_there_since_the_target_was_restarted_it_is_refused(self):
        # The target lost its power when it had started it, and came back before it was condemned.
        # Nova refuses to rebuild where the domain is defined: the same target can't be called.
        item = moving()
        item = dataclasses.replace(item, attempts=(dataclasses.replace(
            item.attempt, target_started='boot-1/7'),))
        for server in (a_server(), a_server(task_state='rebuild_spawning'),
                       a_server(vm_state='error')):
            seen = work_look(server, seconds=LONG, libvirt=a_libvirt('i1'), images=(an_answer(),),
                             target_started='boot-2/8', target_left=True,
                             migrations=[a_migration()])
            self.assertIs(Act.REFUSED, act(item, seen))
            for less in ({'seconds': LONG - 1}, {'target_started': ''},
                         {'target_started': 'boot-1/7'}, {'target_left': False}):
                self.assertIs(Act.WAIT, act(item, dataclasses.replace(seen, **less)))

    def test_a_domain_that_the_new_nova_compute_may_have_defined_is_waited_for(self):
        # The call lay in the target's queue when it went down: who was started since takes it.
        item = moving()
        item = dataclasses.replace(item, attempts=(dataclasses.replace(
            item.attempt, target_started='boot-1/7'),))
        seen = work_look(a_server(task_state='rebuild_spawning'), seconds=LONG,
                         libvirt=a_libvirt('i1'), images=(an_answer(),), target_started='boot-2/8',
                         migrations=[a_migration(status='pre-migrating')])
        found = attempt.advance(item, seen, rules())
        self.assertEqual((Act.WAIT, 'off on its target'), (found.act, found.row))
        self.assertTrue(attempt.needs_operator(dataclasses.replace(item, row=found.row)))

    def test_what_a_restart_says_of_a_domain_that_is_not_there_needs_no_word_of_its_age(self):
        item = moving()
        item = dataclasses.replace(item, attempts=(dataclasses.replace(
            item.attempt, target_started='boot-1/7'),))
        for left in (False, True):
            seen = work_look(a_server(task_state='rebuilding'), seconds=LONG, up_seconds=60.0,
                             target_started='boot-1/8', target_left=left,
                             migrations=[a_migration(status='pre-migrating')], **nobody_there())
            self.assertIs(Act.CALL, attempt.advance(item, seen, rules()).act)

    def test_with_its_domain_there_that_does_not_run_it_is_told_what_to_do(self):
        seen = work_look(a_server(task_state='rebuilding'), seconds=LONG, libvirt=a_libvirt('i1'),
                         images=(an_answer(),), migrations=[a_migration()])
        decision = decided(moving(), seen, rules())
        self.assertIs(Act.WAIT, decision.act)
        self.assertIn('c2 knows its domain', decision.reason)
        self.assertIn('undefine it there by hand', decision.reason)

    def test_without_certainty_it_goes_on_waiting(self):
        for libvirt, images in ((None, None), (a_libvirt('i1'), (an_answer(error='mute'),)),
                                (a_libvirt(), (an_answer(error='mute'),))):
            seen = work_look(a_server(task_state='rebuilding'), seconds=9999.0, libvirt=libvirt,
                             images=images, migrations=[a_migration()])
            self.assertIs(Act.WAIT, act(moving(), seen))


class OneOfItsCallsWasRefused(unittest.TestCase):

    # Nova ended the older record, whichever call its scheduler refused.
    refused = work_look(
        a_server(vm_state='error', fault='No valid host was found.'), seconds=LONG, up_seconds=60.0,
        migrations=[a_migration('m1', status='error'), a_migration('m2')], **nobody_there())

    def row(self, **changes):
        return attempt.advance(moving(), dataclasses.replace(self.refused, **changes), rules()).row

    def test_it_is_not_called_again_and_a_person_is_told_what_to_do(self):
        decision = attempt.advance(moving(), self.refused, rules())
        self.assertEqual((Act.WAIT, refusals.ONE_REFUSED), (decision.act, decision.row))
        self.assertIn('Nova refused a call to c2 and ended the record of another '
                      '(No valid host was found.): ', decision.reason)
        self.assertIn('set the record that is still accepted to error by hand', decision.reason)
        self.assertTrue(attempt.needs_operator(moving(row=decision.row)))
        more = [a_migration('m3'), *self.refused.migrations]
        self.assertEqual(refusals.ONE_REFUSED, self.row(migrations=more))

    def test_what_else_is_so_is_no_refusal_of_one_of_them(self):
        rebuilding = dataclasses.replace(self.refused.server, task_state='rebuilding')
        lost = 'the call was lost'
        for expected, changes in (
                # The fault is older than the last call, or than all of them.
                (lost, {'server': rebuilding}),
                (lost, {'migrations': [a_migration('m1')]}),
                # It is of another kind: a host's; or none is told.
                (lost, {'migrations': [a_migration('m1', status='failed'), a_migration('m2')]}),
                (lost, {'migrations': [a_migration('m1', status='error'), a_migration('m2'),
                                       a_migration('m3', status='failed')]}),
                (lost, {'server': a_server(vm_state='error')}),
                (lost, {'server': dataclasses.replace(self.refused.server, vm_state='active')}),
                # The other one has begun.
                ('the call may still begin', {'migrations': [
                    a_migration('m1', status='error'), a_migration('m2', status='pre-migrating')]}),
                # It is there, or that was not asked.
                ('under way', {'seconds': LONG - 1}), ('under way', {'libvirt': None}),
                ('runs, and Nova does not know yet', {**runs_there(), 'up_seconds': 0.0})):
            self.assertEqual(expected, self.row(**changes), (expected, changes))

    def test_once_a_person_has_ended_the_record_its_target_is_refused(self):
        ended = [a_migration('m1', status='error'), a_migration('m2', status='error')]
        decision = attempt.advance(moving(), dataclasses.replace(self.refused, migrations=ended),
                                   rules())
        self.assertEqual((Act.REFUSED, refusals.NO_HOST), (decision.act, decision.row))

    def test_nothing_is_called_beside_what_a_person_has_moved_elsewhere(self):
        own = a_migration('m3', target='c4')
        rebuilding = dataclasses.replace(self.refused.server, task_state='rebuilding')
        for migrations in ([own], [own, *self.refused.migrations]):
            self.assertEqual('the call may still begin',
                             self.row(server=rebuilding, migrations=migrations))


class NeverACallTooMany(unittest.TestCase):

    def test_with_the_instance_running_there_no_state_of_nova_makes_a_call(self):
        self.assertEqual(set(CALLS) & self.acts(runs_there()), set())

    def test_with_the_target_not_asked_a_call_that_moves_is_never_repeated(self):
        self.assertEqual(set(CALLS) & self.acts({}), set())

    def acts(self, answers):
        found = set()
        for host in ('c1', 'c2', 'c9'):
            for vm_state in ('active', 'error', 'stopped', 'paused'):
                for task in ('', 'rebuilding', 'rebuild_spawning'):
                    for status in ('accepted', 'done', 'failed'):
                        for seconds in (0.0, 10.0, LONG, 9999.0):
                            seen = work_look(
                                a_server(host=host, vm_state=vm_state, task_state=task),
                                migrations=[a_migration(status=status)], seconds=seconds,
                                **answers)
                            found |= {act(moving(), seen), act(calling(), seen)}
        return found


class TheRows(unittest.TestCase):

    def test_each_has_a_name_of_its_own(self):
        names = [row.name for row in (*attempt.ELSEWHERE, *attempt.FIRST, *attempt.UNDER_WAY)]
        self.assertEqual(sorted(set(names)), sorted(names))

    def test_each_decides_something_that_no_row_before_it_does(self):
        names = {row.name for row in (*attempt.ELSEWHERE, *attempt.FIRST, *attempt.UNDER_WAY)}
        expected, fired = names | {'deleted'}, set()
        for item, seen in some_looks(40000):
            fired.add(attempt.advance(item, seen, rules(settle_seconds=10)).row)
            if fired == expected:
                break
        self.assertEqual(expected, fired)

    def test_the_last_of_each_table_always_decides(self):
        for table in (attempt.ELSEWHERE, attempt.FIRST, attempt.UNDER_WAY):
            self.assertEqual((), table[-1].when)


class WhyItWasThisRow(unittest.TestCase):

    def test_what_is_said_of_a_row_was_so_and_what_it_is_said_to_lack_was_not(self):
        for item, seen in some_looks(3000):
            if seen.server is None:
                continue
            facts = attempt.Facts(item, seen, rules(settle_seconds=10))
            table = attempt._table(facts)
            row = rows.decided(table, facts)
            known = conditions.of_phase(item.phase)
            self.assertTrue(all(one.holds(facts) for one in (*row.when, *known)), row.name)
            for other in rows.instead(table, row, known):
                self.assertFalse(all(one.holds(facts) for one in other.lacked), row.name)

    def test_no_two_of_a_sort_are_so_at_once(self):
        every = {one.text: one for table in attempt.TABLES for row in table for one in row.when}
        for item, seen in some_looks(1000):
            if seen.server is not None:
                facts = attempt.Facts(item, seen, rules(settle_seconds=10))
                are_so = [one for one in every.values() if one.sort in ('state', 'way', 'there')
                          and one.holds(facts)]
                self.assertFalse([one.text for one in are_so for other in are_so
                                  if one.forbids(other)])

    def test_a_wait_says_what_ends_it_and_how(self):
        found = attempt.why(moving(row='arrived, its disk not open yet'))
        self.assertEqual(('Nova shows it on c2', 'Nova shows it as active, with no task'), found.so)
        self.assertEqual(('done', 'arrived', ('every disk of it is open on c2',)),
                         found.instead[0])
        self.assertIn('Nova does not show it on c2', found.behind)

    def test_what_can_not_have_been_is_not_said(self):
        # It is called already, and its call was seen.
        found = attempt.why(moving(row='under way'))
        self.assertNotIn('Nova has the call', [name for _, name, _ in found.instead])
        self.assertIn('Nova has the call', [
            name for _, name, _ in attempt.why(calling(row='under way')).instead])

    def test_the_phase_before_its_end_counts_for_what_has_ended(self):
        ended = evacuation.went(calling(history=(model.Step('noon', 'w', 'calling', ''),)),
                                Phase.REFUSED, 'noon', 'w', 'x', 'ended without it')
        self.assertIn('Nova has the call', [name for _, name, _ in attempt.why(ended).instead])

    def test_what_goes_on_and_what_no_worker_decided_has_nothing_to_say(self):
        for row in ('', 'arrived', 'first call', 'no trace of the call', policy.ROW, 'of old'):
            self.assertIsNone(attempt.why(moving(row=row)), row)

    def test_each_row_has_its_say_and_no_name_in_it_stays_open(self):
        for row in (row for table in attempt.TABLES for row in table):
            found = attempt.why(moving(row=row.name))
            if found is not None:
                lacked = (one for each in found.instead for one in each[2])
                said = (*found.so, *found.behind, *lacked)
                self.assertTrue(said, row.name)
                self.assertNotIn('{', ''.join(said))


def some_looks(count):
    """Evacuations with what a worker may see of them, by chance."""
    chance = random.Random(5)
    for _ in range(count):
        item = under_way(chance.choice((Phase.QUEUED, Phase.CALLING, Phase.MOVING)),
                         tried=chance.choice(((), (), ('c9',))))
        item = dataclasses.replace(
            item, images=chance.choice(((DISK,), (DISK, DATA))),
            attempts=(dataclasses.replace(item.attempt, target_started='boot-1/7'),))
        yield item, work_look(
            chance.choice((None, *[a_server(
                host=chance.choice(('c1', 'c1', 'c2', 'c2', 'c9')), fault=chance.choice(('', 'x')),
                vm_state=chance.choice(('active', 'error', 'stopped', 'paused', 'suspended',
                                        'soft-delete')),
                task_state=chance.choice(('', '', 'rebuilding', 'powering-off')))] * 30)),
            seconds=chance.choice((0.0, 10.0, 25.0, LONG, 999.0)),
            up_seconds=chance.choice((0.0, 60.0)), source_returned=chance.random() < 0.3,
            migrations=[a_migration(f'm{number}', status=chance.choice(
                ('accepted', 'done', 'failed', 'error', 'completed')))
                for number in range(chance.choice((0, 1, 1, 1, 2)))],
            libvirt=chance.choice((None, a_libvirt(), a_libvirt('i1'),
                                   runs_there()['libvirt'])),
            images=chance.choice((None, *[tuple(an_answer(
                *chance.choice(((), (a_client(),), (a_client('10.1.0.9:0/1'),),
                                (a_client('10.1.0.9:0/2', False),),
                                (a_client('10.1.0.8:0/3', False),))), image=image,
                error=chance.choice(('', '', '', 'mute'))) for image in item.images)] * 9)),
            target_started=chance.choice(('', 'boot-1/7', 'boot-2/1')),
            target_left=chance.random() < 0.5,
            actions=chance.choice(((), (), (model.Action('stop', 'user', AT),))),
            elsewhere=chance.choice(({}, {}, {'c9': True}, {'c9': False})),
            known=chance.choice((Known({'10.1.0.9': frozenset(['c9'])}), NONE_KNOWN)))


class MustAsk(unittest.TestCase):

    def test_the_target_is_asked_when_its_answer_matters(self):
        moved = a_server(host='c2')
        # the evacuation, the server, seconds -> asked
        table = [
            (queued(), moved, 999, False),
            (queued(), a_server(), 0, True),
            (moving(), None, 999, False),
            (moving(), a_server(), 1, False),
            (moving(), a_server(task_state='rebuilding'), 119.9, False),
            (moving(), a_server(task_state='rebuilding'), 120, True),
            (moving(), moved, 0, True),
            (moving(), a_server(host='c9', task_state='rebuilding'), 0, True),
            (moving(), a_server(host='c2', task_state='rebuilding'), 1, False),
            (moving(), a_server(vm_state='error'), 0, True),
            (calling(), moved, 0, True),
            (calling(), a_server(), 10, False),
            (under_way(Phase.REFUSED), moved, 999, False),
        ]
        for item, server, seconds, expected in table:
            with self.subTest(phase=item.phase, server=server, seconds=seconds):
                self.assertIs(expected, attempt.must_ask(item, server, seconds, rules()))

    def test_another_hosts_libvirt_at_the_targets_address_makes_nothing_certain(self):
        seen = work_look(**nobody_there() | {'target_uuid': 'another'})
        self.assertFalse(certain.nobody_there(seen))

    def test_only_records_that_came_since_are_fresh(self):
        old, new = a_migration('m1'), a_migration('m2')
        other = a_migration('m3', kind='live-migration')
        seen = work_look(migrations=[new, old, other])
        self.assertEqual((new,), certain.fresh_migrations(calling(seen_before=('m1',)), seen))
        self.assertEqual((new, old), certain.fresh_migrations(queued(), seen))


class WhatNeedsAnOperator(unittest.TestCase):

    def test_a_row_that_leaves_something_to_be_done_by_hand_says_so(self):
        rows = [row for table in (attempt.ELSEWHERE, attempt.FIRST, attempt.UNDER_WAY)
                for row in table]
        self.assertEqual([row.name for row in rows if 'by hand' in row.reason],
                         [row.name for row in rows if row.needs_operator])

    def test_it_is_known_by_the_row_and_while_it_waits_by_that_of_its_last_attempt(self):
        row = 'Nova failed over a domain'
        refused = evacuation.went(moving(), Phase.REFUSED, 'noon', 'w', 'x', row)
        waits = evacuation.went(refused, Phase.WAITING, 'noon', 'c', 'x')
        again = evacuation.went(waits, Phase.QUEUED, 'noon', 'c', 'x')
        no_target = evacuation.went(again, Phase.WAITING, 'noon', 'c', 'x')
        self.assertEqual([False, True, True, False, False], [
            attempt.needs_operator(item) for item in (moving(), refused, waits, again, no_target)])
        self.assertTrue(attempt.needs_operator(queued(row='runs elsewhere')))
