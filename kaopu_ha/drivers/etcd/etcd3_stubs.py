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

"""The package ``etcd3``, made to import with the protobuf that is installed.

Its modules of messages (``etcd3.etcdrpc.*_pb2``) were generated in 2020, in a way that protobuf
refuses from 4 on.  What is in them is still right: each holds the description of its messages as
protobuf's own bytes.  These are read from the files, without running them, and modules of the same
names with messages made from them are put in place before the package is imported.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pathlib
import re
import sys
import types
from typing import Any

from google.protobuf import descriptor_pool, message_factory

from kaopu_ha.drivers import extras

# In the order in which they need each other.
_MODULES = ('kv_pb2', 'auth_pb2', 'rpc_pb2')
_PLACE = 'etcd3.etcdrpc'
_DESCRIPTION = re.compile(r"serialized_pb=_b\(('(?:[^'\\]|\\.)*')\)")


def imported() -> Any:
    """The package, ready for use.  Raises ImportError if it is not installed, or is another."""
    if sys.modules.get('etcd3') is None:
        _put_in_place(_folder())
    return importlib.import_module('etcd3')


def _folder() -> pathlib.Path:
    extras.need('etcd3', 'etcd3', ', or set [store] driver = etcd, which needs no such package')
    found: Any = importlib.util.find_spec('etcd3')
    return pathlib.Path(found.origin).parent / 'etcdrpc'


def _put_in_place(folder: pathlib.Path) -> None:
    # A pool of our own: another library in this process may have etcd's messages in the default.
    pool = descriptor_pool.DescriptorPool()
    for name in _MODULES:
        pool.AddSerializedFile(_described(folder / f'{name}.py'))
        file = pool.FindFileByName(f'{name.removesuffix("_pb2")}.proto')
        sys.modules[f'{_PLACE}.{name}'] = _module(f'{_PLACE}.{name}', file)


def _described(source: pathlib.Path) -> bytes:
    """The description in a generated module: the string that is named ``serialized_pb``."""
    found = _DESCRIPTION.search(source.read_text(encoding='utf-8'))
    if not found:
        raise ImportError(f'{source} holds no description of messages: the package etcd3 must be '
                          f'release 0.12.0')
    # Only the string is parsed: to parse the whole file takes half a second.
    return str(ast.literal_eval(found[1])).encode('latin1')


def _module(name: str, file: Any) -> types.ModuleType:
    made = types.ModuleType(name, f'The messages of {file.name}.')
    made.__dict__.update(
        (kind.name, message_factory.GetMessageClass(kind))
        for kind in file.message_types_by_name.values())
    made.__dict__.update(
        (value.name, value.number)
        for kind in file.enum_types_by_name.values() for value in kind.values)
    return made
