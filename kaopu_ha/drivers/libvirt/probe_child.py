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


"""The child process of one ask of a libvirt: who are you, and which domains do you know?

It writes a line when it begins to ask, so that the parent can tell a mute libvirt from a machine
of its own that is too busy to start a process; a line when libvirt has answered anything at all,
because its UUID can take seconds more (libvirt probes every QEMU before it tells it); then a line
with the answer.  It takes several URIs of one libvirt: the next one if the last one failed.
"""

from __future__ import annotations

from collections.abc import Sequence
import json
import signal
import ssl
import sys
from typing import Any
from urllib import parse
from xml.etree import ElementTree

import libvirt

from kaopu_ha.drivers.libvirt import link as libvirt_link

_NOT_ACCEPTED = "verify peer's certificate"
_TLS_PORT = 16514


def main(seconds: float, uris: Sequence[str]) -> None:
    """Ask, and end by the limit whatever happens."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.01))
    libvirt.registerErrorHandler(lambda *_: None, None)
    _tell({'asks': True})
    for uri in uris[:-1]:
        try:
            _tell(_ask(uri))
            return
        except Exception:  # noqa: BLE001  the next one tells what is wrong
            _tell({'asks': True, 'by_name': True})
    _ask_last(uris[-1])


def _ask_last(uri: str) -> None:
    try:
        _tell(_ask(uri))
    except Exception as failure:  # noqa: BLE001  every failure of the library becomes an answer
        text = str(failure) or type(failure).__name__
        # Told at once: what more there is to say may take until the alarm.
        _tell({'error': text})
        _tell({'error': _explained(uri, text)})


def _ask(uri: str) -> dict[str, Any]:
    connection = libvirt_link.opened(uri, libvirt.VIR_CONNECT_RO)
    listed = connection.listAllDomains(0)
    domains = sorted(domain.UUIDString() for domain in listed)
    # The id came with the list; libvirt is not asked once more.
    running = sorted(domain.UUIDString() for domain in listed if domain.ID() >= 0)
    _tell({'answered': True})
    capabilities = ElementTree.fromstring(connection.getCapabilities())
    return {'host_uuid': capabilities.findtext('./host/uuid') or '', 'domains': domains,
            'running': running}


def _explained(uri: str, text: str) -> str:
    """The failure with its reason, where libvirt names none: what is wrong with a certificate."""
    if _NOT_ACCEPTED not in text:
        return text
    # Loaded when needed only: this process is short-lived, and its start is part of the limit.
    from kaopu_ha.drivers import certificates
    parts = parse.urlsplit(uri)
    try:
        pem = ssl.get_server_certificate((parts.hostname or '', parts.port or _TLS_PORT))
    except OSError:
        return text
    return ': '.join(filter(None, (text, certificates.trouble(pem.encode()))))


def _tell(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + '\n')
    sys.stdout.flush()


if __name__ == '__main__':
    main(float(sys.argv[1]), sys.argv[2:])
