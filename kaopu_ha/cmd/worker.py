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

"""A worker: carries evacuations out; any number may run."""

from __future__ import annotations

import sys

from kaopu_ha.cmd import interrupts


def main() -> int:
    """Run until a signal ends the process."""
    with interrupts.in_one_line('kaopu-ha-worker'):
        # Not at the top: loading takes a while, in which a person may think again.
        from kaopu_ha import threads  # noqa: F401  threads before anything of oslo
        from kaopu_ha.cmd import process
        from kaopu_ha.wiring import worker
        return process.main('kaopu-ha-worker', worker.program)


if __name__ == '__main__':
    sys.exit(main())
