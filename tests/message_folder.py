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

"""A folder of Horizon's message files, and what may happen to it."""

import json
import os
import pathlib
import tempfile
import threading
from unittest import mock

from kaopu_ha.drivers.horizon import notifier
from kaopu_ha.testing import board


class MessageFolder(board.Wall):
    """A real folder, as MESSAGES_PATH names it; who looks at it says what is seen."""

    def __init__(self, case):
        self.path = pathlib.Path(case.enterContext(tempfile.TemporaryDirectory())) / 'messages'
        self.path.mkdir(mode=0o755)
        self._away = self.path.with_name('away')
        self._goes_on, self._real = threading.Event(), os.listdir
        self._goes_on.set()
        case.enterContext(mock.patch.object(notifier.os, 'listdir', self._listed))

    def _listed(self, folder):
        self._goes_on.wait(20.0)
        return self._real(folder)

    def pin(self, level, text):
        (self.path / 'kaopu-ha-tonight.json').write_text(
            json.dumps({'level': level, 'message': text}))

    def spoil(self):
        for number, path in enumerate(sorted(self.path.glob('*.json'))):
            if number:
                path.unlink()
            else:
                path.write_text('{')

    def vanish(self):
        self.path.rename(self._away)

    def come_back(self):
        self._away.rename(self.path)

    def hang(self):
        self._goes_on.clear()

    def go_on(self):
        self._goes_on.set()
