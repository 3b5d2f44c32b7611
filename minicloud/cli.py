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
"""The command line: a table of verbs, each a thin layer on minicloud.cloud.Cloud."""

import argparse
from collections.abc import Callable
import json
import os
import sys
import threading

from . import demo, faults, horizon, report, status
from .cloud import Cloud
from .kaopu import PACES, QUEUES
from .layout import PORTS
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
    words = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog='minicloud', description=__import__(__package__).__doc__)
    verbs = parser.add_subparsers(dest='verb', required=True, metavar='VERB')
    for name, (function, text, arguments) in _VERBS.items():
        sub = verbs.add_parser(name, help=text, description=text)
        arguments(sub)
        sub.set_defaults(function=function)
    options = _parse(parser, words)
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


def _parse(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    """Parse; what follows a program that is to be run is its own, options too."""
    own = {'openstack': 1, 'ha': 1, 'python': 1, 'exec': 2}.get(words[0] if words else '')
    if own is None or len(words) <= own or words[own - 1 : own + 1] == [words[0], '--help']:
        return parser.parse_args(words)
    options = parser.parse_args(words[:own])
    options.args = words[own + 1 :] if words[own] == '--' else words[own:]
    return options


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
    parser.add_argument('--queue', choices=QUEUES, help='what carries tasks to the workers')
    parser.add_argument('--secure', action='store_true',
                        help='with TLS, roles and least rights; for a cloud that is new')
    _horizon_flag(parser, 'Horizon beside it, with our panels and Masakari\'s; it stays')
    _kind_arguments(parser)


def _install_arguments(parser: argparse.ArgumentParser) -> None:
    _horizon_flag(parser, 'what Horizon needs, too')


def _horizon_flag(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument('--with-horizon', dest='horizon', action='store_true', help=text)


def _kind_arguments(parser: argparse.ArgumentParser) -> None:
    kind = parser.add_mutually_exclusive_group()
    text = 'only etcd, Ceph, libvirt and Kaopu HA; a change of kind makes the cloud fresh'
    kind.add_argument('--without-openstack', dest='openstack', action='store_false', help=text)
    text = 'with all of it; neither: as it was, at first with'
    kind.add_argument('--with-openstack', dest='openstack', action='store_true', help=text)
    parser.set_defaults(openstack=None)


def _boot_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('count', type=int)
    parser.add_argument('--host', help='all of them on this host')


@verb('install', 'install what is needed (up does it too)', _install_arguments)
def _install(cloud: Cloud, options: argparse.Namespace) -> None:
    cloud.install(options.horizon)


@verb('up', 'bring the cloud up, or add what is missing', _up_arguments)
def _up(cloud: Cloud, options: argparse.Namespace) -> None:
    cloud.up(options.hosts, options.pace, queue=options.queue, safe=options.secure,
             openstack=options.openstack, with_horizon=options.horizon)


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


def _json_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--json', action='store_true', help='all figures, as JSON')


def _judge_arguments(parser: argparse.ArgumentParser) -> None:
    _json_flag(parser)
    parser.add_argument('--seconds', type=float, default=6, help='between the two looks (6)')


def _cut_arguments(parser: argparse.ArgumentParser) -> None:
    _host(parser)
    parser.add_argument('which', choices=('mgmt', 'storage', 'both'), nargs='?', default='both')


def _renumber_arguments(parser: argparse.ArgumentParser) -> None:
    _host(parser)
    text = ('away: another address in place of its own; beside: another one besides it; none: '
            'no address; back: its own and no other')
    parser.add_argument('how', choices=faults.RENUMBERINGS, nargs='?', default='away', help=text)
    parser.add_argument('which', choices=('mgmt', 'storage'), nargs='?', default='storage')


def _pace_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('pace', choices=PACES)


def _what(parser: argparse.ArgumentParser) -> None:
    text = 'host:c1, agent:c1, libvirtd:c1, compute:c1, controller:1, worker:1, etcd:1, ctl:NAME'
    parser.add_argument('what', help=text)


@verb('status', 'tell what runs, and how', _json_flag)
def _status(cloud: Cloud, options: argparse.Namespace) -> None:
    found = cloud.status()
    print(json.dumps(found, indent=2) if options.json else status.table(found))


@verb('reset', 'bring the cloud back to a fresh state, without instances')
def _reset(cloud: Cloud, _: argparse.Namespace) -> None:
    cloud.reset()


@verb('pace', "set the pace of Kaopu HA's detection", _pace_argument)
def _pace(cloud: Cloud, options: argparse.Namespace) -> None:
    cloud.set_pace(options.pace)


@verb('cut', "pull a host's cables", _cut_arguments)
def _cut(cloud: Cloud, options: argparse.Namespace) -> None:
    cloud.cut(options.host, options.which)


@verb('mend', "put a host's cables back", _host)
def _mend(cloud: Cloud, options: argparse.Namespace) -> None:
    cloud.mend(options.host)


@verb('renumber', "change the addresses of a host's link, under what runs there",
      _renumber_arguments)
def _renumber(cloud: Cloud, options: argparse.Namespace) -> None:
    print(' '.join(cloud.renumber(options.host, options.how, options.which)) or 'no address')


@verb('freeze', 'stop a part in mid-instruction (a host with its links)', _what)
def _freeze(cloud: Cloud, options: argparse.Namespace) -> None:
    cloud.freeze(options.what)


@verb('thaw', 'let a frozen part go on', _what)
def _thaw(cloud: Cloud, options: argparse.Namespace) -> None:
    cloud.thaw(options.what)


@verb('kill', 'SIGKILL a part', _what)
def _kill(cloud: Cloud, options: argparse.Namespace) -> None:
    cloud.kill(options.what)


@verb('start', 'start a part that does not run', _what)
def _start(cloud: Cloud, options: argparse.Namespace) -> None:
    cloud.start(options.what)


@verb('judge', "read every instance's disk: one writer at a time, does it grow?", _judge_arguments)
def _judge(cloud: Cloud, options: argparse.Namespace) -> int:
    found = cloud.judge(options.seconds)
    print(report.as_json(found) if options.json else report.as_table(found))
    return 0 if report.is_green(found) else 1


@verb('power-off', "pull a host's plug", _host)
def _power_off(cloud: Cloud, options: argparse.Namespace) -> None:
    cloud.power_off(options.host)


@verb('shut-down', 'switch a host off in good order, as its own `poweroff` does', _host)
def _shut_down(cloud: Cloud, options: argparse.Namespace) -> None:
    cloud.shut_down(options.host)


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


@verb('ha', 'run the command kaopu-ha', _rest)
def _ha(cloud: Cloud, options: argparse.Namespace) -> None:
    argv = cloud.command('ctl', [*demo.command(cloud), *options.args])
    os.execvpe(argv[0], argv, cloud.environment())


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--pace', choices=PACES, default='fast',
                        help='patent waits the real 300 s and 30 s')
    parser.add_argument('--hosts', type=int, help='how many compute hosts, 3 at least')
    _kind_arguments(parser)


@verb('demo', 'lose a host and heal, while you watch', _demo_arguments)
def _demo(cloud: Cloud, options: argparse.Namespace) -> int:
    return demo.demo(cloud, options.pace, options.hosts, options.openstack)


def _port(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--port', type=int, default=PORTS[horizon.NAME], help='of this machine')


@verb('browse', 'show Horizon at a port of this machine, until Ctrl-C', _port)
def _browse(cloud: Cloud, options: argparse.Namespace) -> None:
    with cloud.browse(options.port):
        print(horizon.how_to_look(cloud.layout, options.port))
        threading.Event().wait()


@verb('openstack', 'run the openstack client as the administrator', _rest)
def _openstack(cloud: Cloud, options: argparse.Namespace) -> None:
    argv = cloud.command('ctl', [cloud.layout.kaopu_bin('openstack'), *options.args])
    os.execvpe(argv[0], argv, cloud.environment())
