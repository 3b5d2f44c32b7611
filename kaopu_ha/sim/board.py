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

"""The folder of messages for Horizon on a controller's machine, and what shows them there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kaopu_ha import ports
from kaopu_ha.core.board import BoardMessage, MessageKind
from kaopu_ha.sim.kernel import Kernel

if TYPE_CHECKING:
    from kaopu_ha.sim.world import Setup


class Folder:
    """What is seen at a login, by kind: it stays there when a controller ends, however it does.

    ``away``: it takes nothing.  ``hangs``: it takes what is shown, and never says so.
    """

    def __init__(self) -> None:
        self.messages: dict[MessageKind, BoardMessage] = {}
        self.away = self.hangs = False


class Folders:
    """The folders of all controllers."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.by_role: dict[str, Folder] = {}

    def boards(self, role: str, setup: Setup) -> tuple[ports.Board, ...]:
        """What a process that starts as this controller shows people by, if the world has it."""
        if not setup.horizon:
            return ()
        return (SimBoard(self._kernel, self.by_role.setdefault(role, Folder())),)


class SimBoard(ports.Board):
    """Shows messages in a folder, and names hosts there."""

    names_hosts = True

    def __init__(self, kernel: Kernel, folder: Folder) -> None:
        self._kernel, self._folder = kernel, folder
        self._is_under_way = self._has_shown = False

    def show(self, messages: Sequence[BoardMessage], limit: float) -> None:
        """As promised."""
        self._has_shown = True
        if self._folder.away:
            raise ports.PortError('there is no such folder')
        if self._folder.hangs:
            if not self._is_under_way:
                self._is_under_way = True
                self._kernel.sleep(limit)
            raise ports.PortError('the folder does not answer')
        self._is_under_way = False
        self._folder.messages = {one.kind: one for one in messages}

    def close(self) -> None:
        """As promised."""
        if self._has_shown and not self._folder.hangs:
            self._folder.messages = {}
