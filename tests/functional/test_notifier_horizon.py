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

"""Message files, read and rendered by Horizon's own code: what is shown to whoever logs in."""

import html.parser
import os
import unittest

from kaopu_ha.core import board as boards
from kaopu_ha.core.board import BoardMessage, MessageKind
from kaopu_ha.core.brake import Storm
from kaopu_ha.drivers.horizon import notifier
from kaopu_ha.testing import board
from tests import horizon_single, message_folder

# What Horizon puts before each message.
_WORDS = {'info': 'Info: ', 'warning': 'Warning: ', 'danger': 'Error: '}
_LEVELS = {'info': 'info', 'warning': 'warning', 'danger': 'error'}
_ITS_OWN = {'div', 'toast', 'a', 'span', 'p', 'strong'}


class Page(html.parser.HTMLParser):
    """The message area: levels and texts, and every element in it."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.handlers = set(), []
        self._boxes = []
        self.feed(text)
        self.messages = [(_LEVELS[kind], ''.join(texts).strip().removeprefix(_WORDS[kind]))
                         for kind, texts in self._boxes]

    def handle_starttag(self, tag, attributes):
        self.elements.add(tag)
        self.handlers += [name for name, _ in attributes if name.startswith('on')]
        named = dict(attributes).get('class') or ''
        for kind in _LEVELS:
            if f'alert-{kind} ' in named:
                self._boxes.append((kind, []))

    def handle_data(self, data):
        if self._boxes:
            self._boxes[-1][1].append(data)


class Folder(message_folder.MessageFolder):
    """As Horizon shows it."""

    def __init__(self, case, horizon):
        super().__init__(case)
        self._horizon = horizon

    def page(self):
        return Page(self._horizon.login(self.path))

    def seen(self):
        return set(self.page().messages)


@unittest.skipUnless(horizon_single.is_possible(), 'there is no Horizon here')
class WithHorizon(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.horizon = horizon_single.Horizon(cls.addClassCleanup)


class Contract(board.BoardSuite, WithHorizon):

    def make_wall(self):
        return Folder(self, self.horizon)

    def make_board(self):
        return notifier.HorizonBoard(str(self.wall.path))


class Shown(WithHorizon):

    def setUp(self):
        self.wall = Folder(self, self.horizon)
        self.board = notifier.HorizonBoard(str(self.wall.path))

    def test_no_name_of_anybody_becomes_html(self):
        for host in ('<img src=x onerror=alert(1)><script>alert(2)</script>', '&lt;b&gt;"\'',
                     '<b>\u2026\u202e<i onclick="alert(1)">', '\u8ba1<b>&amp;'):
            storm = Storm(on=True, braked=(host,))
            found = boards.messages(boards.Seen(storm, (), {}, (), ()), names_hosts=True)
            for level in ('error', 'warning'):
                told = [BoardMessage(one.kind, level, one.text) for one in found]
                self.board.show(told, 5.0)
                page = self.wall.page()
                self.assertEqual([], page.handlers)
                self.assertEqual(set(), page.elements - _ITS_OWN)
                self.assertEqual([(level, notifier.plain(one.text)) for one in told],
                                 page.messages)

    def test_each_level_is_shown_to_the_last_sign(self):
        """The template escapes an error with such a sign in it, and nothing else."""
        for host in ('host-2.example:4', '\u8ba1\u7b97\u8282\u70b9'):
            text = f'Kaopu HA: 2 hosts (c1, {host}) wait; 50 % = half. See: kaopu-ha status'
            for level in ('error', 'warning'):
                self.board.show([BoardMessage(MessageKind.WAITS, level, text)], 5.0)
                self.assertEqual([(level, text)], self.wall.page().messages)

    def test_horizon_escapes_by_chance_so_that_nothing_can_be_escaped_here(self):
        """If this is no longer so, names could be shown as they are."""
        seen = []
        for text in ('a &amp; b', 'a &amp; \u8ba1'):
            self.wall.pin('error', text)
            # In place: the folder's time does not change by that.
            os.utime(self.wall.path)
            seen += [shown for _, shown in self.wall.page().messages]
        self.assertEqual(['a & b', 'a &amp; \u8ba1'], seen)

    def test_what_came_while_horizon_read_is_shown_soon(self):
        """It would not look again before the folder's next change."""
        self.board.show([board.BRAKE], 5.0)
        self.wall.seen()
        draft = self.wall.path.with_name('draft')
        (self.wall.path / 'kaopu-ha-brake.json').rename(draft)
        # Shown again: but Horizon reads just before it comes, and looks at the time after it.
        self.horizon.login(self.wall.path, (draft, self.wall.path / 'kaopu-ha-brake.json'))
        self.assertEqual(set(), self.wall.seen())
        self.board.show([board.BRAKE], 5.0)
        self.assertEqual({('error', board.BRAKE.text)}, self.wall.seen())


if __name__ == '__main__':
    unittest.main()
