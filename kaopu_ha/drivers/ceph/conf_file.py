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


"""The monitors in a ceph.conf: they tell whose disk a disk is."""

from __future__ import annotations

import pathlib

from kaopu_ha.core import ceph_file


def monitors(path: str) -> tuple[str, ...]:
    """The monitors' addresses or names, without ports, sorted.  Raises OSError."""
    try:
        return ceph_file.monitors(pathlib.Path(path).read_text('utf-8-sig', errors='replace'))
    except ValueError:
        return ()    # The configuration refuses it, and says why.
