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

"""Network namespaces: made, plugged into a switch, entered, removed.  Needs root.

A switch is a bridge in a namespace of its own, so nothing touches the machine's network; a node is
another namespace, with a cable to it.
"""

from collections.abc import Iterator
import contextlib
import ctypes
from pathlib import Path
import signal
from typing import IO

from .processes import send
from .shell import run

NAMED = Path('/run/netns')
_NEW_NETWORK = 0x40000000


def ip(name: str, *words: str) -> str:
    """Run the command ip in a namespace."""
    return run(['ip', '-n', name, *words])


def exists(name: str) -> bool:
    """Tell whether there is a namespace of this name."""
    return (NAMED / name).exists()


def add(name: str) -> None:
    """Make the namespace if it is not there, and have its loopback up."""
    if not exists(name):
        run(['ip', 'netns', 'add', name])
    ip(name, 'link', 'set', 'lo', 'up')


def bridge(switch: str, name: str) -> None:
    """Make a switch of a namespace; one that forwards from the first moment on."""
    ip(switch, 'link', 'add', name, 'type', 'bridge', 'forward_delay', '0')
    ip(switch, 'link', 'set', name, 'up')


def plug(switch: str, bridge: str, port: str, node: str, link: str, address: str) -> None:
    """Lay a cable from a port of the switch to a node's link, which gets the address in a /24."""
    ip(switch, 'link', 'add', port, 'type', 'veth', 'peer', 'name', link, 'netns', node)
    ip(switch, 'link', 'set', port, 'master', bridge, 'up')
    ip(node, 'addr', 'replace', f'{address}/24', 'dev', link)
    ip(node, 'link', 'set', link, 'up')


def inhabitants(name: str) -> list[int]:
    """The processes in the namespace; none if there is no such namespace."""
    return [int(pid) for pid in run(['ip', 'netns', 'pids', name], check=False).split()]


def remove(name: str) -> None:
    """Remove the name; the namespace itself goes with its last process."""
    run(['ip', 'netns', 'del', name], check=False)


def end(name: str) -> None:
    """Kill every process in the namespace, and remove it."""
    send(inhabitants(name), signal.SIGKILL)
    remove(name)


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    """Run the body in the namespace, with all processes and threads that it starts.

    A socket belongs for ever to the namespace of the thread that made it.
    """
    with open('/proc/thread-self/ns/net') as before, open(NAMED / name) as there:
        _enter(there)
        try:
            yield
        finally:
            _enter(before)


def _enter(namespace: IO[str]) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _NEW_NETWORK):
        raise OSError(ctypes.get_errno(), 'setns')
