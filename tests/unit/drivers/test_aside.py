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

"""Work in a thread that is left alone when it hangs."""

import functools
import threading
import unittest

from kaopu_ha import ports
from kaopu_ha.drivers import aside
from kaopu_ha.drivers.broker import checks
from kaopu_ha.drivers.openstack import api


class Begun(unittest.TestCase):

    def test_what_it_gives_is_had_and_what_it_raises_is_raised(self):
        for work, expected in ((lambda: 7, 7), (lambda: None, None)):
            one = aside.Aside(work, 'test')
            self.assertTrue(one.ended(5.0))
            self.assertEqual(expected, one.result())
        for failure in (ValueError('a'), TimeoutError('b'), SystemExit('c')):
            one = aside.Aside(functools.partial(self.raised, failure), 'test')
            self.assertTrue(one.ended(5.0))
            with self.assertRaises(type(failure)) as caught:
                one.result()
            self.assertIs(failure, caught.exception)

    def raised(self, failure):
        raise failure

    def test_one_that_hangs_holds_nobody_up_and_may_end_later(self):
        goes_on = threading.Event()
        self.addCleanup(goes_on.set)
        one = aside.Aside(lambda: goes_on.wait(20.0), 'hangs')
        self.assertFalse(one.ended(0.05))
        thread, = (each for each in threading.enumerate() if each.name == 'hangs')
        self.assertTrue(thread.daemon)
        goes_on.set()
        self.assertTrue(one.ended(5.0))
        self.assertTrue(one.result())


class Calls(unittest.TestCase):
    """Those of OpenStack."""

    def setUp(self):
        self.goes_on = threading.Event()
        self.addCleanup(self.goes_on.set)

    def hang(self):
        self.goes_on.wait(20.0)

    def test_a_call_that_hangs_is_told_by_the_limit(self):
        with self.assertRaisesRegex(ports.PortError, 'no answer within 0.1 s'):
            api.within(0.1, self.hang)

    def test_so_many_may_hang_and_no_more_until_one_ends(self):
        for _ in range(api._HANGING_MAX):
            with self.assertRaisesRegex(ports.PortError, 'no answer'):
                api.within(0.01, self.hang)
        with self.assertRaisesRegex(ports.PortError, f'{api._HANGING_MAX} earlier calls hang'):
            api.within(0.01, lambda: 7)
        self.goes_on.set()
        self.assertEqual(7, api.within(5.0, lambda: 7))

    def test_calls_that_failed_do_not_count_as_ones_that_hang(self):
        for _ in range(api._HANGING_MAX + 1):
            with self.assertRaises(ZeroDivisionError):
                api.within(5.0, lambda: 1 // 0)


class Broker(unittest.TestCase):

    def setUp(self):
        self.goes_on = threading.Event()
        self.addCleanup(self.goes_on.set)
        self._driver = self

    def _get_connection(self, purpose, retry):
        self.goes_on.wait(20.0)
        raise OSError('amqp://user:secret@broker/ is away')

    def test_one_that_hangs_is_told_by_the_limit(self):
        with self.assertRaisesRegex(ports.PortError, 'does not answer within 0 s'):
            checks.listeners(self, 'queue', 0.1)

    def test_one_that_fails_is_told_without_the_password(self):
        self.goes_on.set()
        with self.assertRaises(ports.PortError) as caught:
            checks.listeners(self, 'queue', 5.0)
        self.assertEqual('the broker does not let us in: OSError', str(caught.exception))
        self.assertTrue(caught.exception.__suppress_context__)


if __name__ == '__main__':
    unittest.main()
