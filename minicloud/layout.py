# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Where everything is: folders, addresses and names of the mini cloud.

ctl      10.90.0.10, etcd .3 .4 .5   10.91.0.10    the control plane
ceph                                 10.91.0.2     mon, mgr, osd
c1, c2   10.90.0.11, .12             10.91.0.11    the compute hosts
         management                  storage
"""

from dataclasses import dataclass
import os
from pathlib import Path
import secrets
import uuid

CHECKOUT = Path(__file__).resolve().parents[1]
DATA = Path(__file__).resolve().parent / 'data'

SWITCH = 'sw'
NETS = {'mgmt': '10.90.0', 'stor': '10.91.0'}
ETCD_OCTETS = (3, 4, 5)
MON = '10.91.0.2'
POOL = 'vms'
VOLUME_POOL = 'volumes'
POOLS = (POOL, VOLUME_POOL)
IMAGE_POOL = 'images'
REGION = 'RegionOne'
SECRET_UUID = '6b1a1f5e-0000-4000-8000-0000000c10ad'
VOLUME_SECRET_UUID = '6b1a1f5e-0000-4000-8000-0000000c10ae'
PORTS = {
    'rabbit': 5672,
    'redis': 6379,
    'mysql': 3306,
    'keystone': 5000,
    'placement': 8778,
    'glance': 9292,
    'nova': 8774,
    'cinder': 8776,
    'neutron': 9696,
    'instance-ha': 15868,
    'horizon': 8080,
    'etcd': 2379,
    'libvirt': 16509,
}


def nets_of(node: str) -> tuple[str, ...]:
    """Name the networks that the node is connected to."""
    return ('stor',) if node == 'ceph' else ('mgmt', 'stor')


def address(node: str, net: str = 'mgmt') -> str:
    """Tell the node's address in a network."""
    octet = {'ceph': 2, 'ctl': 10}.get(node)
    return f'{NETS[net]}.{octet if octet else 10 + int(node[1:])}'


def etcd_addresses() -> list[str]:
    """The addresses of the three etcd members."""
    return [f'{NETS["mgmt"]}.{octet}' for octet in ETCD_OCTETS]


def host_uuid(host: str) -> str:
    """The UUID that the host's libvirt reports; the same at every power-on."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f'{host}.minicloud'))


def url(service: str, tail: str = '') -> str:
    """The address of a service in the ctl node."""
    return f'http://{address("ctl")}:{PORTS[service]}{tail}'


@dataclass(frozen=True)
class Layout:
    """The folders of one cloud."""

    root: Path

    @classmethod
    def from_environment(cls) -> 'Layout':
        """The cloud that MINICLOUD_DIR names."""
        return cls(Path(os.environ.get('MINICLOUD_DIR', '/var/lib/kaopu-minicloud')))

    @property
    def run(self) -> Path:
        return self.root / 'run'

    @property
    def control(self) -> Path:
        return self.root / 'control'

    @property
    def etc(self) -> Path:
        return self.control / 'etc'

    @property
    def log(self) -> Path:
        return self.control / 'log'

    @property
    def nodes(self) -> Path:
        return self.root / 'nodes'

    @property
    def guest(self) -> Path:
        return self.root / 'guest'

    @property
    def ceph_etc(self) -> Path:
        return self.root / 'ceph-etc'

    @property
    def venv_cloud(self) -> Path:
        return self.root / 'venv-cloud'

    @property
    def venv_kaopu(self) -> Path:
        return self.root / 'venv-kaopu'

    @property
    def venv_horizon(self) -> Path:
        return self.root / 'venv-horizon'

    @property
    def messages(self) -> Path:
        """Where a controller keeps messages for who logs in to Horizon."""
        return self.control / 'messages'

    def node(self, name: str) -> Path:
        """The private folder of a machine."""
        return self.nodes / name

    def cloud_bin(self, name: str) -> str:
        """A program of the OpenStack services' environment."""
        return str(self.venv_cloud / 'bin' / name)

    def kaopu_bin(self, name: str) -> str:
        """A program of Kaopu HA's environment."""
        return str(self.venv_kaopu / 'bin' / name)

    def setting(self, name: str, default: str) -> str:
        """Read a setting that outlives the command that made it."""
        try:
            return (self.root / f'setting.{name}').read_text().strip()
        except FileNotFoundError:
            return default

    def set_setting(self, name: str, value: str) -> None:
        """Keep a setting for later commands."""
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / f'setting.{name}').write_text(value + '\n')

    @property
    def is_bare(self) -> bool:
        """Whether the cloud is one without OpenStack."""
        return self.setting('openstack', 'with') == 'without'

    @property
    def has_horizon(self) -> bool:
        """Whether Horizon is part of the cloud."""
        return self.setting('horizon', 'no') == 'yes' and not self.is_bare

    @property
    def hosts(self) -> list[str]:
        """The compute hosts, c1 first."""
        return [f'c{n}' for n in range(1, int(self.setting('hosts', '3')) + 1)]

    @property
    def machines(self) -> list[str]:
        """The nodes that are machines of their own, with a PID 1."""
        return ['ceph', *self.hosts]

    @property
    def node_names(self) -> list[str]:
        """Every node, ctl first."""
        return ['ctl', *self.machines]

    def password(self) -> str:
        """The one password of all services; made at the first use, kept in a file."""
        target = self.control / 'secret'
        if not target.exists():
            write(target, secrets.token_hex(12) + '\n', 0o600)
        return target.read_text().strip()


def write(target: Path, text: str, mode: int = 0o640) -> bool:
    """Write a file if its text differs, readable by its owner and group at most.

    Returns whether it was written. The mode holds from the first byte on.
    """
    if target.exists() and target.read_text() == text:
        target.chmod(mode)
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(target.name + '.new')
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), 'w') as out:
        out.write(text)
    fresh.chmod(mode)
    fresh.replace(target)
    return True
