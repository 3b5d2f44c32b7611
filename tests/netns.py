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

import os
import pathlib

from minicloud import namespaces


class Switch:
    """A bridge in a namespace; nodes are other namespaces plugged into it."""

    def __init__(self, prefix='10.77.0', name='sw'):
        sweep()
        self._prefix = prefix
        self._name = f'kt-{os.getpid()}-{name}'
        self._nodes = {}
        namespaces.add(self._name)
        namespaces.bridge(self._name, 'br0')

    def node(self, name, last):
        """Plug in a namespace whose address ends with this number; its address."""
        space = f'{self._name}-{name}'
        address = f'{self._prefix}.{last}'
        namespaces.add(space)
        self._nodes[name] = space
        namespaces.plug(self._name, 'br0', f'p{last}', space, 'eth0', address)
        return address

    def cable(self, last, plugged):
        """Pull or plug the cable of the node whose address ends with this number."""
        namespaces.ip(self._name, 'link', 'set', f'p{last}', 'up' if plugged else 'down')

    def inside(self, name):
        """Run the body in the node's network, with all processes and threads that it starts."""
        return namespaces.inside(self._nodes[name])

    def close(self):
        """End every process in the namespaces, and remove them."""
        for space in (*self._nodes.values(), self._name):
            namespaces.end(space)
        self._nodes = {}


def sweep():
    """Remove what test processes left behind that were killed."""
    for space in sorted(namespaces.NAMED.glob('kt-*')) if namespaces.NAMED.exists() else ():
        pid = space.name.split('-')[1]
        if pid.isdigit() and not pathlib.Path('/proc', pid).exists():
            namespaces.end(space.name)
