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

"""What is moved, where to, and in how many at a time."""

import dataclasses
import random
import unittest

from kaopu_ha.core import evacuation, model, planning, refusals
from kaopu_ha.core.evacuation import Way
from kaopu_ha.core.model import Phase, Power, Sign
from kaopu_ha.core.news import Outcome
from tests.core.values import (
    AT,
    BY,
    DATA,
    DISK,
    a_candidate,
    a_case,
    a_migration,
    a_plan_look,
    a_recovery,
    a_server,
    a_usage,
    an_evacuation,
    an_instance,
    an_inventory,
    rules,
    silent,
    under_way,
)

# Every vm_state of Nova, with what is done if the instance was on and has no task.
VM_STATES = {
    'active': Way.EVACUATE,
    'error': Way.EVACUATE,
    'paused': Way.RESET,
    'rescued': Way.RESET,
    # Nova would evacuate it, and stop it on the target: but it was on.
    'stopped': Way.RESET,
    'building': Way.NOT_RECOVERABLE,
    'resized': Way.NOT_RECOVERABLE,
    'suspended': Way.NOT_RECOVERABLE,
    'shelved': Way.LEAVE,
    'shelved_offloaded': Way.LEAVE,
    'deleted': Way.LEAVE,
    'soft-delete': Way.LEAVE,
}
# Every task_state of Nova that an active instance may have.
TASKS = {
    '': Way.EVACUATE,
    'image_snapshot_pending': Way.EVACUATE,
    'image_snapshot': Way.EVACUATE,
    'image_pending_upload': Way.EVACUATE,
    'image_uploading': Way.EVACUATE,
    'image_backup': Way.EVACUATE,
    'updating_password': Way.EVACUATE,
    'rebooting': Way.EVACUATE,
    'reboot_pending': Way.EVACUATE,
    'reboot_started': Way.EVACUATE,
    'rebooting_hard': Way.EVACUATE,
    'reboot_pending_hard': Way.EVACUATE,
    'reboot_started_hard': Way.EVACUATE,
    'pausing': Way.EVACUATE,
    'unpausing': Way.EVACUATE,
    'suspending': Way.EVACUATE,
    'powering-off': Way.EVACUATE,
    'powering-on': Way.EVACUATE,
    'rescuing': Way.EVACUATE,
    'rebuilding': Way.EVACUATE,
    'rebuild_block_device_mapping': Way.EVACUATE,
    'rebuild_spawning': Way.EVACUATE,
    'shelving': Way.EVACUATE,
    'migrating': Way.RESET,
    'resize_prep': Way.NOT_RECOVERABLE,
    'resize_migrating': Way.NOT_RECOVERABLE,
    'resize_migrated': Way.NOT_RECOVERABLE,
    'resize_finish': Way.NOT_RECOVERABLE,
    'deleting': Way.LEAVE,
    'soft-deleting': Way.LEAVE,
}


def phases(items):
    return {item.instance: (item.phase, item.target) for item in items}


def planned(items, *candidates, dead=(), given=None):
    """The evacuations after planning, changed or not."""
    seen = a_plan_look(*candidates)
    changed = {(item.recovery, item.instance): item
               for item in planning.planned(items, seen, given or rules(), dead)}
    return [changed.get((item.recovery, item.instance), item) for item in items]


class TheOrder(unittest.TestCase):
    """Who gets room first, and whose turn comes first."""

    HIGH, LOW = {'priority': model.Priority.HIGH}, {'priority': model.Priority.LOW}

    def test_an_important_one_gets_the_last_room_whatever_its_name(self):
        one_place = a_candidate('c2', usage=a_usage(cores=2.0))
        items = planned([an_evacuation('i1'), an_evacuation('i2', **self.LOW),
                         an_evacuation('i9', **self.HIGH)], one_place)
        self.assertEqual({'i1': (Phase.WAITING, ''), 'i2': (Phase.WAITING, ''),
                          'i9': (Phase.QUEUED, 'c2')}, phases(items))

    def test_it_gets_room_before_the_less_important_ones_of_another_host(self):
        one_place = a_candidate('c2', usage=a_usage(cores=2.0))
        items = planned([an_evacuation('i1'),
                         an_evacuation('i9', recovery='c9-9', source='c9', **self.HIGH)], one_place)
        self.assertEqual({'i1': (Phase.WAITING, ''), 'i9': (Phase.QUEUED, 'c2')}, phases(items))

    def test_what_has_its_target_already_is_not_undone_for_it(self):
        one_place = a_candidate('c2', usage=a_usage(cores=2.0))
        items = planned([an_evacuation('i1', Phase.QUEUED, target='c2', **self.LOW),
                         an_evacuation('i9', **self.HIGH)], one_place)
        self.assertEqual({'i1': (Phase.QUEUED, 'c2'), 'i9': (Phase.WAITING, '')}, phases(items))

    def test_while_one_waits_for_its_turn_the_less_important_ones_of_its_host_do_too(self):
        of_another = {'recovery': 'c9-9', 'source': 'c9'}
        for changes, after in (({}, (Phase.WAITING, '')), (of_another, (Phase.QUEUED, 'c3'))):
            items = planned(
                [an_evacuation('i0', Phase.MOVING, target='c2'), an_evacuation('i8', **self.HIGH),
                 an_evacuation('i9', **changes)],
                a_candidate('c2'), a_candidate('c3', usage=a_usage(cores_used=4.0)),
                given=rules(per_target_max=1))
            self.assertEqual({'i0': (Phase.MOVING, 'c2'), 'i8': (Phase.WAITING, ''), 'i9': after},
                             phases(items))
            self.assertIn('its turn comes: ', items[1].reason)
            self.assertEqual(bool(changes), 'more important ones' not in items[2].reason)

    def test_what_comes_in_a_moment_has_its_turns_and_a_place_is_left_for_it(self):
        mine = [an_evacuation(f'i{number}') for number in range(4)]
        soon = [an_evacuation(f'i{number}', recovery='c9-9', source='c9') for number in range(6, 9)]
        look = a_plan_look(a_candidate('c2'))
        for free, expected in ((1, 1), (2, 1), (3, 2), (5, 3), (9, 4)):
            few = rules(in_all_max=free, per_target_max=9)
            for found in (planning.planned(mine, look, few, soon=soon),
                          planning.planned_again(mine, look, few, soon=soon)[0]):
                self.assertEqual(expected, [item.phase for item in found].count(Phase.QUEUED), free)
                self.assertEqual({'c1-7'}, {item.recovery for item in found})

    def test_more_important_ones_do_not_wait_for_what_comes_in_a_moment(self):
        mine = [an_evacuation(f'i{number}', **self.HIGH) for number in range(4)]
        soon = [an_evacuation('i9', recovery='c9-9', source='c9')]
        few = rules(in_all_max=3)
        found = planning.planned(mine, a_plan_look(a_candidate('c2')), few, soon=soon)
        self.assertEqual(3, [item.phase for item in found].count(Phase.QUEUED))

    def test_one_that_fits_nowhere_holds_nobody_up(self):
        items = planned([an_evacuation('i1', **self.LOW),
                         an_evacuation('i9', cores=64, **self.HIGH)], a_candidate('c2'))
        self.assertEqual({'i1': (Phase.QUEUED, 'c2'), 'i9': (Phase.WAITING, '')}, phases(items))

    def test_of_one_class_the_order_is_as_it_was(self):
        chance = random.Random(1)
        for _ in range(20):
            items = [an_evacuation(f'i{number}', cores=chance.randint(1, 6))
                     for number in range(8)]
            chance.shuffle(items)
            few = [a_candidate(host, usage=a_usage(cores=8.0)) for host in ('c2', 'c3')]
            same = [dataclasses.replace(item, **self.HIGH) for item in items]
            self.assertEqual(phases(planned(items, *few)), phases(planned(same, *few)))


class TheList(unittest.TestCase):
    """What the policy says when the servers are listed."""

    def listed(self, *marks, says=None, **changes):
        server = a_server(marks=marks, **changes)
        [item] = evacuation.listed(a_recovery(), [server], {'ceph-1'}, a_plan_look(), says=says)
        return item

    def mark(self, value, key='HA_Enabled'):
        return model.Mark(model.Source.METADATA, key, value)

    def test_what_opted_out_is_left_with_its_reason(self):
        item = self.listed(self.mark('no'))
        self.assertEqual((Phase.LEFT, 'it opted out: metadata HA_Enabled=no', 'the policy'),
                         (item.phase, item.reason, item.row))
        self.assertEqual('the policy', item.history[-1].row)

    def test_what_could_not_be_moved_anyway_is_left_too_and_is_no_trouble(self):
        item = self.listed(self.mark('no'), vm_state='suspended')
        self.assertIs(Phase.LEFT, item.phase)

    def test_what_was_off_stays_off_for_that_reason(self):
        recovery = a_recovery(instances=(an_instance(power=Power.OFF),))
        [item] = evacuation.listed(recovery, [a_server(marks=(self.mark('no'),), power_state=4,
                                                       vm_state='stopped')],
                                   {'ceph-1'}, a_plan_look())
        self.assertEqual(('was powered off', ''), (item.reason, item.row))

    def test_a_doubt_is_moved_and_kept(self):
        item = self.listed(self.mark('maybe'))
        self.assertEqual((Phase.WAITING, ('metadata HA_Enabled=maybe',)),
                         (item.phase, item.wrong_marks))

    def test_the_important_come_first_then_the_large(self):
        recovery = a_recovery(instances=tuple(an_instance(name) for name in ('i1', 'i2', 'i3')))
        servers = [a_server('i1', memory_mb=512), a_server('i2', memory_mb=4096),
                   a_server('i3', memory_mb=128, marks=(self.mark('high', 'ha_priority'),))]
        items = evacuation.listed(recovery, servers, {'ceph-1'}, a_plan_look())
        self.assertEqual(['i3', 'i2', 'i1'], [item.instance for item in items])
        self.assertEqual('metadata ha_priority=high', items[0].marked)


class TheTableOfStates(unittest.TestCase):

    def test_each_vm_state_has_its_way(self):
        for vm_state, expected in VM_STATES.items():
            with self.subTest(vm_state=vm_state):
                self.assertIs(expected, evacuation.way(a_server(vm_state=vm_state), ())[0])

    def test_each_task_has_its_way(self):
        for task, expected in TASKS.items():
            with self.subTest(task=task):
                self.assertIs(expected, evacuation.way(a_server(task_state=task), ())[0])

    def test_every_way_but_evacuate_has_its_reason(self):
        for vm_state, expected in VM_STATES.items():
            reason = evacuation.way(a_server(vm_state=vm_state), ())[1]
            self.assertEqual(expected is not Way.EVACUATE, bool(reason), vm_state)

    def test_a_task_goes_before_the_vm_state(self):
        # vm_state, task -> way
        table = [('paused', 'deleting', Way.LEAVE), ('stopped', 'resize_migrating',
                                                     Way.NOT_RECOVERABLE),
                 ('paused', 'migrating', Way.RESET), ('shelved', 'unshelving', Way.LEAVE),
                 ('building', 'spawning', Way.NOT_RECOVERABLE),
                 ('paused', 'unpausing', Way.RESET)]
        for vm_state, task, expected in table:
            with self.subTest(vm_state=vm_state, task=task):
                server = a_server(vm_state=vm_state, task_state=task)
                self.assertIs(expected, evacuation.way(server, ())[0])

    def test_a_state_of_a_newer_nova_is_left_to_people(self):
        self.assertEqual((Way.NOT_RECOVERABLE, 'its state frozen is not known'),
                         evacuation.way(a_server(vm_state='frozen'), ()))

    def test_an_evacuation_under_way_is_waited_for_and_other_migrations_are_not(self):
        # kind, status -> way
        table = [('evacuation', 'accepted', Way.WAIT), ('evacuation', 'pre-migrating', Way.WAIT),
                 ('evacuation', 'done', Way.EVACUATE), ('evacuation', 'completed', Way.EVACUATE),
                 ('evacuation', 'failed', Way.EVACUATE), ('evacuation', 'error', Way.EVACUATE),
                 ('live-migration', 'running', Way.EVACUATE), ('resize', 'finished', Way.EVACUATE)]
        for kind, status, expected in table:
            with self.subTest(kind=kind, status=status):
                migrations = [a_migration(kind=kind, status=status)]
                self.assertIs(expected, evacuation.way(a_server(), migrations)[0])


class Powered(unittest.TestCase):

    def test_nova_corrects_the_inventory_where_it_has_no_task(self):
        # in the inventory, vm_state, task -> power
        table = [
            (Power.ON, 'active', '', Power.ON),
            (Power.ON, 'stopped', '', Power.ON),
            (Power.OFF, 'active', '', Power.ON),
            (Power.OFF, 'stopped', '', Power.OFF),
            (Power.PAUSED, 'active', '', Power.PAUSED),
            (Power.PAUSED, 'paused', '', Power.PAUSED),
            (Power.ON, 'error', '', Power.ON),
            (Power.OFF, 'error', '', Power.OFF),
            (Power.ON, 'active', 'powering-off', Power.ON),
            (Power.OFF, 'active', 'powering-off', Power.OFF),
            (Power.ON, 'stopped', 'powering-on', Power.ON),
        ]
        for power, vm_state, task, expected in table:
            with self.subTest(power=power, vm_state=vm_state, task=task):
                inventory = an_inventory(instances=[an_instance(power=power)])
                found = evacuation.powered(inventory,
                                           [a_server(vm_state=vm_state, task_state=task)])
                self.assertEqual((an_instance(power=expected),), found)

    def test_what_its_host_may_have_taken_along_counts_as_on(self):
        off = [an_instance(uuid, Power.OFF) for uuid in ('i1', 'i2', 'i3', 'i4')]
        inventory = an_inventory(instances=off, interrupted=('i1', 'i4'), off_lately=('i2',))
        found = evacuation.powered(inventory, None, need_not={'i4'})
        self.assertEqual([Power.ON, Power.ON, Power.OFF, Power.OFF],
                         [instance.power for instance in found])

    def test_without_nova_the_inventory_stands(self):
        instances = (an_instance('i1'), an_instance('i2', Power.OFF))
        for servers in (None, ()):
            self.assertEqual(instances,
                             evacuation.powered(an_inventory(instances=instances), servers))

    def test_an_instance_that_only_nova_knows_has_no_known_disks(self):
        # Nova's power_state -> power
        for number, power in ((1, Power.ON), (3, Power.PAUSED), (4, Power.OFF), (0, Power.OFF)):
            found = evacuation.powered(an_inventory(instances=()),
                                       [a_server('i9', power_state=number)])
            self.assertEqual((an_instance('i9', power, images=()),), found)

    def test_they_come_sorted_and_with_novas_names(self):
        inventory = an_inventory(instances=[an_instance('i2'), an_instance('i1', name='old')])
        found = evacuation.powered(inventory, [a_server('i1', name='new'), a_server('i0')])
        self.assertEqual([('i0', 'name of i0'), ('i1', 'new'), ('i2', 'name of i2')],
                         [(item.uuid, item.name) for item in found])


class Doubtful(unittest.TestCase):

    def test_of_those_that_were_on_what_nova_shows_stopped_without_a_task(self):
        recovery = a_recovery(instances=(an_instance('i1'), an_instance('i2'),
                                         an_instance('i3', Power.OFF), an_instance('i4')))
        servers = [a_server('i1', vm_state='stopped'), a_server('i2'),
                   a_server('i3', vm_state='stopped'),
                   a_server('i4', vm_state='stopped', task_state='powering-on')]
        self.assertEqual(('i1',), evacuation.doubtful(recovery, servers))

    def test_what_its_user_stopped_is_left_and_what_went_off_with_its_host_is_moved(self):
        recovery = a_recovery(instances=(an_instance('i1'), an_instance('i2')))
        servers = [a_server(uuid, vm_state='stopped') for uuid in ('i1', 'i2')]
        made = evacuation.listed(recovery, servers, ['ceph-1'], a_plan_look(), {'i1'})
        self.assertEqual([(Phase.LEFT, 'its user stopped it'), (
            Phase.WAITING, 'was on, though Nova shows it stopped: it will run again')],
            [(item.phase, item.reason) for item in made])


class Listed(unittest.TestCase):

    def listed(self, instance, server=None, fenced=('ceph-1',)):
        recovery = a_recovery(instances=(instance,) if instance else ())
        made = evacuation.listed(recovery, [server or a_server()], fenced, a_plan_look())
        self.assertEqual(1, len(made))
        return made[0]

    def test_an_instance_that_was_on_waits_for_its_target(self):
        self.assertEqual(
            an_evacuation(epoch=5, history=(model.Step(AT, BY, 'waiting', 'was on: to be moved'),)),
            self.listed(an_instance()))

    def test_each_first_phase_has_its_reason(self):
        off, local = an_instance(power=Power.OFF), an_instance(local_disks=('/var/disk',))
        # instance, server, fenced -> phase, reason
        table = [
            (an_instance(power=Power.PAUSED), a_server(vm_state='paused'), ['ceph-1'],
             Phase.WAITING, 'was paused: it will run again'),
            (an_instance(), a_server(vm_state='error'), ['ceph-1'], Phase.WAITING, ''),
            (an_instance(images=(DISK, DATA)), a_server(), ['ceph-1', 'ceph-2'],
             Phase.WAITING, ''),
            (off, a_server(vm_state='stopped', power_state=4), ['ceph-1'],
             Phase.LEFT, 'was powered off'),
            (off, a_server(), ['ceph-1'], Phase.LEFT, 'was powered off'),
            (None, a_server(power_state=4), ['ceph-1'], Phase.LEFT, 'was powered off'),
            (None, a_server(power_state=1), ['ceph-1'],
             Phase.NOT_RECOVERABLE, 'its host never told of its disks'),
            (None, a_server(power_state=3), ['ceph-1'],
             Phase.NOT_RECOVERABLE, 'its host never told of its disks'),
            (local, a_server(), ['ceph-1'], Phase.NOT_RECOVERABLE, 'on local disk: /var/disk'),
            (an_instance(images=()), a_server(), ['ceph-1'],
             Phase.NOT_RECOVERABLE, 'its disks are not known'),
            (an_instance(), a_server(), [],
             Phase.NOT_RECOVERABLE, 'the host was not fenced on cluster ceph-1'),
            (an_instance(images=(DISK, DATA)), a_server(), ['ceph-1'],
             Phase.NOT_RECOVERABLE, 'the host was not fenced on cluster ceph-2'),
            (an_instance(), a_server(vm_state='suspended'), ['ceph-1'],
             Phase.NOT_RECOVERABLE, 'it is suspended: its memory lies on the dead host'),
            (an_instance(), a_server(task_state='deleting'), ['ceph-1'],
             Phase.LEFT, 'it is being deleted'),
        ]
        for instance, server, fenced, phase, reason in table:
            with self.subTest(reason=reason, instance=instance):
                made = self.listed(instance, server, fenced)
                self.assertEqual((phase, reason), (made.phase, made.reason))
                self.assertEqual(phase.value, made.history[-1].stage)

    def test_an_instance_that_nova_has_no_more_is_not_listed(self):
        recovery = a_recovery(instances=(an_instance('i1'), an_instance('i2')))
        made = evacuation.listed(recovery, [a_server('i2')], ['ceph-1'], a_plan_look())
        self.assertEqual(['i2'], [item.instance for item in made])

    def test_the_biggest_comes_first(self):
        recovery = a_recovery(instances=tuple(an_instance(f'i{n}') for n in range(4)))
        servers = [a_server('i0', memory_mb=512), a_server('i3', memory_mb=8192, name='b'),
                   a_server('i2', memory_mb=8192, name='a'), a_server('i1', memory_mb=1024)]
        made = evacuation.listed(recovery, servers, ['ceph-1'], a_plan_look())
        self.assertEqual(['i2', 'i3', 'i1', 'i0'], [item.instance for item in made])


class Planned(unittest.TestCase):

    def test_the_least_used_host_becomes_the_target(self):
        changed = planning.planned(
            [an_evacuation()],
            a_plan_look(a_candidate('c2', usage=a_usage(cores_used=9)), a_candidate('c3')),
            rules())
        reason = 'to c3, the least used that may'
        self.assertEqual(
            (an_evacuation(phase=Phase.QUEUED, target='c3', epoch=5, reason=reason,
                           history=(model.Step(AT, BY, 'queued', reason),)),), changed)

    def test_what_is_not_waiting_stays_as_it_is(self):
        items = [under_way(phase, instance=f'i-{phase.value}')
                 for phase in Phase if phase not in (Phase.WAITING, Phase.REFUSED)]
        self.assertEqual((), planning.planned(items, a_plan_look(a_candidate('c2')), rules()))

    def test_a_batch_spreads_over_the_hosts(self):
        items = [an_evacuation(f'i{number}') for number in range(4)]
        made = planned(items, a_candidate('c2'), a_candidate('c3'))
        self.assertEqual(['c2', 'c3', 'c2', 'c3'], [item.target for item in made])

    def test_one_target_takes_so_many_at_a_time(self):
        items = [an_evacuation(f'i{number}') for number in range(5)]
        made = planned(items, a_candidate('c2'), given=rules(per_target_max=3))
        self.assertEqual([Phase.QUEUED] * 3 + [Phase.WAITING] * 2, [item.phase for item in made])
        self.assertEqual('its turn comes: enough is moving to c2', made[4].reason)

    def test_so_many_move_at_a_time_in_all(self):
        items = [an_evacuation(f'i{number}') for number in range(6)]
        made = planned(items, *(a_candidate(f'c{number}') for number in range(2, 9)),
                       given=rules(in_all_max=4))
        self.assertEqual([Phase.QUEUED] * 4 + [Phase.WAITING] * 2, [item.phase for item in made])
        self.assertEqual('its turn comes: enough is moving', made[4].reason)

    def test_the_places_are_shared_among_hosts_that_are_dead_at_one_time(self):
        hosts = [a_candidate(f'c{number}') for number in range(10, 16)]
        items = [an_evacuation(f'i{number}', recovery=f'{source}-1', source=source)
                 for source in ('c1', 'c2', 'c3') for number in range(6)]
        going = [under_way(instance=f'g{number}', target=f'c{number + 10}') for number in range(2)]
        for begun, expected in (([], (2, 2, 2)), (going, (0, 2, 2))):
            made = planned([*(dataclasses.replace(each, recovery='c1-1') for each in begun),
                            *items], *hosts, given=rules(in_all_max=6))
            queued = [item.source for item in made if item.phase is Phase.QUEUED]
            self.assertEqual(expected, tuple(map(queued.count, ('c1', 'c2', 'c3'))))

    def test_what_is_under_way_counts_at_both_limits_also_that_of_other_recoveries(self):
        for phase in (Phase.QUEUED, Phase.CALLING, Phase.MOVING):
            going = [under_way(phase, instance=f'g{number}', recovery='c9-3', source='c9')
                     for number in range(2)]
            waiting = [an_evacuation(f'i{number}') for number in range(2)]
            for given in (rules(per_target_max=3), rules(in_all_max=3)):
                made = planned([*going, *waiting], a_candidate('c2'), given=given)
                self.assertEqual([Phase.QUEUED, Phase.WAITING],
                                 [item.phase for item in made[2:]])

    def test_what_has_ended_counts_no_more(self):
        for phase in Phase:
            if phase.ended:
                ended = [under_way(phase, instance=f'e{number}') for number in range(9)]
                made = planned([*ended, an_evacuation()], a_candidate('c2'),
                               given=rules(per_target_max=1, in_all_max=1))
                self.assertIs(Phase.QUEUED, made[-1].phase)

    def test_never_more_than_the_limits_whatever_comes(self):
        chance = random.Random(7)
        for _ in range(200):
            given = rules(per_target_max=chance.randint(1, 4), in_all_max=chance.randint(1, 9))
            items = [an_evacuation(f'i{number}') for number in range(chance.randint(0, 20))]
            hosts = [a_candidate(f'c{number}', usage=a_usage(chance.randint(0, 32)))
                     for number in range(2, chance.randint(3, 7))]
            made = planned(items, *hosts, given=given)
            targets = [item.target for item in made if item.phase is Phase.QUEUED]
            self.assertLessEqual(len(targets), given.in_all_max)
            for target in targets:
                self.assertLessEqual(targets.count(target), given.per_target_max)
            for host in hosts:
                cores = 2 * targets.count(host.host)
                self.assertTrue(not cores or host.usage.cores_used + cores <= 32)
            self.assertEqual(made, planned(made, *hosts, given=given))

    def live_candidates(self):
        usage = a_usage()
        return tuple(a_candidate(host, usage=dataclasses.replace(
            usage, live=model.Usage(16, cores, 65536, 0), live_weight=1.0))
            for host, cores in (('c2', 1), ('c3', 2)))

    def test_what_came_lately_in_an_open_recovery_counts_though_it_is_not_measured(self):
        came = [an_evacuation(f'd{number}', phase=Phase.DONE, target='c2') for number in range(3)]
        item, = planned([*came, an_evacuation()], *self.live_candidates())[3:]
        self.assertEqual('c3', item.target)
        old = [dataclasses.replace(each, recovery='r0') for each in came]
        item, = planned([*old, an_evacuation()], *self.live_candidates())[3:]
        self.assertEqual('c2', item.target)

    def test_the_road_says_which_figures_made_the_rank(self):
        made, = planned([an_evacuation()], *self.live_candidates())
        self.assertEqual('to c2, the least used that may (use 3%: live 3%, set aside 0%)',
                         made.history[-1].reason)
        made, = planned([an_evacuation()], a_candidate('c2'))
        self.assertEqual('to c2, the least used that may', made.history[-1].reason)

    def test_asked_twice_it_changes_nothing_more(self):
        items = [an_evacuation(f'i{number}') for number in range(9)]
        candidates = (a_candidate('c2'), a_candidate('c3', usage=a_usage(cores_used=20)))
        given = rules(per_target_max=2)
        once = planned(items, *candidates, given=given)
        self.assertEqual((), planning.planned(once, a_plan_look(*candidates), given))

    def test_no_room_waits_and_goes_when_there_is_room(self):
        full, roomy = a_candidate('c2', usage=a_usage(cores_used=31)), a_candidate('c2')
        waiting = planned([an_evacuation()], full)
        self.assertEqual((Phase.WAITING, 'c2: it has no cores left'),
                         (waiting[0].phase, waiting[0].reason))
        self.assertEqual({'i1': (Phase.QUEUED, 'c2')}, phases(planned(waiting, roomy)))

    def test_room_that_others_were_given_is_not_given_twice(self):
        tight = a_candidate('c2', usage=a_usage(cores_used=28))
        items = [an_evacuation(f'i{number}') for number in range(3)]
        made = planned(items, tight)
        self.assertEqual([Phase.QUEUED, Phase.QUEUED, Phase.WAITING],
                         [item.phase for item in made])
        self.assertEqual(made, planned(made, tight))


class TurnedBack(unittest.TestCase):

    def refused(self, **changes):
        return under_way(Phase.REFUSED, reason='it did not start', **changes)

    def test_refused_goes_to_the_next_target(self):
        made, = planned([self.refused()], a_candidate('c2'), a_candidate('c3'))
        self.assertEqual((Phase.QUEUED, 'c3', ('c2',)), (made.phase, made.target, made.tried))
        self.assertEqual([('waiting', 'it did not start'),
                          ('queued', 'to c3, the least used that may')],
                         [(step.stage, step.reason) for step in made.history])
        self.assertEqual(1, len(made.attempts))

    def test_after_attempts_max_targets_it_has_failed(self):
        hosts = [a_candidate(f'c{number}') for number in range(2, 9)]
        third = self.refused(target='c4', tried=('c2', 'c3'), passed_over=('c2', 'c3'), failures=2)
        made, = planned([third], *hosts, given=rules(give_up_seconds=0))
        self.assertEqual((Phase.FAILED, '3 targets were tried; last: it did not start'),
                         (made.phase, made.reason))
        made, = planned([self.refused(target='c3', tried=('c2',), passed_over=('c2',),
                                      failures=1)], *hosts)
        self.assertEqual((Phase.QUEUED, 'c4', 2), (made.phase, made.target, made.failures))

    def rounds(self, item, give_up_seconds, refusal):
        """Have every host refuse it, round after round, until it is given up; the pauses."""
        hosts, pauses, number = [a_candidate('c2'), a_candidate('c3')], [], 0
        given = rules(give_up_seconds=give_up_seconds)
        while not item.phase.ended:
            look = dataclasses.replace(a_plan_look(*hosts), rested={
                evacuation.rest(item): sum(pauses[number:])})
            changed = planning.planned([item], look, given)
            if changed and changed[0].phase is Phase.QUEUED:
                item = dataclasses.replace(changed[0], phase=Phase.REFUSED, row=refusal)
                number = len(pauses)
            elif changed:
                item = changed[0]
            else:
                pauses.append(1.0)
            self.assertLess(len(pauses), 9999)
        return item, pauses

    def test_targets_are_tried_again_after_growing_pauses_until_it_is_given_up(self):
        for refusal in ('Nova failed', refusals.NO_HOST):
            item, pauses = self.rounds(an_evacuation(), 200.0, refusal)
            self.assertEqual((Phase.FAILED, 3, 30.0 + 60.0 + 120.0),
                             (item.phase, item.rounds, sum(pauses)))

    def test_a_refusal_of_novas_scheduler_costs_no_target(self):
        for row, failures in ((refusals.NO_HOST, 0), ('Nova failed', 1)):
            made, = planned([self.refused(row=row)], a_candidate('c2'), a_candidate('c3'))
            self.assertEqual((Phase.QUEUED, 'c3', failures),
                             (made.phase, made.target, made.failures))

    def test_what_was_put_aside_takes_no_place(self):
        going = [under_way(instance=f'g{number}', set_aside=1) for number in range(4)]
        for given in (rules(per_target_max=1), rules(in_all_max=1)):
            made = planned([*going, an_evacuation()], a_candidate('c2'), given=given)
            self.assertIs(Phase.QUEUED, made[-1].phase)

    def test_a_host_whose_libvirt_hangs_is_no_target(self):
        made, = planned([an_evacuation()], a_candidate('c2', note='libvirt has not answered'))
        self.assertEqual((Phase.WAITING, 'c2: its agent says: libvirt has not answered'),
                         (made.phase, made.reason))

    def test_refused_waits_if_the_next_target_may_not_take_it_now(self):
        made, = planned([self.refused()], a_candidate('c2'), a_candidate('c3', held=True))
        self.assertEqual((Phase.WAITING, '', 1), (made.phase, made.target, made.rounds))
        held = a_candidate('c2', held=True)
        made, = planned([self.refused()], held, a_candidate('c3', held=True))
        self.assertEqual((Phase.WAITING, 'c2: it was tried before; c3: it is on hold'),
                         (made.phase, made.reason))

    def test_refused_by_every_other_host_there_is_it_rests(self):
        made, = planned([self.refused()], a_candidate('c1', locked=True), a_candidate('c2'))
        self.assertEqual(
            (Phase.WAITING, 'every other host was tried; last: it did not start; tried again '
                            'after 30 s'), (made.phase, made.reason))

    def test_on_its_way_to_a_dead_target_it_starts_again(self):
        for phase in (Phase.QUEUED, Phase.CALLING, Phase.MOVING):
            made, = planned([under_way(phase)], a_candidate('c2', locked=True, beat=False),
                            a_candidate('c3'), dead={'c2'})
            self.assertEqual((Phase.QUEUED, 'c3', ('c2',)), (made.phase, made.target, made.tried))
            self.assertEqual('its target c2 died', made.history[-2].reason)

    def test_a_suspected_target_is_no_reason_to_call_elsewhere(self):
        for phase in (Phase.CALLING, Phase.MOVING):
            made, = planned([under_way(phase)], a_candidate('c2', suspected=True, beat=False),
                            a_candidate('c3'))
            self.assertEqual(under_way(phase), made)

    def test_before_its_call_it_is_aimed_anew_if_its_target_is_none_any_more(self):
        for changes in ({'suspected': True}, {'held': True}, {'beat': False}, {'locked': True},
                        {'storage': {'ceph-1': Sign.SILENCE}}, {'service': None}):
            with self.subTest(**changes):
                item = an_evacuation(phase=Phase.QUEUED, target='c2')
                made, = planned([item], a_candidate('c2', **changes), a_candidate('c3'))
                self.assertEqual((Phase.QUEUED, 'c3', ()), (made.phase, made.target, made.tried))
                self.assertEqual('c2 is no target any more', made.history[-2].reason)

    def test_a_target_that_is_gone_from_the_list_is_none_any_more(self):
        made, = planned([an_evacuation(phase=Phase.QUEUED, target='c2')], a_candidate('c3'))
        self.assertEqual('c3', made.target)

    def test_room_at_its_target_is_not_asked_again(self):
        item = an_evacuation(phase=Phase.QUEUED, target='c2')
        made, = planned([item], a_candidate('c2', usage=a_usage(cores_used=32)), a_candidate('c3'))
        self.assertEqual(item, made)

    def test_a_dead_target_makes_room_at_the_limits(self):
        items = [under_way(Phase.MOVING, instance='g1'), an_evacuation('i1')]
        made = planned(items, a_candidate('c3'), dead={'c2'},
                       given=rules(per_target_max=2, in_all_max=2))
        self.assertEqual(['c3', 'c3'], [item.target for item in made])


class OneInstanceInTwoRecoveries(unittest.TestCase):
    """It was moved from c1 to c2, and then c2 died."""

    def test_the_move_that_ended_does_not_hide_the_one_that_waits(self):
        ended = under_way(Phase.DONE, recovery='c1-900', source='c1', target='c2')
        waiting = an_evacuation(recovery='c2-1000', source='c2')
        for items in ([ended, waiting], [waiting, ended]):
            changed = planning.planned(items, a_plan_look(a_candidate('c3')), rules())
            self.assertEqual([('c2-1000', Phase.QUEUED, 'c3')],
                             [(item.recovery, item.phase, item.target) for item in changed])

    def test_both_are_planned_if_both_wait(self):
        items = [an_evacuation(recovery='c1-900', source='c1'),
                 an_evacuation(recovery='c2-1000', source='c2')]
        changed = planning.planned(items, a_plan_look(a_candidate('c3')), rules())
        self.assertEqual(['c1-900', 'c2-1000'], [item.recovery for item in changed])


class Outcomes(unittest.TestCase):

    def test_the_project_and_its_wish_go_from_the_server_to_the_outcome(self):
        server = a_server(project='p1', opted_in=True)
        instance = an_instance(local_disks=('/disk',))
        [item] = evacuation.listed(a_recovery(instances=(instance,)), [server], {'ceph-1'},
                                   a_plan_look())
        told = evacuation.outcome(item, a_case(
            model.Stage.CONFIRMED, rounds=(silent(at='10'),),
            history=(model.Step('20', BY, 'confirmed', ''),)))
        self.assertEqual(
            Outcome('i1', 'name of i1', 'p1', True, 'not recoverable', 'on local disk: /disk',
                    'c1', '', silent_since='10', confirmed_at='20', ended_at=AT), told)

    def test_a_case_that_was_not_read_leaves_its_times_out(self):
        item = evacuation.went(under_way(), Phase.DONE, AT, BY, 'runs')
        told = evacuation.outcome(item, None)
        self.assertEqual(('done', 'c2', '', ''),
                         (told.result, told.target, told.silent_since, told.confirmed_at))


class Counts(unittest.TestCase):

    def test_each_phase_is_counted(self):
        items = [an_evacuation(), an_evacuation('i2'), under_way(Phase.DONE, instance='i3')]
        self.assertEqual({Phase.WAITING: 2, Phase.DONE: 1}, evacuation.counts(items))

    def test_a_new_phase_is_written_into_the_road(self):
        item = evacuation.went(an_evacuation(), Phase.FAILED, AT, BY, 'why')
        step = model.Step(AT, BY, 'failed', 'why')
        self.assertEqual(
            dataclasses.replace(an_evacuation(), phase=Phase.FAILED, reason='why', history=(step,)),
            item)

    def test_what_is_replaced_is_as_the_standard_library_replaces_it(self):
        item = an_evacuation(target='c2', cores=4)
        for changed in ({}, {'reason': 'why'}, {'target': '', 'rounds': 2, 'tried': ('c2',)}):
            self.assertEqual(dataclasses.replace(item, **changed), item.replace(**changed))
        self.assertEqual(('c2', 4), (item.target, item.cores))
        self.assertRaises(TypeError, item.replace, colour='red')

    def test_these_phases_are_the_end(self):
        self.assertEqual({Phase.DONE, Phase.FAILED, Phase.LEFT, Phase.NOT_RECOVERABLE},
                         {phase for phase in Phase if phase.ended})
