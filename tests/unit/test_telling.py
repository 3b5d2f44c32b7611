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

"""Whoever tells never waits; what a notifier loses is counted, and told once."""

import pathlib
import tempfile
import threading
import time
import unittest

from kaopu_ha import ports
from kaopu_ha.conf import notifier as options
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.notice import Audience
from kaopu_ha.drivers.log.notifier import LogNotifier
from kaopu_ha.drivers.webhook.notifier import Webhook
from kaopu_ha.telling import dispatcher
from kaopu_ha.testing.notifier import AT, some_news, some_notices
from kaopu_ha.wiring import telling, worker
from tests.unit.test_conf import ConfCase, made

SECRET = 'a-secret-of-thirty-two-characters'


class Scripted(ports.Notifier):
    """Takes, holds or refuses, as it is told to."""

    def __init__(self, failure=None):
        self.failure, self.taken, self.closed = failure, [], False
        self.go = threading.Event()
        self.go.set()

    def notify(self, notice, limit):
        self.go.wait()
        if self.failure:
            raise self.failure
        self.taken.append(notice)

    def close(self):
        self.closed = True


class AtOnce(Scripted):
    waits = False


class TellingCase(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.counts = []

    def telling(self, *notifiers, **given):
        names = ('first', 'second')
        one = dispatcher.Dispatcher(dict(zip(names, notifiers, strict=False)), 'kaopu-ha-worker:c1',
                              now=lambda: AT, count=lambda *told: self.counts.append(told), **given)
        self.addCleanup(one.close)
        for notifier in notifiers:
            self.addCleanup(notifier.go.set)
        return one

    def await_true(self, fact):
        deadline = time.monotonic() + 10
        while not fact():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.005)

    def news(self, number=0):
        return News(Fact.STAGE, 'c1', f'dying: {number}')


class TestTelling(TellingCase):

    def test_every_notifier_is_told_in_order(self):
        one, other = Scripted(), Scripted()
        tell = self.telling(one, other)
        for number in range(20):
            tell(self.news(number))
        for notifier in (one, other):
            self.await_true(lambda found=notifier: len(found.taken) == 20)
            self.assertEqual([f'c1: stage: dying: {number}' for number in range(20)],
                             [notice.line for notice in notifier.taken])
        self.assertEqual(20, self.counts.count(('first', 'sent')))

    def test_one_that_hangs_holds_up_neither_the_teller_nor_the_others(self):
        hanging, other = Scripted(), Scripted()
        hanging.go.clear()
        tell = self.telling(hanging, other)
        with self.assertLogs('kaopu_ha.telling.dispatcher', 'WARNING') as logs:
            for number in range(dispatcher.WAITING_MAX + 50):
                tell(self.news(number))
        self.await_true(lambda: len(other.taken) > dispatcher.WAITING_MAX / 2)
        # One is under way in the thread: it left the queue.
        self.assertIn(self.counts.count(('first', 'lost')), (49, 50))
        self.assertEqual(1, sum('first' in line for line in logs.output))

    def test_what_was_lost_is_told_once_when_it_is_well_again(self):
        failing = Scripted(ports.PortError('nobody listens'))
        tell = self.telling(failing)
        with self.assertLogs('kaopu_ha.telling.dispatcher', 'WARNING') as logs:
            for number in range(5):
                tell(self.news(number))
            self.await_true(lambda: self.counts.count(('first', 'lost')) == 5)
            failing.failure = None
            tell(self.news(5))
            self.await_true(lambda: failing.taken)
            self.await_true(lambda: len(logs.output) == 2)
        self.assertIn('loses notices: nobody listens', logs.output[0])
        self.assertIn('well again; 5 notices were lost', logs.output[1])

    def test_a_bug_of_a_driver_ends_nothing_and_its_words_are_not_logged(self):
        for kind in (Scripted, AtOnce):
            broken = kind(ValueError(SECRET))
            tell = self.telling(broken)
            with self.assertLogs('kaopu_ha.telling.dispatcher') as logs:
                tell(self.news())
                self.await_true(lambda found=logs: found.output)
            self.assertNotIn(SECRET, ' '.join(logs.output))
            broken.failure = None
            tell(self.news(1))
            self.await_true(lambda found=broken: found.taken)

    def test_one_that_does_not_wait_is_told_in_the_same_thread(self):
        once = AtOnce()
        self.telling(once)(self.news())
        self.assertEqual(1, len(once.taken))

    def test_the_very_same_news_is_sent_once_in_a_while_and_logged_each_time(self):
        once, line = AtOnce(), Scripted()
        tell = self.telling(once, line)
        for _ in range(3):
            tell(self.news())
        tell(self.news(1))
        self.await_true(lambda: len(line.taken) == 2)
        self.assertEqual(4, len(once.taken))

    def test_the_project_of_an_instance_is_told_after_the_operators(self):
        line = Scripted()
        self.telling(line, projects=['*'])(some_news())
        self.await_true(lambda: len(line.taken) == 2)
        self.assertEqual([Audience.OPERATORS, Audience.PROJECTS],
                         [notice.audience for notice in line.taken])

    def test_every_news_is_counted(self):
        counted = []
        tell = self.telling(counted=counted.append)
        tell(self.news())
        tell(self.news())
        self.assertEqual(2, len(counted))

    def test_at_the_end_what_waits_is_sent_for_a_moment(self):
        line = Scripted()
        tell = self.telling(line)
        for number in range(50):
            tell(self.news(number))
        tell.close()
        self.assertEqual((50, True), (len(line.taken), line.closed))

    def test_one_that_hangs_does_not_hold_up_the_end(self):
        hanging = Scripted()
        hanging.go.clear()
        tell = self.telling(hanging)
        for number in range(3):
            tell(self.news(number))
        with self.assertLogs('kaopu_ha.telling.dispatcher', 'WARNING') as logs:
            tell.close()
        self.assertIn('3 notices are lost at the end', logs.output[0])


class TestRepeats(unittest.TestCase):

    def test_after_a_while_it_is_news_again_and_memory_has_a_bound(self):
        now = [0.0]
        repeats = dispatcher.Recent(lambda: now[0])
        first = News(Fact.STORE_AWAY, '', 'away')
        self.assertEqual([False, True], [repeats.seen(first) for _ in range(2)])
        now[0] = dispatcher.REPEAT_SECONDS
        self.assertFalse(repeats.seen(first))
        for number in range(5000):
            repeats.seen(News(Fact.STORE_AWAY, '', str(number)))
        self.assertLessEqual(len(repeats._at), 1000)
        self.assertFalse(repeats.seen(first))


class TestLog(unittest.TestCase):

    def test_the_log_says_what_it_always_said(self):
        operators, project = some_notices(some_news(fact=Fact.BRAKE_ON, host=''))
        with self.assertLogs('kaopu_ha.news', 'INFO') as logs:
            LogNotifier().notify(operators, 0.0)
            LogNotifier().notify(some_notices()[0], 0.0)
            LogNotifier().notify(project, 0.0)
        self.assertEqual([
            'ERROR:kaopu_ha.news:brake on: ' + some_news().text,
            'INFO:kaopu_ha.news:compute-1: instance moved: ' + some_news().text], logs.output)


class TestOptions(ConfCase):

    def notifiers(self, **given):
        conf = made(**{f'notifier__{name}': value for name, value in given.items()})
        return telling.notifiers(conf, None, conf.notifier.drivers)

    def test_the_log_alone_is_told_by_default(self):
        self.assertEqual(['log'], list(self.notifiers()))

    def test_each_driver_is_made_once(self):
        found = self.notifiers(drivers=['webhook', 'log', 'webhook'], webhook_secret=SECRET,
                               webhook_url='https://hook.example/x')
        self.assertEqual([Webhook, LogNotifier], [type(one) for one in found.values()])

    def test_an_unknown_driver_and_the_ones_there_are(self):
        self.assert_refused('there is no notifier driver "pigeon"; there is: horizon, log, '
                            'oslo_messaging, webhook', self.notifiers, drivers=['pigeon'])

    def test_a_bus_without_an_address(self):
        self.assert_refused('[notifier] transport_url is not set', self.notifiers,
                            drivers=['oslo_messaging'])
        with self.assertRaises(ConfigError) as caught:
            self.notifiers(drivers=['oslo_messaging'], transport_url=f'telex://kaopu:{SECRET}@h')
        self.assertNotIn(SECRET, str(caught.exception))

    def test_urls_that_are_none_are_not_shown(self):
        for url in ('', 'hook.example', 'ftp://hook.example/', 'https://', 'http://h:0/',
                    'http://h:port/', f'https://kaopu:{SECRET}@h/', 'https://h/a b', 'https://h/ä'):
            with self.assertRaises(ConfigError, msg=url) as caught:
                options.webhook(made(notifier__webhook_url=url, notifier__webhook_secret=SECRET))
            self.assertIn('[notifier] webhook_url', str(caught.exception))
            self.assertNotIn(SECRET, str(caught.exception))

    def hook(self, **given):
        return options.webhook(made(notifier__webhook_url='https://hook.example/', **{
            f'notifier__{name}': value for name, value in given.items()}))

    def test_the_secret_stands_in_one_place(self):
        self.assert_refused('set one of', self.hook)
        self.assert_refused('set one of', self.hook, webhook_secret=SECRET,
                            webhook_secret_file='x')

    def test_a_secret_that_is_short_is_refused(self):
        self.assert_refused('has 5 bytes', self.hook, webhook_secret='short')

    def test_a_secret_is_read_from_its_file_if_others_can_not(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, 'secret')
            self.assert_refused('can\'t be read', self.hook, webhook_secret_file=str(path))
            path.write_text(SECRET + '\n')
            path.chmod(0o644)
            self.assert_refused('chmod 0640', self.hook, webhook_secret_file=str(path))
            path.chmod(0o640)
            self.assertEqual(SECRET.encode(), self.hook(webhook_secret_file=str(path))['secret'])

    def test_an_absent_file_of_certificates_is_refused(self):
        self.assert_refused('can\'t be made', self.notifiers, drivers=['webhook'],
                            webhook_url='https://h/', webhook_secret=SECRET,
                            webhook_ca='/nowhere.pem')


class TestProcess(ConfCase):

    def test_a_worker_tells_the_webhook_that_is_configured(self):
        program = worker.program(made(
            ceph__conf=[self.file('fsid = 11111111-2222-4333-8444-555555555555')],
            nova__auth_url='http://127.0.0.1:9/v3', nova__username='u', nova__password='p',
            notifier__drivers=['log', 'webhook'], notifier__webhook_secret=SECRET,
            notifier__webhook_url='http://127.0.0.1:9/'))
        try:
            self.assertIn('notify-webhook', [thread.name for thread in threading.enumerate()])
        finally:
            program.close()
        self.assertNotIn('notify-webhook', [thread.name for thread in threading.enumerate()])
