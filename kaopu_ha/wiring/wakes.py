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

"""Joins changes in the store to the loops that they wake."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
import threading

from kaopu_ha import ports


class Wakes:
    """Has changes in the store wake loops, from when it answers; until then nobody waits for it."""

    def __init__(self, store: ports.Store,
                 woken: Iterable[tuple[threading.Event, tuple[str, ...]]]) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._closed = False
        self._watches: list[ports.Watching] = []
        # One watch for all loops that a change wakes: etcd would tell each of them.
        self._wanted: dict[str, list[threading.Event]] = {}
        for wake, prefixes in woken:
            for prefix in prefixes:
                self._wanted.setdefault(prefix, []).append(wake)
        threading.Thread(target=self._open, name='wakes', daemon=True).start()

    def close(self) -> None:
        """Wake nobody any more."""
        with self._lock:
            self._closed = True
            watches = list(self._watches)
        for watch in watches:
            watch.close()

    def _open(self) -> None:
        for prefix, wakes in self._wanted.items():
            if self._closed:
                return
            try:
                watch = self._store.watch(prefix, _waking(wakes))
            except ports.StoreError:
                if self._closed:
                    # The process ends, and its store was closed meanwhile.
                    return
                raise
            with self._lock:
                self._watches.append(watch)
                late = self._closed
            if late:
                watch.close()
                return
            # What changed before is not told.
            _wake(wakes)


def _waking(wakes: Sequence[threading.Event]) -> Callable[[ports.Change], None]:
    return lambda _: _wake(wakes)


def _wake(wakes: Sequence[threading.Event]) -> None:
    for each in wakes:
        each.set()
