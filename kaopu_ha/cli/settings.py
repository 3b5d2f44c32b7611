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

"""The configuration that a command reads."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import os

from oslo_config import cfg

from kaopu_ha import conf as options
from kaopu_ha.cli.command import Misconfigured
from kaopu_ha.conf import reading, store
from kaopu_ha.conf import rules as conf_rules
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.core.rules import Rules


def conf(given: argparse.Namespace, default_file: str, sections: Sequence[str]) -> cfg.ConfigOpts:
    """The options of the files that were given, or of the default file if it is there.

    ``sections``: those that the command reads, () for all.  Raises Misconfigured, naming the file.
    """
    from kaopu_ha.wiring import spelling
    files = given.config_file or [default_file] * os.path.exists(default_file)
    for name in files:
        if not os.access(name, os.R_OK):
            missing = 'is not there' if not os.path.exists(name) else (
                'may not be read by this user: run as root or as the service\'s user')
            raise Misconfigured(f'The configuration file {name} {missing}.')
    made = cfg.ConfigOpts()
    options.register(made, *sections)
    try:
        with reading.in_words():
            made(args=[], project='kaopu-ha', default_config_files=files,
                 default_config_dirs=given.config_dir or [])
        if given.endpoints:
            made.set_override('endpoints', _split(given.endpoints), group='store')
        options.check_values(made, *sections)
        spelling.check(made, _others(sections))
        if made.store.driver in ('etcd', 'etcd3'):
            store.access(made)
    except (cfg.Error, ValueError, OSError) as failure:
        told = ' '.join(str(failure).split())
        raise Misconfigured(f'The configuration ({", ".join(files) or "defaults"}) is wrong: '
                            f'{told}') from failure
    return made


def _others(sections: Sequence[str]) -> frozenset[str]:
    """The sections that are read by the services, and told of by these."""
    return frozenset(options.SECTIONS).difference(sections) | {'DEFAULT'} if sections else (
        frozenset())


def endpoints(made: cfg.ConfigOpts) -> list[str]:
    """The members of etcd that are asked."""
    return list(made.store.endpoints)


def rules(made: cfg.ConfigOpts) -> Rules:
    """The rules that matter for what is shown: waits, storm, and how long a host must be well.

    Not all of them: a machine that only looks need not be configured for fences.
    """
    try:
        return conf_rules.of_detection(made)
    except ConfigError as failure:
        raise Misconfigured(f'The configuration is wrong: {failure}') from failure


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(',') if part.strip()]
