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


"""Asks the libvirt of hosts over the management network.

::

    connect, all at once ── nothing ──────────────────────────────────── NOTHING
       │        └── refused ──────────────────────────────────────────── REFUSED
       └── connected: a child process asks ── over the limit ─────────── MUTE
                        │     ├── our machine was too busy to ask ────── ERROR
                        │     └── it answered, but not who it is ─────── ERROR
                        ├── credentials, certificate, ... ────────────── ERROR
                        └── who it is, and its domains ───────────────── ANSWERED

The connect comes first because opening a connection takes minutes where packets are dropped, and
because a kernel that accepts or refuses is a fact of its own.  Every address of a name is tried;
``connects`` says what came of all of them.  The child comes because a thread in ``open`` never
returns from a libvirtd that hangs.  One loop waits for all of them.  Of the children a few start at
one time, and some dozens ask; a host for which there is none in time was not asked (ERROR), and is
the first to have one in the next round.

libvirt's own client takes the addresses of a name one after another, and waits for minutes at one
that lets nothing through.  So the child asks by the address that accepted, and by the name only if
that fails, as it does where a certificate holds the name alone.
"""

from __future__ import annotations

import collections
from collections.abc import Collection, Iterable, Mapping, Sequence
import itertools
import json
import os
import pathlib
import selectors
import socket
import subprocess
import sys
import time
from typing import Any, Self

from oslo_config import cfg

from kaopu_ha import checkup, ports
from kaopu_ha.conf import libvirt as conf_libvirt
from kaopu_ha.core import evidence, model
from kaopu_ha.core.addresses import NONE_KNOWN, Known
from kaopu_ha.core.checkup import Seen
from kaopu_ha.core.model import Contact, LibvirtAnswer
from kaopu_ha.drivers import connects, extras, undead
from kaopu_ha.drivers.libvirt import destinations
from kaopu_ha.drivers.libvirt import probe_checks as libvirt_checks
from kaopu_ha.drivers.libvirt import uri as libvirt_uri
from kaopu_ha.drivers.libvirt.destinations import Destination

# The child needs it; to say so at the start is better than an ask that fails each time.
extras.need('libvirt', 'libvirt')

_CHILD = 'kaopu_ha.drivers.libvirt.probe_child'
_PEERS_MAX = 3
# To start takes a processor a fifth of a second; to wait for a libvirt that is mute takes none.
_STARTING_MAX = 8
# Each holds some 20 MiB while it asks.
_ASKING_MAX = 64
# A libvirt is mute only if it was given at least this share of the limit.
_FAIR_SHARE = 0.4
# A child ends by itself if we are late to end it: first it is looked at.
_ALARM_SECONDS = 0.5
# The states of a process that sleeps until something comes, or is just about to.
_WAITS_FOR_AN_ANSWER = 'SR'
_REACHED = (Contact.ANSWERED, Contact.REFUSED, Contact.MUTE)


class LibvirtProbe(ports.Probe, ports.LibvirtObserver, checkup.Checkable):
    """The management network's probe."""

    network = model.Network.MANAGEMENT
    options = {conf_libvirt.GROUP: conf_libvirt.OPTS}

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, store: ports.Store) -> Self:
        """Made as configured."""
        return cls(conf.libvirt.anchors, conf.host, conf.libvirt.pki_path,
                   libvirt_uri.Reach.from_conf(conf))

    def __init__(self, anchors: Sequence[str] = (), observer: str = '', pki_path: str = '',
                 reach: libvirt_uri.Reach | None = None) -> None:
        """Take anchors, ``host:port`` each: what answers there shows that the observer is well.

        ``pki_path`` is the folder with our certificate for TLS ('': libvirt's own places),
        ``reach`` where a host may say that it is.
        """
        self._reach = reach or libvirt_uri.Reach()
        self._anchors = tuple(destinations.anchor(anchor) for anchor in anchors)
        self._observer, self._pki_path = observer, pki_path
        # Those for whom there was no child in the last round.
        self._left_out: frozenset[Destination] = frozenset()

    def ask(self, suspects: Sequence[model.Inventory], peers: Sequence[model.Inventory],
            limit: float, known: Known = NONE_KNOWN) -> Mapping[str, model.Evidence]:
        """Ask every suspect, and connect to the anchors and a few peers at the same time."""
        deadline = time.monotonic() + limit
        names = {suspect.host for suspect in suspects}
        strangers = (peer for peer in peers if peer.host not in names)
        others = [destinations.of_peer(peer, self._reach)
                  for peer in itertools.islice(strangers, _PEERS_MAX)]
        asked = {suspect.host: destinations.of_uri(suspect.management_uri, self._reach)
                 for suspect in suspects}
        bystanders = [place for place in (*self._anchors, *others)
                      if isinstance(place, Destination)]
        round_ = _Round([place for place in asked.values() if isinstance(place, Destination)],
                        bystanders, deadline, self._pki_path, self._reach, self._left_out)
        self._left_out = round_.left_out
        answers = {host: place if isinstance(place, LibvirtAnswer) else round_.answers[place]
                   for host, place in asked.items()}
        reached = {place.host for place, answer in round_.answers.items()
                   if answer.contact in _REACHED and place not in round_.own}
        return {suspect.host: evidence.management(
            suspect, answers[suspect.host],
            bool(reached - {destinations.host_of(asked[suspect.host])}), self._observer)
            for suspect in suspects}

    def contact(self, uris: Sequence[str], limit: float) -> Mapping[str, LibvirtAnswer]:
        """Ask each libvirt."""
        deadline = time.monotonic() + limit
        places = {uri: destinations.of_uri(uri, self._reach) for uri in uris}
        round_ = _Round([place for place in places.values() if isinstance(place, Destination)], [],
                        deadline, self._pki_path, self._reach)
        return {uri: place if isinstance(place, LibvirtAnswer) else round_.answers[place]
                for uri, place in places.items()}

    def checks(self, seen: Seen) -> tuple[checkup.Check, ...]:
        """Every host's libvirt by the URI that its agent told, and the certificates shown."""
        return libvirt_checks.checks(self, self._reach, self._pki_path, seen, [
            (anchor.host, anchor.port) for anchor in self._anchors])

    def close(self) -> None:
        """Nothing is kept: each ask has its own child."""


# ---------------------------------------------------------------- one round


class _Round:
    """Everything asked at one time.

    ``own`` are places on this machine: they prove no network.  ``first``: who has a child before
    others; ``left_out``: for whom there was none in time.
    """

    def __init__(self, asked: Iterable[Destination], bystanders: Iterable[Destination],
                 deadline: float, pki_path: str, reach: libvirt_uri.Reach,
                 first: Collection[Destination] = ()) -> None:
        self._reach = reach
        self.answers: dict[Destination, LibvirtAnswer] = {}
        self.own: set[Destination] = set()
        self._began, self._deadline, self._pki_path = time.monotonic(), deadline, pki_path
        self._selector = selectors.DefaultSelector()
        self._children: dict[Destination, _AskingChild] = {}
        self._tries: dict[Destination, connects.Tries] = {}
        self._open: set[Destination] = set()
        self._first = first
        self._waiting: collections.deque[tuple[Destination, list[str]]] = collections.deque()
        # Sorted: what is answered does not depend on what was asked first.
        places = sorted({*asked, *bystanders}, key=destinations.order)
        try:
            addresses = connects.resolved({place.host for place in places}, deadline)
            for place in places:
                self._connect(place, addresses[place.host])
            self._run()
        finally:
            self._end()

    def _connect(self, place: Destination, addresses: Sequence[str]) -> None:
        if not addresses:
            self.answers[place] = _error('the name is not resolved')
            return
        forbidden = [why for why in map(self._reach.forbids_address, addresses) if why]
        if place.uri is not None and forbidden:
            # libvirt itself chooses among the addresses of a name.
            self.answers[place] = _error(forbidden[0])
            return
        if any(map(connects.is_own, addresses)):
            self.own.add(place)
        tries = self._tries[place] = connects.Tries(addresses)
        for address in addresses:
            try:
                link = connects.connecting(address, place.port)
            except (OSError, ValueError, OverflowError) as failure:
                # An address with a scope that is not here, a kernel without IPv6: nobody else's.
                tries.fail(address, connects.failed(getattr(failure, 'errno', None) or 0,
                                                    str(failure)), time.monotonic())
            else:
                self._selector.register(link, selectors.EVENT_WRITE, (place, address))
        if tries.have_failed:
            self.answers[place] = tries.answer()
        else:
            self._open.add(place)

    def _run(self) -> None:
        while self._open:
            left = self._deadline - time.monotonic()
            if left <= 0:
                return
            for key, _ in self._selector.select(left):
                if isinstance(key.fileobj, socket.socket):
                    place, address = key.data
                    self._connected(place, address, key.fileobj)
                else:
                    self._told(key.data)
            # When all that came is known: those who were left out come first.
            self._start_some()

    def _connected(self, place: Destination, address: str, link: socket.socket) -> None:
        self._selector.unregister(link)
        came = connects.connected(link, address)
        link.close()
        tries = self._tries[place]
        if came is not None:
            tries.fail(address, came, time.monotonic())
            if tries.have_failed:
                self._settle(place, tries.answer())
            return
        is_first = not tries.accepted
        tries.accept(address)
        if is_first and place.uri is None:
            self._settle(place, LibvirtAnswer(Contact.ANSWERED, reason='connected'))
        elif is_first and place.uri is not None:
            several = len(tries.addresses) > 1
            self._ask(place, place.uri, place.uri.at(address) if several else None)

    def _settle(self, place: Destination, answer: LibvirtAnswer) -> None:
        self.answers[place] = answer
        self._open.discard(place)

    def _ask(self, place: Destination, uri: libvirt_uri.Uri, first: libvirt_uri.Uri | None) -> None:
        asked = place, [each.shown(self._pki_path) for each in (first, uri) if each]
        if place in self._first:
            self._waiting.appendleft(asked)
        else:
            self._waiting.append(asked)

    def _start_some(self) -> None:
        """Start children for those that wait for one, as many as may be under way."""
        while self._waiting:
            under_way = [child for child in self._children.values() if not child.has_ended]
            starting = sum(not child.asks for child in under_way)
            if starting >= _STARTING_MAX or len(under_way) >= _ASKING_MAX:
                return
            self._start(*self._waiting.popleft())

    def _start(self, place: Destination, uris: Sequence[str]) -> None:
        try:
            _undead.check()
            asking = _AskingChild(uris, self._deadline)
        except (OSError, ValueError, ports.PortError) as failure:
            self._settle(place, _error(f'our own process could not be started: {failure}'))
            return
        self._children[place] = asking
        self._selector.register(asking.pipe, selectors.EVENT_READ, place)

    def _told(self, place: Destination) -> None:
        asking = self._children[place]
        if asking.read():
            self._selector.unregister(asking.pipe)
            self._open.discard(place)

    @property
    def left_out(self) -> frozenset[Destination]:
        """Those that accepted, and for whom there was no child in time."""
        return frozenset(place for place, _ in self._waiting)

    def _end(self) -> None:
        """Whatever has not answered by now has said so by that."""
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        fair_share = _FAIR_SHARE * (self._deadline - self._began)
        for place in self._open - set(self._children) - self.left_out:
            self.answers[place] = self._tries[place].answer()
        for place in self.left_out:
            self.answers[place] = _error(f'it was not asked in time: {len(self._children)} others '
                                         f'were, {_ASKING_MAX} at one time at most')
        for place, asking in self._children.items():
            self.answers[place] = asking.answer(fair_share, self._tries[place])
            asking.kill()
        until = time.monotonic() + undead.END_SECONDS
        for asking in self._children.values():
            asking.close(until - time.monotonic())
        self._selector.close()


# Of all asks of this process: a storm asks some dozens of hosts at one time.
_undead = undead.Undead(64)


class _AskingChild:
    """A child process that asks one libvirt, by the first of these URIs that serves."""

    def __init__(self, uris: Sequence[str], deadline: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, '-m', _CHILD,
             f'{deadline + _ALARM_SECONDS - time.monotonic():.3f}', *uris],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            process_group=0)
        assert self._process.stdout is not None
        self.pipe = self._process.stdout
        self._text = b''
        self._asks_since = 0.0
        self.has_ended = False

    @property
    def asks(self) -> bool:
        """Whether it has come to ask."""
        return bool(self._text)

    def read(self) -> bool:
        """Take in what the child says; True when it has nothing more to say."""
        more = os.read(self.pipe.fileno(), 1 << 16)
        self._text += more
        if self._text and not self._asks_since:
            self._asks_since = time.monotonic()
        self.has_ended = not more
        return self.has_ended

    def answer(self, fair_share: float, tries: connects.Tries) -> LibvirtAnswer:
        """What the child learnt, as far as it came; MUTE only if it could ask long enough."""
        try:
            return self._answer(fair_share, tries)
        except Exception as failure:  # noqa: BLE001  a host that has odd things said hurts itself
            return _error(f'what came is no answer: {type(failure).__name__}')

    def _answer(self, fair_share: float, tries: connects.Tries) -> LibvirtAnswer:
        said = [json.loads(line) for line in self._text.split(b'\n')[:-1]]
        if said and ('host_uuid' in said[-1] or 'error' in said[-1]):
            return _said(said[-1])
        if self.has_ended:
            return _error('our own process failed')
        if not said:
            return _error('our own process did not come to ask')
        if 'answered' in said[-1]:
            return _error('libvirt answered, but did not say in time who it is')
        by_name = 'by_name' in said[-1]
        if by_name and tries.in_the_way:
            return _error(f'by the name libvirt waits for {tries.in_the_way}, from which nothing '
                          f'comes: let the name mean only addresses that answer, or the '
                          f'certificate hold the addresses, too')
        waited = time.monotonic() - max(self._asks_since, tries.passed_at if by_name else 0.0)
        if waited < fair_share:
            return _error(f'our own process could wait for {waited:.1f} s only')
        state = _state(self._process.pid)
        if state not in _WAITS_FOR_AN_ANSWER:
            # For a device of ours (D), for whoever stopped it: it may never have asked.
            return _error(f'our own process waits for something of this machine (state {state})')
        return LibvirtAnswer(Contact.MUTE, reason='connected, then nothing')

    def kill(self) -> None:
        """Have the child end, without waiting for that."""
        self._process.kill()

    def close(self, seconds: float) -> None:
        """Take the child away, within so many seconds if it ends in time."""
        self.pipe.close()
        _undead.end(self._process, seconds)


def _state(pid: int) -> str:
    """The state of a process of ours, as ps shows it."""
    return pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]


def _said(said: Mapping[str, Any]) -> LibvirtAnswer:
    if 'error' in said:
        return _error(said['error'])
    return LibvirtAnswer(Contact.ANSWERED, said['host_uuid'], tuple(said['domains']),
                         running=tuple(said['running']))


def _error(reason: str) -> LibvirtAnswer:
    return LibvirtAnswer(Contact.ERROR, reason=reason)
