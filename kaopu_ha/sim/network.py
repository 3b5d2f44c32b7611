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

"""Machines with two cables."""

from __future__ import annotations


class Node:
    """A machine: its power, its links, and whether its kernel stands still.

    ``rejects`` are the networks on which a firewall refuses whoever comes; ``deaf`` those on which
    it hears nothing any more, though what it says arrives.  While its ``disk_hangs`` nothing new is
    started on it: what runs goes on, but its fence was never needed before.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.powered, self.black = True, False
        self.links = {'management': True, 'storage': True}
        self.rejects: set[str] = set()
        self.deaf: set[str] = set()
        self.disk_hangs = False

    def __repr__(self) -> str:
        return self.name

    def on(self, network: str) -> bool:
        """True if packets of this network reach its kernel and come back."""
        return (self.powered and not self.black and self.links[network]
                and network not in self.rejects and network not in self.deaf)

    def mend(self, network: str) -> None:
        """Have this network as it should be."""
        self.links[network] = True
        self.rejects.discard(network)
        self.deaf.discard(network)


def reaches(one: Node, other: Node, network: str) -> bool:
    """True if the two can talk over this network."""
    # Asked of every packet: written out, for the price of a call.
    if not (one.powered and other.powered and not one.black and not other.black
            and one.links[network] and other.links[network]):
        return False
    return network not in one.rejects and network not in other.rejects and (
        network not in one.deaf and network not in other.deaf)


def arrives(one: Node, other: Node, network: str) -> bool:
    """True if what the one says arrives, whether it hears an answer or not."""
    return (one.powered and not one.black and one.links[network] and network not in one.rejects
            and other.on(network))


def is_refused(one: Node, other: Node, network: str) -> bool:
    """True if a firewall before the other tells the one that it may not come."""
    return (network in other.rejects and network not in other.deaf and other.powered
            and not other.black and other.links[network] and one.on(network))
