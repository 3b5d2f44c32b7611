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

"""The messages of etcd's API that we use, built when this module is loaded.

Generated code would tie us to the protobuf release that generated it (its runtime refuses code of
a newer one, and drops that of old ones).  A table of names and numbers works with every release
from 4.22 on.  Numbers are etcd's (``rpc.proto``, ``kv.proto``); enums travel as varints, so they
are int32 here.  ``*`` is a repeated field, ``name?`` a member of the oneof ``name``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# Messages have no static types: they are made at run time.
Message = Any

_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    'bytes': _FIELD.TYPE_BYTES,
    'string': _FIELD.TYPE_STRING,
    'bool': _FIELD.TYPE_BOOL,
    'int64': _FIELD.TYPE_INT64,
    'uint64': _FIELD.TYPE_UINT64,
    'enum': _FIELD.TYPE_INT32,
}

_KV = {
    'KeyValue': '''
        key 1 bytes, create_revision 2 int64, mod_revision 3 int64, version 4 int64,
        value 5 bytes, lease 6 int64''',
    'Event': 'type 1 enum, kv 2 mvccpb.KeyValue',
}

_AUTH = {
    'UserAddOptions': 'no_password 1 bool',
    'Permission': 'permType 1 enum, key 2 bytes, range_end 3 bytes',
}

_RPC = {
    'ResponseHeader': '''
        cluster_id 1 uint64, member_id 2 uint64, revision 3 int64, raft_term 4 uint64''',
    'RangeRequest': '''
        key 1 bytes, range_end 2 bytes, limit 3 int64, revision 4 int64, keys_only 8 bool''',
    'RangeResponse': '''
        header 1 etcdserverpb.ResponseHeader, kvs 2 *mvccpb.KeyValue, more 3 bool''',
    'PutRequest': 'key 1 bytes, value 2 bytes, lease 3 int64',
    'PutResponse': 'header 1 etcdserverpb.ResponseHeader',
    'DeleteRangeRequest': 'key 1 bytes, range_end 2 bytes',
    'DeleteRangeResponse': 'header 1 etcdserverpb.ResponseHeader, deleted 2 int64',
    'RequestOp': '''
        request_range 1 request? etcdserverpb.RangeRequest,
        request_put 2 request? etcdserverpb.PutRequest,
        request_delete_range 3 request? etcdserverpb.DeleteRangeRequest''',
    'ResponseOp': '''
        response_range 1 response? etcdserverpb.RangeResponse,
        response_put 2 response? etcdserverpb.PutResponse,
        response_delete_range 3 response? etcdserverpb.DeleteRangeResponse''',
    'Compare': '''
        result 1 enum, target 2 enum, key 3 bytes, create_revision 5 target_union? int64,
        mod_revision 6 target_union? int64''',
    'TxnRequest': '''
        compare 1 *etcdserverpb.Compare, success 2 *etcdserverpb.RequestOp,
        failure 3 *etcdserverpb.RequestOp''',
    'TxnResponse': '''
        header 1 etcdserverpb.ResponseHeader, succeeded 2 bool,
        responses 3 *etcdserverpb.ResponseOp''',
    'WatchCreateRequest': '''
        key 1 bytes, range_end 2 bytes, start_revision 3 int64, watch_id 7 int64''',
    'WatchCancelRequest': 'watch_id 1 int64',
    'WatchProgressRequest': '',
    'WatchRequest': '''
        create_request 1 request_union? etcdserverpb.WatchCreateRequest,
        cancel_request 2 request_union? etcdserverpb.WatchCancelRequest,
        progress_request 3 request_union? etcdserverpb.WatchProgressRequest''',
    'WatchResponse': '''
        header 1 etcdserverpb.ResponseHeader, watch_id 2 int64, created 3 bool, canceled 4 bool,
        compact_revision 5 int64, cancel_reason 6 string, events 11 *mvccpb.Event''',
    'LeaseGrantRequest': 'TTL 1 int64, ID 2 int64',
    'LeaseGrantResponse': '''
        header 1 etcdserverpb.ResponseHeader, ID 2 int64, TTL 3 int64, error 4 string''',
    'LeaseRevokeRequest': 'ID 1 int64',
    'LeaseRevokeResponse': 'header 1 etcdserverpb.ResponseHeader',
    'LeaseTimeToLiveRequest': 'ID 1 int64',
    'LeaseTimeToLiveResponse': '''
        header 1 etcdserverpb.ResponseHeader, ID 2 int64, TTL 3 int64, grantedTTL 4 int64''',
    'LeaseKeepAliveRequest': 'ID 1 int64',
    'LeaseKeepAliveResponse': 'header 1 etcdserverpb.ResponseHeader, ID 2 int64, TTL 3 int64',
    'StatusRequest': '',
    'StatusResponse': '''
        header 1 etcdserverpb.ResponseHeader, version 2 string, dbSize 3 int64, leader 4 uint64,
        dbSizeInUse 9 int64, dbSizeQuota 12 int64''',
    'AlarmRequest': 'action 1 enum',
    'AlarmMember': 'memberID 1 uint64, alarm 2 enum',
    'AlarmResponse': 'header 1 etcdserverpb.ResponseHeader, alarms 2 *etcdserverpb.AlarmMember',
    'MemberListRequest': '',
    'Member': 'ID 1 uint64, name 2 string',
    'MemberListResponse': 'header 1 etcdserverpb.ResponseHeader, members 2 *etcdserverpb.Member',
    'AuthenticateRequest': 'name 1 string, password 2 string',
    'AuthenticateResponse': 'header 1 etcdserverpb.ResponseHeader, token 2 string',
    'AuthResponse': 'header 1 etcdserverpb.ResponseHeader',
    'AuthEnableRequest': '',
    'AuthUserAddRequest': 'name 1 string, password 2 string, options 3 authpb.UserAddOptions',
    'AuthUserGetRequest': 'name 1 string',
    'AuthUserGetResponse': 'header 1 etcdserverpb.ResponseHeader, roles 2 *string',
    'AuthUserGrantRoleRequest': 'user 1 string, role 2 string',
    'AuthRoleAddRequest': 'name 1 string',
    'AuthRoleGetRequest': 'role 1 string',
    'AuthRoleGetResponse': 'header 1 etcdserverpb.ResponseHeader, perm 2 *authpb.Permission',
    'AuthRoleGrantPermissionRequest': 'name 1 string, perm 2 authpb.Permission',
    'AuthRoleRevokePermissionRequest': 'role 1 string, key 2 bytes, range_end 3 bytes',
}

# The values of Compare's enums.
EQUAL = 0
CREATED = 1
MODIFIED = 2

# The values of Permission.permType.
READ = 0
WRITE = 1
READWRITE = 2

# The names of the values of AlarmMember.alarm; a request without an action is one for them.
ALARMS = {1: 'NOSPACE', 2: 'CORRUPT'}

# The value of Event.type for a deleted key.
DELETED = 1


@dataclass(frozen=True)
class Method:
    """A method of the API: its path, and the message that it answers with."""

    path: str
    reply: Message


def _fields(layout: str) -> Iterator[tuple[str, int, str, str]]:
    """Read a table's line: name, number, oneof or '', type."""
    for words in (part.split() for part in layout.split(',') if part.strip()):
        oneof = words[2].rstrip('?') if len(words) == 4 else ''
        yield words[0], int(words[1]), oneof, words[-1]


def _describe(message: Any, layout: str) -> None:
    oneofs: list[str] = []
    for name, number, oneof, kind in _fields(layout):
        field = message.field.add(name=name, number=number, label=_FIELD.LABEL_OPTIONAL)
        if kind.startswith('*'):
            field.label = _FIELD.LABEL_REPEATED
        bare = kind.lstrip('*')
        if bare in _SCALARS:
            field.type = _SCALARS[bare]
        else:
            field.type = _FIELD.TYPE_MESSAGE
            field.type_name = f'.{bare}'
        if not oneof:
            continue
        if oneof not in oneofs:
            oneofs.append(oneof)
            message.oneof_decl.add(name=oneof)
        field.oneof_index = oneofs.index(oneof)


def _build() -> dict[str, Message]:
    # A pool of our own: another library in this process may have etcd's messages in the default.
    pool = descriptor_pool.DescriptorPool()
    for package, needs, table in (('mvccpb', [], _KV), ('authpb', [], _AUTH),
                                  ('etcdserverpb', ['mvccpb.proto', 'authpb.proto'], _RPC)):
        file = descriptor_pb2.FileDescriptorProto(
            name=f'{package}.proto', package=package, syntax='proto3', dependency=needs)
        for name, layout in table.items():
            _describe(file.message_type.add(name=name), layout)
        pool.AddSerializedFile(file.SerializeToString())
    types = pool.FindMessageTypeByName
    return {name: message_factory.GetMessageClass(types(f'{package}.{name}'))
            for package, table in (('authpb', _AUTH), ('etcdserverpb', _RPC)) for name in table}


_MESSAGES = _build()

RangeRequest = _MESSAGES['RangeRequest']
PutRequest = _MESSAGES['PutRequest']
DeleteRangeRequest = _MESSAGES['DeleteRangeRequest']
RequestOp = _MESSAGES['RequestOp']
Compare = _MESSAGES['Compare']
TxnRequest = _MESSAGES['TxnRequest']
WatchRequest = _MESSAGES['WatchRequest']
WatchCreateRequest = _MESSAGES['WatchCreateRequest']
WatchCancelRequest = _MESSAGES['WatchCancelRequest']
WatchProgressRequest = _MESSAGES['WatchProgressRequest']
LeaseGrantRequest = _MESSAGES['LeaseGrantRequest']
LeaseRevokeRequest = _MESSAGES['LeaseRevokeRequest']
LeaseKeepAliveRequest = _MESSAGES['LeaseKeepAliveRequest']
LeaseTimeToLiveRequest = _MESSAGES['LeaseTimeToLiveRequest']
StatusRequest = _MESSAGES['StatusRequest']
AlarmRequest = _MESSAGES['AlarmRequest']
MemberListRequest = _MESSAGES['MemberListRequest']
AuthenticateRequest = _MESSAGES['AuthenticateRequest']
UserAddOptions = _MESSAGES['UserAddOptions']
Permission = _MESSAGES['Permission']
AuthEnableRequest = _MESSAGES['AuthEnableRequest']
AuthUserAddRequest = _MESSAGES['AuthUserAddRequest']
AuthUserGetRequest = _MESSAGES['AuthUserGetRequest']
AuthUserGrantRoleRequest = _MESSAGES['AuthUserGrantRoleRequest']
AuthRoleAddRequest = _MESSAGES['AuthRoleAddRequest']
AuthRoleGetRequest = _MESSAGES['AuthRoleGetRequest']
AuthRoleGrantPermissionRequest = _MESSAGES['AuthRoleGrantPermissionRequest']
AuthRoleRevokePermissionRequest = _MESSAGES['AuthRoleRevokePermissionRequest']

TXN = Method('/etcdserverpb.KV/Txn', _MESSAGES['TxnResponse'])
WATCH = Method('/etcdserverpb.Watch/Watch', _MESSAGES['WatchResponse'])
GRANT = Method('/etcdserverpb.Lease/LeaseGrant', _MESSAGES['LeaseGrantResponse'])
REVOKE = Method('/etcdserverpb.Lease/LeaseRevoke', _MESSAGES['LeaseRevokeResponse'])
KEEP_ALIVE = Method('/etcdserverpb.Lease/LeaseKeepAlive', _MESSAGES['LeaseKeepAliveResponse'])
TIME_TO_LIVE = Method('/etcdserverpb.Lease/LeaseTimeToLive', _MESSAGES['LeaseTimeToLiveResponse'])
ALARM = Method('/etcdserverpb.Maintenance/Alarm', _MESSAGES['AlarmResponse'])
MEMBERS = Method('/etcdserverpb.Cluster/MemberList', _MESSAGES['MemberListResponse'])
STATUS = Method('/etcdserverpb.Maintenance/Status', _MESSAGES['StatusResponse'])
AUTHENTICATE = Method('/etcdserverpb.Auth/Authenticate', _MESSAGES['AuthenticateResponse'])
AUTH_ENABLE = Method('/etcdserverpb.Auth/AuthEnable', _MESSAGES['AuthResponse'])
USER_ADD = Method('/etcdserverpb.Auth/UserAdd', _MESSAGES['AuthResponse'])
USER_GET = Method('/etcdserverpb.Auth/UserGet', _MESSAGES['AuthUserGetResponse'])
USER_GRANT_ROLE = Method('/etcdserverpb.Auth/UserGrantRole', _MESSAGES['AuthResponse'])
ROLE_ADD = Method('/etcdserverpb.Auth/RoleAdd', _MESSAGES['AuthResponse'])
ROLE_GET = Method('/etcdserverpb.Auth/RoleGet', _MESSAGES['AuthRoleGetResponse'])
ROLE_GRANT = Method('/etcdserverpb.Auth/RoleGrantPermission', _MESSAGES['AuthResponse'])
ROLE_REVOKE = Method('/etcdserverpb.Auth/RoleRevokePermission', _MESSAGES['AuthResponse'])


def range_end(name: bytes) -> bytes:
    """The end of the range that a name stands for: the keys under it if it ends in ``/``."""
    return name[:-1] + b'0' if name.endswith(b'/') else b''
