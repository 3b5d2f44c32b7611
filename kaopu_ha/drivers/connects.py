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

"""Connects to every address of a name; what came of them is one answer.

A name has addresses of both families as a rule, and a service often listens on one of them.  So one
that accepts is enough, and what a single address says is said of that address alone::

    what came, of all addresses                                the place
    one accepted ............................................. whoever listens there is asked
    some refused, the others let nothing through ............. REFUSED
    some refused, others could not be asked .................. ERROR: it may listen there
    nothing from any, or no way from here to the others ...... NOTHING
    anything else ............................................ ERROR

Who refused: a kernel without a listener answers with a segment (RST), a packet filter by ICMP,
unless it was told to forge segments.  Linux keeps the ICMP message for whoever asks (5.8 and
later), and counts the segments that came (4.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
import errno
import ipaddress
import os
import socket
import struct
import threading
import time

from kaopu_ha.core.model import Contact, LibvirtAnswer

# A name with more addresses is a load balancer's or a mistake.
_ADDRESSES_MAX = 8
# Answers of the network that say: the host is not there.  Others speak of our own machine.
_NOTHING = (errno.EHOSTUNREACH, errno.ETIMEDOUT, errno.EHOSTDOWN)
# This machine has no way there, and had none before: most have IPv6 for their own link only.
_NO_WAY = (errno.ENETUNREACH, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
# Where struct tcp_info has the number of segments that came.
_SEGMENTS_AT = 140
# Of linux/in.h, in6.h and errqueue.h: to have ICMP messages kept, where they came from, and those
# by which a filter says no: port or protocol unreachable, prohibited; any other says: not there.
_KEEP = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
_MSG_ERRQUEUE = 0x2000
_ICMP, _ICMP6 = 2, 3
_FILTERS = {_ICMP: (3, (2, 3, 9, 10, 13)), _ICMP6: (1, (1, 4, 5, 6))}


@dataclass(frozen=True)
class Came:
    """What came of one address that did not accept."""

    contact: Contact
    reason: str = ''
    no_way: bool = False


class Tries:
    """The addresses of one place in the resolver's order, and what came of each."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self.addresses = tuple(addresses)
        self._came: dict[str, Came] = {}
        self._failed_at: dict[str, float] = {}
        self._accepted: set[str] = set()

    @property
    def have_failed(self) -> bool:
        """True if no address is left that may accept."""
        return len(self._came) == len(self.addresses)

    @property
    def accepted(self) -> bool:
        """True if one has accepted."""
        return bool(self._accepted)

    def accept(self, address: str) -> None:
        """Take in that this address accepted."""
        self._accepted.add(address)

    def fail(self, address: str, came: Came, now: float) -> None:
        """Take in what came of this address."""
        self._came[address], self._failed_at[address] = came, now

    def answer(self) -> LibvirtAnswer:
        """What came of all of them; those that are under way have let nothing through."""
        return combined({address: self._came.get(address, Came(Contact.NOTHING))
                         for address in self.addresses})

    @property
    def in_the_way(self) -> str:
        """The address on which libvirt, which takes them one after another, waits now; or ''."""
        for address in self.addresses:
            if address in self._accepted:
                return ''
            if address not in self._came:
                return address
        return ''

    @property
    def passed_at(self) -> float:
        """When libvirt could have come past the addresses before the one that accepted."""
        passed = 0.0
        for address in self.addresses:
            if address in self._accepted:
                break
            passed = max(passed, self._failed_at.get(address, 0.0))
        return passed


def combined(came: Mapping[str, Came]) -> LibvirtAnswer:
    """What is known of a place none of whose addresses accepted: see the table above."""
    refused = [address for address, each in came.items() if each.contact is Contact.REFUSED]
    silent = [address for address, each in came.items() if each.contact is Contact.NOTHING]
    failed = {address: each for address, each in came.items() if each.contact is Contact.ERROR}
    odd = {address: each for address, each in failed.items() if refused or not each.no_way}
    if refused and not failed:
        return LibvirtAnswer(Contact.REFUSED, reason=_at(refused, came))
    if silent and not odd:
        return LibvirtAnswer(Contact.NOTHING, reason=_reasons(silent, came))
    reason = _reasons(odd or failed, came)
    if refused:
        reason = f'{" and ".join(refused)} refused, but {reason}'
    return LibvirtAnswer(Contact.ERROR, reason=reason)


def resolved(hosts: Iterable[str], deadline: float) -> dict[str, tuple[str, ...]]:
    """The addresses of each host, () for what has none by half of the time that is left.

    Names are resolved in threads, which can't be ended: a resolver that hangs holds only itself.
    """
    found = {host: (host,) if _is_address(host) else () for host in sorted(hosts)}
    threads = [threading.Thread(target=_resolve, args=(name, found), daemon=True)
               for name, addresses in found.items() if not addresses]
    for thread in threads:
        thread.start()
    by = time.monotonic() + (deadline - time.monotonic()) / 2
    for thread in threads:
        thread.join(max(by - time.monotonic(), 0.0))
    return dict(found)


def connecting(address: str, port: int) -> socket.socket:
    """A connection under way.  Raises OSError."""
    link = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET)
    try:
        link.setblocking(False)
        link.setsockopt(*_KEEP[link.family], 1)
        number = link.connect_ex((address, port))
        if number not in (0, errno.EINPROGRESS):
            raise OSError(number, os.strerror(number))
    except BaseException:
        link.close()
        raise
    return link


def connected(link: socket.socket, address: str) -> Came | None:
    """What came of a connection that is no longer under way; None if it stands."""
    number = link.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if not number:
        return None
    filter_at = _filter_at(link, address)
    if filter_at or number == errno.ECONNREFUSED and not _segments_came(link):
        at = f' at {filter_at}' if filter_at else ''
        return Came(Contact.ERROR, f'a packet filter{at} refused the connection: allow it')
    return failed(number)


def failed(number: int, reason: str = '') -> Came:
    """What this errno of a connection says."""
    if number == errno.ECONNREFUSED:
        return Came(Contact.REFUSED)
    contact = Contact.NOTHING if number in _NOTHING else Contact.ERROR
    return Came(contact, reason or os.strerror(number), number in _NO_WAY)


def is_own(address: str) -> bool:
    """True if the address is this machine's: what is sent there never leaves it."""
    try:
        with socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET,
                           socket.SOCK_DGRAM) as link:
            link.connect((address, 9))
            return bool(link.getsockname()[0] == address)
    except OSError:
        return False


# ---------------------------------------------------------------- private


def _at(addresses: Sequence[str], came: Mapping[str, Came]) -> str:
    """Which of several addresses; a single one is known to whoever asked."""
    return f'at {" and ".join(addresses)}' if len(came) > 1 else ''


def _reasons(addresses: Iterable[str], came: Mapping[str, Came]) -> str:
    told = [(address, came[address].reason) for address in addresses if came[address].reason]
    if len(came) == 1:
        return ''.join(reason for _, reason in told)
    return ', '.join(f'{address}: {reason}' for address, reason in told)


def _filter_at(link: socket.socket, address: str) -> str:
    """Where the filter is that refused by ICMP; '' if none did, or if this machine can't tell.

    Whatever the asked address itself says by ICMP is a filter's there: its host is not away.
    """
    try:
        kept = link.recvmsg(256, 256, _MSG_ERRQUEUE)[1]
    except (OSError, ValueError):
        return ''
    for level, kind, data in kept:
        if (level, kind) not in _KEEP.values() or len(data) < 24:
            continue
        _, origin, icmp_type, code = struct.unpack_from('=IBBB', data)
        if origin not in _FILTERS:
            continue
        sender = data[20:24] if origin == _ICMP else data[24:40]
        told = str(ipaddress.ip_address(sender)) if len(sender) in (4, 16) else ''
        wanted_type, codes = _FILTERS[origin]
        if told and (told == address or icmp_type == wanted_type and code in codes):
            return told
    return ''


def _segments_came(link: socket.socket) -> bool:
    """True if the other side sent anything, or if this machine can't tell."""
    try:
        told = link.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        return bool(struct.unpack_from('=I', told, _SEGMENTS_AT)[0])
    except (OSError, struct.error, AttributeError):
        return True


def _resolve(name: str, found: dict[str, tuple[str, ...]]) -> None:
    try:
        told = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return    # A name of which a label is too long is a ValueError.
    found[name] = tuple(dict.fromkeys(str(each[4][0]) for each in told))[:_ADDRESSES_MAX]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
