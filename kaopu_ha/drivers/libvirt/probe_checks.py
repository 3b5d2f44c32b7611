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

"""What can be asked of hosts' libvirts while all are well: each is asked as a suspect would be."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent import futures
import contextlib
import functools
import pathlib
import socket
import ssl
import time

from kaopu_ha import checkup, ports
from kaopu_ha.core import checkup_hosts, model, texts
from kaopu_ha.core.checkup import Finding, Seen, weak
from kaopu_ha.core.checkup_hosts import Certificate
from kaopu_ha.drivers import certificates
from kaopu_ha.drivers.libvirt import uri as libvirt_uri

_UNDECIDED = 'the case of a host that dies stays UNDECIDED: nothing of it is moved'
# Each has a process of ours: more at one time would have to wait for the processor.
_AT_ONE_TIME = 8
_ASK_SECONDS = 10.0
# Where libvirt itself looks for what it shows.
_PKI = (('/etc/pki/libvirt/clientcert.pem', '/etc/pki/libvirt/private/clientkey.pem'),)


def checks(observer: ports.LibvirtObserver, reach: libvirt_uri.Reach, pki_path: str, seen: Seen,
           anchors: Sequence[tuple[str, int]] = ()) -> tuple[checkup.Check, ...]:
    """The libvirts, the anchors, and the certificates."""
    return (checkup.Check('anchors', functools.partial(_anchored, anchors, seen), _UNDECIDED),
            checkup.Check('libvirt of every host', functools.partial(_asked, observer, seen),
                          _UNDECIDED),
            checkup.Check('certificates of libvirt', functools.partial(
                _shown, reach, pki_path, seen), _UNDECIDED))


def _asked(observer: ports.LibvirtObserver, seen: Seen, limit: float) -> list[Finding]:
    until = time.monotonic() + limit
    uris = {host: one.management_uri for host, one in sorted(seen.living.items())}
    if not uris:
        return []
    hosts, answers = list(uris), dict[str, model.LibvirtAnswer]()
    while len(answers) < len(hosts) and time.monotonic() < until:
        some = hosts[len(answers):len(answers) + _AT_ONE_TIME]
        came = observer.contact([uris[host] for host in some],
                                min(until - time.monotonic(), _ASK_SECONDS))
        answers |= {host: came[uris[host]] for host in some}
    left_out = hosts[len(answers):]
    return [*checkup_hosts.libvirt(seen, answers),
            *([weak(texts.few(left_out), 'there was no time to ask its libvirt',
                    _UNDECIDED, 'give more of it: --limit')] if left_out else [])]


def _anchored(anchors: Sequence[tuple[str, int]], seen: Seen, limit: float) -> list[Finding]:
    reached = {f'{host}:{port}': _is_reached((host, port), limit / max(len(anchors), 1))
               for host, port in anchors}
    return checkup_hosts.anchors(reached, len(seen.living))


def _is_reached(place: tuple[str, int], limit: float) -> bool:
    """True if a kernel answers there: it may refuse."""
    try:
        socket.create_connection(place, min(limit, _ASK_SECONDS)).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return True


# ---------------------------------------------------------------- certificates


def _shown(reach: libvirt_uri.Reach, pki_path: str, seen: Seen, limit: float) -> list[Finding]:
    """Those of the hosts asked over TLS, as they show them; and ours."""
    until = time.monotonic() + limit
    ours = _ours(pki_path)
    places = {}
    for host, one in sorted(seen.living.items()):
        try:
            uri = libvirt_uri.read(one.management_uri, reach)
        except ValueError:
            continue    # That it is not asked is said where it is asked.
        if uri.transport == 'tls':
            places[host] = uri.host, uri.port
    if not places:
        return []
    context = _context(ours)
    with futures.ThreadPoolExecutor(min(len(places), _AT_ONE_TIME)) as pool:
        ends = pool.map(lambda place: _days_left(place, context, until), places.values())
        found = [Certificate(f'libvirt of {host}', days)
                 for host, days in zip(places, ends, strict=True) if days is not None]
    found += _of_ours(ours)
    return checkup_hosts.certificates(found)


def _ours(pki_path: str) -> tuple[str, str] | None:
    """Our certificate and its key, if they can be read."""
    folder = pathlib.Path(pki_path)
    for cert, key in (((str(folder / 'clientcert.pem'), str(folder / 'clientkey.pem')),)
                      if pki_path else _PKI):
        if pathlib.Path(cert).is_file():
            return cert, key
    return None


def _of_ours(ours: tuple[str, str] | None) -> list[Certificate]:
    if ours is None:
        return []
    try:
        days = certificates.days_left(pathlib.Path(ours[0]).read_bytes())
    except (OSError, ValueError):
        return []    # The configuration's check says what is wrong with it.
    return [Certificate(f'our own for libvirt ({ours[0]})', days)]


def _context(ours: tuple[str, str] | None) -> ssl.SSLContext:
    """To see what is shown: libvirt's own client checks it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if ours is not None:
        with contextlib.suppress(OSError):    # Some show theirs all the same.
            context.load_cert_chain(*ours)
    return context


def _days_left(place: tuple[str, int], context: ssl.SSLContext, until: float) -> float | None:
    """None of one that shows nothing: why is said where its libvirt is asked."""
    try:
        left = max(until - time.monotonic(), 0.01)
        with socket.create_connection(place, min(left, _ASK_SECONDS)) as link, \
                context.wrap_socket(link, server_hostname=place[0]) as secure:
            shown = secure.getpeercert(binary_form=True)
        return certificates.days_left(ssl.DER_cert_to_PEM_cert(shown).encode()) if shown else None
    except (OSError, ValueError):
        return None
