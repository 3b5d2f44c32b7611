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
"""The command line: a table of verbs, each a thin layer on minicloudlib.cloud.Cloud."""

import argparse
from collections.abc import Callable
import os
import sys

from .cloud import Cloud
from .kaopu import PACES
from .shell import CloudError

Verb = Callable[[Cloud, argparse.Namespace], int | None]
_VERBS: dict[str, tuple[Verb, str, Callable[[argparse.ArgumentParser], None]]] = {}


def verb(
    name: str, text: str, arguments: Callable[[argparse.ArgumentParser], None] = lambda _: None
) -> Callable[[Verb], Verb]:
    """Put a function into the table of verbs; its result is the exit code (None is 0)."""

    def add(function: Verb) -> Verb:
        _VERBS[name] = (function, text, arguments)
        return function

    return add


def main(argv: list[str] | None = None) -> int:
    """Run one verb."""
    parser = argparse.ArgumentParser(prog='minicloud', description=__import__(__package__).__doc__)
    verbs = parser.add_subparsers(dest='verb', required=True, metavar='VERB')
    for name, (function, text, arguments) in _VERBS.items():
        sub = verbs.add_parser(name, help=text, description=text)
        arguments(sub)
        sub.set_defaults(function=function)
    options = parser.parse_args(argv)
    if os.geteuid():
        print('minicloud: namespaces need root', file=sys.stderr)
        return 2
    try:
        return options.function(Cloud(), options) or 0
    except CloudError as trouble:
        print(f'minicloud: {trouble}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _rest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('args', nargs=argparse.REMAINDER)


def _node_and_rest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('node', help='ctl, ceph, c1, ...')
    _rest(parser)


def _host(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('host', help='c1, c2, ...')


def _up_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--hosts', type=int, help='how many compute hosts, 3 at least')
    parser.add_argument('--pace', choices=PACES, help="the pace of Kaopu HA's detection")


def _boot_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('count', type=int)
    parser.add_argument('--host', help='all of them on this host')


@verb('install', 'install what is needed (up does it too)')
def _install(cloud: Cloud, _: argparse.Namespace) -> None:
    cloud.install()


@verb('up', 'bring the cloud up, or add what is missing', _up_arguments)
def _up(cloud: Cloud, options: argparse.Namespace) -> None:
    cloud.up(options.hosts, options.pace)


@verb('down', 'stop everything, keep the data')
def _down(cloud: Cloud, _: argparse.Namespace) -> None:
    cloud.down()


@verb('destroy', 'stop everything and remove the data (not the installation)')
def _destroy(cloud: Cloud, _: argparse.Namespace) -> None:
    cloud.destroy()


@verb('boot', 'boot instances and wait until they write', _boot_arguments)
def _boot(cloud: Cloud, options: argparse.Namespace) -> None:
    for found in cloud.boot(options.count, options.host):
        print(f'{found.name:10} {found.uuid} {found.host:4} {found.status:8} {found.role}')


@verb('power-off', "pull a host's plug", _host)
def _power_off(cloud: Cloud, options: argparse.Namespace) -> None:
    cloud.power_off(options.host)


@verb('power-on', 'switch a host on, with a new boot id', _host)
def _power_on(cloud: Cloud, options: argparse.Namespace) -> None:
    cloud.power_on(options.host)


@verb('exec', 'run a program on a node', _node_and_rest)
def _exec(cloud: Cloud, options: argparse.Namespace) -> None:
    argv = cloud.command(options.node, options.args or ['bash'])
    os.execvpe(argv[0], argv, cloud.environment())


@verb('python', "run a Python program in Kaopu HA's environment, in the ctl network", _rest)
def _python(cloud: Cloud, options: argparse.Namespace) -> None:
    argv = cloud.command('ctl', [cloud.layout.kaopu_bin('python'), *options.args])
    os.execvpe(argv[0], argv, cloud.environment())


@verb('openstack', 'run the openstack client as the administrator', _rest)
def _openstack(cloud: Cloud, options: argparse.Namespace) -> None:
    argv = cloud.command('ctl', [cloud.layout.cloud_bin('openstack'), *options.args])
    os.execvpe(argv[0], argv, cloud.environment())
