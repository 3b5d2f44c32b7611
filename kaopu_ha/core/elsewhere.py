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

"""May an instance run elsewhere, whose host came back and has it off?

Its disks are asked for clients.  One at an address of another host is news only if that host's
libvirt has the instance on: what shares a volume with it has that open, and tools read.  One that
does not answer may write again while Ceph lists it; that ends half a minute after it was heard of
last.  So Nova is asked, too: was the instance being migrated when its host went down?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
import itertools

from kaopu_ha.core import model, rivals
from kaopu_ha.core.addresses import Known


@dataclass(frozen=True)
class Found:
    """What its disks say.  ``reason``: why it may not be started, whatever any libvirt says.

    ``hosts``: those that have to say that it is not there, each with what speaks for it.
    """

    reason: str = ''
    hosts: Mapping[str, str] = field(default_factory=dict)


def found(answers: Mapping[model.Image, model.ImageAnswer], host: str, known: Known) -> Found:
    """Say whose the clients are that are none of its host's."""
    hosts: dict[str, str] = {}
    for image, answer in answers.items():
        if answer.error:
            return Found(f'it could not be asked who has {image.name} open: {answer.error}')
        for client in answer.clients:
            if client.acknowledged and known.is_nobodys(client.ip):
                return Found(f'a client at {client.ip} has {image.name} open, an address of '
                             f'nobody: if it is a tool\'s: kaopu-ha tool add')
            if known.is_nobodys(client.ip):
                return Found(f'a client at {client.ip} has {image.name} open, an address of '
                             f'nobody, and does not answer: until Ceph lists it no more')
            hosts |= {other: f'a client of {other} has {image.name} open'
                      for other in rivals.not_ruled_out(client, answer, answers.values(), known)
                      - {host}}
    return Found('', hosts)


def migrated_to(migrations: Sequence[model.Migration], host: str) -> dict[str, str]:
    """Where the instance may have come to: its newest records are live migrations cut short.

    ``migrations``: newest first; evacuations from the host came after its death.  A guest is over
    before Nova writes that down, and a source that boots then ends the record in error, and shows
    the instance where it was (read in Nova).  One that was asked for while it went may be newer.
    """
    came = itertools.takewhile(
        lambda each: each.kind == 'live-migration' and each.source == host
        and (each.unfinished or each.status == 'error'),
        (each for each in migrations if each.kind != 'evacuation' or each.source != host))
    return {each.target: f'it was being migrated to {each.target}' for each in came}


def why_not(hosts: Mapping[str, str], said: Mapping[str, bool | None]) -> str:
    """Why it may run on one of these hosts; empty if every one of them said that it does not.

    ``said``: is it on, as the libvirt of each says?  None: it did not say.  Not there: no agent
    ever told of that host, so nobody can ask it, nor judge it.  A person can go and see.
    """
    for host, sign in sorted(hosts.items()):
        if host not in said:
            return (f'{sign}, of which no agent ever told: see that it does not run there, then '
                    f'start it yourself')
        if said[host] is not False:
            does = 'has it on' if said[host] else 'does not say whether it has it'
            return f'{sign}, and the libvirt there {does}'
    return ''
