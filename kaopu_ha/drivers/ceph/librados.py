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


"""As much of librados as the probes and the fence need, through its C interface.

Debian's module ``rados`` fits one Python only and can't list watchers, so this talks to
``librados.so.2`` itself.  Listing has no C interface: the few C++ symbols in ``_Cxx`` are those
that librados exports under a version name since Ceph 14.

Objects are read in ``Operation``s: started all at once, then awaited until a deadline.  After one
that did not end by then the process is left for a new one (``child.leave``), so use this in a
child process only (``kaopu_ha.drivers.child``).
"""

from __future__ import annotations

from collections.abc import Mapping
import ctypes
from ctypes import POINTER, byref, c_char, c_char_p, c_int, c_int64, c_size_t, c_uint64, c_void_p
from dataclasses import dataclass
import errno
import functools
import json
import os
import pathlib
import time
from typing import Any

from kaopu_ha import ports
from kaopu_ha.drivers import child

# Broken for good: the client was blocklisted or lost its session.  A new process connects anew.
_BROKEN = (errno.ESHUTDOWN, errno.ETIMEDOUT, errno.ENOTCONN)
# For calls that no deadline of ours ends first: the alarm of the child is always shorter.
_OP_SECONDS = '30'


class RadosError(ports.PortError):
    """librados failed; ``number`` is the errno."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f'{what}: {os.strerror(number)}')
        self.number = number
        if number in _BROKEN:
            child.leave()

    @property
    def is_absence(self) -> bool:
        """True if there is no such object or pool."""
        return self.number == errno.ENOENT


@dataclass(frozen=True)
class Watcher:
    """Who watches an object: the address with its nonce, and the id of the client."""

    address: str
    client_id: int


@dataclass(frozen=True)
class Notified:
    """Who acknowledged a notification and who did not, by the ids of clients."""

    acknowledged: frozenset[int]
    missing: frozenset[int]


class Connection:
    """A connection to a cluster."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Connect within the time that the child has left."""
        self._lib = _library()
        self._pools: dict[str, Pool] = {}
        self._handle = self._begun(settings.get('user') or 'admin', settings)
        self._set()
        self._check(self._lib.rados_connect(self._handle), 'connect')
        self.fsid = self._fsid()

    def pool(self, name: str) -> Pool:
        """The pool of this name; ``pool/namespace`` is the namespace in it."""
        if name not in self._pools:
            context, (pool, _, namespace) = c_void_p(), name.partition('/')
            self._check(self._lib.rados_ioctx_create(self._handle, pool.encode(), byref(context)),
                        f'open pool {pool}')
            self._lib.rados_ioctx_set_namespace(context, namespace.encode())
            self._pools[name] = Pool(self._lib, context)
        return self._pools[name]

    def pool_names(self) -> list[str]:
        """The names of all pools."""
        size = self._check(self._lib.rados_pool_list(self._handle, None, c_size_t(0)), 'list pools')
        names = ctypes.create_string_buffer(size + 1)
        self._check(self._lib.rados_pool_list(self._handle, names, c_size_t(size)), 'list pools')
        return [name.decode() for name in names.raw[:size].split(b'\0') if name]

    def command(self, prefix: str, **words: Any) -> Any:
        """Have the monitors carry out a command; its first JSON document, if it printed one.

        Some releases print a second document after the first.  Safe for threads.
        """
        line = json.dumps({'prefix': prefix, 'format': 'json', **words}).encode()
        out, size = c_void_p(), c_size_t()
        said, said_size = c_void_p(), c_size_t()
        commands = (c_char_p * 1)(line)
        result = self._lib.rados_mon_command(
            self._handle, commands, c_size_t(1), None, c_size_t(0), byref(out), byref(size),
            byref(said), byref(said_size))
        text, words_said = self._take(out, size).decode(), self._take(said, said_size).decode()
        self._check(result, ' '.join(filter(None, (prefix, words_said))))
        return json.JSONDecoder().raw_decode(text.lstrip())[0] if text.strip() else None

    def await_latest_map(self) -> None:
        """Return when this client has the OSD map that was the latest when it was called."""
        self._check(self._lib.rados_wait_for_latest_osdmap(self._handle), 'latest OSD map')

    # ------------------------------------------------------------ private

    def _begun(self, user: str, settings: Mapping[str, Any]) -> c_void_p:
        """A handle that has read its ceph.conf, under the name of its cluster.

        The name stands for $cluster in paths.  It is that of the file, as for Ceph's own commands;
        "ceph" if the keyring is found under that only.
        """
        path, keyring = settings.get('conf') or '', settings.get('keyring') or ''
        named = pathlib.Path(path).stem or 'ceph'
        handle = self._read(named, user, path, keyring)
        if named == 'ceph' or self._has_keyring(handle):
            return handle
        other = self._read('ceph', user, path, keyring)
        if not self._has_keyring(other):
            handle, other = other, handle
        self._lib.rados_shutdown(handle)
        return other

    def _read(self, named: str, user: str, path: str, keyring: str) -> c_void_p:
        handle = c_void_p()
        self._check(self._lib.rados_create2(byref(handle), named.encode(),
                                            f'client.{user}'.encode(), c_uint64(0)), 'create')
        self._check(self._lib.rados_conf_read_file(handle, path.encode() or None), f'read {path}')
        if keyring:
            self._check(self._lib.rados_conf_set(handle, b'keyring', keyring.encode()),
                        'set keyring')
        return handle

    def _has_keyring(self, handle: c_void_p) -> bool:
        told = ctypes.create_string_buffer(4096)
        if self._lib.rados_conf_get(handle, b'keyring', told, c_size_t(4096)) < 0:
            return False
        return any(os.access(name.strip(), os.R_OK) for name in told.value.decode().split(','))

    def _set(self) -> None:
        options = {'client_mount_timeout': str(max(int(child.seconds_left()), 1)),
                   'rados_mon_op_timeout': _OP_SECONDS, 'rados_osd_op_timeout': _OP_SECONDS}
        for name, value in options.items():
            self._check(self._lib.rados_conf_set(self._handle, name.encode(), value.encode()),
                        f'set {name}')

    def _fsid(self) -> str:
        text = ctypes.create_string_buffer(64)
        self._check(self._lib.rados_cluster_fsid(self._handle, text, c_size_t(64)), 'fsid')
        return text.value.decode()

    def _take(self, buffer: c_void_p, size: c_size_t) -> bytes:
        if not buffer.value:
            return b''
        taken = ctypes.string_at(buffer.value, size.value)
        self._lib.rados_buffer_free(buffer)
        return taken

    @staticmethod
    def _check(result: int, what: str) -> int:
        if result < 0:
            raise RadosError(-result, what)
        return result


class Pool:
    """The objects of a pool."""

    def __init__(self, lib: ctypes.CDLL, context: c_void_p) -> None:
        self._lib, self._context = lib, context

    def watchers(self, name: str) -> ListWatchers:
        """Begin to list who watches the object."""
        return ListWatchers(self._lib, self._context, name)

    def notify(self, name: str, seconds: int) -> Notify:
        """Begin to ask the watchers of the object; the missing ones are known after ``seconds``.

        Whole seconds, because librados cuts off the rest, and an OSD takes 0 for its default, 30.
        """
        return Notify(self._lib, self._context, name, seconds)

    def read(self, name: str, size: int) -> Read:
        """Begin to read the first ``size`` bytes of the object."""
        return Read(self._lib, self._context, name, size)


class Operation:
    """An operation under way."""

    def __init__(self, lib: ctypes.CDLL, name: str) -> None:
        self._lib, self._name = lib, name
        self._completion = c_void_p()
        lib.rados_aio_create_completion2(None, None, byref(self._completion))
        _under_way.add(self)

    @property
    def has_ended(self) -> bool:
        """Whether its result is there."""
        return bool(self._lib.rados_aio_is_complete(self._completion))

    def wait(self, deadline: float) -> int:
        """Wait until the operation ends; its result, negative for an errno.

        Raises RadosError if it has not ended by the deadline, of the monotonic clock.
        """
        pause = 0.0002
        while not self.has_ended:
            if time.monotonic() > deadline:
                raise RadosError(errno.ETIMEDOUT, self._name)
            time.sleep(pause)
            pause = min(pause * 1.5, 0.005)
        result = self._lib.rados_aio_get_return_value(self._completion)
        self._lib.rados_aio_release(self._completion)
        _under_way.discard(self)
        return int(result)

    def _ended(self, deadline: float) -> int:
        return Connection._check(self.wait(deadline), self._name)

    def _started(self, result: int) -> None:
        if result < 0:
            _under_way.discard(self)
            raise RadosError(-result, self._name)


# Kept until they end, whoever waits for them or not: librados writes into their memory.
_under_way: set[Operation] = set()


class Read(Operation):
    """A read under way."""

    def __init__(self, lib: ctypes.CDLL, context: c_void_p, name: str, size: int) -> None:
        super().__init__(lib, name)
        self._buffer = ctypes.create_string_buffer(size)
        self._started(lib.rados_aio_read(context, name.encode(), self._completion, self._buffer,
                                         c_size_t(size), c_uint64(0)))

    def result(self, deadline: float) -> bytes:
        """The bytes read."""
        size = self._ended(deadline)
        return self._buffer.raw[:size]


class Notify(Operation):
    """A notification under way.  Its payload is empty: librbd acknowledges nothing else."""

    def __init__(self, lib: ctypes.CDLL, context: c_void_p, name: str, seconds: int) -> None:
        super().__init__(lib, name)
        self._reply, self._size = c_void_p(), c_size_t()
        self._started(lib.rados_aio_notify(
            context, name.encode(), self._completion, b'', c_int(0),
            c_uint64(seconds * 1000), byref(self._reply), byref(self._size)))

    def result(self, deadline: float) -> Notified:
        """Who acknowledged, and who did not."""
        result = self.wait(deadline)
        if result < 0 and (result != -errno.ETIMEDOUT or not self._reply.value):
            raise RadosError(-result, self._name)
        acks, acks_count = POINTER(_Ack)(), c_size_t()
        missing, missing_count = POINTER(_Missing)(), c_size_t()
        decoded = self._lib.rados_decode_notify_response(
            self._reply, self._size, byref(acks), byref(acks_count), byref(missing),
            byref(missing_count))
        if decoded < 0:
            raise RadosError(-decoded, self._name)
        answer = Notified(frozenset(acks[i].client_id for i in range(acks_count.value)),
                          frozenset(missing[i].client_id for i in range(missing_count.value)))
        self._lib.rados_free_notify_response(acks, acks_count, missing)
        self._lib.rados_buffer_free(self._reply)
        return answer


class ListWatchers(Operation):
    """A list of watchers under way."""

    def __init__(self, lib: ctypes.CDLL, context: c_void_p, name: str) -> None:
        super().__init__(lib, name)
        raw = name.encode()
        self._raw = ctypes.create_string_buffer(raw)
        self._string = _String(ctypes.addressof(self._raw), len(raw))
        self._context = c_void_p(context.value)     # what librados::IoCtx holds
        self._wrapped = c_void_p(self._completion.value)     # and librados::AioCompletion
        self._operation = (c_void_p * 8)()
        self._list = _List()
        self._list.first = self._list.last = ctypes.addressof(self._list)
        self._error = c_int()
        cxx = _Cxx(lib)
        cxx.construct(byref(self._operation))
        cxx.list_watchers(byref(self._operation), byref(self._list), byref(self._error))
        started = cxx.operate(byref(self._context), byref(self._string), byref(self._wrapped),
                              byref(self._operation), None)
        cxx.destroy(byref(self._operation))
        self._started(started)

    def result(self, deadline: float) -> list[Watcher]:
        """Who watches."""
        self._ended(deadline)
        if self._error.value < 0:
            raise RadosError(-self._error.value, self._name)
        watchers, node = [], self._list.first
        while node != ctypes.addressof(self._list):
            entry = _Node.from_address(node)
            watchers.append(Watcher(entry.address.decode(), entry.client_id))
            node, done = entry.next, node
            _stdcxx()._ZdlPv(c_void_p(done))    # operator delete
        return watchers


# ---------------------------------------------------------------- the library's own shapes


@functools.cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL('librados.so.2')


@functools.cache
def _stdcxx() -> ctypes.CDLL:
    return ctypes.CDLL('libstdc++.so.6')


class _Ack(ctypes.Structure):
    _fields_ = [('client_id', c_uint64), ('cookie', c_uint64), ('payload', c_void_p),
                ('payload_size', c_uint64)]


class _Missing(ctypes.Structure):
    _fields_ = [('client_id', c_uint64), ('cookie', c_uint64)]


class _String(ctypes.Structure):
    """A std::string, read only."""

    _fields_ = [('data', c_void_p), ('size', c_size_t), ('room', c_char * 16)]


class _List(ctypes.Structure):
    """A std::list: a ring through the list itself."""

    _fields_ = [('first', c_void_p), ('last', c_void_p), ('size', c_size_t)]


class _Node(ctypes.Structure):
    """A node of std::list<obj_watch_t>."""

    _fields_ = [('next', c_void_p), ('previous', c_void_p), ('address', c_char * 256),
                ('client_id', c_int64), ('cookie', c_uint64), ('timeout', ctypes.c_uint32)]


class _Cxx:
    """The C++ symbols for listing watchers."""

    _NAMES = {
        'construct': '_ZN8librados7v14_2_015ObjectOperationC1Ev',
        'destroy': '_ZN8librados7v14_2_015ObjectOperationD1Ev',
        'list_watchers': '_ZN8librados7v14_2_019ObjectReadOperation13list_watchers'
                         'EPNSt7__cxx114listI11obj_watch_tSaIS4_EEEPi',
        'operate': '_ZN8librados7v14_2_05IoCtx11aio_operateERKNSt7__cxx1112basic_stringIcSt11char_'
                   'traitsIcESaIcEEEPNS0_13AioCompletionEPNS0_19ObjectReadOperationEPN4ceph6buffer'
                   '7v15_2_04listE',
    }

    def __init__(self, lib: ctypes.CDLL) -> None:
        for name, symbol in self._NAMES.items():
            try:
                setattr(self, name, getattr(lib, symbol))
            except AttributeError as missing:
                raise ports.PortError('this librados cannot list watchers: it is too old, or '
                                      'newer than this program knows') from missing

    construct: Any
    destroy: Any
    list_watchers: Any
    operate: Any
