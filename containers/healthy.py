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

"""The health check of an image: has every loop of the process had a turn that ended well lately?

The API has no loops: it is asked what load balancers ask, at ``KAOPU_HA_API_URL``, or where it is
served unless somebody wants it elsewhere.

That is asked of the process's own metrics, the same that the alert *KaopuHaNoGoodTurn* looks at.
Where ``[metrics]`` opens no port nothing can be asked: then nothing is known against it.  An engine
must not restart what is not healthy: with etcd away a new process is not well either, and loses
what the old one has learnt.
"""

from __future__ import annotations

import os
import re
import ssl
import sys
import time
import urllib.request

from oslo_config import cfg

from kaopu_ha import conf as options
from kaopu_ha.conf import metrics

LATE_SECONDS = 180.0
_ASK_SECONDS = 10.0
_FILE = '/etc/kaopu-ha/kaopu-ha.conf'
_API_URL = 'http://127.0.0.1:15868'
_LINE = re.compile(r'^kaopu_ha_last_good_turn_timestamp_seconds\{loop="([^"]+)"\} (\S+)$', re.M)


def main(process: str, file: str = _FILE) -> int:
    """Say in one line how the process is; 0 if nothing is known against it, else 1."""
    if process == 'api':
        return _api(os.environ.get('KAOPU_HA_API_URL', _API_URL))
    conf = cfg.ConfigOpts()
    options.register(conf, 'metrics')
    conf([], project='kaopu-ha', default_config_files=[file], default_config_dirs=[])
    port = metrics.port(conf, process)
    if not port:
        print(f'not asked: [metrics] {process}_port is 0')
        return 0
    try:
        told = _told(conf.metrics.bind_address, port)
    except (OSError, ValueError) as failure:
        print(f'no metrics on port {port}: {failure}')
        return 1
    trouble = late(told, time.time())
    print(trouble or 'every loop has turned well')
    return 1 if trouble else 0


def _api(url: str) -> int:
    # Whose certificate it is does not matter: it is this machine that is asked.
    trusting = ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(f'{url}/healthcheck', timeout=_ASK_SECONDS,
                                    context=trusting) as answer:
            print(answer.read(100).decode(errors='replace'))
    except (OSError, ValueError) as failure:
        print(f'the API at {url}: {failure}')
        return 1
    return 0


def late(told: str, now: float) -> str:
    """Which loops have had no turn that ended well for too long; '' if there are none."""
    turns = {name: now - float(stamp) for name, stamp in _LINE.findall(told)}
    if not turns:
        return 'the metrics tell of no loop'
    found = sorted((name, age) for name, age in turns.items() if age > LATE_SECONDS)
    return ', '.join(f'{name}: no good turn for {age:.0f} s' for name, age in found)


def _told(address: str, port: int) -> str:
    host = {'0.0.0.0': '127.0.0.1', '::': '::1'}.get(address, address)
    place = f'[{host}]' if ':' in host else host
    with urllib.request.urlopen(f'http://{place}:{port}/metrics', timeout=_ASK_SECONDS) as answer:
        return str(answer.read().decode())


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
