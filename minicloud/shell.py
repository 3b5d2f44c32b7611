# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Commands and progress: run a program or fail with a sentence, say what is going on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
from pathlib import Path
import subprocess
import sys
import time

_START = time.monotonic()


class CloudError(Exception):
    """A step failed; the text says which, and what to read."""


def say(text: str) -> None:
    """Tell the person who waits, with the seconds since the start, on stderr."""
    print(f'{time.monotonic() - _START:7.1f} s  {text}', file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(what: str, log: Path | None = None) -> Iterator[None]:
    """Tell what a step does and how long it took; a failure names the log to read."""
    start = time.monotonic()
    try:
        yield
    except (CloudError, OSError, subprocess.SubprocessError) as trouble:
        hint = f'\n  read: {log}' if log else ''
        raise CloudError(f'{what}: {trouble}{hint}') from trouble
    say(f'{what} ({time.monotonic() - start:.1f} s)')


def run(
    argv: Sequence[object],
    *,
    text: str | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    check: bool = True,
) -> str:
    """Run a program to its end and return what it printed.

    No secret may be in argv: it is in the error message, and in every process list.
    """
    words = [str(word) for word in argv]
    done = subprocess.run(
        words, input=text, text=True, env=env, timeout=timeout, capture_output=True, check=False
    )
    if check and done.returncode:
        tail = (done.stdout + done.stderr).strip()[-3000:]
        raise CloudError(f'{" ".join(words)} ended with {done.returncode}\n{tail}')
    return done.stdout


def succeeds(argv: Sequence[object], timeout: float | None = None) -> bool:
    """Tell whether a program ends well."""
    words = [str(word) for word in argv]
    done = subprocess.run(words, capture_output=True, timeout=timeout, check=False)
    return done.returncode == 0


def wait_for(
    what: str, probe: Callable[[], object], seconds: float = 60, interval: float = 0.1
) -> None:
    """Ask until the probe says yes; trouble with a connection is a no."""
    deadline = time.monotonic() + seconds
    trouble = ''
    while True:
        try:
            if probe():
                return
        except OSError as seen:
            trouble = f': {seen}'
        if time.monotonic() > deadline:
            raise CloudError(f'{what} is not ready after {seconds:.0f} s{trouble}')
        time.sleep(interval)
