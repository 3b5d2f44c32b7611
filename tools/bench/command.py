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

"""How soon the command answers, as a ratio to an interpreter that does nothing.

    python -m tools.bench.command [rounds]

Every command asks one real etcd, in the same run.  Each is run again and again, and its best is
taken: what comes on top of that is other people's work on the machine.
"""

import pathlib
import subprocess
import sys
import tempfile
import time

from tests import etcd_single

_COMMANDS = (('--version',), ('status',), ('host', 'list'), ('host', 'list', '-f', 'value'),
             ('recovery', 'list', '--json'), ('explain', '--help'))
_ALLOWED = (0, 1)


def best(command: list[str], rounds: int) -> float:
    """Seconds of the quickest of so many runs."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, timeout=60)
        taken.append(time.perf_counter() - began)
        if done.returncode not in _ALLOWED:
            raise SystemExit(done.stderr.decode())
    return min(taken)


def main() -> None:
    """Print a line for each command."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    etcd = etcd_single.Etcd()
    try:
        with tempfile.TemporaryDirectory() as folder:
            conf = pathlib.Path(folder, 'kaopu-ha.conf')
            conf.write_text(f'[store]\nendpoints = {etcd.endpoint}\n')
            nothing = best([sys.executable, '-c', 'pass'], rounds)
            print(f'{"python -c pass":34} {nothing:6.3f} s')
            for words in _COMMANDS:
                seconds = best([sys.executable, '-m', 'kaopu_ha.cli.shell', '--config-file',
                                str(conf), *words], rounds)
                print(f'kaopu-ha {" ".join(words):25} {seconds:6.3f} s  '
                      f'{seconds / nothing:5.1f} x')
    finally:
        etcd.close()


if __name__ == '__main__':
    main()
