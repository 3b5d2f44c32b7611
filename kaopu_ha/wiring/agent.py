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

import logging
import shlex

from oslo_config import cfg

from kaopu_ha import programs, records
from kaopu_ha.agent import domains, inventory, leaving, requests, storage, use
from kaopu_ha.agent.beating import BeatOfThisHost
from kaopu_ha.conf import ceph
from kaopu_ha.conf import rules as conf_rules
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.drivers.ceph import conf_file
from kaopu_ha.drivers.ceph.probe import CephReader
from kaopu_ha.drivers.linux import load
from kaopu_ha.wiring import drivers, runtime
from kaopu_ha.wiring.parts import Program, parts

# What is told is found under one name, whoever told it.
NEWS = logging.getLogger('kaopu_ha.news')

_LEVELS = {'debug': logging.DEBUG, 'info': logging.INFO, 'warning': logging.WARNING,
           'error': logging.ERROR}


def program(conf: cfg.ConfigOpts) -> Program:
    """The agent of this host: beat, inventory, requests.  Raises ConfigError."""
    times, networks = conf_rules.times(conf), ceph.client_networks(conf)
    clusters = [storage.Cluster(cluster.fsid, cluster.pools[0], conf_file.monitors(cluster.conf))
                for cluster in ceph.clusters(conf)]
    bare = conf.cloud.driver == 'libvirt'
    command = [] if bare else _words(conf.agent.compute_restart_command)
    with parts(conf, 'agent') as its:
        kv = its.store
        local = its.kept(drivers.local(conf, kv))
        publisher = inventory.InventoryPublisher(
            kv, conf.host, local, its.kept(CephReader.from_conf(conf, kv)),
            management_uri=conf.agent.management_uri or f'qemu+tls://{conf.host}/system',
            client_networks=networks, interval=conf.agent.inventory_interval, tell=_tell_text,
            clusters=clusters, ask_limit=times.ask_limit,
            # Where no Nova says who stopped a domain, what went off is off.
            lately_seconds=0.0 if bare else leaving.LATELY_SECONDS,
            beats=lambda: beating.beating)
        its.held.callback(publisher.leave)
        beating = BeatOfThisHost(kv, conf.host, local, interval=times.beat_interval,
                                 ttl=times.beat_ttl, ask_limit=times.ask_limit, tell=_tell_text,
                                 behind=lambda: publisher.behind)
        turn = its.measures.beat(beating.turn, beating.kept_by)
        # A reader of its own: a request that reads for long must not cost the inventory its sign.
        runner = requests.RequestRunner(
            kv, conf.host, local, its.kept(CephReader.from_conf(conf, kv)),
            restart_compute=command, tell=_tell_text, clusters=clusters,
            ask_limit=times.ask_limit)
        definitions = domains.DomainPublisher(
            kv, conf.host, local, interval=conf.agent.inventory_interval, tell=_tell_text,
            ask_limit=times.ask_limit) if bare else None
        live = use.UsePublisher(
            kv, conf.host, load.reading, interval=conf.agent.use_interval,
            beats=lambda: beating.beating, tell=_tell_text,
            now=runtime.now) if conf.agent.use_interval else None
        loops = programs.agent(conf.host, turn, publisher, runner, definitions, beating.unsent,
                               live)
        return its.program(loops, meets_at=records.LOCK + conf.host)


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as failure:
        raise ConfigError(f'[agent] compute_restart_command: {failure}: {command}') from failure
    if not words:
        raise ConfigError('[agent] compute_restart_command is empty: name the command that '
                          'restarts nova-compute on this host')
    return words


def _tell_text(level: str, text: str) -> None:
    NEWS.log(_LEVELS[level], '%s', text)
