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

"""Horizon in the node ctl (`up --with-horizon`), with the panels of Kaopu HA and Masakari's own.

It is installed in an environment of its own; what a browser loads is laid together there once.
Whoever tests panels serves one elsewhere by the first half of this module, which knows nothing of a
cloud.
"""

from collections.abc import Sequence
from dataclasses import dataclass
import json
import os
from pathlib import Path
import secrets
import socket

from . import machines, network, rest, secure, uwsgi
from .layout import CHECKOUT, DATA, PORTS, Layout, address, url, write
from .shell import CloudError, run, say, step, wait_for

NAME = 'horizon'
# The folder in each that has what an operator copies into Horizon's own folders.
_PLUGINS = {'kaopu_ha_dashboard': '', 'masakaridashboard': 'local'}
_PANELS = CHECKOUT / 'dashboard'
_MODULE = 'django.core.wsgi:get_wsgi_application()'
# Two of a process may wait for news, and a page asks for many files.
_THREADS = 12
LOOPBACK = '127.0.0.1'


# ---------------------------------------------------------------- any Horizon


@dataclass(frozen=True)
class Site:
    """A Horizon: its folder, its environment's, where Keystone is, and what else it is told.

    `authority`: the file by which it checks services over TLS. `messages`: the folder with those
    that are shown at login. `tls`: its certificate and its key; None if it is served plainly.
    """

    folder: Path
    venv: Path
    keystone: str
    static: Path
    addresses: tuple[str, ...] = (LOOPBACK,)
    authority: Path | None = None
    messages: Path | None = None
    tls: tuple[Path, Path] | None = None

    def environment(self) -> dict[str, str]:
        """Write what its settings read, and tell the variables by which they find it."""
        secret, values = self.folder / 'secret', self.folder / 'horizon.json'
        if not secret.exists():
            write(secret, secrets.token_hex(32), 0o600)
        write(values, json.dumps({
            'plugins': _PLUGINS, 'addresses': self.addresses, 'secret': str(secret),
            'keystone': self.keystone, 'static': str(self.static), 'is_secure': bool(self.tls),
            'authority': self.authority and str(self.authority),
            'messages': self.messages and str(self.messages)}))
        return {'HORIZON_VALUES': str(values), 'DJANGO_SETTINGS_MODULE': 'horizon_settings',
                'PYTHONPATH': f'{_PANELS}:{DATA}', 'PYTHONWARNINGS': 'ignore',
                'PYTHONDONTWRITEBYTECODE': '1', 'HOME': str(self.folder)}

    def collect(self) -> None:
        """Lay together what browsers load, of Horizon and its plug-ins."""
        run([self.venv / 'bin/python', '-m', 'django', 'collectstatic', '--noinput', '--clear'],
            env={**os.environ, **self.environment()})

    def argv(self, program: str, port: int, more: Sequence[str] = ()) -> list[str]:
        """The command that serves it at its first address; `program`: uWSGI's."""
        static = ['--static-map', f'/static={self.static}']
        return uwsgi.argv(program, f'{self.addresses[0]}:{port}', _MODULE, self.venv, 1, _THREADS,
                          self.tls, [*static, *more])


def inputs() -> str:
    """Whatever of the panels is in what browsers load."""
    package = _PANELS / 'kaopu_ha_dashboard'
    return ''.join(path.read_text() for folder in ('enabled', 'static', 'templates')
                   for path in sorted((package / folder).rglob('*.*')) if path.suffix != '.pyc')


# ---------------------------------------------------------------- that of the cloud


def turn_on(layout: Layout, openstack: bool | None = None) -> bool:
    """Make it a part of the cloud, until its data is removed; whether it was none.

    `openstack`: whether the cloud is to have that; None: as it was.
    """
    if layout.is_bare if openstack is None else not openstack:
        raise CloudError('Horizon needs Keystone: it comes to a cloud with OpenStack only')
    was = layout.has_horizon
    layout.set_setting('horizon', 'yes')
    return not was


def site(layout: Layout) -> Site:
    """The cloud's."""
    return Site(
        layout.etc / 'horizon', layout.venv_horizon, url('keystone', '/v3'), static(layout),
        (address('ctl'), LOOPBACK, 'localhost'),
        secure.authority(layout) if secure.is_on(layout) else None, layout.messages,
        secure.served(layout, NAME, LOOPBACK))


def static(layout: Layout) -> Path:
    """Where what browsers load is."""
    return layout.venv_horizon / 'static'


def collect(layout: Layout) -> None:
    """Make that, whether there is a cloud or not."""
    Site(layout.venv_horizon / 'collect', layout.venv_horizon, 'http://none', static(layout)
         ).collect()


def start(layout: Layout) -> bool:
    """Start it if it does not run; True if it was started."""
    here = site(layout)
    return machines.launch(layout, 'ctl', NAME, here.argv(
        layout.cloud_bin('uwsgi'), PORTS[NAME]), here.environment())


def up(layout: Layout) -> None:
    """Start it, wait until it shows who may come in, and tell a person how."""

    def answers() -> bool:
        if machines.daemon_pid(layout, 'ctl', NAME) is None:
            raise CloudError(f'{NAME} has ended')
        return rest.answers(NAME, secure.trusting(layout))

    with step('Horizon', machines.log_of(layout, 'ctl', NAME)):
        start(layout)
        wait_for(NAME, answers, 120)
    say(how_to_look(layout))


def how_to_look(layout: Layout, port: int = 0) -> str:
    """What a person does to see it; where, if it is forwarded to a port of this machine."""
    here = f'http{"s" if secure.is_on(layout) else ""}://{LOOPBACK}:{port}/'
    where = f'at {here}' if port else 'up: `minicloud browse` shows it at a port of this machine'
    return (f'Horizon is {where}\n  Log in as admin with the password in '
            f'{layout.control / "secret"}')


def connect() -> socket.socket:
    """A connection to it, as if from within ctl."""
    made = network.connect('ctl', address('ctl'), PORTS[NAME], 20)
    made.settimeout(None)
    return made
