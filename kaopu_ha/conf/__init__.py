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

"""Options: one module for each group.

Configuration is passed, never global: ``register(conf)`` adds the options to the one that is given.
What a decision uses is made from it once, in ``rules``.
"""

from __future__ import annotations

import importlib

from oslo_config import cfg

from kaopu_ha.conf.errors import ConfigError

# A module for each section of this name.  Loaded when asked for: that of Nova takes a while.
SECTIONS = ('default', 'store', 'detection', 'probe', 'libvirt', 'agent', 'ceph', 'fence', 'cloud',
            'nova', 'usage', 'queue', 'evacuation', 'restart', 'instances', 'controller', 'worker',
            'events', 'notifier', 'metrics', 'api')


def list_opts(*sections: str) -> list[tuple[str, list[cfg.Opt]]]:
    """The options of these sections, or of all, for oslo-config-generator and the documentation."""
    modules = [importlib.import_module(f'kaopu_ha.conf.{name}') for name in sections or SECTIONS]
    return [(module.GROUP, list(module.OPTS)) for module in modules]


def register(conf: cfg.ConfigOpts, *sections: str) -> None:
    """Add the options of these sections, or of all, to ``conf``; harmless if they are there."""
    for group, opts in list_opts(*sections):
        conf.register_opts(opts, group=None if group == 'DEFAULT' else group)


def check_values(conf: cfg.ConfigOpts, *sections: str) -> None:
    """Read every option of these sections, or of all, once.

    Raises ConfigError for the first value that is not allowed:
    oslo.config looks at a value when it is read: a bad one would end a process hours later.
    """
    for group, opts in list_opts(*sections):
        for opt in opts:
            try:
                (conf if group == 'DEFAULT' else conf[group])[opt.dest]
            except (cfg.Error, ValueError) as failure:
                # Its context has the reason in plain words, without where oslo.config found it.
                reason = ' '.join(str(failure.__context__ or failure).split())
                raise ConfigError(f'[{group}] {opt.name}: {reason}.  {opt.help}') from None
