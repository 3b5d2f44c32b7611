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

"""The processes: how they start, what they refuse, how signals end them; and their loops."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
import urllib.request

from kaopu_ha.cmd import loops
from kaopu_ha.programs import Loop
from kaopu_ha.wiring.parts import RunningLoop

PROGRAMS = ('agent', 'controller', 'worker')
# A process that is told to end does so by itself; on a busy machine it takes longer than it should.
END_SECONDS = 60
# A program whose turn never ends, with far more time for it than the process has for its end.
HUNG = """
import sys
import threading
from kaopu_ha.wiring import parts
from kaopu_ha.cmd import process
from kaopu_ha.programs import Loop
process._TURNS_SECONDS = 3600
never = threading.Event()
def turn():
    print('its turn hangs', file=sys.stderr, flush=True)
    return float(never.wait())
hung = parts.RunningLoop(Loop('hung', turn))
process.main('kaopu-ha-hung', lambda conf: parts.Program((hung,), lambda: None))
"""
# An agent as far as it is made before its loops begin; says what it has imported.
MADE = """
import json
import sys
from kaopu_ha import threads
from kaopu_ha.cmd import process
from kaopu_ha.wiring import agent
program = agent.program(process.configure('kaopu-ha-agent', sys.argv[1:]))
print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))
program.close()
"""
# What an agent has no use for, on each compute host.
NOT_IN_AN_AGENT = {
    'requests', 'urllib3', 'keystoneauth1', 'openstack', 'oslo_messaging', 'kombu', 'amqp',
    'oslo_policy', 'oslo_middleware', 'keystonemiddleware', 'webob', 'jsonschema', 'rq', 'redis',
    'cliff', 'rados', 'rbd', 'libvirt', 'yaml', 'greenlet'}
# A program that logs far more than a pipe holds, and says so when it has.
LOGS = """
import logging
import os
import sys
from kaopu_ha.wiring import parts
from kaopu_ha.cmd import logs, process
from kaopu_ha.programs import Loop
logs.LINES_MAX = 100
turns = []
def turn():
    turns.append(1)
    logging.getLogger('kaopu_ha.test').info('turn %d %s', len(turns), 'x' * 4000)
    if len(turns) == 200:
        os.write(int(sys.argv.pop()), b'200 turns')
    return 0.0
logs_much = parts.RunningLoop(Loop('logs', turn))
made = parts.Program((logs_much,), lambda: None)
process.main('kaopu-ha-logs', lambda conf: made, sys.argv[1:3])
"""
GOOD = """
[DEFAULT]
host = c1
debug = true
[store]
endpoints = 127.0.0.1:9
timeout = 0.5
[ceph]
conf = {folder}/ceph.conf
client_networks = 10.2.0.0/24
[agent]
state_path = {folder}
[nova]
auth_url = http://127.0.0.1:9/v3
username = kaopu
password = hidden-word
[detection]
pace = fast
"""
BARE = GOOD.partition('[nova]')[0] + """
[cloud]
driver = libvirt
[usage]
driver = inventory
[detection]
pace = fast
"""


class ProcessCase(unittest.TestCase):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / 'ceph.conf').write_text('[global]\nfsid = x\n')
        self.conf = self.folder / 'kaopu-ha.conf'
        self.conf.write_text(GOOD.format(folder=self.folder))
        self.conf.chmod(0o640)

    def command(self, program, *words):
        return [sys.executable, '-m', f'kaopu_ha.cmd.{program}', *map(str, words)]

    def run_it(self, program, *words):
        return subprocess.run(self.command(program, *words), capture_output=True, text=True,
                              timeout=60)

    def started(self, program, command=()):
        """The process, when it has said that it runs."""
        log = self.folder / 'log'
        command = command or self.command(program)
        with log.open('w') as out:
            process = subprocess.Popen([*command, '--config-file', str(self.conf)],
                                       stdout=out, stderr=out)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.await_words(log, ' starts on c1')
        return process, log

    def await_words(self, log, words):
        deadline = time.monotonic() + 30
        while words not in log.read_text():
            self.assertLess(time.monotonic(), deadline, log.read_text())
            time.sleep(0.02)


class TestCommandLine(ProcessCase):

    def test_help_and_version_end_well(self):
        for program in PROGRAMS:
            told = self.run_it(program, '--help')
            self.assertEqual(0, told.returncode)
            for word in (f'kaopu-ha-{program}', '--config-file', '--config-dir', '--version'):
                self.assertIn(word, told.stdout)
        told = self.run_it('worker', '--version')
        self.assertEqual((0, ''), (told.returncode, told.stderr))

    def assert_refused(self, words, program, *arguments):
        told = self.run_it(program, *arguments)
        self.assertEqual((2, ''), (told.returncode, told.stdout))
        self.assertEqual(1, told.stderr.count('\n'), told.stderr)
        self.assertTrue(told.stderr.startswith(f'kaopu-ha-{program}: '), told.stderr)
        self.assertIn(words, told.stderr)

    def test_an_absent_file_is_named(self):
        self.assert_refused('nowhere.conf is not there', 'agent', '--config-file', 'nowhere.conf')

    def test_what_is_no_configuration_is_refused(self):
        self.conf.write_text('what is this')
        self.assert_refused(str(self.conf), 'worker', '--config-file', self.conf)

    def test_a_bad_value_is_refused_with_its_option(self):
        self.conf.write_text(self.conf.read_text() + 'beat_ttl = 1\n')
        for program in PROGRAMS:
            self.assert_refused('[detection] beat_ttl: ', program, '--config-file', self.conf)

    def test_a_bad_sum_is_refused(self):
        self.conf.write_text(self.conf.read_text() + 'beat_interval = 2\n')
        for program in PROGRAMS:
            self.assert_refused('3 x 2 s > beat_ttl 3 s', program, '--config-file', self.conf)

    def test_no_network_to_fence_is_refused(self):
        self.conf.write_text(self.conf.read_text().replace('client_networks', '#'))
        for program in PROGRAMS:
            self.assert_refused('client_networks is empty', program, '--config-file', self.conf)

    def test_placement_without_openstack_is_refused(self):
        self.conf.write_text(BARE.format(folder=self.folder).replace('driver = inventory', ''))
        told = self.run_it('controller', '--config-file', self.conf)
        self.assertEqual(2, told.returncode)
        self.assertIn('set [usage] driver = inventory', told.stderr)

    def test_a_folder_will_do_instead_of_a_file(self):
        folder = self.folder / 'kaopu-ha.conf.d'
        folder.mkdir()
        inside = folder / 'all.conf'
        inside.write_text(self.conf.read_text().replace('client_networks', '#'))
        inside.chmod(0o640)
        self.assert_refused('client_networks is empty', 'agent', '--config-dir', folder)


class TestSignals(ProcessCase):

    def test_it_starts_without_a_store_and_ends_well(self):
        for program in PROGRAMS:
            with self.subTest(program):
                process, log = self.started(program)
                time.sleep(0.5)
                self.assertIsNone(process.poll(), log.read_text())
                process.terminate()
                self.assertEqual(0, process.wait(timeout=END_SECONDS), log.read_text())
                self.assertIn(f'kaopu-ha-{program} ends', log.read_text())
                self.assertNotIn('hidden-word', log.read_text())

    def test_one_whose_time_to_end_runs_out_ends_well_all_the_same(self):
        process, log = self.started('hung', [sys.executable, '-c', HUNG])
        self.await_words(log, 'its turn hangs')
        process.terminate()
        self.assertEqual(0, process.wait(timeout=END_SECONDS), log.read_text())
        self.assertIn('its time to end has run out', log.read_text())

    def test_without_openstack_it_starts_without_an_account(self):
        self.conf.write_text(BARE.format(folder=self.folder))
        for program in PROGRAMS:
            with self.subTest(program):
                process, log = self.started(program)
                time.sleep(0.5)
                self.assertIsNone(process.poll(), log.read_text())
                if program == 'agent':
                    self.await_words(log, 'the definitions of c1 are not published')

    def test_sighup_reads_the_configuration_again(self):
        process, log = self.started('worker')
        self.conf.write_text(self.conf.read_text().replace('debug = true', 'debug = false'))
        process.send_signal(signal.SIGHUP)
        self.await_words(log, 'was read again: 1 options changed')
        self.conf.write_text(self.conf.read_text().replace('timeout', 'tiemout'))
        process.send_signal(signal.SIGHUP)
        self.await_words(log, 'the next start would be refused: [store] tiemout in ')
        self.conf.write_text('no configuration')
        process.send_signal(signal.SIGHUP)
        self.await_words(log, 'the configuration was not read again')
        self.assertIsNone(process.poll())

    def test_a_reason_is_told_once_in_a_line(self):
        _, log = self.started('agent')
        self.await_words(log, 'WARNING kaopu_ha.news')
        self.assertNotIn('kaopu_ha.ports.', log.read_text().split('WARNING kaopu_ha.news')[1])

    def test_no_green_threads_come_in(self):
        code = ('import sys; from kaopu_ha import threads, wiring; '
                'from kaopu_ha.cmd import process; from oslo_service import backend as b; '
                'assert b.get_backend_type() is b.BackendType.THREADING; '
                'assert sys.modules["eventlet"] is None; assert "greenlet" not in sys.modules')
        subprocess.run([sys.executable, '-c', code], check=True, timeout=60)


class TestImports(ProcessCase):

    def test_an_agent_loads_nothing_that_it_has_no_use_for(self):
        made = subprocess.run([sys.executable, '-c', MADE, '--config-file', str(self.conf)],
                              capture_output=True, text=True, check=True, timeout=60)
        loaded = set(json.loads(made.stdout))
        self.assertEqual(set(), loaded & NOT_IN_AN_AGENT)
        # What it does have.
        self.assertLessEqual({'grpc', 'oslo_config', 'oslo_log', 'kaopu_ha'}, loaded)


class TestInterrupts(ProcessCase):

    def interrupted(self, program, words):
        """What a process says that is interrupted when it said these words; '' for at once."""
        log = self.folder / 'log'
        with log.open('w') as out:
            # A group of its own, as a terminal gives it: an interrupt goes to all of the group.
            process = subprocess.Popen([*self.command(program), '--config-file', str(self.conf)],
                                       stdout=out, stderr=out, process_group=0)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        if words:
            self.await_words(log, words)
        else:
            self.await_handler(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        self.assertEqual(130, process.wait(timeout=END_SECONDS), log.read_text())
        return log.read_text()

    def await_handler(self, pid):
        """Wait until the process catches SIGINT, as Python itself does not from the first on."""
        bit = 1 << signal.SIGINT - 1
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            status = pathlib.Path(f'/proc/{pid}/status').read_text()
            maps = pathlib.Path(f'/proc/{pid}/maps').read_text()
            caught = int(status.partition('SigCgt:')[2].split()[0], 16)
            # What is loaded first in main(), after the handler is there.
            if caught & bit and '_ssl' in maps:
                return
            time.sleep(0.005)

    def test_at_the_start_it_is_one_line(self):
        for program in PROGRAMS:
            with self.subTest(program):
                told = self.interrupted(program, '')
                self.assertEqual(f'kaopu-ha-{program}: interrupted at its start\n', told)

    def test_later_it_is_a_line_of_the_log(self):
        for program in PROGRAMS:
            with self.subTest(program):
                told = self.interrupted(program, ' starts on c1')
                self.assertIn(f'kaopu-ha-{program} ends: interrupted', told.splitlines()[-1])
                for word in ('CRITICAL', 'Traceback', 'KeyboardInterrupt'):
                    self.assertNotIn(word, told)


class TestWithoutAStore(ProcessCase):

    def test_each_says_so_with_the_way_out_and_goes_on(self):
        self.conf.write_text(self.conf.read_text().replace('timeout = 0.5', 'timeout = 30'))
        for program in PROGRAMS:
            with self.subTest(program):
                process, log = self.started(program)
                self.await_words(log, 'the store does not answer at 127.0.0.1:9.')
                told = log.read_text().partition('does not answer at 127.0.0.1:9.')
                self.assertIn('WARNING kaopu_ha.telling.contact', told[0].splitlines()[-1])
                self.assertIn('Check that etcd runs', told[2])
                self.assertIsNone(process.poll())


class TestALogThatTakesNothing(ProcessCase):

    def setUp(self):
        super().setUp()
        reads, writes = os.pipe()
        # Nobody reads its log: a pipe takes 64 KiB.
        self.process = subprocess.Popen(
            [sys.executable, '-c', LOGS, '--config-file', str(self.conf), str(writes)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=[writes])
        os.close(writes)
        ends = threading.Timer(END_SECONDS, self.process.kill)
        ends.start()
        for clean in (self.process.stdout.close, self.process.wait, self.process.kill, ends.cancel):
            self.addCleanup(clean)
        with open(reads, 'rb') as progress:
            self.assertEqual(b'200 turns', progress.read(9))

    def test_no_turn_waits_for_it_and_what_is_lost_is_told_when_it_goes_on(self):
        told = next((line for line in self.process.stdout if b'lines are lost' in line), b'')
        self.assertRegex(told, rb'WARNING kaopu_ha.cmd.logs .* goes on: [1-9][0-9]* lines are lost')

    def test_the_process_ends_well_all_the_same(self):
        self.process.terminate()
        self.assertEqual(0, self.process.wait(timeout=END_SECONDS))


class TestTelling(ProcessCase):

    def port(self):
        with socket.create_server(('127.0.0.1', 0)) as free:
            return free.getsockname()[1]

    def test_with_every_notifier_and_metrics_it_starts_is_scraped_and_ends_well(self):
        ports = {program: self.port() for program in PROGRAMS}
        self.conf.write_text(self.conf.read_text() + textwrap.dedent('''
            [notifier]
            drivers = log, oslo_messaging, webhook
            transport_url = rabbit://kaopu:hidden-word@127.0.0.1:9/
            webhook_url = http://127.0.0.1:9/?token=hidden-word
            webhook_secret = hidden-word-hidden-word
            [metrics]
            ''') + ''.join(f'{program}_port = {port}\n' for program, port in ports.items()))
        for program, port in ports.items():
            with self.subTest(program):
                process, log = self.started(program)
                with urllib.request.urlopen(f'http://127.0.0.1:{port}/metrics', timeout=20) as page:
                    self.assertIn(f'process="{program}"', page.read().decode())
                process.terminate()
                self.assertEqual(0, process.wait(timeout=END_SECONDS), log.read_text())
                self.assertNotIn('hidden-word', log.read_text())


class TestLoops(unittest.TestCase):

    def runner(self, *turns):
        made = [RunningLoop(Loop(f'loop {number}', turn)) for number, turn in enumerate(turns)]
        runner = loops.Runner(made)
        self.addCleanup(runner.stop, 5.0)
        runner.start()
        return runner, made

    def await_true(self, fact):
        deadline = time.monotonic() + 10
        while not fact():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.005)

    def test_a_turn_comes_again_when_it_wants_to(self):
        turns = []
        self.runner(lambda: turns.append(time.monotonic()) or 0.1)
        self.await_true(lambda: len(turns) >= 4)
        self.assertGreaterEqual(turns[3] - turns[0], 0.29)

    def test_a_wake_is_early_and_one_during_a_turn_is_not_lost(self):
        begun, go_on, turns = threading.Event(), threading.Event(), []

        def turn():
            turns.append(1)
            begun.set()
            go_on.wait(10)
            return 50.0

        _, (loop,) = self.runner(turn)
        begun.wait(10)
        loop.wake.set()
        go_on.set()
        self.await_true(lambda: len(turns) == 2)
        loop.wake.set()
        self.await_true(lambda: len(turns) == 3)

    def test_a_loop_that_wants_no_pause_gets_one(self):
        turns = []
        runner, (loop,) = self.runner(lambda: turns.append(1) or 0.0)
        began = time.monotonic()
        while len(turns) < 20:
            loop.wake.set()
            time.sleep(0.002)
        # No faster than one turn for each pause, however long that took.
        self.assertGreaterEqual(time.monotonic() - began, 18 * loops._PAUSE_MIN)

    def test_a_failure_is_told_once_and_ends_no_loop(self):
        turns, others = [], []

        def turn():
            turns.append(1)
            raise ZeroDivisionError('a bug')

        pause, loops._FAILED_PAUSE = loops._FAILED_PAUSE, 0.02
        self.addCleanup(setattr, loops, '_FAILED_PAUSE', pause)
        with self.assertLogs('kaopu_ha.cmd.loops', 'ERROR') as logs:
            runner, _ = self.runner(turn, lambda: others.append(1) or 0.02)
            self.await_true(lambda: len(turns) >= 3 and len(others) >= 3)
            self.assertTrue(runner.stop(5.0))
        self.assertEqual(1, len(logs.records))
        self.assertIn('ZeroDivisionError: a bug', logs.output[0])
        self.assertIn('Traceback', logs.output[0])

    def test_a_turn_that_returns_nonsense_is_a_failure(self):
        with self.assertLogs('kaopu_ha.cmd.loops', 'ERROR') as logs:
            runner, _ = self.runner(lambda: None)
            self.await_true(lambda: logs.records)
            self.assertTrue(runner.stop(5.0))

    def test_a_lost_loop_is_known(self):
        def turn():
            raise SystemExit

        runner, _ = self.runner(turn)
        self.await_true(lambda: runner.lost() == 'loop 0')

    def test_a_turn_under_way_is_not_waited_for_beyond_the_limit(self):
        go_on = threading.Event()
        runner, _ = self.runner(lambda: float(go_on.wait()))
        self.addCleanup(go_on.set)
        self.assertFalse(runner.stop(0.2))

    def test_an_end_before_the_start_is_no_trouble(self):
        runner = loops.Runner([RunningLoop(Loop('never begun', lambda: 1.0))])
        self.assertTrue(runner.stop(5.0))
