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

"""What each process does, joined from its parts: the same on real drivers and in the simulator.

A program is a handful of loops over ``turn()``; each kind of process has a module here, and loads
no other one's.  Who runs them, in threads or on a false clock, is not known here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kaopu_ha import ports

_WARM_SECONDS = 60.0


@dataclass(frozen=True)
class Loop:
    """A turn that is done again and again: when the seconds it returned are over, or woken.

    A change under one of the keys or prefixes ``woken_by`` wakes it.  A watch that is lost costs
    seconds only: each turn says itself when the next one is due.  ``listen`` takes what wakes it
    when a port of its own has something.  ``trouble`` says why the last turn did not end well,
    though it raised nothing; '' if it did.
    """

    name: str
    turn: Callable[[], float]
    woken_by: tuple[str, ...] = ()
    listen: Callable[[Callable[[], None]], None] = lambda wake: None
    trouble: Callable[[], str] = str


def warming(cloud: ports.Cloud) -> Loop:
    """A loop that keeps the cloud's children and tokens ready: the first call must not wait."""
    trouble = ''

    def turn() -> float:
        nonlocal trouble
        trouble = ''
        try:
            cloud.warm()
        except ports.PortError as failure:
            trouble = str(failure)
        return _WARM_SECONDS
    return Loop('warm', turn, trouble=lambda: trouble)
