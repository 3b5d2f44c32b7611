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

"""The records in the store: written and read back, by older and newer releases too."""

import dataclasses
import enum
import json
import unittest

from kaopu_ha import records
from kaopu_ha.core import model, requests, restart
from kaopu_ha.core.demands import Amount, Demand, Part
from kaopu_ha.core.events import Hint
from kaopu_ha.core.keys import Entry, Snapshot
from kaopu_ha.core.live import LiveUse
from kaopu_ha.core.model import Phase, RecoveryStage, Sign, Stage
from kaopu_ha.core.noting import Note, Notes
from kaopu_ha.core.proofs import Word
from kaopu_ha.core.protection import Reason, Unprotected
from kaopu_ha.core.segments import (
    Joining,
    Notification,
    NotificationKind,
    NotificationStatus,
    RecoveryMethod,
    Segment,
    SegmentHost,
    Taking,
    TakingStage,
)
from kaopu_ha.core.wishes import Wish, WishState, WishVerb
from kaopu_ha.records import codec
from tests.core.values import (
    AT,
    DATA,
    DISK,
    a_case,
    a_recovery,
    a_round,
    an_admitting,
    an_evacuation,
    an_instance,
    an_inventory,
    said_instead,
    silent,
    under_way,
)

STEP = model.Step(AT, 'controller-1', 'dying', 'round 1', read_at=AT)
ORDER = model.FenceOrder('ceph_blocklist', 'ceph-1', ('10.1.0.1:0/0',), ('10.1.0.1:0/7',))

# Every kind of record, with each of its fields set to something that is no default.
FULL = [
    records.Beat('uuid', 'boot-1', 'agent-1', 'libvirt is mute'),
    records.Tool('10.1.0.9', 'joe', AT, 'backup', AT),
    records.Claims({'10.1.0.1': 7}, 'qemu+tls://c1/system', 'uuid'),
    records.UnprotectedList((Unprotected('c1', Reason.STRANGER, 'why', ('web',)),), 1, 'k1', AT,
                            ('c2',)),
    records.Leader('controller-1', AT),
    records.Lock('controller-1', AT, permanent=True, recovery='c1-7'),
    records.HostSetting(True, 'joe', AT, 'it is being repaired'),
    records.BrakeSetting(('c1', 'c2'), 'joe', AT, 'the rack is really gone'),
    records.Request(requests.RequestVerb.ADMIT, 'c1', 'joe', AT, ('i1',),
                    requests.RequestState.DONE,
                    'admitted', 'boot-2'),
    records.ProofMark('controller-1', AT, ('ceph-1', 'ceph-2'), 'joe says that it is off'),
    records.Claim('worker-1', 'c1-7'), LiveUse(16, 45, 64000, 70, AT),
    an_inventory(storage={'ceph-2': Sign.SILENCE, 'ceph-1': Sign.LIFE}, cores=8, memory_mb=4096,
                 instances=[an_instance(images=(DISK, DATA), local_disks=('/var/disk',))],
                 domains=('i1',), compute_started='boot-1/5', note='none', interrupted=('i1',),
                 off_lately=('i2',), leaving=True, left_defined=('i2',),
                 crashed=('i1',), stuck=('i2',), stuck_runs={'i2': '7'}, compute_gone=True,
                 hung=('i3',)),
    restart.Restart('c1', 'boot-2', (restart.Start(
        'i1', 'web', restart.StartPhase.STARTING, 'why', 2, AT, True, True,
        '7'),), (STEP,)),
    records.Crashed(AT, 'c1'),
    dataclasses.replace(
        an_admitting(), waited=3.5, kernel_answered=True, verdict=model.Verdict.DEAD,
        rounds=(a_round(kernel_answers=True, clients=('10.1.0.1:0/7',)),
                said_instead(silent(), model.Evidence(
                    model.Network.STORAGE, Sign.UNKNOWN, 'mute', 'eye-1',
                    answers=(model.Answer('vms/disk-1', 'nothing', Sign.UNKNOWN),),
                    unasked=(DISK,), unasked_more=3, elsewhere=('10.1.0.9:0/1',),
                    strangers=('10.1.0.9:0/1',)), count=4, asked_seconds=0.2)),
        history=(STEP,), on_at_opening=('web',), guests=('i1',), guests_at=AT, beat_at=AT,
        behind='libvirt is mute', clients=('10.1.0.1:0/7',), recovery='c1-7',
        admit=model.AdmitProgress('joe', 'boot-2', ('nova-compute restarted',), True, 'Nova'),
        word=Word('joe', AT, 'why', True, 7), went_off={'i2': 3}),
    a_recovery(orders=(ORDER,), checked=True, refused=('10.1.0.9: why',), forced_by_us=True,
               on_by_nova=('i1',), off_by_nova=('i2',), waiting_for='ceph', history=(STEP,),
               word=Word('joe', AT, 'why', True, 7)),
    Hint('c1', 'instance.power_off.end', AT, an_instance(images=(DISK,))),
    under_way(Phase.MOVING, seen_before=('m1',), tried=('c3',), reason='why', history=(STEP,),
              project='p1', opted_in=True, epoch=9, power=model.Power.PAUSED, row='arrived',
              passed_over=('c3',), failures=1, rounds=2, set_aside=3, waited=4.5,
              given_up='joe', clients=('10.1.0.99:0/7',), priority=model.Priority.HIGH,
              marked='metadata ha_priority=high', wrong_marks=('tag HA_Enabled=perhaps',),
              refused=('c3',), reserve='c4', demand=Demand(
                  (Part('1', (Amount('VGPU', 1),), ('CUSTOM_A',), ('CUSTOM_B',)),), 'az1', 'az2',
                  ('ssd=true',), True, 'p1')),
    Wish(WishVerb.RETRY, 'c1', 'joe', AT, 'why', 'c1-7', 'boot-2', 'i1', 'web', WishState.REFUSED,
         'no',
         True, 7),
    Segment(7, 's1', 'rack 1', 'compute', RecoveryMethod.RH_PRIORITY, AT, AT, False, 'why'),
    SegmentHost(7, 'm1', 'c1', 's1', 'COMPUTE', AT, AT, True, 'ipmi'),
    Notification(7, 'n1', NotificationKind.VM, 'c1', 'm1', 's1', AT, AT, {'event': 'STOPPED'}, AT,
                 NotificationStatus.FAILED, 'why', 'c1-7', True, 'joe', 3, 7, AT, True),
    Taking('c4', 'c1-7', 's1', TakingStage.FAILED, 2, 1, 'why', (STEP,),
           (Joining('ssd', 1, 'no'),)),
    records.Holder('s1'), records.Counter(7),
    Notes('c1-7', 'c1', (Note('i1', 'web', 1, 'no', True),)),
]
# The same kinds with no more than they need.
BARE = [a_case(), an_evacuation(), an_inventory(instances=()), a_recovery(instances=()),
        records.Beat('', ''), records.Leader(''), records.Lock('', ''),
        records.HostSetting(False, '', ''), records.BrakeSetting((), '', ''),
        records.Request(requests.RequestVerb.ADMIT, '', '', ''), records.ProofMark('', ''),
        records.Claim('', ''),
        Segment(1, '', '', '', RecoveryMethod.AUTO, ''), SegmentHost(1, '', '', '', '', ''),
        Taking('c4', '', '', TakingStage.ASKED), Notes('c1-7', 'c1', (Note('i1', 'web'),)),
        Notification(1, '', NotificationKind.PROCESS, '', '', '', '', ''),
        Hint('c1', ''), restart.Restart('c1', 'boot-2'), Wish(WishVerb.END, 'c1', '', '', '')]


def changed(record, **fields):
    """The text of a record with fields changed or added; None takes one out."""
    data = json.loads(records.encode(record)) | fields
    return json.dumps({name: value for name, value in data.items() if value is not None})


class RoundTrip(unittest.TestCase):

    def test_every_kind_comes_back_equal(self):
        for record in FULL + BARE:
            with self.subTest(kind=type(record).__name__):
                self.assertEqual(record, records.decode(type(record), records.encode(record)))

    def test_full_means_that_no_field_has_its_default(self):
        for record in FULL:
            for field in dataclasses.fields(record):
                if field.default is not dataclasses.MISSING and field.name not in ('state',):
                    self.assertNotEqual(field.default, getattr(record, field.name),
                                        f'{type(record).__name__}.{field.name}')

    def test_every_stage_phase_and_sign_comes_back(self):
        for stage in Stage:
            case = a_case(stage)
            self.assertEqual(case, records.decode(model.Case, records.encode(case)))
        for phase in Phase:
            item = an_evacuation(phase=phase)
            self.assertEqual(item, records.decode(model.Evacuation, records.encode(item)))
        for stage in RecoveryStage:
            recovery = a_recovery(stage=stage)
            self.assertEqual(recovery, records.decode(model.Recovery, records.encode(recovery)))
        inventory = an_inventory(storage={sign.value: sign for sign in Sign})
        self.assertEqual(inventory, records.decode(model.Inventory, records.encode(inventory)))

    def test_the_same_value_gives_the_same_bytes(self):
        for record in FULL + BARE:
            again = records.decode(type(record), records.encode(record))
            self.assertEqual(records.encode(record), records.encode(again))
        one = an_inventory(storage={'a': Sign.LIFE, 'b': Sign.SILENCE})
        other = an_inventory(storage={'b': Sign.SILENCE, 'a': Sign.LIFE})
        self.assertEqual(records.encode(one), records.encode(other))

    def test_it_is_json_with_sorted_keys_and_the_schema(self):
        self.assertEqual('{"recovery":"c1-7","schema":1,"worker":"worker-1"}',
                         records.encode(records.Claim('worker-1', 'c1-7')))

    def test_people_get_it_without_the_schema(self):
        self.assertEqual({'recovery': 'c1-7', 'worker': 'worker-1'},
                         records.plain(records.Claim('worker-1', 'c1-7')))
        self.assertEqual('suspected', records.plain(a_case())['stage'])
        json.dumps([records.plain(record) for record in FULL])

    def test_text_of_any_script_comes_back(self):
        setting = records.HostSetting(True, 'jürgen', AT, '靠谱 \u2028 "x" \\ \n')
        self.assertEqual(setting, records.decode(type(setting), records.encode(setting)))


class OtherReleases(unittest.TestCase):

    def test_fields_that_are_missing_get_their_defaults(self):
        text = '{"schema":1,"host":"c1","stage":"dying"}'
        self.assertEqual(model.Case('c1', Stage.DYING), records.decode(model.Case, text))

    def test_unknown_fields_are_passed_over(self):
        for record in FULL + BARE:
            text = changed(record, colour='blue', more={'a': [1]})
            self.assertEqual(record, records.decode(type(record), text))

    def test_unknown_fields_deep_inside_are_passed_over_too(self):
        case = a_case(history=(STEP,))
        data = json.loads(records.encode(case))
        data['road'][0]['colour'] = 'blue'
        self.assertEqual(case, records.decode(model.Case, json.dumps(data)))

    def test_a_round_is_kept_as_a_former_release_reads_it(self):
        kept = records.plain(a_round())
        self.assertEqual({'at', 'by', 'management', 'storage', 'verdict', 'rule', 'count',
                          'asked_seconds'}, set(kept))
        self.assertEqual('unknown', records.plain(
            dataclasses.replace(a_round(), evidence=()))['storage']['sign'])

    def test_a_network_that_only_a_newer_release_asks_is_passed_over(self):
        rack = enum.Enum('Network', {'RACK': 'rack'}).RACK
        item = a_round()
        newer = dataclasses.replace(item, evidence=(*item.evidence, dataclasses.replace(
            item.evidence[0], network=rack)))
        self.assertEqual('rack', records.plain(newer)['others'][0]['network'])
        self.assertEqual(item, records.decode(model.Round, records.encode(newer)))

    def test_a_whole_number_of_seconds_is_a_number_of_seconds(self):
        found = records.decode(model.Case, changed(a_case(), waited=3))
        self.assertEqual((3.0, float), (found.waited, type(found.waited)))

    def test_a_higher_schema_is_refused_with_what_to_do(self):
        for schema in (2, 99):
            failure = self.failure(model.Case, changed(a_case(), schema=schema),
                                   '/kaopu-ha/case/c1')
            self.assertEqual(f'/kaopu-ha/case/c1: schema {schema} is newer than 1; '
                             'upgrade this process', failure)

    def failure(self, kind, text, key=''):
        with self.assertRaises(records.RecordError) as raised:
            records.decode(kind, text, key)
        return str(raised.exception)


class Garbage(unittest.TestCase):

    def test_what_is_no_record_is_refused_by_the_name_of_its_key(self):
        case = a_case(history=(STEP,), rounds=(silent(),))
        table = [
            '', 'x', '{', 'null', '[]', '7', '"case"', '{}', 'true', '\x00',
            '{"schema":1}',
            changed(case, schema='1'), changed(case, schema=0), changed(case, schema=-1),
            changed(case, schema=[]),
            changed(case, host=None), changed(case, stage='asleep'), changed(case, stage=['dying']),
            changed(case, waited='long'), changed(case, waited=[]), changed(case, host=7),
            changed(case, kernel_answered='yes'), changed(case, kernel_answered=1),
            changed(case, road='dying'), changed(case, road=[7]), changed(case, road=[{}]),
            changed(case, road={'a': 1}), changed(case, rounds=[{'at': 'x'}]),
            changed(case, was_on='web'), changed(case, was_on={'web': 1}),
            changed(case, was_on=[1]), changed(case, admit='joe'), changed(case, admit={}),
        ]
        for text in table:
            with self.subTest(text=text):
                with self.assertRaises(records.RecordError) as raised:
                    records.decode(model.Case, text, '/kaopu-ha/case/c1')
                self.assertTrue(str(raised.exception).startswith('/kaopu-ha/case/c1: '))

    def test_what_was_made_to_break_a_reader_is_no_record_either(self):
        inventory = an_inventory()
        whole = records.encode(inventory)
        table = [
            '[' * 100_000, '{"a":' * 100_000, whole[:-1] + ',"x":' + '[' * 900 + ']' * 900 + '}',
            whole[:-1] + ',"cores":NaN}', whole[:-1] + ',"x":Infinity}',
            whole[:-1] + ',"x":1e999}', whole[:-1] + ',"x":' + '9' * 5000 + '}',
            changed(inventory, cores=10 ** 30), changed(inventory, memory_mb=-(10 ** 40)),
            whole[:-1] + ',"host":"c1"}', changed(inventory, host='c1\ud800'),
            '{"schema":true}', changed(inventory, schema=1e0) + ' ' * 2_000_000,
            changed(inventory, note='x' * 400_000),
            changed(inventory, domains=[f'i{number}' for number in range(5000)]),
            changed(inventory, storage={f'{number}': 'life' for number in range(5000)}),
            changed(inventory, storage_addresses=['10.1.0.1'] * 65),
            *(changed(inventory, storage_addresses=[address]) for address in (
                '10.1.0.300', 'web', '', '10.1.0.1/24', 'fe80::1%eth0', '10.1.0.1:0/0'))]
        for text in table:
            with self.subTest(text=text[:60]):
                with self.assertRaises(records.RecordError) as raised:
                    records.decode(model.Inventory, text, '/kaopu-ha/inventory/c1')
                self.assertLess(len(str(raised.exception)), 500)

    def test_what_is_readable_is_read_beside_what_is_not(self):
        texts = {'c1': records.encode(an_inventory('c1')), 'c2': '[' * 100_000,
                 'c3': records.encode(an_inventory('c3'))}
        found = records.readable(model.Inventory, {
            host: Entry(records.INVENTORY + host, text, 1, 1) for host, text in texts.items()})
        self.assertEqual(['c1', 'c3'], sorted(found))

    def test_a_wrong_sign_in_an_inventory_is_none_of_ours(self):
        for storage in ({'a': 'fine'}, ['a'], 'a', {'a': 1}):
            with self.assertRaises(records.RecordError):
                records.decode(model.Inventory, changed(an_inventory(), storage=storage))

    def test_without_a_key_the_kind_is_named(self):
        with self.assertRaises(records.RecordError) as raised:
            records.decode(records.Claim, 'x')
        self.assertTrue(str(raised.exception).startswith('Claim: not a record: '))

    def test_one_kind_is_not_read_as_another(self):
        for kind in (model.Case, model.Recovery, model.Evacuation, model.Inventory, records.Beat):
            with self.assertRaises(records.RecordError):
                records.decode(kind, records.encode(records.Claim('worker-1', 'c1-7')))


class ReadAgain(unittest.TestCase):

    def test_what_did_not_change_is_decoded_once(self):
        text = records.encode(an_inventory())
        first = records.decode(model.Inventory, text, '/kaopu-ha/inventory/c1')
        again = records.decode(model.Inventory, text, '/kaopu-ha/inventory/c1')
        self.assertIs(first, again)

    def test_another_text_under_the_same_key_is_read_anew(self):
        for note in ('one', 'two', 'one'):
            text = records.encode(an_inventory(note=note))
            found = records.decode(model.Inventory, text, '/kaopu-ha/inventory/c1')
            self.assertEqual(note, found.note)

    def test_no_more_is_kept_than_the_newest_of_each_key_and_the_bound(self):
        known = codec._Known(length_max=10)
        for text in ('aaaa', 'bbbb'):
            known.keep((str, 'one'), text, text)
        known.keep((str, 'two'), 'cccc', 'cccc')
        self.assertEqual((None, 'bbbb', 'cccc'), (
            known.get((str, 'one'), 'aaaa'), known.get((str, 'one'), 'bbbb'),
            known.get((str, 'two'), 'cccc')))
        known.keep((str, 'three'), 'dddd', 'dddd')
        self.assertIsNone(known.get((str, 'one'), 'bbbb'))

    def test_what_is_asked_for_no_more_is_forgotten_and_the_rest_is_not(self):
        known = codec._Known(length_max=10 ** 6)
        for number in range(1000):
            known.keep((str, f'recovery-{number}'), 'gone', 'gone')
            known.keep((str, 'case'), 'kept', 'kept')
            for _ in range(100):
                self.assertEqual('kept', known.get((str, 'case'), 'kept'))
        self.assertLess(len(known), 400)
        self.assertEqual(4 * len(known), known._length)


class LiveUses(unittest.TestCase):

    def seen(self, figure, *, lease=7, beats=True):
        text = figure if isinstance(figure, str) else records.encode(figure)
        entries = [Entry(records.USE + 'c1', text, 1, 1, lease)]
        if beats:
            entries.append(Entry(records.ALIVE + 'c1', '{}', 1, 1, 8))
        return records.live_use(Snapshot(9, {entry.key: entry for entry in entries}))

    def test_a_figure_counts_while_it_is_renewed_and_its_host_beats(self):
        figure = LiveUse(16, 45, 64000, 70, AT)
        self.assertEqual({'c1': figure}, self.seen(figure))
        self.assertEqual({}, self.seen(figure, beats=False))
        # Nobody would ever know that it is old.
        self.assertEqual({}, self.seen(figure, lease=0))

    def test_what_no_host_can_have_and_what_is_no_record_count_as_none(self):
        for wrong in (LiveUse(16, 450, 64000, 70), LiveUse(16, -5, 64000, 70), LiveUse(0, 5, 1, 7),
                      LiveUse(2 ** 70, 5, 64000, 70), 'idle', '{}'):
            self.assertEqual({}, self.seen(wrong))


class Keys(unittest.TestCase):

    def test_no_key_lies_under_the_prefix_of_another(self):
        keys = [value for name, value in vars(records).items()
                if name.isupper() and isinstance(value, str) and name not in ('PREFIX', 'ADMIT')]
        self.assertEqual(38, len(keys))
        for key in keys:
            self.assertTrue(key.startswith(records.PREFIX))
            self.assertEqual([key], [other for other in keys if other.startswith(key)])

    def test_a_guarded_name_is_one_key_whatever_is_in_it(self):
        found = [key(name) for key in (records.segment_name, records.segment_host_name)
                 for name in ('a', 'a/b', 'a%2Fb', 'b c', '\u5357', 'A')]
        self.assertEqual(12, len({*found}))
        for key in found:
            self.assertTrue(key.startswith(records.NAME))
            self.assertEqual(2, key[len(records.NAME) - 1:].count('/'))
            self.assertTrue(key.isascii())


class WithSegments(unittest.TestCase):

    def seen(self, *written):
        entries = {key: Entry(key, records.encode(record), 1, 1) for key, record in written}
        return records.View(Snapshot(1, entries))

    def test_with_a_segment_its_hosts_are_gone(self):
        segment = Segment(1, 's1', 'rack', 'compute', RecoveryMethod.AUTO, AT)
        mine, left = (SegmentHost(number, uuid, uuid, segment, '', AT)
                      for number, uuid, segment in ((1, 'm1', 's1'), (2, 'm2', 's2')))
        view = self.seen((records.SEGMENT + 's1', segment), (records.SEGMENT_HOST + 'm1', mine),
                         (records.SEGMENT_HOST + 'm2', left))
        self.assertEqual({'s1': segment}, view.segments)
        self.assertEqual({'m1': mine}, view.segment_hosts)
