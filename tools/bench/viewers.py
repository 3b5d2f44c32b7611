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

"""Is a verdict later because people watch?

    python -m tools.bench.viewers [hosts] [viewers] [fast or patent]

The cloud of ``hosts``, and two of its hosts that are lost, one after the other: the first while
nobody looks, the second while so many wait for news at the API and look at hosts and cases, each at
most once a second.  API and people are one process more on the same machine.
"""

from __future__ import annotations

import contextlib
import sys
import time

from kaopu_ha.conf.rules import PACES
from tools.bench import hosts

_TARGET, _EVERY_SECONDS = 1.15, 1.0


def measured(setting: hosts.Setting, count: int) -> list[str]:
    """A line for each thing that was measured."""
    with contextlib.ExitStack() as held:
        cloud = hosts.Cloud(setting, held)
        time.sleep(setting.settle_seconds + setting.times.beat_ttl)
        alone = cloud.seconds_to_confirmed(cloud.hosts[-1:])
        watched = hosts.Child('viewers_api', {
            'store': cloud.store, 'hosts': setting.hosts, 'count': count,
            'every': _EVERY_SECONDS}, held)
        time.sleep(setting.settle_seconds)
        watched.ask('figures')
        time.sleep(setting.idle_seconds)
        idle = watched.ask('figures')
        seen = cloud.seconds_to_confirmed(cloud.hosts[-2:-1])
        time.sleep(2 * _EVERY_SECONDS)
        busy = watched.ask('figures')
    if idle['failed'] or busy['failed']:
        raise SystemExit('; '.join([*idle['failed'], *busy['failed']]))
    return [
        f'{setting.hosts} hosts with {setting.instances} instances each; {count} people who watch: '
        f'{idle["answers"] / setting.idle_seconds:.0f} answers a second by {idle["share"]:.2f} of '
        f'a core, half of them within {1000 * idle["median"]:.0f} ms',
        f'one host lost: CONFIRMED {alone:.2f} s after its last beat while nobody looks, '
        f'{seen:.2f} s while they do: ratio {seen / alone:.3f} '
        f'({seen / alone / _TARGET:.2f} of the target)',
        f'{busy["heard"]} of {count} were told of it meanwhile; {busy["answers"]} answers, half of '
        f'them within {1000 * busy["median"]:.0f} ms']


if __name__ == '__main__':
    print('\n'.join(measured(
        hosts.Setting(int(sys.argv[1]) if len(sys.argv) > 1 else 1000,
                      PACES[sys.argv[3] if len(sys.argv) > 3 else 'fast']),
        int(sys.argv[2]) if len(sys.argv) > 2 else 50)))
