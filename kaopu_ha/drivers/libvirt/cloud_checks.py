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

"""What can be asked of hosts without OpenStack before something is to be started there."""

from __future__ import annotations

from collections.abc import Callable
import functools
import time

from kaopu_ha import checkup, ports
from kaopu_ha.core import model, texts
from kaopu_ha.core.checkup import Finding, Seen, good, weak, wrong
from kaopu_ha.drivers import child

_NO_TARGET = 'nothing of a dead host can be started there'
_ASK_SECONDS = 8.0


def checks(children: child.ChildPool, uri_of: Callable[[model.Inventory], str],
           seen: Seen) -> tuple[checkup.Check, ...]:
    """One, of all hosts, one after the other."""
    return (checkup.Check('hosts let us start instances', functools.partial(
        _entered, children, uri_of, seen), _NO_TARGET),)


def _entered(children: child.ChildPool, uri_of: Callable[[model.Inventory], str], seen: Seen,
             limit: float) -> list[Finding]:
    until = time.monotonic() + limit
    found: list[Finding] = []
    left_out: list[str] = []
    with children.taken(limit) as one:
        for host, inventory in sorted(seen.living.items()):
            seconds = min(until - time.monotonic(), _ASK_SECONDS)
            if seconds <= 0:
                left_out.append(host)
                continue
            try:
                one.ask('enter', seconds, uri=uri_of(inventory), host_uuid=inventory.host_uuid)
            except ports.PortError as failure:
                found.append(wrong(
                    host, f'its libvirt does not let us in to change things: {failure}', _NO_TARGET,
                    'let the controllers\' and workers\' certificate in (tls_allowed_dn_list, '
                    'access drivers), and look at [libvirt]'))
    if left_out:
        found.append(weak(texts.few(left_out), 'there was no time to ask', _NO_TARGET,
                          'give more of it: --limit'))
    if not seen.living:
        return []
    return found or [good('hosts', f'{len(seen.living)} let us in to start instances')]
