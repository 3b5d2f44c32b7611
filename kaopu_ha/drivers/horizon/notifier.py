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

"""Notifier ``horizon``: a message file for each message, where Horizon shows it at login.

::

    MESSAGES_PATH/kaopu-ha-brake.json      {"level": "error", "message": "Kaopu HA: the brake ..."}

What Horizon does with them, as read in ``horizon/notifications.py`` (27.0.0):

* It shows every ``*.json`` to everybody who logs in.
* It takes a message for HTML; but an error it escapes once more if a sign in it is beyond Latin-1.
  So what HTML reads as more than text is not escaped, but taken out.
* It cuts an error at an ellipsis.
* It reads the folder again when the folder's time has changed, and notes that time after reading:
  what came in between it would not see before the next change.  So the folder is given a new time
  once more, in the turn after a change.

A folder may lie on a server that is away, where no call ever ends: the work is done in a thread
that is left alone then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import functools
import json
import os
import stat
from typing import Self
import unicodedata

from oslo_config import cfg

from kaopu_ha import checkup, ports
from kaopu_ha.conf import notifier as conf_notifier
from kaopu_ha.core.board import BoardMessage, MessageKind
from kaopu_ha.core.checkup import Finding, Seen, good, weak, wrong
from kaopu_ha.drivers import aside

# A process ends within two seconds.
_CLOSE_SECONDS = 0.3
_FILE_BYTES_MAX = 65536
# Another user reads them: Horizon's.
_MODE = 0o644
_MARKS = frozenset('<>&"\'`\u2026')
_UNTOLD = 'whoever logs in to Horizon is not told of it, or is told what is over'
_TRIAL = '.kaopu-ha-doctor.tmp'


class HorizonBoard(ports.Board, checkup.Checkable):
    """Keeps message files of ours, and no others, in the folder that Horizon's MESSAGES_PATH names.
    """

    options = {conf_notifier.GROUP: conf_notifier.OPTS}

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, store: ports.Store) -> Self:
        """Made as configured; the folder need not be there yet.  Raises ConfigError."""
        return cls(**conf_notifier.horizon(conf))

    def __init__(self, folder: str, *, names_hosts: bool = False) -> None:
        self._folder, self.names_hosts = folder, names_hosts
        self._work: aside.Aside[None] | None = None
        self._has_shown = self._is_new = False

    def show(self, messages: Sequence[BoardMessage], limit: float) -> None:
        """Write what is new or was changed, then remove what is over, each in one step."""
        self._has_shown = True
        wanted = {_name(one.kind): _content(one) for one in messages}
        self._done(functools.partial(self._keep, wanted), limit)

    def close(self) -> None:
        """Remove our files, if this object has written them."""
        if self._has_shown:
            with contextlib.suppress(ports.PortError):
                self.show((), _CLOSE_SECONDS)

    def checks(self, seen: Seen) -> tuple[checkup.Check, ...]:
        """Whether the folder is there, takes files, and lets others read them."""
        return (checkup.Check('messages for Horizon', self._tried, _UNTOLD, writes=True),)

    # ------------------------------------------------------------ private

    def _done(self, what: Callable[[], None], limit: float) -> None:
        """Have it done within the limit.  Raises PortError."""
        if self._work is not None and not self._work.ended(0.0):
            raise ports.PortError(f'the folder {self._folder} has not answered since it was last '
                                  'looked at')
        self._work = work = aside.Aside(what, 'horizon-messages')
        if not work.ended(limit):
            raise ports.PortError(f'the folder {self._folder} does not answer within {limit:g} s')
        self._work = None
        try:
            work.result()
        except Exception as failure:  # noqa: BLE001  whatever it is, this board shows nothing
            raise ports.PortError(f'messages for Horizon can\'t be kept in {self._folder}: '
                                  f'{getattr(failure, "strerror", "") or failure}') from failure

    def _keep(self, wanted: Mapping[str, bytes]) -> None:
        with _opened(self._folder) as folder:
            is_new = False
            for name, content in wanted.items():
                if _read(folder, name) != content:
                    _write(folder, name, content)
                    is_new = True
            there = set(os.listdir(folder))
            over = {_name(kind) for kind in MessageKind} - wanted.keys()
            for name in sorted(there & {*over, *map(_draft, over | wanted.keys())}):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)
                    is_new = True
            if self._is_new and not is_new:
                os.utime(folder)
            self._is_new = is_new

    def _tried(self, limit: float) -> list[Finding]:
        found: list[Finding] = []
        try:
            self._done(lambda: found.extend(_looked_at(self._folder)), limit)
        except ports.PortError as failure:
            return [wrong(self._folder, str(failure), _UNTOLD,
                          'make the folder, and let the user of the controller write there: '
                          '[notifier] horizon_path')]
        return found


# ---------------------------------------------------------------- files


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield folder
    finally:
        os.close(folder)


def _name(kind: MessageKind) -> str:
    return f'kaopu-ha-{kind.value}.json'


def _draft(name: str) -> str:
    """As what it is written first: by its end Horizon does not take it for a message."""
    return f'.{name}.tmp'


def _read(folder: int, name: str) -> bytes | None:
    """What is in a file; None if there is none that we could have written."""
    try:
        # Not to wait for somebody who writes, if it is a pipe.
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
                       dir_fd=folder)
    except OSError:
        return None
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) != _MODE:
            return None
        return os.read(file, _FILE_BYTES_MAX)
    finally:
        os.close(file)


def _write(folder: int, name: str, content: bytes) -> None:
    """Put it there in one step: whoever reads finds the former one or this one, and all of it."""
    draft = _draft(name)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(draft, dir_fd=folder)
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
                   _MODE, dir_fd=folder)
    with open(file, 'wb') as to:
        # Whatever the umask is.
        os.fchmod(file, _MODE)
        to.write(content)
    os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)


def _content(message: BoardMessage) -> bytes:
    return json.dumps({'level': message.level, 'message': plain(message.text)}).encode() + b'\n'


def plain(text: str) -> str:
    """The text with what is more than text to HTML, or to Horizon, made a question mark."""
    return ''.join('?' if sign in _MARKS or unicodedata.category(sign).startswith('C') else sign
                   for sign in text)


def _looked_at(path: str) -> list[Finding]:
    """What is wrong with the folder.  Raises OSError if nothing can be written there."""
    with _opened(path) as folder:
        mode = stat.S_IMODE(os.fstat(folder).st_mode)
        _write_trial(folder)
    if 0o050 & ~mode and 0o005 & ~mode:
        return [weak(path, f'its mode is {mode:04o}: Horizon, which is another user, does not '
                           'reach it', _UNTOLD, f'chmod 0755 {path}')]
    return [good(path, 'messages for Horizon can be kept there')]


def _write_trial(folder: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_TRIAL, dir_fd=folder)
    os.close(os.open(_TRIAL, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE,
                     dir_fd=folder))
    os.unlink(_TRIAL, dir_fd=folder)
