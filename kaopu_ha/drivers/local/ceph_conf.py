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


"""The monitors in a ceph.conf: with several clusters they tell whose disk a disk is."""

from __future__ import annotations

import pathlib
import re

# ``mon_host = [v2:10.0.0.1:3300/0,v1:10.0.0.1:6789/0],b.example:6789``, the name also with
# blanks or hyphens.
_LINE = re.compile(r'^\s*mon[ _-]host\s*=\s*([^#;\n]*)', re.MULTILINE)
_VERSION = re.compile(r'^v[12]:')
_BRACKETED = re.compile(r'^\[([0-9A-Fa-f:.]+)\](?::\d+)?(?:/\d+)?$')
_PLAIN = re.compile(r'^([^:\s]+)(?::\d+)?(?:/\d+)?$')


def monitors(path: str) -> tuple[str, ...]:
    """The monitors' addresses or names, without ports, sorted.  Raises OSError."""
    found = set()
    for line in _LINE.findall(pathlib.Path(path).read_text(errors='replace')):
        for part in re.split(r'[,\s]+', line):
            found.add(_address(part))
    return tuple(sorted(found - {''}))


def _address(part: str) -> str:
    """The address in one part; the list of one monitor's addresses may be in brackets."""
    part = re.sub(r'^\[(?=v[12]:)', '', part)
    part = _VERSION.sub('', part)
    if part.count('[') < part.count(']'):
        part = part[:-1]
    match = _BRACKETED.match(part) or _PLAIN.match(part)
    return match.group(1) if match else part
