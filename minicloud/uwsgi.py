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

"""How a WSGI application is served by uWSGI."""

from collections.abc import Sequence
from pathlib import Path

# Each process loads the application itself (lazy-apps): connections and threads outlive no fork.
# An application that does not load ends the server instead of answering 500 for ever (need-app).
_OPTIONS = [
    '--master', '--enable-threads', '--lazy-apps', '--die-on-term', '--need-app', '--so-keepalive',
    '--disable-logging', '--buffer-size', '65535', '--listen', '128', '--worker-reload-mercy', '5',
    '--add-header', 'Connection: close']


def argv(
    program: str, at: str, module: str, venv: Path, processes: int, threads: int,
    tls: tuple[Path, Path] | None = None, more: Sequence[str] = (),
) -> list[str]:
    """The command that serves a module (a dotted name, or a file) of an environment.

    `at`: ADDRESS:PORT. `tls`: the certificate that it shows, and its key. The program has to be of
    the environment's Python; it need not be installed there.
    """
    socket = ['--https-socket', ','.join(map(str, (at, *tls)))] if tls else ['--http-socket', at]
    where = ['--wsgi-file', module] if module.endswith('.py') else ['--module', module]
    return [program, *socket, *where, *_OPTIONS, '--processes', str(processes),
            '--threads', str(threads), '--venv', str(venv), *more]
