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


"""A child for the tests of children: it does what it is told to."""

import os
import pathlib
import signal
import sys
import time

from kaopu_ha import ports
from kaopu_ha.drivers import child


def make(settings):
    time.sleep(settings.get('start_seconds', 0))
    if 'broken' in settings:
        raise ports.PortError(settings['broken'])

    def fail(kind):
        raise {'refused': ports.Refused, 'unknown': ports.OutcomeUnknown,
               'port': ports.PortError, 'other': ValueError}[kind]('as told')

    def write_later(path, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.01)
        pathlib.Path(path).write_text('done')

    def leave():
        child.leave()
        return 'bye'

    return {'echo': lambda text: text, 'pid': os.getpid, 'left': child.seconds_left,
            'fail': fail, 'write_later': write_later, 'leave': leave,
            'crash': lambda: os.kill(os.getpid(), signal.SIGKILL),
            'arguments': lambda: sys.argv[1:]}


if __name__ == '__main__':
    child.serve(make)
