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

"""What can be asked of a blocklist fence before it is needed."""

from __future__ import annotations

from collections.abc import Mapping
import functools

from kaopu_ha import checkup, ports
from kaopu_ha.core import checkup_ceph
from kaopu_ha.core.checkup import Finding, Seen, good, unasked, wrong
from kaopu_ha.drivers import child
from kaopu_ha.drivers.ceph import rehearsal as ceph_rehearsal

_NOT_FENCED = 'a dead host is not fenced, and so nothing of it is moved'
_CAPS = 'give it the caps that kaopu-ha secure ceph prints (ceph auth caps)'
# What a step of the rehearsal was to do, and what is lost without it.
_STEPS = {
    'servers': ('it can\'t ask where monitors and managers are', _NOT_FENCED),
    'add': ('it can\'t add to the blocklist', _NOT_FENCED),
    'list': ('what it added is not listed', _NOT_FENCED),
    'barrier': ('no OSD answers it', 'a fence is never proven, and so nothing is moved'),
    'remove': ('it can\'t remove from the blocklist',
               'a host that was confirmed dead can\'t be taken back'),
}


def checks(children: Mapping[str, child.Child], users: Mapping[str, str],
           seen: Seen) -> tuple[checkup.Check, ...]:
    """A rehearsal and a reading for each cluster, by fsid."""
    found = []
    for fsid, one in children.items():
        whose = f'Ceph user client.{users[fsid]} of cluster {fsid}'
        found += [
            checkup.Check(f'fence rehearsed as client.{users[fsid]}',
                          functools.partial(_rehearsed, one, fsid, whose), _NOT_FENCED,
                          writes=True, first=functools.partial(_reached, one, fsid, whose)),
            checkup.Check('blocklist', functools.partial(_listed, one, fsid, whose, seen),
                          _NOT_FENCED)]
    return tuple(found)


def _reached(one: child.Child, fsid: str, whose: str, limit: float) -> list[Finding]:
    """Nothing, if the cluster lets us in: what is refused then is the rehearsal's to tell."""
    try:
        one.ask('join', limit, fsid=fsid)
    except ports.PortError as failure:
        return [_not_asked(whose, failure)]
    return []


def _rehearsed(one: child.Child, fsid: str, whose: str, limit: float) -> list[Finding]:
    try:
        step, why = one.ask('rehearse', limit, fsid=fsid, entry=ceph_rehearsal.entry())
    except ports.PortError as failure:
        return [_not_asked(whose, failure)]
    if step:
        what, lost = _STEPS[step]
        return [wrong(whose, f'{what}: {why}', lost, _CAPS)]
    return [good(whose, 'an entry for an address of nobody was listed, proven and taken back')]


def _not_asked(whose: str, failure: ports.PortError) -> Finding:
    return unasked(whose, str(failure), _NOT_FENCED,
                   'look at [fence] user and keyring, the ceph.conf, and the storage network')


def _listed(one: child.Child, fsid: str, whose: str, seen: Seen, limit: float) -> list[Finding]:
    try:
        told = one.ask('listed', limit, fsid=fsid)
    except ports.PortError as failure:
        return [unasked(whose, str(failure), 'what is listed by mistake is not known', _CAPS)]
    entries = [checkup_ceph.BlocklistEntry(*each) for each in told['entries']]
    return checkup_ceph.blocklist(entries, told['ranges'], seen, fsid)
