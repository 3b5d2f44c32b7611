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
"""The mini cloud as one object: what the commands do, as methods that return data."""

from collections.abc import Callable
import concurrent.futures
from contextlib import AbstractContextManager
from dataclasses import replace
import datetime
import fcntl
import functools
import os
import shutil
import time
from typing import Any

from . import (
    bare,
    ceph,
    cinder,
    control,
    disks,
    faults,
    forward,
    horizon,
    hosts,
    install,
    instances,
    judge,
    kaopu,
    machines,
    network,
    openstack,
    processes,
    reset,
    secure,
    status,
)
from .layout import CHECKOUT, SWITCH, Layout, nets_of
from .rest import Rest
from .shell import CloudError, say, step


def _alone(work: Callable[..., Any]) -> Callable[..., Any]:
    """Let only one such method run at a time, over all processes; others wait."""

    @functools.wraps(work)
    def locked(cloud: 'Cloud', *args: Any, **options: Any) -> Any:
        cloud.layout.root.mkdir(parents=True, exist_ok=True)
        with open(cloud.layout.root / 'lock', 'w') as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say('another command changes the cloud: waiting for its end')
                fcntl.flock(handle, fcntl.LOCK_EX)
            return work(cloud, *args, **options)

    return locked


class Cloud:
    """One mini cloud; any number of these objects may look at it."""

    def __init__(self, layout: Layout | None = None) -> None:
        self.layout = layout or Layout.from_environment()
        self.rest = Rest(self.layout)

    def install(self, with_horizon: bool = False) -> None:
        """Install everything that `up` needs; quick when it is there."""
        install.install(self.layout, with_horizon or self.layout.has_horizon)

    @_alone
    def up(
        self,
        count: int | None = None,
        pace: str | None = None,
        queue: str | None = None,
        safe: bool = False,
        openstack: bool | None = None,
        with_horizon: bool = False,
    ) -> None:
        """Bring the cloud up, adding what is missing; what runs is left alone.

        `safe`: with TLS, roles and least rights everywhere; a cloud is made so, and stays so.
        With or without OpenStack as it was, if nothing is said; a change makes it fresh.
        `with_horizon`: it comes to what runs, and stays until the data is removed.
        """
        layout = self.layout
        came = with_horizon and horizon.turn_on(layout, openstack)
        changed = openstack is not None and openstack is layout.is_bare
        if changed:
            self._down()
            # A nova-compute that nobody knows refuses to start where there are domains.
            for host in layout.hosts:
                hosts.wipe_instances(layout, host)
            layout.set_setting('openstack', 'with' if openstack else 'without')
        self._up(count, pace, queue, safe, came)
        if changed:
            self._reset()

    def _up(self, count: int | None, pace: str | None, queue: str | None, safe: bool,
            horizon_came: bool) -> None:
        layout = self.layout
        if safe:
            secure.turn_on(layout)
        if count:
            layout.set_setting('hosts', str(max(count, 3)))
        self.install()
        for folder in (layout.run / 'lock', layout.log, layout.etc):
            folder.mkdir(parents=True, exist_ok=True)
        layout.password()
        with step('network'):
            network.build(layout)
            recorded = machines.recorded_daemons(layout, 'ctl')
            if not any(machines.daemon_pid(layout, 'ctl', name) for name in recorded):
                machines.end_strangers('ctl')
        if pace and pace != kaopu.pace(layout):
            self.set_pace(pace)
        if queue and queue != kaopu.queue(layout):
            self.set_queue(queue)
        elif horizon_came:
            self._configure_control()
        if layout.is_bare:
            self._up_data_plane()
            secure.accounts(layout)
            hosts.power_on_all(layout, layout.hosts)
            kaopu.start_control(layout)
            say('the cloud is up, without OpenStack')
            return
        self._up_openstack()

    def _up_openstack(self) -> None:
        layout = self.layout
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            data_plane = pool.submit(self._up_data_plane)
            pool.submit(self._up_control_plane).result()
            data_plane.result()
        secure.accounts(layout)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            # Nova asks for it only when somebody wants a volume.
            volumes_up = pool.submit(cinder.up, layout, self.rest)
            openstack.glance_up(layout)
            openstack.nova_up(layout)
            was_off = [host for host in layout.hosts if machines.pid(layout, host) is None]
            since = datetime.datetime.now(datetime.UTC) if was_off else None
            hosts.power_on_all(layout, layout.hosts)
            kaopu.start_control(layout)
            openstack.computes_wait(layout, self.rest, layout.hosts, since=since)
            volumes_up.result()
        kaopu.api_wait(layout)
        instances.seed(layout, self.rest)
        if layout.has_horizon:
            horizon.up(layout)
        say('the cloud is up')

    @_alone
    def down(self) -> None:
        """Stop everything and remove the networks; data stays. Leftovers are no trouble."""
        self._down()

    def _down(self) -> None:
        layout = self.layout
        with step('stop'):
            for host in layout.hosts:
                machines.kill(layout, host)
            names = machines.recorded_daemons(layout, 'ctl')
            stores = ('mysql', 'rabbit', 'redis', 'etcd')
            first = [name for name in names if not name.startswith(stores)]
            # Only the stores lose something by a kill: the others get little time.
            self._end('ctl', first, grace=2)
            self._end('ctl', [name for name in names if name not in first])
            self._end('ceph', machines.recorded_daemons(layout, 'ceph'), grace=5)
            machines.kill(layout, 'ceph')
            for node in {*layout.node_names, *network.nodes()} - {SWITCH}:
                machines.end_strangers(node)
            machines.end_lost(layout)
            network.remove()
            shutil.rmtree(layout.run, ignore_errors=True)

    @_alone
    def destroy(self) -> None:
        """Stop everything and remove the data; the installation stays."""
        self._down()
        layout = self.layout
        for folder in (layout.control, layout.nodes, layout.ceph_etc):
            shutil.rmtree(folder, ignore_errors=True)
        for name in ('hosts', 'pace', 'queue', 'secure', 'openstack', 'horizon'):
            (layout.root / f'setting.{name}').unlink(missing_ok=True)

    @_alone
    def boot(
        self, count: int, host: str | None = None, zone: str = '', group: str = ''
    ) -> list[judge.Expected]:
        """Boot instances and wait until they write and have their roles.

        From six on, unless all go to one host, zone or group, those with volumes come besides.
        """
        have = {found.role for found in self.instances()}
        wanted = instances.plan(count, self.layout.hosts, have, host)
        if self.layout.is_bare:
            return bare.boot(self.layout, wanted)
        if count >= instances.ALL_KINDS and not (host or zone or group):
            wanted += instances.plan_volumes(self.layout.hosts, have)
        return instances.boot(self.layout, self.rest, wanted, zone, group)

    @_alone
    def boot_as(self, wanted: list[tuple[str, str]]) -> list[judge.Expected]:
        """Boot an instance for each role and host, with Nova; as `boot`."""
        return instances.boot(self.layout, self.rest, wanted)

    def instances(self) -> list[judge.Expected]:
        """Every instance as Nova has it, or, without Nova, libvirt."""
        if self.layout.is_bare:
            return bare.everyone(self.layout)
        return instances.everyone(self.rest)

    def power_off(self, host: str) -> None:
        """Pull the host's plug."""
        self._host(host)
        machines.power_off(self.layout, host)

    def shut_down(self, host: str) -> None:
        """Switch the host off in good order, as a person does with `poweroff`."""
        hosts.shut_down(self.layout, self._host(host))

    def power_on(self, host: str) -> None:
        """Switch the host on: links up, a new boot id, every daemon."""
        hosts.power_on(self.layout, self._host(host))

    def cut(self, node: str, which: str = 'both') -> None:
        """Pull cables of a node: mgmt, storage or both."""
        nets = {'mgmt': ['mgmt'], 'storage': ['stor'], 'both': list(nets_of(node))}
        for net in nets[which]:
            network.set_link(self._node(node), net, 'down')

    def mend(self, node: str) -> None:
        """Put every cable of a node back."""
        for net in nets_of(self._node(node)):
            network.set_link(node, net, 'up')

    def renumber(self, host: str, how: str = 'away', which: str = 'storage') -> list[str]:
        """Change the addresses of a host's link: away, beside, none or back (see faults.py)."""
        return faults.renumber(self._host(host), how, {'storage': 'stor'}.get(which, which))

    def freeze(self, what: str) -> None:
        """Stop a part in mid-instruction: host:c1, agent:c1, etcd:1, ... (see faults.py)."""
        faults.freeze(self.layout, what)

    def thaw(self, what: str) -> None:
        """Let a frozen part go on."""
        faults.thaw(self.layout, what)

    def kill(self, what: str) -> None:
        """SIGKILL a part; no trouble if it does not run."""
        faults.kill(self.layout, what)

    def start(self, what: str, env: dict[str, str] | None = None) -> bool:
        """Start a part if it does not run; True if it was started."""
        return faults.start(self.layout, what, env)

    @_alone
    def reset(self) -> None:
        """Bring the cloud back to a fresh state: no instances, nothing broken."""
        self._reset()

    def _reset(self) -> None:
        if self.layout.is_bare:
            reset.reset_bare(self.layout)
        else:
            reset.reset(self.layout, self.rest)

    def status(self) -> dict[str, Any]:
        """Every node with its links, daemons and memory; the blocklist."""
        return status.status(self.layout)

    def judge(self, seconds: float = 6) -> list[judge.Judgement]:
        """Judge every instance by two looks at its disk, so many seconds apart."""
        found = self.instances()
        first = disks.look(self.layout, found)
        time.sleep(seconds)
        # Nova is asked between the two looks: what it says is then true of both.
        places = {one.uuid: one.places for one in found}
        wanted = [replace(one, places=places[one.uuid]) for one in self.instances()
                  if one.uuid in first]
        second = disks.look(self.layout, wanted)
        return [judge.judge_all(one, first[one.uuid], second[one.uuid]) for one in wanted]

    def set_pace(self, pace: str) -> None:
        """Rewrite the configuration and restart every process of Kaopu HA that runs."""
        layout = self.layout
        kaopu.set_pace(layout, pace)
        kaopu.write_control_confs(layout)
        for host in layout.hosts:
            kaopu.write_host_conf(layout, host)
        self._restart_kaopu('ctl', *layout.hosts)

    def set_queue(self, queue: str) -> None:
        """Rewrite the configuration and restart the controllers and workers that run."""
        kaopu.set_queue(self.layout, queue)
        self._configure_control()

    def _configure_control(self) -> None:
        kaopu.write_control_confs(self.layout)
        self._restart_kaopu('ctl')

    def _restart_kaopu(self, *nodes: str) -> None:
        layout = self.layout
        for node in nodes:
            ours = {*kaopu.CONTROL, kaopu.AGENT, kaopu.API}
            mine = ours & set(machines.recorded_daemons(layout, node))
            running = [name for name in sorted(mine) if machines.daemon_pid(layout, node, name)]
            self._end(node, running)
            for name in running:
                kaopu.start(layout, node, name)

    def browse(self, port: int = 0) -> AbstractContextManager[int]:
        """Have Horizon at a port of this machine during the body; the port."""
        if not self.layout.has_horizon:
            raise CloudError('there is no Horizon: `minicloud up --with-horizon` first')
        return forward.forwarded(horizon.connect, port)

    def run_on(self, node: str, *argv: str) -> str:
        """Run a program on a node and return what it prints."""
        return machines.run_on(self.layout, node, *argv)

    def command(self, node: str, argv: list[str]) -> list[str]:
        """The command line that runs argv on a node, for exec or Popen."""
        return machines.enter(self.layout, self._node(node), argv)

    def environment(self) -> dict[str, str]:
        """The environment of a program that calls the cloud as its administrator."""
        path = f'{self.layout.venv_kaopu}/bin:{os.environ.get("PATH", "/usr/sbin:/usr/bin")}'
        tools = f'{CHECKOUT / "tools"}:{os.environ.get("PYTHONPATH", "")}'.rstrip(':')
        return {**os.environ, **openstack.environment(self.layout), 'PATH': path} | {
            'PYTHONPATH': tools,
            'MINICLOUD_DIR': str(self.layout.root),
        }

    def _up_data_plane(self) -> None:
        ceph.up(self.layout)
        control.etcd_up(self.layout)

    def _up_control_plane(self) -> None:
        control.rabbit_start(self.layout)
        if kaopu.queue(self.layout) == 'rq':
            control.redis_start(self.layout)
            control.redis_wait(self.layout)
        control.mysql_up(self.layout)
        openstack.keystone_up(self.layout, self.rest)
        openstack.placement_up(self.layout)
        control.rabbit_wait(self.layout)

    def _end(self, node: str, names: list[str], grace: float = 10) -> None:
        """End daemons of a node, together."""
        pids = [machines.daemon_pid(self.layout, node, name) for name in names]
        processes.end_trees([pid for pid in pids if pid], grace)

    def _host(self, host: str) -> str:
        if host not in self.layout.hosts:
            raise CloudError(f'{host} is no host: {" ".join(self.layout.hosts)}')
        return host

    def _node(self, node: str) -> str:
        if node not in self.layout.node_names:
            raise CloudError(f'{node} is no node: {" ".join(self.layout.node_names)}')
        return node
