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

"""The child in which libvirt's test driver is asked: the real one, but that driver has no UUID."""

from __future__ import annotations

from typing import Any

from kaopu_ha.drivers import child
from kaopu_ha.drivers.libvirt import local_child


class Handlers(local_child.LocalHandlers):
    """What the child can do."""

    def identity(self) -> dict[str, Any]:
        """One for all."""
        return {'host_uuid': '5f3b2a10-1111-4222-8333-444455556666', 'cores': 64,
                'memory_mb': 262144}


if __name__ == '__main__':
    child.serve(lambda settings: Handlers(settings).by_name())
