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

"""Work that may never end, in a thread that is left alone then.

Name resolution has no timeout, a slow answer none for its whole, and a folder on a server that is
away answers no call at all.  Whoever asks has a limit of its own, and goes on when that is over;
the thread ends when what it hangs in does, or with the process.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent import futures
import threading
from typing import Generic, TypeVar

Result = TypeVar('Result')


class Aside(Generic[Result]):
    """Work that was begun in a thread of its own, which bears the name.

    Nobody ends the thread: who begins it bounds how many may hang at one time.
    """

    def __init__(self, work: Callable[[], Result], name: str) -> None:
        self._future: futures.Future[Result] = futures.Future()
        threading.Thread(target=self._do, args=(work,), name=name, daemon=True).start()

    def ended(self, limit: float) -> bool:
        """True if it has ended, or does so within ``limit`` seconds."""
        return bool(futures.wait((self._future,), limit).done)

    def result(self) -> Result:
        """What it gave, once it has ended.  Raises what it raised."""
        return self._future.result(0.0)

    def _do(self, work: Callable[[], Result]) -> None:
        try:
            self._future.set_result(work())
        except BaseException as failure:  # noqa: BLE001  it is raised where the result is taken
            self._future.set_exception(failure)
