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

"""The API as one process, with people who watch it: real requests, real news, a real store.

Each of them waits for news and then looks at the hosts and the cases, at most once in so many
seconds, as a page does that is kept up to date.  It takes lines; see ``viewers``.
"""

from __future__ import annotations

import json
import logging
import statistics
import sys
import threading
import time
from typing import Any

from werkzeug.test import Client

from kaopu_ha.api import books
from kaopu_ha.drivers.etcd import store as etcd
from kaopu_ha.mirrored import Mirrored
from tools.bench import api, looks
from tools.bench.hosts_agents import answer

_WAIT_SECONDS = 30


class Viewers:
    """So many of them, each a thread; none is served later because another one waits."""

    def __init__(self, store: dict[str, Any], hosts: int, count: int, every: float) -> None:
        self._client = Client(api.application(
            Mirrored(etcd.EtcdStore(**store), *books.FOLLOWED), hosts))
        self._every, self._victim = every, looks.names(hosts)[-2]
        self._seconds: list[float] = []
        self._failed: list[str] = []
        self._heard: dict[int, float] = {}
        self._began = time.monotonic(), time.process_time()
        for number in range(count):
            threading.Thread(target=self._watch, args=(number,), daemon=True).start()

    def _watch(self, number: int) -> None:
        cursor = self._get('/v2/news')['cursor']
        while True:
            began = time.monotonic()
            found = self._get(f'/v2/news?since={cursor}&wait={_WAIT_SECONDS}')
            cursor = found.get('cursor', cursor)
            if any(one['host'] == self._victim for one in found.get('news', ())):
                self._heard.setdefault(number, time.monotonic())
            for path in ('/v2/hosts', '/v2/cases'):
                asked = time.monotonic()
                self._get(path)
                self._seconds.append(time.monotonic() - asked)
            time.sleep(max(0.0, self._every - (time.monotonic() - began)))

    def _get(self, path: str) -> Any:
        found = self._client.get(path, environ_overrides=api.ASKER)
        if found.status_code != 200:
            self._failed.append(f'{path}: {found.status_code} {found.text[:200]}')
            return {'cursor': 0}
        return found.json

    def figures(self) -> dict[str, Any]:
        """What was spent and answered since this was asked last; who heard of the host lost last.
        """
        now, before = (time.monotonic(), time.process_time()), self._began
        self._began, seconds, self._seconds = now, self._seconds, []
        return {'share': (now[1] - before[1]) / (now[0] - before[0]), 'answers': len(seconds),
                'median': statistics.median(seconds or [0.0]), 'heard': len(self._heard),
                'failed': self._failed[:3]}


def main(told: str) -> None:
    """Watch, and take lines."""
    logging.basicConfig(level=logging.WARNING)
    given = json.loads(told)
    answer({'figures': Viewers(given['store'], given['hosts'], given['count'],
                               given['every']).figures})


if __name__ == '__main__':
    main(sys.argv[1])
