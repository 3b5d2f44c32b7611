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

"""Every driver that is installed, with its options: what ``kaopu-ha drivers`` shows."""

from __future__ import annotations

from dataclasses import dataclass
import importlib.metadata
import inspect

from oslo_config import cfg

from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.wiring import drivers
from kaopu_ha.wiring.drivers import CHOSEN_BY as CHOSEN_BY


@dataclass(frozen=True)
class Option:
    """An option of a driver: its name with the group, its default and its help."""

    name: str
    default: str
    help: str


@dataclass(frozen=True)
class InstalledDriver:
    """A driver that is installed.  ``trouble``: why it can't be loaded, '' if it can."""

    port: str
    name: str
    package: str
    place: str
    summary: str
    options: tuple[Option, ...]
    trouble: str


def installed() -> tuple[InstalledDriver, ...]:
    """All drivers of all ports, ours and others', by port and name."""
    found = []
    for port in CHOSEN_BY:
        entries = importlib.metadata.entry_points(group=f'kaopu_ha.{port}')
        for entry in sorted(entries, key=lambda entry: entry.name):
            found.append(_known(port, entry))
    return tuple(found)


def chosen(conf: cfg.ConfigOpts) -> dict[str, tuple[str, ...]]:
    """The names that the configuration chooses, by port."""
    names: dict[str, tuple[str, ...]] = {}
    for port, by in CHOSEN_BY.items():
        values = [conf[port][option] for option in by]
        names[port] = tuple(name for value in values
                            for name in ([value] if isinstance(value, str) else value) if name)
    return names


def _known(port: str, entry: importlib.metadata.EntryPoint) -> InstalledDriver:
    package = f'{entry.dist.name} {entry.dist.version}' if entry.dist else ''
    try:
        kind = drivers.load(port, entry.name)
    except ConfigError as failure:
        return InstalledDriver(port, entry.name, package, entry.value, '', (), str(failure))
    module = inspect.getmodule(kind)
    text = inspect.getdoc(kind) or (module and inspect.getdoc(module)) or ''
    choosing = {(port, option) for option in CHOSEN_BY[port]}
    told = tuple(Option(f'[{group}] {opt.name}', _default(opt), ' '.join((opt.help or '').split()))
                 for group, its in drivers.own_options(kind).items() for opt in its
                 if (group, opt.name) not in choosing)
    summary = ' '.join(text.partition('\n\n')[0].split())
    return InstalledDriver(port, entry.name, package, entry.value, summary, told, '')


def _default(opt: cfg.Opt) -> str:
    return 'none' if opt.default is None else str(opt.default)
