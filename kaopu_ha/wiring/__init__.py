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

"""Joins the objects of each process: nothing else knows all of them, and nothing here decides.

======================================  ==========================================================
``agent``, ``controller``, ``worker``   the three programs
``parts``                               a process's drivers, store and loops; closed together
``drivers``, ``catalogue``              which driver is loaded; all that are installed
``telling``                             who is told the news
``runtime``                             real time, real threads
``wakes``                               changes in the store, and the loops that they wake
``ahead``, ``ranking``                  what commands ask as a controller would
``spelling``                            options that nobody reads
======================================  ==========================================================

Nothing here waits for the outside world: a process starts while the store is away.
"""

from __future__ import annotations

from oslo_config import cfg

from kaopu_ha import ports
from kaopu_ha.conf import rules as conf_rules
from kaopu_ha.core.rules import Rules
from kaopu_ha.wiring import drivers


def store(conf: cfg.ConfigOpts) -> ports.Store:
    """The configured store; connects when first used.  Raises ConfigError."""
    made: ports.Store = drivers.make(conf, 'store', conf.store.driver, None)
    return made


def rules(conf: cfg.ConfigOpts) -> Rules:
    """The limits and waits of this configuration, checked.  Raises ConfigError."""
    proves = any(getattr(drivers.load('fence', name), 'gives_proof', False)
                 for name in conf.fence.drivers)
    return conf_rules.rules(conf, fence_proves=proves)
