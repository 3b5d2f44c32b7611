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

"""Keystone, Placement, Glance and Nova's control plane, each once, in the node ctl."""

from collections.abc import Callable
import datetime
import os
from pathlib import Path

from . import confs, control, machines, network, secure, uwsgi
from .layout import DATA, PORTS, REGION, Layout, address, url, write
from .rest import Rest
from .rest import answers as rest_answers
from .shell import CloudError, run, step, wait_for

_ENDPOINTS = {
    'placement': ('placement', 'placement', ''),
    'glance': ('image', 'glance', ''),
    'nova': ('compute', 'nova', '/v2.1'),
    'cinder': ('volumev3', 'cinder', '/v3'),
    'neutron': ('network', 'neutron', ''),
    'kaopu-ha': ('instance-ha', 'instance-ha', '/v1'),
}


# What is asked whether it answers.
SERVICES = ('keystone', 'placement', 'glance', 'nova-api', 'cinder-api')


def keystone_up(layout: Layout, rest: Rest) -> None:
    """Bring the identity service up, with users and catalogue."""
    folder = layout.etc / 'keystone'
    write(folder / 'keystone.conf', confs.keystone(layout))
    for keys in ('fernet', 'credential'):
        (folder / keys).mkdir(mode=0o700, exist_ok=True)
    manage = [layout.cloud_bin('keystone-manage'), '--config-file', str(folder / 'keystone.conf')]
    owner = ['--keystone-user', 'root', '--keystone-group', 'root']
    endpoint = url('keystone', '/v3')
    bootstrap = {
        'OS_BOOTSTRAP_PASSWORD': layout.password(),
        'OS_BOOTSTRAP_REGION_ID': REGION,
        'OS_BOOTSTRAP_ADMIN_URL': endpoint,
        'OS_BOOTSTRAP_PUBLIC_URL': endpoint,
        'OS_BOOTSTRAP_INTERNAL_URL': endpoint,
    }

    def create() -> None:
        for words in (['db_sync'], ['fernet_setup', *owner], ['credential_setup', *owner]):
            run(network.within('ctl', manage + words))
        run(network.within('ctl', [*manage, 'bootstrap']), env={**os.environ, **bootstrap})

    with step('keystone', machines.log_of(layout, 'ctl', 'keystone')):
        once(layout, 'keystone', create)
        start(layout, 'keystone')
        wait(layout, 'keystone')
        # Its name is what is in it: a service that joins later is added.
        once(layout, f'catalogue-{"-".join(_ENDPOINTS)}', lambda: _catalogue(layout, rest))


def placement_up(layout: Layout) -> None:
    """Bring the placement service up."""
    conf = layout.etc / 'placement/placement.conf'
    write(conf, confs.placement(layout))
    sync = [layout.cloud_bin('placement-manage'), '--config-file', str(conf), 'db', 'sync']
    with step('placement', machines.log_of(layout, 'ctl', 'placement')):
        once(layout, 'placement', lambda: run(network.within('ctl', sync)))
        start(layout, 'placement')
        wait(layout, 'placement')


def glance_up(layout: Layout) -> None:
    """Bring the image service up."""
    conf = layout.etc / 'glance/glance-api.conf'
    write(conf, confs.glance(layout))
    sync = [layout.cloud_bin('glance-manage'), '--config-file', str(conf), 'db', 'sync']
    with step('glance', machines.log_of(layout, 'ctl', 'glance')):
        once(layout, 'glance', lambda: run(network.within('ctl', sync)))
        start(layout, 'glance')
        wait(layout, 'glance')


def nova_up(layout: Layout) -> None:
    """Bring Nova's API, conductor and scheduler up, and the network stub."""
    conf = layout.etc / 'nova/nova.conf'
    write(conf, confs.nova_control(layout))
    # Nova looks for it beside its configuration, whatever the option says.
    paste = (layout.venv_cloud / 'etc/nova/api-paste.ini').read_text()
    write(layout.etc / 'nova/api-paste.ini', paste)
    (layout.control / 'nova/lock').mkdir(parents=True, exist_ok=True)
    with step('nova', machines.log_of(layout, 'ctl', 'nova-api')):
        once(layout, 'nova', lambda: _create_cells(layout))
        for name in ('neutron', 'nova-conductor', 'nova-scheduler', 'nova-api'):
            start(layout, name)
        wait(layout, 'nova-api')


def start(layout: Layout, name: str) -> bool:
    """Start one service of the control plane if it does not run."""
    if name in _PROGRAMS:
        argv = [layout.cloud_bin(name), '--config-file', str(layout.etc / _PROGRAMS[name])]
        return machines.launch(layout, 'ctl', name, argv)
    return _UWSGI[name](layout)


def computes_wait(
    layout: Layout,
    rest: Rest,
    hosts: list[str],
    seconds: float = 120,
    since: datetime.datetime | None = None,
) -> None:
    """Wait until Nova calls the hosts up and has them in its cell.

    With `since`, only a report made after that counts: Nova believes in an older one for a minute.
    """

    def up() -> bool:
        services = rest.nova('GET', '/os-services?binary=nova-compute')['services']
        # A host that was fenced comes back by an admission only: it is not waited for.
        ready = {service['host'] for service in services
                 if service['state'] == 'up' or service['forced_down']}
        if since:
            ready &= _reported_since(layout, since)
        if not set(hosts) <= ready:
            return False
        mapped = control.sql(layout, 'select host from host_mappings', 'nova_api').split()
        if not set(hosts) <= set(mapped):
            _nova_manage(layout, 'cell_v2', 'discover_hosts')
        return True

    log = machines.log_of(layout, hosts[0], 'nova-compute')
    with step(f'nova-compute on {" ".join(hosts)}', log):
        wait_for('nova-compute', up, seconds, 0.3)


def _reported_since(layout: Layout, since: datetime.datetime) -> set[str]:
    when = since.strftime('%Y-%m-%d %H:%M:%S')
    text = f"select host from services where deleted=0 and last_seen_up > '{when}'"
    return set(control.sql(layout, text, 'nova').split())


def environment(layout: Layout) -> dict[str, str]:
    """The OS_* variables of the administrator."""
    trusted = {'OS_CACERT': str(secure.authority(layout))} if secure.is_on(layout) else {}
    return trusted | {
        'OS_AUTH_URL': url('keystone', '/v3'),
        'OS_USERNAME': 'admin',
        'OS_PASSWORD': layout.password(),
        'OS_PROJECT_NAME': 'admin',
        'OS_USER_DOMAIN_NAME': 'Default',
        'OS_PROJECT_DOMAIN_NAME': 'Default',
        'OS_IDENTITY_API_VERSION': '3',
        'OS_REGION_NAME': REGION,
    }


def once(layout: Layout, name: str, work: Callable[[], object]) -> None:
    """Do the work once in the life of the data."""
    done = layout.control / 'done' / name
    if not done.exists():
        work()
        done.parent.mkdir(parents=True, exist_ok=True)
        done.touch()


def wait(layout: Layout, daemon: str) -> None:
    """Wait until the service answers a request, not only its socket."""

    def answers() -> bool:
        if machines.daemon_pid(layout, 'ctl', daemon) is None:
            raise CloudError(f'{daemon} has ended')
        return rest_answers(daemon.removesuffix('-api'))

    wait_for(daemon, answers, 90)


def serve(
    layout: Layout, name: str, module: str, port: str, env: dict[str, str], processes: int = 2,
    *more: str, venv: Path | None = None, threads: int = 4, tls: tuple[Path, Path] | None = None,
) -> bool:
    """Serve a WSGI module in ctl if that does not run; True if it was started.

    `venv`: the environment that it is in, if not that of OpenStack's services.
    """
    at = f'{address("ctl")}:{PORTS[port]}'
    command = uwsgi.argv(layout.cloud_bin('uwsgi'), at, module, venv or layout.venv_cloud,
                         processes, threads, tls, more)
    return machines.launch(layout, 'ctl', name, command, env)


def _keystone_start(layout: Layout) -> bool:
    env = {
        'OS_KEYSTONE_CONFIG_FILES': 'keystone.conf',
        'OS_KEYSTONE_CONFIG_DIR': str(layout.etc / 'keystone'),
    }
    return serve(layout, 'keystone', 'keystone.wsgi.api:application', 'keystone', env)


def _placement_start(layout: Layout) -> bool:
    env = {'OS_PLACEMENT_CONFIG_DIR': str(layout.etc / 'placement')}
    return serve(layout, 'placement', 'placement.wsgi.api:application', 'placement', env)


def _glance_start(layout: Layout) -> bool:
    env = {'OS_GLANCE_CONFIG_DIR': str(layout.etc / 'glance')}
    # Nova uploads an image in chunks of 1 MiB and their heads: more than uWSGI takes by default.
    return serve(layout, 'glance', 'glance.wsgi.api:application', 'glance', env, 1,
                 '--chunked-input-limit', '4194304')


def _nova_api_start(layout: Layout) -> bool:
    env = {'OS_NOVA_CONFIG_DIR': str(layout.etc / 'nova')}
    return serve(layout, 'nova-api', 'nova.wsgi.osapi_compute:application', 'nova', env)


def _neutron_start(layout: Layout) -> bool:
    return serve(layout, 'neutron', str(DATA / 'neutron_stub.py'), 'neutron', {}, 1)


def _cinder_api_start(layout: Layout) -> bool:
    conf = layout.etc / 'cinder/cinder.conf'
    return serve(layout, 'cinder-api', 'cinder.wsgi.api:application', 'cinder', {}, 1,
                 '--pyargv', f'--config-file {conf}')


_PROGRAMS = {
    'nova-conductor': 'nova/nova.conf',
    'nova-scheduler': 'nova/nova.conf',
    'cinder-scheduler': 'cinder/cinder.conf',
    'cinder-volume': 'cinder/cinder.conf',
}
_UWSGI: dict[str, Callable[[Layout], bool]] = {
    'keystone': _keystone_start,
    'placement': _placement_start,
    'glance': _glance_start,
    'nova-api': _nova_api_start,
    'cinder-api': _cinder_api_start,
    'neutron': _neutron_start,
}


def _nova_manage(layout: Layout, *words: str) -> str:
    conf = str(layout.etc / 'nova/nova.conf')
    argv = [layout.cloud_bin('nova-manage'), '--config-file', conf, *words]
    return run(network.within('ctl', argv))


def _create_cells(layout: Layout) -> None:
    _nova_manage(layout, 'api_db', 'sync')
    # Both take the addresses from nova.conf: no password on a command line.
    _nova_manage(layout, 'cell_v2', 'map_cell0')
    if 'cell1' not in _nova_manage(layout, 'cell_v2', 'list_cells'):
        _nova_manage(layout, 'cell_v2', 'create_cell', '--name', 'cell1')
    _nova_manage(layout, 'db', 'sync')


def _catalogue(layout: Layout, rest: Rest) -> None:
    """Make the service users, the services and their endpoints."""
    project = _ensure(rest, 'project', {'name': 'service', 'domain_id': 'default'})
    for name in (*_ENDPOINTS, 'kaopu'):
        user = {'name': name, 'domain_id': 'default', 'password': layout.password()}
        made = _ensure(rest, 'user', user)
        for role in secure.roles(layout, name):
            role = _ensure(rest, 'role', {'name': role})
            rest.keystone('PUT', f'/projects/{project}/users/{made}/roles/{role}')
    for name, (kind, port, tail) in _ENDPOINTS.items():
        service = _ensure(rest, 'service', {'name': name, 'type': kind})
        have = rest.keystone('GET', f'/endpoints?service_id={service}')['endpoints']
        for interface in {'public', 'internal', 'admin'} - {e['interface'] for e in have}:
            endpoint = {'service_id': service, 'interface': interface, 'region_id': REGION}
            endpoint['url'] = secure.endpoint(layout, port, tail)
            rest.keystone('POST', '/endpoints', {'endpoint': endpoint})


def _ensure(rest: Rest, kind: str, wanted: dict[str, str]) -> str:
    """The id of the identity object with the wanted name; made if there is none."""
    found = rest.keystone('GET', f'/{kind}s?name={wanted["name"]}')[f'{kind}s']
    made = found[0] if found else rest.keystone('POST', f'/{kind}s', {kind: wanted})[kind]
    return made['id']
