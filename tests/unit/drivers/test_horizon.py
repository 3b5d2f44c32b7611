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

"""Message files for Horizon, in a real folder."""

import json
import os
import pathlib
import stat
import threading
import time
import unittest

from oslo_config import cfg

from kaopu_ha import conf as options
from kaopu_ha import ports, records
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.core.board import BoardMessage, MessageKind
from kaopu_ha.core.brake import Storm
from kaopu_ha.core.checkup import Seen, Severity
from kaopu_ha.drivers.etcd import store as etcd
from kaopu_ha.drivers.horizon import notifier
from kaopu_ha.testing import board
from kaopu_ha.wiring import controller, drivers, telling, worker
from tests import etcd_single, message_folder
from tests.unit.test_conf import ConfCase, made

ROOT = pathlib.Path(__file__).resolve().parents[3]
NOBODY = '127.0.0.1:9'
PERSON = {'level': 'info', 'message': 'The cloud is upgraded tonight.'}


class Folder(message_folder.MessageFolder):
    """What Horizon would find there."""

    def seen(self):
        told = [json.loads(path.read_text()) for path in self.path.glob('*.json')]
        return {(one['level'], one['message']) for one in told}


class Contract(board.BoardSuite, unittest.TestCase):

    def make_wall(self):
        return Folder(self)

    def make_board(self):
        return notifier.HorizonBoard(str(self.wall.path))


class Files(unittest.TestCase):

    def setUp(self):
        self.folder = Folder(self).path
        self.board = notifier.HorizonBoard(str(self.folder))

    def show(self, *messages):
        self.board.show(messages, 5.0)

    def names(self):
        return sorted(path.name for path in self.folder.iterdir())

    def a_text(self, text, level='error'):
        self.show(BoardMessage(MessageKind.BRAKE, level, text))
        return json.loads((self.folder / 'kaopu-ha-brake.json').read_text())['message']

    def test_a_file_has_what_horizon_reads_and_others_may_read_it_whatever_the_umask(self):
        former = os.umask(0o077)
        self.addCleanup(os.umask, former)
        self.show(board.BRAKE)
        path = self.folder / 'kaopu-ha-brake.json'
        self.assertEqual({'level': 'error', 'message': board.BRAKE.text},
                         json.loads(path.read_bytes().decode('ascii')))
        self.assertEqual(0o644, stat.S_IMODE(path.stat().st_mode))

    def test_a_file_that_others_may_not_read_is_written_again(self):
        self.show(board.BRAKE)
        path = self.folder / 'kaopu-ha-brake.json'
        path.chmod(0o600)
        self.show(board.BRAKE)
        self.assertEqual(0o644, stat.S_IMODE(path.stat().st_mode))

    def test_what_html_takes_for_more_than_text_does_not_come_through(self):
        for text in ('<script>alert(1)</script>', '" onload="alert(1)', "' onload='alert(1)",
                     '&lt;b&gt;', 'a\x00b', 'a\nb', 'a\u202eb', 'a\u2026b', 'a`b'):
            for level in ('error', 'warning'):
                found = self.a_text(text, level)
                self.assertEqual(found, found.translate(dict.fromkeys(map(ord, '<>&"\'`\u2026'))))
                self.assertTrue(found.isprintable(), found)
                self.assertEqual(len(text), len(found))

    def test_names_in_all_scripts_come_through(self):
        self.assertEqual('host-1.example:4, \u8ba1\u7b97\u8282\u70b9 (2)',
                         self.a_text('host-1.example:4, \u8ba1\u7b97\u8282\u70b9 (2)'))

    def test_our_own_sentences_come_through_whole(self):
        # Nothing of them is taken out: they have no sign that is.
        for message in (board.BRAKE, board.CONFIRMED, board.LATER):
            self.assertEqual(message.text, notifier.plain(message.text))

    def test_horizon_never_finds_half_a_file(self):
        """A file is there whole or not at all, whatever moment Horizon reads at."""
        long = BoardMessage(MessageKind.BRAKE, 'error', 'x' * 50_000)
        over, bad = threading.Event(), []

        def read():
            while not over.is_set():
                for path in self.folder.glob('*.json'):
                    try:
                        json.loads(path.read_text())
                    except FileNotFoundError:
                        continue
                    except ValueError as failure:
                        bad.append(failure)
        reader = threading.Thread(target=read)
        reader.start()
        for _ in range(50):
            for shown in ((board.BRAKE,), (long,), (board.BRAKE,), ()):
                self.show(*shown)
        over.set()
        reader.join()
        self.assertEqual([], bad)

    def test_what_a_crash_left_half_written_goes(self):
        draft = self.folder / '.kaopu-ha-brake.json.tmp'
        for shown in ((), (board.BRAKE,)):
            draft.write_text('{"level": ')
            self.show(*shown)
            self.assertNotIn(draft.name, self.names())

    def test_no_file_of_others_is_touched_whatever_its_name(self):
        others = ('motd.json', 'kaopu-ha-tonight.json', 'kaopu-ha.json', '.kaopu-ha-x.json.tmp',
                  'kaopu-ha-brake.json.bak', 'notes.txt')
        for name in others:
            (self.folder / name).write_text(json.dumps(PERSON))
        self.show(board.BRAKE)
        self.show()
        self.board.close()
        self.assertEqual(sorted(others), self.names())
        for name in others:
            self.assertEqual(PERSON, json.loads((self.folder / name).read_text()))

    def test_what_a_link_in_the_place_of_a_message_leads_to_is_not_touched(self):
        target = self.folder.parent / 'passwords'
        for named in ('kaopu-ha-brake.json', '.kaopu-ha-brake.json.tmp'):
            target.write_text('root')
            (self.folder / named).unlink(missing_ok=True)
            (self.folder / named).symlink_to(target)
            self.show(board.BRAKE)
            self.assertEqual('root', target.read_text())
            self.assertFalse((self.folder / 'kaopu-ha-brake.json').is_symlink())

    def test_a_pipe_in_the_place_of_a_message_holds_nobody_up(self):
        os.mkfifo(self.folder / 'kaopu-ha-brake.json', 0o644)
        self.show(board.BRAKE)
        self.assertTrue((self.folder / 'kaopu-ha-brake.json').is_file())

    def test_a_folder_in_the_place_of_a_message_is_told(self):
        (self.folder / 'kaopu-ha-brake.json').mkdir()
        with self.assertRaisesRegex(ports.PortError, 'kept in .*messages'):
            self.show(board.BRAKE)

    def test_a_folder_that_takes_no_files_is_told_with_its_name(self):
        nowhere = notifier.HorizonBoard('/proc/self/fdinfo')
        with self.assertRaisesRegex(ports.PortError, '/proc/self/fdinfo: '):
            nowhere.show([board.BRAKE], 5.0)


class WhatHorizonRemembers(unittest.TestCase):
    """Horizon reads again when the folder's time is another one than after it has read."""

    def setUp(self):
        self.folder = Folder(self).path
        self.board = notifier.HorizonBoard(str(self.folder))

    def shown(self, *messages):
        """Show them; True if the folder has another time than before."""
        before = os.stat(self.folder).st_mtime_ns
        # The kernel counts this time in ticks of its own.
        time.sleep(0.02)
        self.board.show(messages, 5.0)
        return os.stat(self.folder).st_mtime_ns != before

    def test_the_folder_has_a_new_time_with_a_change_and_once_more_after_it(self):
        self.assertEqual([True, True, False, False],
                         [self.shown(board.BRAKE) for _ in range(4)])
        self.assertEqual([True, True, False],
                         [self.shown(board.LATER, board.BRAKE) for _ in range(3)])
        self.assertEqual([True, True, False], [self.shown() for _ in range(3)])

    def test_a_text_that_changes_gives_the_folder_a_new_time(self):
        self.shown(board.CONFIRMED)
        self.shown(board.CONFIRMED)
        self.assertTrue(self.shown(board.LATER))


class Settings(unittest.TestCase):

    def conf(self, **changes):
        made = cfg.ConfigOpts()
        options.register(made)
        made([])
        for name, value in changes.items():
            made.set_override(name, value, 'notifier')
        return made

    def test_it_is_made_as_configured(self):
        made = drivers.make(self.conf(horizon_path='/nowhere', horizon_names_hosts=True),
                            'notifier', 'horizon', None)
        self.assertTrue(made.names_hosts)
        with self.assertRaisesRegex(ports.PortError, '/nowhere: No such file or directory'):
            made.show([board.BRAKE], 5.0)

    def test_hosts_are_not_named_unless_it_is_said(self):
        self.assertFalse(drivers.make(self.conf(), 'notifier', 'horizon', None).names_hosts)

    def test_a_path_that_begins_nowhere_is_refused_with_the_option(self):
        for path in ('messages', ''):
            with self.assertRaisesRegex(ConfigError, 'horizon_path must be a path from the root'):
                drivers.make(self.conf(horizon_path=path), 'notifier', 'horizon', None)

    def test_the_unit_makes_the_folder_that_is_the_default_and_the_page_names_it(self):
        folder = pathlib.Path(self.conf().notifier.horizon_path)
        unit = (ROOT / 'etc/systemd/kaopu-ha-controller.service').read_text()
        self.assertIn(f'\nStateDirectory={folder.name}\n', unit)
        self.assertEqual('/var/lib', str(folder.parent))
        page = (ROOT / 'doc/source/operator/horizon.rst').read_text()
        self.assertIn(f"MESSAGES_PATH = '{folder}'", page)
        for kind in MessageKind:
            self.assertIn(f'``kaopu-ha-{kind.value}.json``', page)

    def test_it_is_told_no_news(self):
        self.assertTrue(telling.is_board('horizon'))
        self.assertEqual(['log'], list(telling.notifiers(self.conf(), None, ['log', 'horizon'])))


class Processes(ConfCase):
    """One file of configuration for all processes of a machine."""

    def setUp(self):
        super().setUp()
        self.folder = Folder(self).path

    def program(self, of, *names, path, endpoint=NOBODY):
        program = of.program(made(
            ceph__conf=[self.file('fsid = 11111111-2222-4333-8444-555555555555')],
            nova__auth_url='http://127.0.0.1:9/v3', nova__username='u', nova__password='p',
            store__endpoints=[endpoint], store__timeout=5.0 if endpoint != NOBODY else 0.5,
            notifier__drivers=[*names], notifier__horizon_path=str(path)))
        self.addCleanup(program.close)
        return {each.loop.name: each.loop for each in program.loops}, program.close

    def test_a_controller_keeps_the_folder_if_it_is_chosen(self):
        loops, close = self.program(controller, 'log', 'horizon', path=self.folder)
        # Without a store nobody knows what is so, and so for a minute nothing is done.
        loops['board'].turn()
        self.assertEqual([], list(self.folder.iterdir()))
        self.assertIn('no member of etcd answered', loops['board'].trouble())

    def test_a_controller_shows_what_stands_in_the_store_and_takes_it_away_when_it_ends(self):
        endpoint = etcd_single.until(self.addCleanup).endpoint
        store = etcd.EtcdStore([endpoint], timeout=5.0)
        self.addCleanup(store.close)
        loops, close = self.program(controller, 'log', 'horizon', path=self.folder,
                                    endpoint=endpoint)
        for storm, names in ((Storm(on=True, braked=('c1',)), ['kaopu-ha-brake.json']),
                             (Storm(), []), (Storm(on=True), ['kaopu-ha-brake.json'])):
            store.commit([], [ports.Put(records.STORM, records.encode(storm))])
            loops['board'].turn()
            self.assertEqual('', loops['board'].trouble())
            self.assertEqual(names, [path.name for path in self.folder.iterdir()])
        close()
        self.assertEqual([], list(self.folder.iterdir()))

    def test_no_other_process_touches_it_and_no_controller_that_was_not_told_to(self):
        for of, names in ((controller, ('log',)), (worker, ('log', 'horizon'))):
            loops, _ = self.program(of, *names, path='/nowhere')
            self.assertNotIn('board', loops)


class Doctor(unittest.TestCase):

    def setUp(self):
        self.folder = Folder(self)

    def found(self, path):
        check, = notifier.HorizonBoard(str(path)).checks(Seen())
        finding, = check.ask(1.0)
        return finding

    def test_a_folder_that_will_do(self):
        self.assertIs(Severity.GOOD, self.found(self.folder.path).severity)
        self.assertEqual([], list(self.folder.path.iterdir()))

    def test_a_folder_that_is_not_there(self):
        finding = self.found(self.folder.path / 'nowhere')
        self.assertIs(Severity.WRONG, finding.severity)
        self.assertIn('No such file', finding.found)

    def test_a_folder_that_takes_no_files(self):
        self.assertIs(Severity.WRONG, self.found('/proc/self/fdinfo').severity)

    def test_a_folder_that_horizon_does_not_reach(self):
        self.folder.path.chmod(0o700)
        finding = self.found(self.folder.path)
        self.assertIs(Severity.WEAK, finding.severity)
        self.assertIn('0700', finding.found)
        self.folder.path.chmod(0o2750)
        self.assertIs(Severity.GOOD, self.found(self.folder.path).severity)

    def test_a_trial_that_was_cut_short_is_no_trouble(self):
        (self.folder.path / '.kaopu-ha-doctor.tmp').write_text('')
        self.assertIs(Severity.GOOD, self.found(self.folder.path).severity)

    def test_what_is_shown_stays_while_it_is_asked(self):
        notifier.HorizonBoard(str(self.folder.path)).show([board.BRAKE], 5.0)
        asked = notifier.HorizonBoard(str(self.folder.path))
        asked.checks(Seen())[0].ask(1.0)
        asked.close()
        self.assertEqual({('error', board.BRAKE.text)}, self.folder.seen())


if __name__ == '__main__':
    unittest.main()
