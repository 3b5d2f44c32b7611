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

"""Notifier ``log``: a line in the process's log for each news, told where it happens.

What is for projects is not logged: the line for operators names the instance already.
"""

from __future__ import annotations

import logging
from typing import Self

from oslo_config import cfg

from kaopu_ha import ports
from kaopu_ha.core.notice import Audience, Notice

# What is told is found under one name, whoever told it.
NEWS = logging.getLogger('kaopu_ha.news')

_LEVELS = {'info': logging.INFO, 'warning': logging.WARNING, 'error': logging.ERROR}


class LogNotifier(ports.Notifier):
    """Writes to the logger ``kaopu_ha.news``."""

    waits = False

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, store: ports.Store) -> Self:
        """As oslo.log is configured, so it logs."""
        return cls()

    def notify(self, notice: Notice, limit: float) -> None:
        """Log the notice's line at its priority."""
        if notice.audience is Audience.OPERATORS:
            NEWS.log(_LEVELS[notice.priority], '%s', notice.line)

    def close(self) -> None:
        """Nothing is held."""
