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

"""``kaopu-ha-status upgrade check``: does anything stand in the way of this release?

Run with the new release and the configuration of this host, before its processes are restarted
with it.  It asks nobody but the store, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
import sys

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

from kaopu_ha import conf as options
from kaopu_ha.cli.upgrade import Checks
from kaopu_ha.cmd import process
from kaopu_ha.conf import reading
from kaopu_ha.conf.errors import ConfigError

_NAME = 'kaopu-ha-status'
_BROKEN = 255


def main(given: Sequence[str] | None = None) -> int:
    """Check; 0 all is well, 1 look at the warnings, 2 do not upgrade, 255 it could not be tried."""
    conf = cfg.ConfigOpts()
    options.register(conf)
    argv = list(sys.argv[1:] if given is None else given)
    try:
        with reading.in_words():
            return upgradecheck.main(conf, 'kaopu-ha', Checks(conf), argv,
                                     process.default_files(argv))
    except (cfg.Error, ConfigError) as failure:
        print(f'{_NAME}: {process.one_line(failure)}', file=sys.stderr)
        return _BROKEN


if __name__ == '__main__':
    sys.exit(main())
