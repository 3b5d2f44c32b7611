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

"""Users and roles of etcd, through its Auth API.

Users have no password: a member that was started with ``--client-cert-auth`` knows a client by the
common name of its certificate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kaopu_ha import access
from kaopu_ha.drivers.etcd import calls as etcd_calls
from kaopu_ha.drivers.etcd import wire

_ROOT = access.ADMINISTRATOR
_THERE = 'already exists'


def allow(calls: etcd_calls.ClusterClient, accounts: Sequence[access.Account]) -> tuple[str, ...]:
    """Make the users and roles that are missing, and mend the grants of the others."""
    return tuple(line for account in accounts for line in _allow(calls, account))


def enforce(calls: etcd_calls.ClusterClient) -> None:
    """Make the user root, without whom etcd enables nothing, and enable authentication."""
    _add(calls, wire.USER_ADD, _user(_ROOT))
    _add(calls, wire.ROLE_ADD, wire.AuthRoleAddRequest(name=_ROOT))
    calls.repeat(wire.USER_GRANT_ROLE, wire.AuthUserGrantRoleRequest(user=_ROOT, role=_ROOT))
    calls.repeat(wire.AUTH_ENABLE, wire.AuthEnableRequest())


def _allow(calls: etcd_calls.ClusterClient, account: access.Account) -> Iterator[str]:
    user, role = account.user, account.role
    if _add(calls, wire.ROLE_ADD, wire.AuthRoleAddRequest(name=role)):
        yield f'role {role} added'
    there = {(bytes(one.key), bytes(one.range_end)): one.permType for one in calls.repeat(
        wire.ROLE_GET, wire.AuthRoleGetRequest(role=role)).perm}
    wanted = {_range(grant): wire.READWRITE if grant.write else wire.READ
              for grant in account.grants}
    # Added before any is taken away: an agent at work loses nothing meanwhile.
    for (key, end), kind in wanted.items():
        if there.get((key, end)) != kind:
            calls.repeat(wire.ROLE_GRANT, wire.AuthRoleGrantPermissionRequest(
                name=role, perm=wire.Permission(permType=kind, key=key, range_end=end)))
            yield f'role {role}: {_told(kind)} {_named(key, end)} granted'
    for key, end in there.keys() - wanted.keys():
        calls.repeat(wire.ROLE_REVOKE, wire.AuthRoleRevokePermissionRequest(
            role=role, key=key, range_end=end))
        yield f'role {role}: {_named(key, end)} revoked'
    if _add(calls, wire.USER_ADD, _user(user)):
        yield f'user {user} added'
    has = calls.repeat(wire.USER_GET, wire.AuthUserGetRequest(name=user)).roles
    if role not in has:
        calls.repeat(wire.USER_GRANT_ROLE, wire.AuthUserGrantRoleRequest(user=user, role=role))
        yield f'user {user}: role {role} granted'


def _add(calls: etcd_calls.ClusterClient, method: wire.Method, request: wire.Message) -> bool:
    """Add a user or role; False if it was there."""
    try:
        calls.repeat(method, request)
    except etcd_calls.CallRefused as refused:
        if _THERE not in str(refused):
            raise
        return False
    return True


def _user(name: str) -> wire.Message:
    return wire.AuthUserAddRequest(name=name, options=wire.UserAddOptions(no_password=True))


def _range(grant: access.Grant) -> tuple[bytes, bytes]:
    key = grant.name.encode()
    if grant.begins:
        # No key of ours ends in a byte that has no next one.
        return key, key[:-1] + bytes([key[-1] + 1])
    return key, wire.range_end(key)


def _told(kind: int) -> str:
    return {wire.READ: 'read', wire.WRITE: 'write'}.get(kind, 'read and write')


def _named(key: bytes, end: bytes) -> str:
    return key.decode(errors='replace') + ('*' if end else '')
