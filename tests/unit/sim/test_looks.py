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

"""The measurement of looks runs, and what a look costs does not grow as the hosts do."""

import unittest

from tools.bench import looks


class Looks(unittest.TestCase):

    def test_a_host_that_is_lost_is_confirmed_as_soon_among_many(self):
        took = []
        for hosts in (10, 60):
            controller = looks.Controller(hosts, 2, looks.rules_of('fast'))
            took += controller.lose(controller.hosts[-1:])
        self.assertLess(took[1] / took[0], 1.15)
