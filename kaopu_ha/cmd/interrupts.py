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

"""Ctrl-C: a process that is interrupted says so in one line, and ends with 130 as a shell has it.

By a handler and not by an exception: that could come up in the middle of anything, and would be
told with a traceback, or be swallowed by a library.
"""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import os
import signal
import sys
import threading
from types import FrameType

EXIT = 128 + signal.SIGINT


@contextlib.contextmanager
def in_one_line(name: str) -> Iterator[None]:
    """Have an interrupt end the process, until it has handlers of its own."""
    def end(number: int, frame: FrameType | None) -> None:
        sys.stderr.write(f'{name}: interrupted at its start\n')
        sys.stderr.flush()
        os._exit(EXIT)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
