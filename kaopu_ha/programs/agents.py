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

"""What an agent does."""

from __future__ import annotations

from collections.abc import Callable

from kaopu_ha import records
from kaopu_ha.agent.domains import DomainPublisher
from kaopu_ha.agent.inventory import InventoryPublisher
from kaopu_ha.agent.requests import RequestRunner
from kaopu_ha.agent.use import UsePublisher
from kaopu_ha.programs import Loop


def loops(host: str, beat: Callable[[], float], publisher: InventoryPublisher,
          runner: RequestRunner, definitions: DomainPublisher | None = None,
          unsent: Callable[[], str] = str, live: UsePublisher | None = None) -> tuple[Loop, ...]:
    """The loops of an agent; with ``definitions`` where no Nova keeps them, and with ``live`` where
    its use is measured.

    ``unsent``: what trouble kept the last beat from being sent, '' if none did.
    """
    lock = records.LOCK + host
    more = [Loop('domains', definitions.turn, trouble=lambda: definitions.trouble),
            ] if definitions else []
    if live is not None:
        more.append(Loop('use', live.turn, trouble=lambda: live.trouble))
    return (Loop('beat', beat, (lock,), trouble=unsent),
            Loop('inventory', publisher.turn, trouble=lambda: (
                publisher.trouble or publisher.behind)),
            Loop('requests', runner.turn, (records.requests_to(host), lock),
                 trouble=lambda: runner.trouble), *more)
