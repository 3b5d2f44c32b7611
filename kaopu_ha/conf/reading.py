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

"""Reading configuration files, and why one can't be read, in a line that names it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
import contextlib
import re
import traceback
from types import TracebackType

from oslo_config import cfg

from kaopu_ha.conf.errors import ConfigError


@contextlib.contextmanager
def in_words() -> Iterator[None]:
    """Have what goes wrong while files are read raised as ConfigError."""
    try:
        yield
    except cfg.ConfigFilesNotFoundError as failure:
        raise ConfigError(f'no configuration: {_some(failure.config_files)} is not there; name a '
                          f'file with --config-file') from failure
    except cfg.ConfigFilesPermissionDeniedError as failure:
        raise ConfigError(f'{_some(failure.config_files)} may not be read by this user: chgrp it '
                          f'to the service\'s group, and chmod 0640') from failure
    except cfg.ConfigFileParseError as failure:
        told = ' '.join(str(failure.msg).split())
        mark = ' it begins with a byte order mark;' if '\\ufeff' in told else ''
        # Without the line itself, in which there may be a password.
        found = re.search(r':(\d+), ([^:]*)', told)
        where = f' (line {found[1]}: {found[2]})' if found else ''
        raise ConfigError(f'{failure.config_file} is no configuration{where}:{mark} write '
                          f'[section] lines, and name = value below them, in plain '
                          f'UTF-8') from None
    except UnicodeDecodeError as failure:
        path = _read_last(failure.__traceback__)
        line = failure.object[:failure.start].count(b'\n') + 1
        raise ConfigError(f'{path} is not in UTF-8 (near line {line}): write it anew, with iconv '
                          f'-t UTF-8 for one') from failure
    except IsADirectoryError as failure:
        raise ConfigError(f'{failure.filename} is a folder: name a file with --config-file, or '
                          f'the folder with --config-dir') from failure


def _some(paths: Iterable[str]) -> str:
    return ', '.join(paths)


def _read_last(trace: TracebackType | None) -> str:
    """The file that oslo.config was reading when it gave up."""
    for frame, _ in traceback.walk_tb(trace):
        parser = frame.f_locals.get('self')
        if isinstance(parser, cfg.ConfigParser):
            return str(parser.filename)
    return 'a configuration file'
