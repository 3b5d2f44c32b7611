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

"""Real threads, whatever else is installed: to be imported before anything of oslo.

oslo.service's threading backend is chosen here; the first import fixes it.  eventlet is installed
with oslo.service, and futurist imports it where it finds it; a process of ours must not, so its
import is blocked.
"""

import sys
from typing import Any

_BLOCKED: Any = None
sys.modules['eventlet'] = _BLOCKED

from oslo_service import backend  # noqa: E402

backend.init_backend(backend.BackendType.THREADING)
