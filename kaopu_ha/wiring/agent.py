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

"""The program of an agent."""

from __future__ import annotations

import shlex

from oslo_config import cfg

from kaopu_ha import records
from kaopu_ha.agent import domains, inventory, leaving, requests, storage, use
from kaopu_ha.agent.beating import BeatOfThisHost
from kaopu_ha.agent.runtime import HostRuntime
from kaopu_ha.conf import ceph
from kaopu_ha.conf import rules as conf_rules
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.drivers.ceph import conf_file
from kaopu_ha.drivers.ceph.probe import CephReader
from kaopu_ha.drivers.linux import load
from kaopu_ha.programs import agents
from kaopu_ha.wiring import drivers
from kaopu_ha.wiring.parts import Parts, Program, parts


def program(conf: cfg.ConfigOpts) -> Program:
    """The agent of this host: beat, inventory, requests.  Raises ConfigError."""
    times, networks = conf_rules.times(conf), ceph.client_networks(conf)
    clusters = [storage.CephCluster(cluster.fsid, cluster.pools[0],
                                    conf_file.monitors(cluster.conf))
                for cluster in ceph.clusters(conf)]
    bare = conf.cloud.driver == 'libvirt'
    command = [] if bare else _words(conf.agent.compute_restart_command)
    with parts(conf, 'agent') as its:
        # To its log alone: what a host says, it does not say to people in our name.
        env = HostRuntime(conf.host, its.store, its.kept(drivers.local(conf, its.store)),
                          its.dispatcher(['log']), ask_limit=times.ask_limit)
        publisher = inventory.InventoryPublisher(
            env, _reader(its), client_networks=networks, clusters=clusters,
            management_uri=conf.agent.management_uri or f'qemu+tls://{conf.host}/system',
            interval=conf.agent.inventory_interval, beats=lambda: beating.beating,
            # Where no Nova says who stopped a domain, what went off is off.
            lately_seconds=0.0 if bare else leaving.LATELY_SECONDS, has_compute=not bare)
        its.held.callback(publisher.leave)
        beating = BeatOfThisHost(env, interval=times.beat_interval, ttl=times.beat_ttl,
                                 behind=lambda: publisher.behind)
        turn = its.measures.beat(beating.turn, beating.kept_by)
        # A reader of its own: a request that reads for long must not cost the inventory its sign.
        runner = requests.RequestRunner(env, _reader(its), restart_compute=command,
                                        clusters=clusters)
        definitions = domains.DomainPublisher(
            env, interval=conf.agent.inventory_interval) if bare else None
        live = use.UsePublisher(env, load.reading, interval=conf.agent.use_interval,
                                beats=lambda: beating.beating) if conf.agent.use_interval else None
        loops = agents.loops(conf.host, turn, publisher, runner, definitions, beating.unsent,
                             live)
        return its.program(loops, meets_at=records.LOCK + conf.host)


def _reader(its: Parts) -> CephReader:
    return its.kept(CephReader.from_conf(its.conf, its.store))


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as failure:
        raise ConfigError(f'[agent] compute_restart_command: {failure}: {command}') from failure
    if not words:
        raise ConfigError('[agent] compute_restart_command is empty: name the command that '
                          'restarts nova-compute on this host')
    return words
