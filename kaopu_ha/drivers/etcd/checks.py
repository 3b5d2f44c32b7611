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

"""What can be asked of etcd before an incident.  Nothing is written, not even for a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import functools

from kaopu_ha import checkup, ports, records
from kaopu_ha.core import checkup_hosts, checkup_store
from kaopu_ha.core.checkup import Finding, Seen, unasked
from kaopu_ha.drivers.etcd import calls as etcd_calls
from kaopu_ha.drivers.etcd import wire

_NOTHING = 'nothing is decided without etcd'
_LOOK = 'start it; look at [store] endpoints, user and certificates'
# Beats are asked about one by one: so many tell whether the agents are set alike.
_BEATS_MAX = 200
# A revision that no key has: the condition never holds, and so the write is never done.  etcd looks
# whether it is permitted all the same.
_NEVER = 2 ** 62
_UNWRITTEN = records.PREFIX + 'doctor'


def checks(calls: etcd_calls.ClusterClient, user: str, seen: Seen) -> tuple[checkup.Check, ...]:
    """All of them."""
    def made(name: str, ask: Callable[[], list[Finding]]) -> checkup.Check:
        return checkup.Check(name, functools.partial(_translated, ask), _NOTHING)

    return (made('members and room', lambda: list(_members(calls))),
            made('former values', lambda: _former_values(calls)),
            made('rights', lambda: _rights(calls, user)),
            made('how long beats last', lambda: _beats(calls, seen)))


def _translated(ask: Callable[[], list[Finding]], limit: float) -> list[Finding]:
    """Each call has a limit of its own, so that of the whole is not needed."""
    del limit
    try:
        return ask()
    except ports.PortError as failure:
        return [unasked('etcd', str(failure), _NOTHING, _LOOK)]


# ---------------------------------------------------------------- members and room


def _members(calls: etcd_calls.ClusterClient) -> Iterator[Finding]:
    asked = [_member(calls, number) for number in range(calls.tries)]
    answering = [number for number, one in enumerate(asked) if not one.trouble]
    if not answering:
        yield from checkup_store.members(asked, 0)
        return
    listed = _said(calls, answering[0], wire.MEMBERS, wire.MemberListRequest())
    yield from checkup_store.members(asked, len(listed.members) if listed else 0)
    said = _said(calls, answering[0], wire.ALARM, wire.AlarmRequest())
    yield from checkup_store.room([asked[number] for number in answering], [
        wire.ALARMS.get(each.alarm, f'number {each.alarm}') for each in said.alarms] if said
        else None)


def _member(calls: etcd_calls.ClusterClient, number: int) -> checkup_store.MemberStatus:
    address = calls.name(number)
    try:
        said = calls.ask(number, wire.STATUS, wire.StatusRequest())
    except etcd_calls.Failed as failure:
        return checkup_store.MemberStatus(address, trouble=calls.explained(str(failure)))
    return checkup_store.MemberStatus(address, said.version, said.dbSize, said.dbSizeQuota)


def _said(calls: etcd_calls.ClusterClient, number: int, method: wire.Method,
          request: wire.Message) -> wire.Message | None:
    """What this member says; None where our user may not ask."""
    try:
        return calls.ask(number, method, request)
    except etcd_calls.Failed:
        return None


# ---------------------------------------------------------------- what it keeps


def _former_values(calls: etcd_calls.ClusterClient) -> list[Finding]:
    """Find the oldest revision that can be read: the half of what is left at each step."""
    revision = calls.repeat(wire.TXN, wire.TxnRequest()).header.revision
    low, high = 1, revision
    while low < high:
        middle = (low + high) // 2
        if _is_kept(calls, middle):
            high = middle
        else:
            low = middle + 1
    return checkup_store.former_values(revision, low)


def _is_kept(calls: etcd_calls.ClusterClient, revision: int) -> bool:
    wanted = wire.RangeRequest(key=records.LEADER.encode(), revision=revision, keys_only=True)
    try:
        calls.repeat(wire.TXN, wire.TxnRequest(success=[wire.RequestOp(request_range=wanted)]))
    except etcd_calls.CallRefused as refused:
        if 'compacted' not in str(refused):
            raise
        return False
    return True


# ---------------------------------------------------------------- rights and beats


def _rights(calls: etcd_calls.ClusterClient, user: str) -> list[Finding]:
    """Ask for a write whose condition can't hold."""
    key = _UNWRITTEN.encode()
    request = wire.TxnRequest(
        compare=[wire.Compare(result=wire.EQUAL, target=wire.MODIFIED, key=key,
                              mod_revision=_NEVER)],
        success=[wire.RequestOp(request_put=wire.PutRequest(key=key, value=b''))])
    try:
        calls.repeat(wire.TXN, request)
    except etcd_calls.CallRefused as refused:
        return checkup_store.rights(user, str(refused))
    return checkup_store.rights(user)


def _beats(calls: etcd_calls.ClusterClient, seen: Seen) -> list[Finding]:
    granted = {}
    for host, lease in sorted(seen.beats.items())[:_BEATS_MAX]:
        said = calls.repeat(wire.TIME_TO_LIVE, wire.LeaseTimeToLiveRequest(ID=lease))
        if lease and said.TTL > 0:
            granted[host] = int(said.grantedTTL)
    return checkup_hosts.beats(granted, seen.beat_ttl) if granted else []
