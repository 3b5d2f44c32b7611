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

"""What the kernel says of the use of this host: its cores' time, and its memory."""

from __future__ import annotations

import psutil

from kaopu_ha import ports
from kaopu_ha.core.live import Reading

_MEBIBYTE = 2 ** 20


def reading() -> Reading:
    """The counters as they are now.  Raises PortError.

    What a hypervisor below took (steal) is busy: nobody here can have it.  Memory that caches hold
    is free; huge pages that were set aside are not, whoever uses them.
    """
    try:
        times, memory, cores = psutil.cpu_times(), psutil.virtual_memory(), psutil.cpu_count()
    except (OSError, RuntimeError, ValueError, psutil.Error) as failure:
        raise ports.PortError(f'the kernel does not tell how busy it is: {failure}') from failure
    # The time of guests is in that of users already.
    busy = sum((times.user, times.nice, times.system, times.irq, times.softirq, times.steal))
    return Reading(cores=cores or 0, busy_seconds=busy,
                   all_seconds=busy + times.idle + times.iowait,
                   memory_mb=memory.total // _MEBIBYTE,
                   memory_available_mb=memory.available // _MEBIBYTE)
