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

"""The stories that come with the program, one in a file: ``kaopu_ha.sim.story`` reads them.

Each is a test.  Besides, each is played again and again with a controller or a worker killed right
after one of its commits; then, how things are at the very end must still come true, be it later.
So a file says at its last moment how things are, and says before what was told or done meanwhile.
"""

from __future__ import annotations

import importlib.resources

_ENDING = '.yaml'


def names() -> tuple[str, ...]:
    """The names of all stories, sorted."""
    return tuple(sorted(found.name.removesuffix(_ENDING) for found in _here().iterdir()
                        if found.name.endswith(_ENDING)))


def text(name: str) -> str:
    """The file of a story.  Raises FileNotFoundError."""
    return (_here() / f'{name}{_ENDING}').read_text(encoding='utf-8')


def _here() -> importlib.resources.abc.Traversable:
    return importlib.resources.files(__name__)
