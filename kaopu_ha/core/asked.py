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

"""What people ask of a recovery, and the answer: the values of ``core.wishes``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import enum

from kaopu_ha.core import restart, texts
from kaopu_ha.core.model import Case, Evacuation, Recovery
from kaopu_ha.core.news import News


class WishVerb(enum.Enum):
    """What is asked."""

    RETRY = 'retry'
    GIVE_UP = 'give up'
    END = 'end'
    GO_ON = 'go on'


class WishState(enum.Enum):
    """What came of it."""

    ASKED = 'asked'
    DONE = 'done'
    REFUSED = 'refused'


@dataclass(frozen=True)
class Wish:
    """The value of ``wish/<verb>/<subject>``: who asked what, when and why, and the answer.

    ``recovery``: the one that is meant, and no later one; '' for a start in place, which is meant
    by the boot ``boot_id`` of its host.  ``instance`` is a UUID; '' where all are meant.
    ``destroyed``: of one who asks to go on, see ``Word``.  ``opened``: of one who asks that of a
    host that is judged, the revision at which the case was opened that is meant.
    """

    verb: WishVerb
    host: str
    who: str
    at: str
    why: str
    recovery: str = ''
    boot_id: str = ''
    instance: str = ''
    name: str = ''
    state: WishState = WishState.ASKED
    answer: str = ''
    destroyed: bool = False
    opened: int = 0

    @property
    def by(self) -> str:
        """Who asks, and why."""
        return texts.bounded(f'{self.who}: {self.why}', texts.LINE_BYTES_MAX)


@dataclass(frozen=True)
class Seen:
    """What the leader saw.  ``evacuations``: of the recovery; ``unreadable``: there are more, which
    can't be read.  ``ends``: wishes to end the recovery, which wait.  ``proven``: its proof is
    shown; ``beats``: its host does; ``inventory_revision``: of what that told last.  ``opened``:
    at which revision its case was; ``held``: people hold it.
    """

    at: str
    by: str
    case: Case | None = None
    recovery: Recovery | None = None
    evacuations: Sequence[Evacuation] = ()
    unreadable: bool = False
    restart: restart.Restart | None = None
    ends: Sequence[Wish] = ()
    proven: bool = False
    beats: bool = False
    inventory_revision: int = 0
    opened: int = 0
    held: bool = False


@dataclass(frozen=True)
class Reply:
    """The wish with its answer, and what is to be written with it in one transaction, then told."""

    wish: Wish
    recovery: Recovery | None = None
    evacuations: tuple[Evacuation, ...] = ()
    restart: restart.Restart | None = None
    case: Case | None = None
    withdrawn: tuple[Wish, ...] = ()
    news: tuple[News, ...] = ()
