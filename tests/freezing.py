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

"""Stopping a process, and waiting until it has stopped."""

import os
import pathlib
import signal
import time


def freeze(pid):
    """Stop a process: when this returns, none of its threads does anything more.

    The signal alone takes its time on a busy machine: what was asked meanwhile was still answered.
    """
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 5
    while not all(_is_stopped(task) for task in pathlib.Path(f'/proc/{pid}/task').iterdir()):
        if time.monotonic() > deadline:
            raise AssertionError(f'process {pid} does not stop')
        time.sleep(0.001)


def _is_stopped(task):
    try:
        return (task / 'stat').read_text().rpartition(')')[2].split()[0] in 'TtZX'
    except (FileNotFoundError, ProcessLookupError):
        return True
