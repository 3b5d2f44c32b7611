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
"""Works on each host by itself: what its record or an answer about it does, stops nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
import functools

from kaopu_ha import ports, records
from kaopu_ha.core.news import Fact, News

_TELL_SECONDS = 3600.0
_WORDS_MAX = 200
# An answer of the store may be lost by chance, and once more; after that it is the record.
_UNKNOWN_MAX = 3
# A host that failed and was not tried since has no work any more, or this process leads no more.
_FAILING_SECONDS = 300.0


class Alone:
    """Tries the work on one host at a time, whatever it raises, and tells of it once in a while.

    Only a store that is away ends the turn, for that is no matter of one host.
    """

    def __init__(self, store: ports.Store, clock: Callable[[], float],
                 tell: Callable[[News], None]) -> None:
        self._store, self._clock, self._tell = store, clock, tell
        # How often work on a host failed in a row, and when it did last.
        self._failures: dict[str, tuple[int, float]] = {}
        self._told: dict[tuple[str, str], float] = {}

    @property
    def failing(self) -> frozenset[str]:
        """The hosts on which work failed when it was last tried."""
        now = self._clock()
        return frozenset(host for host, (_, at) in self._failures.items()
                         if now - at < _FAILING_SECONDS)

    def last(self, hosts: Iterable[str]) -> list[str]:
        """The hosts sorted, but those that failed behind all others: who may end a turn ends it
        when the others had theirs.
        """
        failing = self.failing
        return sorted(hosts, key=lambda host: (host in failing, host))

    def each(self, hosts: Iterable[str], what: str, work: Callable[[str], object]) -> None:
        """Try the work on one of the hosts after the other."""
        for host in self.last(hosts):
            self.tries(host, what, functools.partial(work, host))

    def tries(self, host: str, what: str, work: Callable[[], object]) -> bool:
        """Do the work; False if it failed.  Raises PortError if the store is away."""
        try:
            work()
        except Exception as failure:  # noqa: BLE001  one host must not take the others with it
            self.failed(host, what, failure)
            return False
        self.well([host])
        return True

    def well(self, hosts: Iterable[str]) -> None:
        """Work on these hosts has succeeded, in whichever way."""
        for host in hosts:
            self._failures.pop(host, None)

    def failed(self, host: str, what: str, failure: Exception) -> None:
        """Work on the host has failed.  Raises PortError if the store is away."""
        failing = self.failing
        self._failures = {other: one for other, one in self._failures.items() if other in failing}
        count = self._failures.get(host, (0, 0.0))[0] + 1
        self._failures[host] = count, self._clock()
        if isinstance(failure, ports.OutcomeUnknown) and count < _UNKNOWN_MAX:
            raise failure
        if isinstance(failure, ports.StoreError):
            # The store said no to this host's record, or it says nothing at all.
            self._store.read(records.LEADER)
        kind, now = (host, type(failure).__name__), self._clock()
        if now - self._told.get(kind, -_TELL_SECONDS) < _TELL_SECONDS:
            return
        self._told = {other: at for other, at in self._told.items() if now - at < _TELL_SECONDS}
        self._told[kind] = now
        self._tell(News(Fact.PASSED_OVER, host, f'{what} failed, and the other hosts go on '
                        f'(told once an hour): {words(failure)}'))


def words(failure: Exception) -> str:
    """The failure in words that every log and notification takes, and not too many."""
    words = f'{type(failure).__name__}: {failure}'
    return words.encode('utf-8', 'backslashreplace').decode('utf-8')[:_WORDS_MAX]
