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


"""Cinder: its API, scheduler and volume service in the node ctl, with volumes in a pool of its own.

It comes up beside Nova, which needs it only when somebody asks for a volume.
"""

from . import confs, machines, network, openstack
from .layout import Layout, write
from .rest import Rest
from .shell import CloudError, run, step, wait_for

SHARED, ENCRYPTED = 'shared', 'encrypted'
DAEMONS = ('cinder-api', 'cinder-scheduler', 'cinder-volume')
_LUKS = {'provider': 'luks', 'cipher': 'aes-xts-plain64', 'key_size': 256,
         'control_location': 'front-end'}


def up(layout: Layout, rest: Rest) -> None:
    """Bring the volume service up, with the types of volumes that instances here have."""
    conf = layout.etc / 'cinder/cinder.conf'
    write(conf, confs.cinder(layout))
    (layout.control / 'cinder/conversion').mkdir(parents=True, exist_ok=True)
    sync = [layout.cloud_bin('cinder-manage'), '--config-file', str(conf), 'db', 'sync']
    with step('cinder', machines.log_of(layout, 'ctl', 'cinder-volume')):
        openstack.once(layout, 'cinder', lambda: run(network.within('ctl', sync)))
        for name in DAEMONS:
            openstack.start(layout, name)
        openstack.wait(layout, 'cinder-api')
        openstack.once(layout, 'volume-types', lambda: _make_types(rest))
        wait(layout, rest)


def wait(layout: Layout, rest: Rest) -> None:
    """Wait until volumes can be made: the service that makes them has reported."""

    def is_up() -> bool:
        for name in DAEMONS:
            if machines.daemon_pid(layout, 'ctl', name) is None:
                raise CloudError(f'{name} has ended')
        services = rest.cinder('GET', '/os-services?binary=cinder-volume')['services']
        return any(service['state'] == 'up' for service in services)

    wait_for('cinder-volume', is_up, 90, 0.3)


def _make_types(rest: Rest) -> None:
    have = [kind['name'] for kind in rest.cinder('GET', '/types')['volume_types']]
    for name, specs in ((SHARED, {'multiattach': '<is> True'}), (ENCRYPTED, {})):
        if name not in have:
            wanted = {'volume_type': {'name': name, 'extra_specs': specs}}
            made = rest.cinder('POST', '/types', wanted)['volume_type']['id']
            if name == ENCRYPTED:
                rest.cinder('POST', f'/types/{made}/encryption', {'encryption': _LUKS})
