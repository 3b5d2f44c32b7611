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

"""What may happen in the false world, each in a sentence.

A sentence is found by its pattern in ``WORDS``; what stands in braces is a name or a number.
``kaopu-ha simulate --words`` prints them all.
"""

from __future__ import annotations

from collections.abc import Callable
import functools
import re

from kaopu_ha import ports, records
from kaopu_ha.sim import daemon
from kaopu_ha.sim.machine import Libvirtd
from kaopu_ha.sim.nova import Row
from kaopu_ha.sim.world import World


class UnknownWords(ValueError):
    """A sentence that nobody here understands; the message says which."""


Happening = Callable[..., None]
WORDS: dict[str, Happening] = {}


def happen(world: World, sentence: str) -> None:
    """Have it happen now.  Raises UnknownWords."""
    act, arguments = understood(sentence)
    world.note('world', sentence)
    try:
        act(world, *arguments)
    except (KeyError, StopIteration) as failure:
        raise UnknownWords(f'"{sentence}": there is no {failure}') from failure
    world.changed()


def understood(sentence: str) -> tuple[Happening, tuple[str, ...]]:
    """What the sentence means, and the names in it.  Raises UnknownWords."""
    for pattern, act in WORDS.items():
        found = _expression(pattern).fullmatch(sentence)
        if found is not None:
            return act, found.groups()
    raise UnknownWords(f'"{sentence}" is not understood; see kaopu-ha simulate --words')


@functools.cache
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r'\\{\w+\\}', r'(\\S+)', re.escape(pattern)))


def _words(*patterns: str) -> Callable[[Happening], Happening]:
    def keep(act: Happening) -> Happening:
        WORDS.update(dict.fromkeys(patterns, act))
        return act
    return keep


# ---------------------------------------------------------------- hosts and cables


@_words('power off {host}')
def _power_off(world: World, host: str) -> None:
    world.machines[host].power_off()
    world.computes[host].kill()
    world.agents[host].kill()


@_words('power on {host}')
def _power_on(world: World, host: str) -> None:
    if world.machines[host].node.powered:
        _power_off(world, host)
    if not world.confirmed(host):
        world.excused.update({row.uuid: 'its host was rebooted' for row in world.nova.rows.values()
                              if row.host == host})
    world.machines[host].power_on()
    world.computes[host].start()
    world.agents[host].start()


@_words('freeze {host}')
def _freeze(world: World, host: str) -> None:
    world.machines[host].node.black = True
    world.computes[host].freeze(True)
    world.agents[host].freeze()


@_words('thaw {host}')
def _thaw(world: World, host: str) -> None:
    world.machines[host].node.black = False
    world.changed()
    world.computes[host].freeze(False)
    world.agents[host].thaw()


def _link(world: World, name: str, network: str, up: bool) -> None:
    links = world.node(name).links
    for each in links if network == 'both' else [network]:
        if each not in links:
            raise UnknownWords(f'{each} is no network: management, storage, both')
        links[each] = up


@_words('cut {node} {network}')
def _cut(world: World, node: str, network: str) -> None:
    _link(world, node, network, False)


@_words('mend {node} {network}')
def _mend(world: World, node: str, network: str) -> None:
    _link(world, node, network, True)


# ---------------------------------------------------------------- processes


def _daemon(world: World, name: str) -> daemon.Daemon:
    """A process by its role; ``the leader`` is who leads, ``the worker`` who has a claim."""
    if name == 'leader':
        entry = world.etcd.entries.get(records.LEADER)
        name = records.decode(records.Leader, entry.value).name.split('/')[0] if entry else \
            world.controllers[0].role
    if name == 'worker':
        claims = [entry for key, entry in sorted(world.etcd.entries.items())
                  if key.startswith(records.CLAIM)]
        name = records.decode(records.Claim, claims[0].value).worker.split('/')[0] if claims else \
            world.workers[0].role
    return next(each for each in world.daemons() if each.role == name)


@_words('kill {process}', 'kill the {process}')
def _kill(world: World, process: str) -> None:
    _daemon(world, process).kill()


@_words('start {process}')
def _start(world: World, process: str) -> None:
    found = _daemon(world, process)
    if found.node.powered:
        found.start()


@_words('start all processes')
def _start_all(world: World) -> None:
    for each in world.daemons():
        if each.node.powered:
            each.start()


@_words('stop {process} for a while', 'stop the {process} for a while')
def _freeze_process(world: World, process: str) -> None:
    _daemon(world, process).freeze()


@_words('let {process} go on')
def _thaw_process(world: World, process: str) -> None:
    _daemon(world, process).thaw()


@_words('let all processes go on')
def _thaw_all(world: World) -> None:
    for each in world.daemons():
        if not each.node.black:
            each.thaw()


@_words('libvirtd of {host} dies')
def _libvirtd_dies(world: World, host: str) -> None:
    world.machines[host].libvirtd = Libvirtd.DEAD


@_words('libvirtd of {host} freezes')
def _libvirtd_freezes(world: World, host: str) -> None:
    world.machines[host].libvirtd = Libvirtd.FROZEN


@_words('libvirtd of {host} runs')
def _libvirtd_runs(world: World, host: str) -> None:
    world.machines[host].libvirtd = Libvirtd.RUNNING


@_words('nova-compute of {host} dies')
def _compute_dies(world: World, host: str) -> None:
    world.computes[host].kill()


@_words('nova-compute of {host} starts')
def _compute_starts(world: World, host: str) -> None:
    if world.machines[host].node.powered:
        world.computes[host].start()


# ---------------------------------------------------------------- etcd, Ceph, eyes


@_words('etcd goes away')
def _etcd_away(world: World) -> None:
    world.etcd.away = True


@_words('etcd comes back')
def _etcd_back(world: World) -> None:
    world.etcd.away = False


@_words('etcd elects another leader')
def _etcd_leader(world: World) -> None:
    world.etcd.change_leader()


@_words('etcd loses the keys of all leases')
def _etcd_leases(world: World) -> None:
    world.etcd.expire_all()


@_words('etcd is compacted')
def _etcd_compacted(world: World) -> None:
    world.etcd.compact()


@_words('etcd loses {percent} % of its answers')
def _etcd_answers(world: World, percent: str) -> None:
    world.etcd.lost_answers = float(percent) / 100


@_words('the monitors of {cluster} lose their quorum')
def _no_quorum(world: World, cluster: str) -> None:
    world.clusters[cluster].quorum = False


@_words('the monitors of {cluster} have a quorum')
def _quorum(world: World, cluster: str) -> None:
    world.clusters[cluster].quorum = True


@_words('cluster {cluster} hangs')
def _hangs(world: World, cluster: str) -> None:
    world.clusters[cluster].hung = True


@_words('cluster {cluster} goes on')
def _goes_on(world: World, cluster: str) -> None:
    world.clusters[cluster].hung = False


@_words('the probes of {controller} fail')
def _sick(world: World, controller: str) -> None:
    for eye in world.eyes[_daemon(world, controller).role]:
        eye.sick = True


@_words('the probes of {controller} work')
def _well(world: World, controller: str) -> None:
    for eye in world.eyes[_daemon(world, controller).role]:
        eye.sick = False


# ---------------------------------------------------------------- Nova


@_words('Nova goes away')
def _nova_away(world: World) -> None:
    world.nova.away = True


@_words('Nova comes back')
def _nova_back(world: World) -> None:
    world.nova.away = False


@_words('Nova takes {seconds} s more for each act')
def _nova_slow(world: World, seconds: str) -> None:
    world.nova.slow_seconds = float(seconds)


@_words('Nova loses the next call', 'Nova loses the next {number} calls')
def _nova_loses(world: World, number: str = '1') -> None:
    world.nova.calls_to_lose = int(number)


@_words('Nova resumes guests when a host boots')
def _nova_resumes(world: World) -> None:
    world.nova.resumes_guests = True


@_words('disable {host}')
def _disable(world: World, host: str) -> None:
    world.computes[host]
    world.nova.disabled.add(host)


@_words('enable {host}')
def _enable(world: World, host: str) -> None:
    world.nova.disabled.discard(host)


@_words('{host} has {number} cores')
def _cores(world: World, host: str, number: str) -> None:
    world.machines[host].cores = int(number)


@_words('guests do not start on {host}')
def _no_spawn(world: World, host: str) -> None:
    world.machines[host].spawns = False


@_words('guests start on {host}')
def _spawn(world: World, host: str) -> None:
    world.machines[host].spawns = True


# ---------------------------------------------------------------- instances and their users


def _row(world: World, name: str) -> Row:
    row = world.row(name)
    if row is None:
        raise KeyError(name)
    return row


@_words('delete {instance}')
def _delete(world: World, instance: str) -> None:
    row = _row(world, instance)
    if world.computes[row.host].reports() and row.uuid in world.machines[row.host].guests:
        world.machines[row.host].remove(row.uuid)
    del world.nova.rows[row.uuid]


@_words('stop {instance}')
def _stop(world: World, instance: str) -> None:
    row = _row(world, instance)
    row.task_state = 'powering-off'
    world.computes[row.host].cast(lambda: world.computes[row.host].power(row, False))


@_words('boot {instance}')
def _boot(world: World, instance: str) -> None:
    row = _row(world, instance)
    row.task_state = 'powering-on'
    world.computes[row.host].cast(lambda: world.computes[row.host].power(row, True))


@_words('reboot {instance}')
def _reboot(world: World, instance: str) -> None:
    row = _row(world, instance)
    row.task_state = 'rebooting_hard'
    compute = world.computes[row.host]
    compute.cast(lambda: compute.reboot(row))


@_words('migrate {instance} to {host}')
def _migrate(world: World, instance: str, host: str) -> None:
    row, target = _row(world, instance), world.computes[host]
    if row.task_state or row.vm_state != 'active' or row.host == host:
        return
    record = world.nova.record(row.uuid, 'live-migration', row.host, host)
    compute = world.computes[row.host]
    compute.cast(lambda: compute.migrate(row, record, target))


@_words('resize {instance}')
def _resize(world: World, instance: str) -> None:
    _row(world, instance).task_state = 'resize_prep'


@_words('a backup opens {instance}')
def _backup(world: World, instance: str) -> None:
    _open(world, instance, world.controllers[0].node, '10.91.9.9')


@_words('a tool on {host} opens {instance}')
def _tool(world: World, host: str, instance: str) -> None:
    _open(world, instance, world.machines[host].node, world.machines[host].address)


def _open(world: World, instance: str, node: object, address: str) -> None:
    for image in _row(world, instance).images:
        world.clusters[image.cluster].open(image, node, address, lambda: True, writes=False)


# ---------------------------------------------------------------- people


def _write(world: World, key: str, record: object) -> None:
    world.etcd.commit([], [ports.Put(key, records.encode(record))], 'people')


@_words('hold {host}')
def _hold(world: World, host: str) -> None:
    _write(world, records.HOST + host, records.HostSetting(True, 'people', _now(world)))


@_words('release {host}')
def _release(world: World, host: str) -> None:
    world.etcd.commit([], [ports.Delete(records.HOST + host)], 'people')


@_words('release the brake')
def _release_brake(world: World) -> None:
    counted = tuple(sorted(key[len(records.CASE):] for key in world.etcd.entries
                           if key.startswith(records.CASE)))
    _write(world, records.BRAKE, records.BrakeSetting(counted, 'people', _now(world)))


@_words('admit {host}')
def _admit(world: World, host: str) -> None:
    key = f'{records.REQUEST}admit-{host}'
    entry = world.etcd.entries.get(key)
    if entry is None or records.decode(records.Request, entry.value).state != 'asked':
        _write(world, key, records.Request('admit', host, 'people', _now(world)))


def _now(world: World) -> str:
    return daemon.date(world.kernel.now)
