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

"""Real time, real threads: what every program needs besides its drivers."""

from __future__ import annotations

from collections.abc import Callable
import concurrent.futures
import datetime
import os
import time

from oslo_config import cfg

from kaopu_ha.core.news import News
from kaopu_ha.runtime import Runtime


def runtime_of(name: str, tell: Callable[[News], None]) -> Runtime:
    """Real time, real threads."""
    return Runtime(name, time.monotonic, now, tell, concurrent.futures.ThreadPoolExecutor)


def name(conf: cfg.ConfigOpts) -> str:
    """Who acts: another name after each start, since a process remembers nothing of the former."""
    return f'{conf.host}/{os.getpid()}'


def now() -> str:
    """The time for people; no decision reads it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec='milliseconds')
