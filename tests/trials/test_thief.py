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
"""A thief with all that one host has writes what he can, while another host dies."""

import json
import subprocess
import time
import unittest

from tests.cloud import test_bare
from tests.cloud.base import ROOT, Cloud, secure
from tests.trials import base

THIEF = 'c3'
ETC = '/etc/kaopu-ha'
_HUGE = 1_400_000


class Thief:
    """Writes with the host's own certificate, from within the host, for as long as he is there."""

    def __init__(self, cloud: Cloud, inventory: dict, others: dict[str, dict]) -> None:
        self._cloud, self._folder = cloud, cloud.layout.node(THIEF) / 'thief'
        self._folder.mkdir(exist_ok=True)
        for number, (key, text) in enumerate(_texts(inventory, others)):
            (self._folder / f'{number:03}.key').write_text(key)
            (self._folder / f'{number:03}.value').write_text(text)
        self._go = self._folder / 'go'
        self._go.touch()
        self._process = _popen(cloud, 'sh', '-c', _WRITES, 'sh', str(self._folder),
                               *etcdctl(cloud))

    def count(self) -> int:
        """How many of his writes were taken."""
        log = self._folder / 'log'
        return log.read_text().count('OK') if log.exists() else 0

    def close(self) -> None:
        """Have him stop."""
        self._go.unlink(missing_ok=True)
        self._process.wait(30)


# Each of his texts in its turn, until the file that lets him go on is gone.
_WRITES = '''
folder=$1; shift
while :; do
    for value in $folder/*.value; do
        [ -e $folder/go ] || exit 0
        "$@" put "$(cat ${value%.value}.key)" <$value >>$folder/log 2>&1
    done
done
'''


def etcdctl(cloud: Cloud) -> list[str]:
    """The command etcdctl with the certificate of the host, to be run there."""
    plain = secure.etcdctl(cloud.layout)
    return [*plain[:plain.index('--cacert')], '--cacert', f'{ETC}/ca.pem',
            '--cert', f'{ETC}/etcd.pem', '--key', f'{ETC}/etcd.key']


def _popen(cloud: Cloud, *argv: str) -> subprocess.Popen:
    return subprocess.Popen(cloud.command(THIEF, list(argv)))


def _texts(inventory: dict, others: dict[str, dict]) -> list[tuple[str, str]]:
    """His keys and values: lies about others, junk and what is huge; and keys that are not his."""
    own, beat = ROOT + 'inventory/' + THIEF, ROOT + 'alive/' + THIEF
    taken = dict(inventory)
    for other in others.values():
        for field in ('storage_addresses', 'instances', 'domains'):
            taken[field] = [*taken.get(field, ()), *other.get(field, ())]
    victim = others['c1']
    lies = [taken, taken | {'management_uri': victim['management_uri'],
                            'host_uuid': victim['host_uuid']},
            inventory | {'host': 'c1'}, inventory | {'note': 'x' * _HUGE},
            inventory | {'instances': [dict(one, name='y' * 9000) for one in
                                       taken['instances']] * 20}]
    found = [(own, json.dumps(one)) for one in lies]
    found += [(own, text) for text in ('', 'null', '[' * 100_000, '{"schema":99}', 'z' * _HUGE)]
    found += [(beat, text) for text in ('', '[[[[', 'z' * _HUGE)]
    found += [(f'{ROOT}request/{THIEF}/{verb}', text) for verb in (
        'read-storage', 'remove-domains', 'restart-compute') for text in ('junk', 'z' * 200_000)]
    found += [(f'{ROOT}domain/{THIEF}/{uuid}', '{"schema":1,"name":"x","power":"on","xml":'
               '"<domain/>"}') for uuid in taken['domains']]
    # Not his: etcd refuses each of them.
    found += [(ROOT + key, 'x') for key in (
        'leader', 'brake', 'storm', 'alive/c1', 'inventory/c1', 'lock/c1', f'lock/{THIEF}',
        'case/c1', 'recovery/x', 'evacuation/x/y', 'claim/x', 'proof/x', 'host/c1',
        'tool/10.91.0.11', 'claims/c1', f'claims/{THIEF}', 'restart/c1',
        'returned/c1/1', 'fresh/c2', 'unprotected',
        'request/c1/read-storage', 'request/admit-c1', 'event/host/c1', 'event/instance/x',
        'domain/c1/x', 'server/x', 'service/c1', 'closed/c1/1', 'controller/x')]
    return found


class Stolen:
    """What both kinds of a cloud are tried with."""

    def a_host_dies_beside_a_thief(self):
        if not secure.is_on(self.cloud.layout):
            raise unittest.SkipTest('this cloud was not made by: tools/minicloud up --secure')
        told = self.records('inventory/')
        on = self.on('c1')
        self.cloud.kill(f'agent:{THIEF}')
        thief = Thief(self.cloud, told[THIEF], {host: told[host] for host in ('c1', 'c2')})
        self.addCleanup(thief.close)
        self.tell('a thief writes')
        self.wait('each of his texts was written', lambda: thief.count() >= 30)
        self.tell(self.said('status'))
        self.cloud.power_off('c1')
        began = time.monotonic()
        self.tell('c1 has no power')
        self.wait('the verdict', lambda: self.recovery('c1'))
        self.tell(f'{time.monotonic() - began:.1f} s: CONFIRMED')
        self.wait_finished('c1')
        self.tell(f'{time.monotonic() - began:.1f} s: finished')
        self.tell(f'he wrote {thief.count()} times')
        self.tell(self.said('explain', 'c1'))
        self.tell(self.said('status'))
        thief.close()
        self.cloud.start(f'agent:{THIEF}')
        self.judge()
        self.assert_moved_once('c1', on, {'c2', 'c3'})
        self.assertNotIn('10.91.0.12', self.cloud.run_on('ctl', 'ceph', 'osd', 'blocklist', 'ls'))


class TestStolenHost(Stolen, base.LongTrial):

    def test_a_dead_hosts_recovery_is_not_delayed(self):
        self.a_host_dies_beside_a_thief()


class TestStolenHostWithoutOpenStack(Stolen, test_bare.BareTrial, base.LongTrial):

    def test_a_dead_hosts_recovery_is_not_delayed(self):
        self.a_host_dies_beside_a_thief()
