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


"""A real store with records in it, and commands that run against it."""

import contextlib
import io
import json
import pathlib
import tempfile
import unittest

from kaopu_ha import ports, records
from kaopu_ha.cli import shell
from kaopu_ha.core import model
from kaopu_ha.core.model import (
    Evidence,
    Image,
    Network,
    Phase,
    Power,
    RecoveryStage,
    Sign,
    Stage,
    Step,
    Verdict,
)
from kaopu_ha.drivers.etcd import store as etcd
from tests import etcd_single

# A Ceph and a Nova of which nobody answers.
AWAY = """
[ceph]
conf = {folder}/ceph.conf
client_networks = 10.2.0.0/24
[nova]
auth_url = http://127.0.0.1:9/v3
username = kaopu
password = hidden-word
"""
# Where nobody but etcd answers.
CONF = """
[store]
endpoints = {endpoint}
timeout = 1
""" + AWAY
FSID = '5ebab1e0-1111-4000-8000-000000000001'
DISK = Image(FSID, 'vms', 'web-1_disk', 'rbd_header.1')
WEB, DB, OLD = (f'0000000{n}-aaaa-4000-8000-000000000000' for n in (1, 2, 3))
AT = '2026-11-24T00:{}:{}.000+00:00'


def at(minute, second=0):
    return AT.format(f'{minute:02}', f'{second:02}')


def an_inventory(host='c1', sign=Sign.LIFE, instances=None):
    if instances is None:
        instances = (model.Instance(WEB, 'web-1', Power.ON, images=(DISK,)),
                     model.Instance(DB, 'db-1', Power.PAUSED, images=(DISK,)),
                     model.Instance(OLD, 'old-1', Power.OFF, images=(DISK,)))
    return model.Inventory(
        host=host, host_uuid='5c650ef2-0fab-4e65-8464-5b0756536421',
        boot_id='b0071d00-0000-4000-8000-000000000000',
        management_uri=f'qemu+tls://{host}/system', storage_addresses=('10.91.0.11',),
        storage={FSID: sign}, cores=8, memory_mb=16384, instances=instances)


def a_round(minute=1, second=8, management=Sign.SILENCE, storage=Sign.SILENCE,
            verdict=Verdict.DEAD, count=1):
    rules = {Sign.LIFE: 'libvirt answered with the UUID of the host',
             Sign.SILENCE: 'nothing came back, while others were reached',
             Sign.UNKNOWN: 'libvirt could not be asked'}
    return model.Round(
        at(minute, second), 'ctl-1',
        (Evidence(Network.MANAGEMENT, management, rules[management], observer='eye-m', answers=(
             model.Answer('qemu+tls://c1/system', 'nothing: timed out', management),)),
         Evidence(Network.STORAGE, storage, 'no client of the host acknowledged', observer='eye-s',
                  answers=(model.Answer('vms/web-1_disk', '1 client of the host, none acknowledged',
                                        storage),))),
        verdict, 'etcd, management and storage are silent', count)


_ROAD = ((Stage.SUSPECTED, (1, 2), 'its beat is gone'),
         (Stage.DYING, (1, 8), 'round 1: etcd, management and storage are silent'),
         (Stage.LOCKED, (6, 9), 'silent for 300 s more'),
         (Stage.LAST_LOOK, (6, 40), 'round 2: silent for 30 s more'),
         (Stage.CONFIRMED, (6, 45), 'last look: etcd, management and storage are silent'))


def a_case(host='c1', stage=Stage.DYING, verdict=Verdict.DEAD, rounds=None, more=(), **given):
    """A case that took the usual road to its stage; ``more`` steps come after it."""
    history = []
    for name, when, reason in _ROAD:
        history.append(Step(at(*when), 'ctl-1', name.value, reason))
        if name is stage:
            break
    rounds = (a_round(),) if rounds is None else rounds
    if stage in (Stage.CONFIRMED, Stage.ADMITTING) and 'recovery' not in given:
        given['recovery'] = f'{host}-1234'
    return model.Case(host, stage, verdict=verdict, rounds=rounds, history=(*history, *more),
                      **given)


def a_recovery(host='c1', stage=RecoveryStage.EVACUATING, **given):
    history = []
    for second, (name, reason) in enumerate((
            (RecoveryStage.FENCING, 'the host is confirmed dead'),
            (RecoveryStage.PROVEN, 'the fence was read back'),
            (RecoveryStage.PLANNED, '2 waiting, 1 left'),
            (RecoveryStage.EVACUATING, 'workers carry it out'),
            (RecoveryStage.FINISHED, '1 done, 1 failed, 1 left'))):
        history.append(Step(at(6, 45 + 2 * second), 'ctl-1', name.value, reason))
        if name is stage:
            break
    order = model.FenceOrder('ceph_blocklist', FSID, ('10.91.0.11:0/0',), ('10.91.0.11:0/77',))
    return model.Recovery(f'{host}-1234', host, stage, orders=(order,), forced_by_us=True,
                          instances=an_inventory(host).instances, history=tuple(history), **given)


def an_evacuation(uuid=WEB, name='web-1', phase=Phase.DONE, target='c2', source='c1', reason='',
                  attempts=1, **given):
    steps = {Phase.DONE: ((Phase.WAITING, 'was on: to be moved'),
                          (Phase.QUEUED, f'to {target}, the least used that may'),
                          (Phase.CALLING, ''), (Phase.MOVING, 'Nova took the call'),
                          (Phase.DONE, f'active on {target}, its disk open there'))}.get(
                              phase, ((phase, reason),))
    history = tuple(Step(at(6, 49 + second), 'ctl-1', item.value, why)
                    for second, (item, why) in enumerate(steps))
    return model.Evacuation(
        f'{source}-1234', uuid, name, source, phase, target=target, images=(DISK,), reason=reason,
        attempts=tuple(model.Attempt(n + 1, target) for n in range(attempts)), history=history,
        **given)


def cells(table):
    """The cells of each line of a table, its heading first."""
    return [[cell.strip() for cell in line.strip('|').split('|')]
            for line in table.splitlines() if line.startswith('|')]


class Commands(unittest.TestCase):
    """Runs commands with the configuration file ``config``."""

    def run_command(self, *words, config=True):
        """Exit code, standard output and standard error of a command."""
        out, err = io.StringIO(), io.StringIO()
        before = ['--config-file', str(self.config)] if config else []
        try:
            with contextlib.redirect_stderr(err):
                code = shell.Shell(stdout=out, stderr=err).run([*before, *words])
        except SystemExit as end:
            code = end.code
        return code, out.getvalue(), err.getvalue()

    def shown(self, *words):
        """The output of a command that succeeds."""
        code, out, err = self.run_command(*words)
        self.assertEqual((0, ''), (code, err))
        return out

    def shown_json(self, *words):
        return json.loads(self.shown(*words, '--json'))

    def refused(self, *words, code=1):
        """The one line with which a command fails; 2 for a wrong configuration."""
        ended, out, err = self.run_command(*words)
        self.assertEqual((code, '', 1), (ended, out, err.count('\n')), err)
        return err


class Scene(Commands):
    """One etcd for the class, empty for each test."""

    @classmethod
    def setUpClass(cls):
        cls.etcd = etcd_single.until(cls.addClassCleanup)
        cls.store = etcd.EtcdStore([cls.etcd.endpoint])
        cls.addClassCleanup(cls.store.close)

    def setUp(self):
        for key in self.store.read(records.PREFIX).entries:
            self.store.commit([], [ports.Delete(key)])
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.config = pathlib.Path(folder.name) / 'kaopu-ha.conf'
        self.config.write_text(f'[store]\nendpoints = {self.etcd.endpoint}\n')

    # ------------------------------------------------------------ records

    def put(self, key, record):
        self.store.commit([], [ports.Put(key, records.encode(record))])

    def delete(self, key):
        self.store.commit([], [ports.Delete(key)])

    def get(self, kind, key):
        entry = self.store.read(key).get(key)
        return records.decode(kind, entry.value, key) if entry else None

    def there_leads(self, name='ctl-1'):
        self.put(records.LEADER, records.Leader(name, at(0)))

    def there_is(self, *things):
        """Write records under the keys where they belong."""
        for thing in things:
            self.put(_key(thing), thing)

    def beats(self, *hosts):
        for host in hosts:
            self.put(records.ALIVE + host, records.Beat('uuid', f'boot-of-{host}', '1.0'))

    def a_dead_host(self, stage=RecoveryStage.EVACUATING):
        """c1 is confirmed dead, c2 and c3 are well, the recovery is on its way."""
        self.there_leads()
        self.there_is(an_inventory('c1'), an_inventory('c2', instances=()),
                      an_inventory('c3', instances=()), a_case(stage=Stage.CONFIRMED),
                      a_recovery(stage=stage), an_evacuation(),
                      an_evacuation(DB, 'db-1', Phase.FAILED, 'c3', reason='3 targets were tried',
                                    attempts=3),
                      an_evacuation(OLD, 'old-1', Phase.LEFT, '', reason='was powered off',
                                    attempts=0))
        self.beats('c2', 'c3')
        self.put(records.LOCK + 'c1', records.Lock('ctl-1', at(6, 45), True, 'c1-1234'))


def _key(thing):
    if isinstance(thing, model.Inventory):
        return records.INVENTORY + thing.host
    if isinstance(thing, model.Case):
        return records.CASE + thing.host
    if isinstance(thing, model.Recovery):
        return records.RECOVERY + thing.id
    return f'{records.EVACUATION}{thing.recovery}/{thing.instance}'
