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

"""What a process says last."""

import io
import logging
import threading
import unittest

from kaopu_ha.cmd import logs


class TestOnlyFromHere(unittest.TestCase):

    def test_other_threads_say_nothing_more(self):
        written = io.StringIO()
        logger = logging.getLogger('tests.unit.test_logs')
        logger.addHandler(logging.StreamHandler(written))
        self.addCleanup(logger.handlers.clear)
        logs.hand_over()

        def from_elsewhere():
            thread = threading.Thread(target=logger.warning, args=('from elsewhere',))
            thread.start()
            thread.join()

        from_elsewhere()
        logs.only_from_here()
        from_elsewhere()
        logger.warning('it ends')
        self.assertTrue(logs.drained(5.0))
        self.assertEqual('from elsewhere\nit ends\n', written.getvalue())
