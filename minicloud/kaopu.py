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

"""Kaopu HA itself in the mini cloud: its configuration and its processes.

Two controllers and two workers run in the node ctl, an agent on every host; with OpenStack the API
beside them, by uWSGI. A process whose program does not exist (yet) is skipped with a line.
"""

import base64
import json
from pathlib import Path
from typing import Any

from . import confs, control, machines, openstack, rest, secure
from .layout import CHECKOUT, NETS, POOLS, PORTS, Layout, address, etcd_addresses, write
from .shell import CloudError, say, step, wait_for

AGENT = 'kaopu-ha-agent'
CONTROL = ('controller1', 'controller2', 'worker1', 'worker2')
API = 'api'
# One process is enough for a handful of people; four of its threads may wait for news.
_API_THREADS = 8
PACES = ('fast', 'patent')
QUEUES = ('etcd', 'oslo_messaging', 'rq')
KEYS = '/kaopu-ha/'


def pace(layout: Layout) -> str:
    """The pace that is set."""
    return layout.setting('pace', 'fast')


def set_pace(layout: Layout, wanted: str) -> None:
    """Set the pace of every process started from now on."""
    if wanted not in PACES:
        raise CloudError(f'the pace is one of {", ".join(PACES)}, not {wanted}')
    layout.set_setting('pace', wanted)


def queue(layout: Layout) -> str:
    """The queue driver that is set."""
    return layout.setting('queue', 'etcd')


def set_queue(layout: Layout, wanted: str) -> None:
    """Set the queue driver of every process started from now on."""
    if wanted not in QUEUES:
        raise CloudError(f'the queue is one of {", ".join(QUEUES)}, not {wanted}')
    layout.set_setting('queue', wanted)


def conf_path(layout: Layout, node: str, name: str = '') -> Path:
    """The configuration file, as the outside sees it.

    In ctl, `kaopu-ha.conf` is for the command line, and every process has one of its own: they
    differ in their name only.
    """
    if node == 'ctl':
        return layout.etc / f'kaopu-ha{"-" + name if name else ""}.conf'
    return layout.node(node) / 'fs/etc/kaopu-ha/kaopu-ha.conf'


def write_control_confs(layout: Layout) -> None:
    """Write the files of the node ctl."""
    write(conf_path(layout, 'ctl'), _conf(layout, 'ctl'))
    # The folder is what ctl sees as /etc/kaopu-ha: the command finds its file there.
    seen = layout.etc / 'kaopu-ha/kaopu-ha.conf'
    seen.parent.mkdir(parents=True, exist_ok=True)
    if not seen.is_symlink():
        seen.symlink_to(conf_path(layout, 'ctl'))
    for name in CONTROL:
        write(conf_path(layout, 'ctl', name), _conf(layout, name))
    if not layout.is_bare:
        write(conf_path(layout, 'ctl', API), _api_conf(layout))


def write_host_conf(layout: Layout, host: str) -> None:
    """Write the file of a compute host."""
    write(conf_path(layout, host), _conf(layout, host, is_host=True))


def restart_script(layout: Layout, host: str) -> Path:
    """The script, to be run in the host, that restarts its nova-compute."""
    return layout.node(host) / 'restart-nova-compute'


def start(layout: Layout, node: str, name: str, env: dict[str, str] | None = None) -> bool:
    """Start one process of Kaopu HA if it does not run; True if it was started."""
    if name == API:
        return _api_start(layout, env or {})
    program = name.rstrip('0123456789')
    program = program if program == AGENT else f'kaopu-ha-{program}'
    if not _exists(layout, program):
        say(f'{name} on {node}: there is no {program} yet, skipped')
        return False
    conf = '/etc/kaopu-ha/kaopu-ha.conf'
    if node == 'ctl':
        conf = str(conf_path(layout, node, name))
    argv = [layout.kaopu_bin(program), '--config-file', conf]
    return machines.launch(layout, node, name, argv, env)


def start_control(layout: Layout) -> None:
    """Start the controllers and workers that do not run, and the API where there is a Keystone."""
    write_control_confs(layout)
    for name in CONTROL:
        start(layout, 'ctl', name)
    if not layout.is_bare:
        start(layout, 'ctl', API)


def api_wait(layout: Layout) -> None:
    """Wait until the API answers; it is loaded while hosts come up."""

    def answers() -> bool:
        if machines.daemon_pid(layout, 'ctl', API) is None:
            raise CloudError(f'{API} has ended')
        return rest.answers('instance-ha', secure.trusting(layout))

    with step('the API of Kaopu HA', machines.log_of(layout, 'ctl', API)):
        wait_for(API, answers, 90)


def _api_start(layout: Layout, env: dict[str, str]) -> bool:
    files = {'OS_KAOPU_HA_CONFIG_FILES': str(conf_path(layout, 'ctl', API))}
    return openstack.serve(
        layout, API, 'kaopu_ha.wsgi.api:application', 'instance-ha', files | env, 1,
        venv=layout.venv_kaopu, threads=_API_THREADS, tls=secure.served(layout))


def _exists(layout: Layout, program: str) -> bool:
    """Tell whether the program can be started: script and module are there."""
    module = CHECKOUT / 'kaopu_ha/cmd' / f'{program.removeprefix("kaopu-ha-")}.py'
    return Path(layout.kaopu_bin(program)).exists() and module.exists()


def _conf(layout: Layout, name: str, is_host: bool = False) -> str:
    sections: confs.Sections = {
        'DEFAULT': {'host': name, 'debug': True},
        'store': secure.store(layout, secure.SERVICE),
        'detection': _detection(layout),
        'libvirt': {
            'anchors': _anchor(layout),
            'transport': 'tls' if secure.is_on(layout) else 'tcp',
        },
        'ceph': {
            'conf': '/etc/ceph/ceph.conf',
            'user': 'kaopu',
            'pools': ', '.join(POOLS),
            'client_networks': f'{NETS["stor"]}.0/24',
        },
        **_cloud_sections(layout),
    }
    if not is_host:
        sections['queue'] = {
            'driver': queue(layout),
            'transport_url': control.rabbit_url(layout),
            'redis_url': control.redis_url(layout),
        }
    if name.startswith('controller') and not layout.is_bare:
        sections['events'] = {'driver': 'nova', 'transport_url': control.rabbit_url(layout)}
    if name == CONTROL[0] and layout.has_horizon:
        # One of the two, as one keeps the folder of its machine: a second would end its messages.
        sections['notifier'] = {'drivers': 'log, horizon', 'horizon_path': layout.messages}
        layout.messages.mkdir(parents=True, exist_ok=True)
    if is_host:
        sections['agent'] = {
            'management_uri': f'qemu+tcp://{address(name)}/system',
            'libvirt_uri': 'qemu:///system',
        }
        if not layout.is_bare:
            sections['agent']['compute_restart_command'] = restart_script(layout, name)
    if secure.is_on(layout):
        if is_host:
            sections.pop('nova', None)
        more = secure.agent_sections(name) if is_host else secure.control_sections(layout)
        for section, options in more.items():
            sections[section] = sections.get(section, {}) | options
    return confs.ini(sections)


def _api_conf(layout: Layout) -> str:
    """What the API needs, and no more: no key of Ceph or libvirt is its."""
    return confs.ini({
        'DEFAULT': {'host': API},
        'store': secure.store(layout, secure.API),
        'detection': _detection(layout),
        'nova': confs.credentials(layout, 'kaopu'),
        'keystone_authtoken': confs.authtoken(layout, 'kaopu-ha'),
    })


def _detection(layout: Layout) -> dict[str, object]:
    # Two of three hosts may die within the brake's window: trials are about that, too.
    return {'pace': pace(layout), 'storm_share': '0.67'}


def _anchor(layout: Layout) -> str:
    """What answers on the management network whenever that works."""
    if layout.is_bare:
        return ','.join(f'{ip}:{PORTS["etcd"]}' for ip in etcd_addresses())
    return f'{address("ctl")}:{PORTS["keystone"]}'


def _cloud_sections(layout: Layout) -> confs.Sections:
    if not layout.is_bare:
        return {'nova': confs.credentials(layout, 'kaopu')}
    return {'cloud': {'driver': 'libvirt'}, 'usage': {'driver': 'inventory', 'core_ratio': 16}}


def records(layout: Layout, prefix: str) -> dict[str, dict[str, Any]]:
    """Kaopu HA's records under a prefix, by the rest of their keys."""
    begin = KEYS + prefix
    said = json.loads(machines.run_on(
        layout, 'ctl', *secure.etcdctl(layout), 'get', '--prefix', begin, '-w', 'json'
    ))
    return {
        base64.b64decode(kv['key']).decode()[len(begin):]: json.loads(
            base64.b64decode(kv['value'])
        )
        for kv in said.get('kvs', ())
    }
