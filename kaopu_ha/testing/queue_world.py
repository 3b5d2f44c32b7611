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

"""A world for suites of queues: a cloud that writes down every call, and real workers in it.

The calls are lines of a file, appended before anything is answered: a worker that is killed leaves
its call there, and every other worker sees what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import contextlib
import dataclasses
import os
import pathlib
import threading

from oslo_config import cfg

# First of all: it chooses the threads of oslo.
from kaopu_ha.cmd import loops  # isort: skip
from kaopu_ha import conf as options
from kaopu_ha import ports, records, wiring
from kaopu_ha.core import model
from kaopu_ha.core.model import Contact, Phase, RecoveryStage, Stage
from kaopu_ha.core.rules import Rules
from kaopu_ha.programs import workers
from kaopu_ha.wiring import drivers, parts, runtime

AT = '2026-01-01T00:00:00Z'
SOURCE, TARGET = 'c1', 'c2'
RECOVERY = 'c1-7'
CLAIM_TTL = 3
CONCURRENCY = 4
# A call of which there is no trace is soon repeated: the record shows it as soon as it was made.
RULES = dataclasses.replace(Rules(), settle_seconds=2.0)
_ADDRESS = '10.1.0.2'
_UUID = '5c650ef2-0fab-4e65-8464-5b0756536421'


class CallLog:
    """Every call to Nova, in the order in which they were made."""

    def __init__(self, folder: str) -> None:
        self._path = pathlib.Path(folder) / 'calls'

    def add(self, instance: str) -> None:
        """Write a call down: one write, which is done or not."""
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, f'{instance}\n'.encode())
        finally:
            os.close(handle)

    def made(self) -> list[str]:
        """The instances that were called."""
        return self._path.read_text().split() if self._path.exists() else []


class RecordingCloud(ports.Cloud, ports.ImageObserver, ports.LibvirtObserver):
    """Nova, Ceph and libvirt of the world: an instance runs on the target from its first call."""

    def __init__(self, calls: CallLog) -> None:
        self._calls = calls

    def evacuate(self, instance: str, target: str, permit: ports.Permit) -> None:
        """As promised."""
        if permit.seconds() <= 0 or not permit.holds():
            raise ports.NotPermitted('the permit did not hold')
        self._calls.add(instance)

    def server(self, uuid: str) -> model.Server | None:
        """As promised."""
        host = TARGET if uuid in self._calls.made() else SOURCE
        return model.Server(uuid, uuid, host, 'active', power_state=1, cores=1, memory_mb=64)

    def migrations(self, *, instance: str = '', host: str = '') -> tuple[model.Migration, ...]:
        """As promised."""
        return tuple(model.Migration(f'{uuid}-{number}', uuid, 'evacuation', 'done', SOURCE, TARGET)
                     for number, uuid in enumerate(self._calls.made()) if uuid == instance)

    def clients(self, images: Sequence[model.Image],
                limit: float) -> Mapping[model.Image, model.ImageAnswer]:
        """As promised."""
        there = (model.Client(f'{_ADDRESS}:0/1', 1, True),)
        made = set(self._calls.made())
        return {image: model.ImageAnswer(image, there if image.name in made else ())
                for image in images}

    def contact(self, uris: Sequence[str], limit: float) -> Mapping[str, model.LibvirtAnswer]:
        """As promised."""
        return {uri: model.LibvirtAnswer(Contact.ANSWERED, _UUID, tuple(self._calls.made()))
                for uri in uris}

    def servers(self, host: str) -> tuple[model.Server, ...]:
        """Not asked by workers."""
        return ()

    def services(self) -> Mapping[str, model.ComputeService]:
        """Not asked by workers."""
        return {}

    def force_down(self, host: str, down: bool, permit: ports.Permit) -> None:
        """Not done by workers."""

    def actions(self, instance: str) -> tuple[model.Action, ...]:
        """Not asked by workers."""
        return ()

    def start(self, instance: str, permit: ports.Permit, *, anew: bool = False) -> None:
        """Not done by workers."""

    def reset_state(self, instance: str, state: str, permit: ports.Permit) -> None:
        """No state here needs it."""
        raise AssertionError(f'{instance} was reset to {state}')

    def close(self) -> None:
        """Nothing is held."""


# ---------------------------------------------------------------- what stands in the store


def key(instance: str) -> str:
    """The key of an evacuation."""
    return f'{records.EVACUATION}{RECOVERY}/{instance}'


def write(store: ports.Store, instances: Sequence[str], phase: Phase = Phase.QUEUED) -> None:
    """Write the evacuations of a host that is confirmed and fenced, as a leader does."""
    for instance in instances:
        disk = model.Image('ceph', 'vms', instance, f'rbd_header.{instance}')
        item = model.Evacuation(RECOVERY, instance, instance, SOURCE, phase, images=(disk,),
                                cores=1, memory_mb=64, target=TARGET)
        _put(store, key(instance), item)


def write_recovery(store: ports.Store) -> None:
    """Write what a worker reads before it calls: case, recovery, proof, target."""
    _put(store, records.CASE + SOURCE, model.Case(SOURCE, Stage.CONFIRMED, recovery=RECOVERY))
    _put(store, records.RECOVERY + RECOVERY,
         model.Recovery(RECOVERY, SOURCE, RecoveryStage.PLANNED))
    _put(store, records.PROOF + RECOVERY, records.ProofMark('controller', AT))
    _put(store, records.INVENTORY + TARGET, model.Inventory(
        TARGET, _UUID, 'boot-1', f'qemu+tcp://{TARGET}/system', (_ADDRESS,)))


def phases(store: ports.Store) -> dict[str, Phase]:
    """How far each instance has come."""
    found = store.read(records.EVACUATION).under(records.EVACUATION)
    items = [records.record(model.Evacuation, entry) for entry in found.values()]
    return {item.instance: item.phase for item in items}


def _put(store: ports.Store, where: str, value: object) -> None:
    assert store.commit([], [ports.Put(where, records.encode(value))]) is not None


# ---------------------------------------------------------------- processes


def configured(path: str) -> cfg.ConfigOpts:
    """The options of a file."""
    conf = cfg.ConfigOpts()
    options.register(conf)
    conf(['--config-file', path], project='kaopu-ha')
    return conf


def work(path: str, folder: str) -> None:
    """A worker as it is wired, with the cloud of this world; runs until it is killed."""
    conf = configured(path)
    kv = wiring.store(conf)
    cloud = RecordingCloud(CallLog(folder))
    env = runtime.runtime_of(f'worker/{os.getpid()}', lambda _: None)
    made, _ = workers.loops(kv, cloud, drivers.queue(conf, kv), cloud, cloud, RULES, CLAIM_TTL,
                            CONCURRENCY, env)
    loops.Runner(parts.joined(contextlib.ExitStack(), kv, made).loops).start()
    threading.Event().wait()
