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

"""Files with secrets that other users of the machine can read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import os
import stat

from oslo_config import cfg

# Options that name a file with a key, by group.
_KEY_FILES = (('store', 'key'), ('ceph', 'keyring'), ('fence', 'keyring'), ('nova', 'keyfile'))


def exposed(conf: cfg.ConfigOpts, groups: Sequence[tuple[str, Sequence[cfg.Opt]]]) -> list[str]:
    """A warning for each file that holds a secret of ours and that everybody can read."""
    found = {*_with_passwords(conf, groups), *_keys(conf)}
    return [f'every user of this machine can read {path}, which holds a secret: chmod 0640 {path}, '
            f'and chgrp it to the service\'s group' for path in sorted(found) if _is_open(path)]


def _with_passwords(conf: cfg.ConfigOpts,
                    groups: Sequence[tuple[str, Sequence[cfg.Opt]]]) -> Iterator[str]:
    """The configuration files that set an option whose value is secret."""
    for group, opts in groups:
        for opt in opts:
            if not opt.secret:
                continue
            where = conf.get_location(opt.dest, None if group == 'DEFAULT' else group)
            if where is not None and where.location is cfg.Locations.user:
                yield where.detail


def _keys(conf: cfg.ConfigOpts) -> Iterator[str]:
    for group, name in _KEY_FILES:
        if conf[group][name]:
            yield conf[group][name]
    if conf.libvirt.pki_path:
        yield os.path.join(conf.libvirt.pki_path, 'clientkey.pem')


def _is_open(path: str) -> bool:
    """Whether others may read it.  A file that is not there is told of by who needs it."""
    try:
        return bool(os.stat(path).st_mode & stat.S_IROTH)
    except OSError:
        return False
