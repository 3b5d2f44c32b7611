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


"""Network namespaces for tests: nodes with addresses of their own on one switch.

The switch is a namespace, so nothing touches the machine's own network.  Namespaces are named
``kt-<pid>-<name>``; those of a test process that is gone are swept by the next one.  Needs root.
"""

import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess

_NEW_NETWORK = 0x40000000
_NAMED = pathlib.Path('/run/netns')


class Switch:
    """A bridge in a namespace; nodes are other namespaces plugged into it."""

    def __init__(self, prefix='10.77.0', name='sw'):
        sweep()
        self._prefix = prefix
        self._name = f'kt-{os.getpid()}-{name}'
        self._nodes = {}
        _ip('netns', 'add', self._name)
        self._inside('link', 'add', 'br0', 'type', 'bridge')
        self._inside('link', 'set', 'br0', 'up')

    def node(self, name, last):
        """Plug in a namespace whose address ends with this number; its address."""
        space = f'{self._name}-{name}'
        address = f'{self._prefix}.{last}'
        _ip('netns', 'add', space)
        self._nodes[name] = space
        self._inside('link', 'add', f'p{last}', 'type', 'veth', 'peer', 'name', 'eth0',
                     'netns', space)
        self._inside('link', 'set', f'p{last}', 'master', 'br0', 'up')
        for words in (('link', 'set', 'lo', 'up'),
                      ('addr', 'add', f'{address}/24', 'dev', 'eth0'),
                      ('link', 'set', 'eth0', 'up')):
            _ip('-n', space, *words)
        return address

    def cable(self, last, plugged):
        """Pull or plug the cable of the node whose address ends with this number."""
        self._inside('link', 'set', f'p{last}', 'up' if plugged else 'down')

    @contextlib.contextmanager
    def inside(self, name):
        """Run the body in the node's network, with all processes and threads that it starts."""
        with open('/proc/thread-self/ns/net') as before, open(_NAMED / self._nodes[name]) as there:
            _enter(there)
            try:
                yield
            finally:
                _enter(before)

    def close(self):
        """End every process in the namespaces, and remove them."""
        for space in (*self._nodes.values(), self._name):
            _remove(space)
        self._nodes = {}

    def _inside(self, *words):
        _ip('-n', self._name, *words)


def sweep():
    """Remove what test processes left behind that were killed."""
    for space in sorted(_NAMED.glob('kt-*')) if _NAMED.exists() else ():
        pid = space.name.split('-')[1]
        if pid.isdigit() and not pathlib.Path('/proc', pid).exists():
            _remove(space.name)


def _remove(space):
    listed = subprocess.run(['ip', 'netns', 'pids', space], capture_output=True, text=True)
    for pid in listed.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    subprocess.run(['ip', 'netns', 'del', space], capture_output=True)


def _ip(*words):
    subprocess.run(['ip', *words], check=True, capture_output=True, text=True)


def _enter(space):
    if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), _NEW_NETWORK):
        raise OSError(ctypes.get_errno(), 'setns')
