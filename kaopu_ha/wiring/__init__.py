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

"""Loads the drivers and joins the objects of each process.  Nothing else knows all of them.

Nothing here waits for the outside world: a process starts while the store is away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
import concurrent.futures
import contextlib
from dataclasses import dataclass, field
import datetime
import logging
import os
import shlex
import threading
import time
from typing import TYPE_CHECKING, Any

from oslo_config import cfg

from kaopu_ha import ports, records
from kaopu_ha.agent import beat
from kaopu_ha.conf import ceph
from kaopu_ha.conf import rules as conf_rules
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.core.news import News
from kaopu_ha.core.rules import Rules
from kaopu_ha.wiring import contact, drivers, standing
from kaopu_ha.wiring.presence import Presence
from kaopu_ha.wiring.telling import Telling, notifiers

if TYPE_CHECKING:
    # Loaded by the processes that need it: a command, which needs a store, must answer at once.
    from kaopu_ha import programs
    from kaopu_ha.wiring import measured

LOG = logging.getLogger(__name__)
# What is told is found under one name, whoever told it.
NEWS = logging.getLogger('kaopu_ha.news')

_LEVELS = {'debug': logging.DEBUG, 'info': logging.INFO, 'warning': logging.WARNING,
           'error': logging.ERROR}
_RETRY_SECONDS = 1.0


@dataclass(frozen=True)
class Woken:
    """A loop of a program with what wakes it early."""

    loop: programs.Loop
    wake: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Program:
    """What a process does.

    ``close`` gives leases back and ends the drivers.  Call it only when no turn is under way: an
    act relies on its lease for as long as it may last.
    """

    loops: tuple[Woken, ...]
    close: Callable[[], None]


# ---------------------------------------------------------------- the processes


def agent(conf: cfg.ConfigOpts) -> Program:
    """The agent of this host: beat, inventory, requests.  Raises ConfigError."""
    from kaopu_ha import programs
    from kaopu_ha.agent import domains, inventory, leaving, requests, storage, use
    from kaopu_ha.drivers.local import ceph_conf, load
    from kaopu_ha.drivers.probe.ceph import CephReader
    from kaopu_ha.wiring import measured
    times, networks = conf_rules.times(conf), ceph.client_networks(conf)
    clusters = [storage.Cluster(cluster.fsid, cluster.pools[0], ceph_conf.monitors(cluster.conf))
                for cluster in ceph.clusters(conf)]
    bare = conf.cloud.driver == 'libvirt'
    command = [] if bare else _words(conf.agent.compute_restart_command)
    with contextlib.ExitStack() as held:
        kept = _Keeper(held)
        measures = kept(measured.measures(conf, 'agent'))
        kv = kept(store(conf))
        local = kept(drivers.local_libvirt()(
            conf.agent.libvirt_uri, state_path=conf.agent.state_path, definitions=bare))
        publisher = inventory.InventoryPublisher(
            kv, conf.host, local, kept(CephReader(ceph.access(conf))),
            management_uri=conf.agent.management_uri or f'qemu+tls://{conf.host}/system',
            client_networks=networks, interval=conf.agent.inventory_interval, tell=_tell_text,
            clusters=clusters, ask_limit=times.ask_limit,
            # Where no Nova says who stopped a domain, what went off is off.
            lately_seconds=0.0 if bare else leaving.LATELY_SECONDS,
            beats=lambda: beating.beating)
        held.callback(publisher.leave)
        beating = _BeatOfThisHost(kv, conf.host, local, times, _tell_text,
                                  lambda: publisher.behind)
        turn = measures.beat(beating.turn, beating.kept_by)
        # A reader of its own: a request that reads for long must not cost the inventory its sign.
        runner = requests.RequestRunner(
            kv, conf.host, local, kept(CephReader(ceph.access(conf))), restart_compute=command,
            tell=_tell_text, clusters=clusters, ask_limit=times.ask_limit)
        definitions = domains.DomainPublisher(
            kv, conf.host, local, interval=conf.agent.inventory_interval, tell=_tell_text,
            ask_limit=times.ask_limit) if bare else None
        live = use.UsePublisher(
            kv, conf.host, load.reading, interval=conf.agent.use_interval,
            beats=lambda: beating.beating, tell=_tell_text,
            now=_now) if conf.agent.use_interval else None
        loops = programs.agent(conf.host, turn, publisher, runner, definitions, beating.unsent,
                               live)
        meeting = _meeting(conf, kv, records.LOCK + conf.host, keeps=False)
        return program(held, kv, [meeting, *measures.loops(loops)])


def controller(conf: cfg.ConfigOpts) -> Program:
    """A controller: leadership, detection, recovery, admission.  Raises ConfigError."""
    from kaopu_ha import programs
    from kaopu_ha.wiring import measured
    given, name = rules(conf), _name(conf)
    with contextlib.ExitStack() as held:
        kept = _Keeper(held)
        measures = kept(measured.measures(conf, 'controller'))
        kv = programs.mirrored(kept(store(conf)))
        measures.gauges(standing.reader(kv, name), standing.HELPS)
        management = kept(drivers.make(conf, 'probe', conf.probe.management))
        probes = [measures.probe(each) for each in (
            management, kept(drivers.make(conf, 'probe', conf.probe.storage)))]
        fences = [measures.fence(kept(drivers.make(conf, 'fence', fence)))
                  for fence in conf.fence.drivers]
        cloud = kept(drivers.joined(conf, 'cloud', conf.cloud.driver, kv))
        # Not conf.usage: oslo.config has a usage of its own.
        usage = drivers.joined(conf, 'usage', conf['usage'].driver, kv)
        queue = measures.queue(kept(drivers.queue(conf, kv)))
        told = drivers.events(conf)
        if told is not None:
            kept(told)
        around = surroundings(name, _telling(conf, 'controller', measures, held))
        # Of its own: whoever asks for long must not keep a suspect's look waiting.
        images = kept(drivers.make(conf, 'probe', conf.probe.storage))
        observing = [management, kept(drivers.make(conf, 'probe', conf.probe.storage))]
        # Nor must a cut that takes long look like a fence that does not answer.
        fences_asked = [kept(drivers.make(conf, 'fence', fence)) for fence in conf.fence.drivers]
        loops, resign = programs.controller(kv, probes, fences, cloud, management, usage, queue,
                                            given, conf.controller.leader_ttl, around, told,
                                            images=images, observing=observing,
                                            fences_asked=fences_asked,
                                            ahead=programs.Ahead(cloud, usage, fences_asked))
        held.callback(resign)
        meeting = _meeting(conf, kv, records.LEADER, keeps=True)
        shown = kept(Presence(kv, 'controller', name))
        _tell_bound(given)
        return program(held, kv, [meeting, programs.Loop('presence', shown.turn),
                                  *measures.loops(loops)])


def worker(conf: cfg.ConfigOpts) -> Program:
    """A worker: its claims, and the evacuations it has claimed.  Raises ConfigError."""
    from kaopu_ha import programs
    from kaopu_ha.wiring import measured
    given, name = rules(conf), _name(conf)
    if conf.worker.claim_ttl <= conf.nova.timeout:
        raise ConfigError(f'[worker] claim_ttl {conf.worker.claim_ttl} s <= [nova] timeout '
                          f'{conf.nova.timeout:g} s: a call to Nova must end before the claim '
                          f'could lapse; make claim_ttl longer')
    with contextlib.ExitStack() as held:
        kept = _Keeper(held)
        measures = kept(measured.measures(conf, 'worker'))
        kv = kept(store(conf))
        cloud = kept(drivers.joined(conf, 'cloud', conf.cloud.driver, kv))
        queue = measures.queue(kept(drivers.queue(conf, kv)))
        images = kept(drivers.make(conf, 'probe', conf.probe.storage))
        libvirt = kept(drivers.make(conf, 'probe', conf.probe.management))
        around = surroundings(name, _telling(conf, 'worker', measures, held))
        loops, give_back = programs.worker(kv, cloud, queue, images, libvirt, given,
                                           conf.worker.claim_ttl, conf.worker.concurrency, around)
        held.callback(give_back)
        meeting = _meeting(conf, kv, records.LEADER, keeps=True)
        shown = kept(Presence(kv, 'worker', name))
        return program(held, kv, [meeting, programs.Loop('presence', shown.turn),
                                  *measures.loops(loops)])


# ---------------------------------------------------------------- parts that commands use too


def store(conf: cfg.ConfigOpts) -> ports.Store:
    """The configured store; connects when first used.  Raises ConfigError."""
    made: ports.Store = drivers.make(conf, 'store', conf.store.driver)
    return made


def rules(conf: cfg.ConfigOpts) -> Rules:
    """The limits and waits of this configuration, checked.  Raises ConfigError."""
    proves = any(getattr(drivers.load('fence', name), 'gives_proof', False)
                 for name in conf.fence.drivers)
    return conf_rules.rules(conf, fence_proves=proves)


# ---------------------------------------------------------------- joints


class _Keeper:
    """Closes what it was given, the last first."""

    def __init__(self, held: contextlib.ExitStack) -> None:
        self._held = held

    def __call__(self, made: Any) -> Any:
        self._held.callback(made.close)
        return made


class _BeatOfThisHost:
    """The beat, from when libvirt or the state folder has said which machine this is."""

    def __init__(self, kv: ports.Store, host: str, local: ports.LocalHost,
                 times: conf_rules.Times, tell: Callable[[str, str], None],
                 behind: Callable[[], str]) -> None:
        self._store, self._host, self._local = kv, host, local
        self._times, self._tell, self._behind = times, tell, behind
        self._beat: beat.Beat | None = None
        self._trouble = False

    @property
    def beating(self) -> bool:
        """True if the host beat when that was tried last."""
        return self._beat is not None and self._beat.beating

    def turn(self) -> float:
        """A turn of the beat; seconds until the next one."""
        try:
            self._beat = self._beat or self._begin()
        except ports.PortError as failure:
            if not self._trouble:
                self._tell('warning', f'{self._host} does not beat: {failure}')
            self._trouble = True
            return _RETRY_SECONDS
        return self._beat.turn()

    def kept_by(self) -> str:
        """What kept the last beat from being sent, '' if nothing did."""
        state = self._beat.standing.state if self._beat else beat.State.STARTING
        return '' if state is beat.State.BEATING else state.name.lower()

    def unsent(self) -> str:
        """What trouble kept the last beat from being sent; a locked host rightly sends none."""
        state = self._beat.standing.state if self._beat else beat.State.STARTING
        return '' if state in (beat.State.BEATING, beat.State.LOCKED) else state.value

    def _begin(self) -> beat.Beat:
        known = self._local.identity(self._times.ask_limit)
        identity = records.Beat(known.host_uuid, self._local.boot_id(),
                                f'{self._host}/{os.getpid()}')
        return beat.Beat(self._store, self._host, identity, interval=self._times.beat_interval,
                         ttl=self._times.beat_ttl, tell=self._tell, behind=self._behind)


def surroundings(name: str, tell: Callable[[News], None]) -> programs.Surroundings:
    """Real time, real threads."""
    from kaopu_ha import programs
    return programs.Surroundings(name, time.monotonic, _now, tell,
                                 concurrent.futures.ThreadPoolExecutor)


def _telling(conf: cfg.ConfigOpts, process: str, measures: measured.Measures,
             held: contextlib.ExitStack) -> Telling:
    """What a process tells its news to."""
    group = conf.notifier
    told = notifiers(conf)
    measures.notifiers(name for name, one in told.items() if one.waits)
    telling = Telling(told, f'kaopu-ha-{process}:{conf.host}', now=_now,
                      projects=group.projects, limit=group.timeout, counted=measures.news,
                      count=measures.notice)
    held.callback(telling.close)
    return telling


def program(held: contextlib.ExitStack, kv: ports.Store,
             loops: Iterable[programs.Loop]) -> Program:
    """The loops with what wakes each, and all that is held, to be closed with them."""
    woken = tuple(Woken(loop) for loop in loops)
    for each in woken:
        each.loop.listen(each.wake.set)
    held.callback(contact.Wakes(kv, [(each.wake, each.loop.woken_by) for each in woken]).close)
    return Program(woken, held.pop_all().close)


def _meeting(conf: cfg.ConfigOpts, kv: ports.Store, key: str, *, keeps: bool) -> programs.Loop:
    """The loop that says when the store does not answer, by a key that the process may read."""
    from kaopu_ha import programs
    meeting = contact.Contact(lambda: kv.read(key), ', '.join(conf.store.endpoints), keeps=keeps)
    return programs.Loop('contact', meeting.turn)


def _name(conf: cfg.ConfigOpts) -> str:
    """Who acts: another name after each start, since a process remembers nothing of the former."""
    return f'{conf.host}/{os.getpid()}'


def _now() -> str:
    """The time for people; no decision reads it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec='milliseconds')


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as failure:
        raise ConfigError(f'[agent] compute_restart_command: {failure}: {command}') from failure
    if not words:
        raise ConfigError('[agent] compute_restart_command is empty: name the command that '
                          'restarts nova-compute on this host')
    return words


def _tell_bound(given: Rules) -> None:
    LOG.info('from power cut to CONFIRMED it takes up to about %s',
             conf_rules.told(conf_rules.seconds_to_confirmed(given)))


def _tell_text(level: str, text: str) -> None:
    NEWS.log(_LEVELS[level], '%s', text)
