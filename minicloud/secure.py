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

"""The mini cloud with TLS, roles and least rights (`up --secure`), as the operator's guide has it.

It is chosen when the cloud is made, and stays until `destroy`. The certificate authority and what
it issued are in control/pki; a host has its own files only.
"""

import json
from pathlib import Path
import secrets
import shlex
import ssl

from . import etcd, machines, network
from .layout import CHECKOUT, POOLS, PORTS, Layout, address, etcd_addresses, url, write
from .shell import CloudError, run, step

Sections = dict[str, dict[str, object]]

SERVICE, API, ROOT = 'kaopu-ha', 'kaopu-ha-api', 'root'
_TLS_PORT = 16514
_OVER_TLS = ('instance-ha', 'horizon')
_HOST_ETC = '/etc/kaopu-ha'
_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']


def is_on(layout: Layout) -> bool:
    """Tell whether this cloud is a secure one."""
    return layout.setting('secure', 'no') == 'yes'


def turn_on(layout: Layout) -> None:
    """Make it a secure one; only before it has any data."""
    if not is_on(layout) and layout.control.exists():
        raise CloudError('--secure is for a cloud that is new: `minicloud destroy` first')
    layout.set_setting('secure', 'yes')


# ---------------------------------------------------------------- certificates


def issue(layout: Layout, name: str, *addresses: str) -> tuple[Path, Path]:
    """The certificate with this common name, and its key; made at the first use."""
    folder = _pki(layout)
    cert, key = folder / f'{name}.pem', folder / f'{name}.key'
    if not cert.exists():
        names = ','.join([f'DNS:{name}', *(f'IP:{each}' for each in addresses)])
        extensions, request = folder / f'{name}.ext', folder / f'{name}.csr'
        write(extensions, 'basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n'
                          f'subjectAltName={names}\n')
        run(['openssl', 'req', *_KEY, '-subj', f'/CN={name}', '-keyout', key, '-out', request])
        run(['openssl', 'x509', '-req', '-in', request, '-CA', folder / 'ca.pem', '-CAkey',
             folder / 'ca.key', '-set_serial', f'0x{secrets.token_hex(8)}', '-days', '365',
             '-extfile', extensions, '-out', cert])
    return cert, key


def authority(layout: Layout) -> Path:
    """The certificate of the authority."""
    return _pki(layout) / 'ca.pem'


def _pki(layout: Layout) -> Path:
    folder = layout.control / 'pki'
    if not (folder / 'ca.pem').exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        run(['openssl', 'req', '-x509', *_KEY, '-days', '365', '-subj', '/CN=minicloud authority',
             '-keyout', folder / 'ca.key', '-out', folder / 'ca.pem'])
    return folder


# ---------------------------------------------------------------- etcd


def scheme(layout: Layout) -> str:
    """Of etcd's URLs."""
    return 'https' if is_on(layout) else 'http'


def member_options(layout: Layout, name: str, ip: str) -> dict[str, object]:
    """What a member of etcd is started with besides."""
    if not is_on(layout):
        return {}
    # A member checks from which address another one comes: all of them come from ctl's first.
    cert, key = issue(layout, name, ip, address('ctl'))
    found: dict[str, object] = {}
    for prefix in ('', 'peer-'):
        found |= etcd.shows(cert, key, authority(layout), prefix)
    return found


def etcdctl(layout: Layout) -> list[str]:
    """The command etcdctl, to be run in ctl, as the administrator."""
    tls = (authority(layout), *issue(layout, ROOT)) if is_on(layout) else None
    urls = [f'{scheme(layout)}://{ip}:{PORTS["etcd"]}' for ip in etcd_addresses()]
    return etcd.ctl(urls, tls)


def store(layout: Layout, name: str) -> dict[str, object]:
    """The section [store] of who has this certificate, as files in ctl."""
    found: dict[str, object] = {'driver': 'etcd', 'endpoints': ','.join(
        f'{scheme(layout)}://{ip}:{PORTS["etcd"]}' for ip in etcd_addresses())}
    if is_on(layout):
        cert, key = issue(layout, name)
        found |= {'ca': authority(layout), 'cert': cert, 'key': key}
    return found


def accounts(layout: Layout) -> None:
    """Make etcd's users and roles, and have it serve nobody else; and the users of Ceph."""
    if not is_on(layout):
        return
    # Here, where nothing else is under way: later several hosts would ask for it at one time.
    for name in (SERVICE, API):
        issue(layout, name)
    conf = layout.etc / 'kaopu-ha-root.conf'
    lines = [f'{name} = {value}\n' for name, value in store(layout, ROOT).items()]
    write(conf, ''.join(['[store]\n', *lines, f'[ceph]\npools = {", ".join(POOLS)}\n']))
    command = [layout.kaopu_bin('kaopu-ha'), '--config-file', str(conf)]
    with step('accounts'):
        run(network.within('ctl', [*command, 'secure', 'etcd', '--apply', '--enable', '--hosts',
                                   *layout.hosts]))
        said = run(network.within('ctl', [*command, 'secure', 'ceph', '--json']))
        for line in json.loads(said)['commands']:
            words = shlex.split(line)
            user = next(word for word in words if word.startswith('client.'))
            keyring = keyring_of(layout, user.removeprefix('client.'))
            given = write(keyring.with_suffix('.caps'), line)
            if not keyring.exists():
                write(keyring, machines.run_on(layout, 'ctl', *words))
            elif given:
                words[words.index('get-or-create')] = 'caps'
                machines.run_on(layout, 'ctl', *words)


def keyring_of(layout: Layout, user: str) -> Path:
    """Where the keyring of a Ceph user of ours is in ctl."""
    return layout.etc / 'kaopu-ha' / f'ceph.client.{user}.keyring'


# ---------------------------------------------------------------- hosts


def libvirt_port(layout: Layout) -> int:
    """Where libvirtd of a host listens."""
    return _TLS_PORT if is_on(layout) else PORTS['libvirt']


def libvirtd(layout: Layout) -> str:
    """How libvirtd takes connections: from whom it knows."""
    if not is_on(layout):
        return 'listen_tls = 0\nlisten_tcp = 1\nauth_tcp = "none"\n'
    # No other host: nothing is migrated live here.
    return f'listen_tls = 1\nlisten_tcp = 0\ntls_allowed_dn_list = ["CN={SERVICE}"]\n'


def write_host_files(layout: Layout, host: str) -> None:
    """Give a host what it has on a secure cloud, and none of what it must not have."""
    if not is_on(layout):
        return
    etc = layout.node(host) / 'fs/etc'
    cert, key = issue(layout, host, address(host))
    pki = etc / 'pki'
    for path, source in (('CA/cacert.pem', authority(layout)), ('libvirt/servercert.pem', cert),
                         ('libvirt/private/serverkey.pem', key), ('libvirt/clientcert.pem', cert),
                         ('libvirt/private/clientkey.pem', key)):
        write(pki / path, source.read_text(), 0o600)
    own = etc / 'kaopu-ha'
    for name, source in (('ca.pem', authority(layout)), ('etcd.pem', cert), ('etcd.key', key),
                         ('agent.keyring', keyring_of(layout, 'kaopu-agent'))):
        write(own / name, source.read_text())
    # Not the folder that all nodes share: the administrator's key is in there.
    ceph = etc / 'ceph'
    if ceph.is_symlink():
        ceph.unlink()
    for name in ('ceph.conf', 'ceph.client.nova.keyring'):
        write(ceph / name, (layout.ceph_etc / name).read_text())


def agent_sections(host: str) -> Sections:
    """What differs in the configuration of a host's agent: its files are in the host."""
    return {
        'store': {'ca': f'{_HOST_ETC}/ca.pem', 'cert': f'{_HOST_ETC}/etcd.pem',
                  'key': f'{_HOST_ETC}/etcd.key'},
        'ceph': {'user': 'kaopu-agent', 'keyring': f'{_HOST_ETC}/agent.keyring'},
        'agent': {'management_uri': f'qemu+tls://{address(host)}/system'},
    }


def control_sections(layout: Layout) -> Sections:
    """What differs in the configuration of controllers, workers and the command."""
    return {
        'ceph': {'user': 'kaopu-ask', 'keyring': keyring_of(layout, 'kaopu-ask')},
        'fence': {'user': 'kaopu-fence', 'keyring': keyring_of(layout, 'kaopu-fence')},
        'libvirt': {'pki_path': _client_folder(layout)},
    }


def _client_folder(layout: Layout) -> Path:
    """The folder with the services' certificate, as libvirt wants it."""
    cert, key = issue(layout, SERVICE)
    folder = layout.etc / 'kaopu-ha/libvirt'
    for name, source in (('cacert.pem', authority(layout)), ('clientcert.pem', cert),
                         ('clientkey.pem', key)):
        write(folder / name, source.read_text(), 0o600)
    return folder


# ---------------------------------------------------------------- OpenStack


def served(
    layout: Layout, name: str = 'instance-ha', *addresses: str
) -> tuple[Path, Path] | None:
    """The certificate and the key that the API shows its clients; None if it speaks plainly.

    Or another service of this name, which is reached at more addresses than that of ctl.
    """
    return issue(layout, name, address('ctl'), *addresses) if is_on(layout) else None


def endpoint(layout: Layout, service: str, tail: str) -> str:
    """Where clients reach a service: the API and Horizon of a secure cloud over TLS."""
    found = url(service, tail)
    return found.replace('http:', 'https:', 1) if service in _OVER_TLS and is_on(
        layout) else found


def trusting(layout: Layout) -> ssl.SSLContext | None:
    """What a client of the API or of Horizon checks it by; None if it speaks plainly."""
    return ssl.create_default_context(cafile=authority(layout)) if is_on(layout) else None


def policy(layout: Layout, service: str) -> Sections:
    """The section that adds our rules to those of Nova, Cinder or Placement."""
    if not is_on(layout):
        return {}
    return {'oslo_policy': {'policy_file': CHECKOUT / f'etc/kaopu-ha/{service}-policy.yaml'}}


def roles(layout: Layout, user: str) -> list[str]:
    """The roles of a service's account.

    The API has two: one checks tokens, and by the other, which is the controllers', it asks Nova.
    """
    if user == 'kaopu-ha':
        return ['service']
    return ['kaopu_ha'] if user == 'kaopu' and is_on(layout) else ['admin', 'service']
