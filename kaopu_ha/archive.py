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

"""The bounded archive of a host's ended cases, for ``explain``."""

from __future__ import annotations

from kaopu_ha import ports, records
from kaopu_ha.core import model
from kaopu_ha.core.keys import TOGETHER_MAX


def put_away(store: ports.Store, case: model.Case, revision: int,
             kept: int = 20) -> list[ports.Put | ports.Delete]:
    """The writes that end a case: its record goes to the archive, the oldest there go.

    What an older release left too much goes bit by bit.
    """
    archive = f'{records.CLOSED}{case.host}/'
    old = sorted(store.read(archive).entries)
    return [ports.Delete(records.CASE + case.host),
            *(ports.Delete(key) for key in old[:min(max(len(old) - kept + 1, 0), TOGETHER_MAX)]),
            ports.Put(f'{archive}{revision:016d}', records.encode(case))]
