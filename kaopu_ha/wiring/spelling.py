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

"""Options and sections that nobody reads: oslo.config takes a misspelled one in silence.

The same is asked as by ``oslo-config-validator``, from the same lists of options; besides these
a driver from outside brings options of its own, and a person is told what was probably meant.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
import difflib
import functools
import importlib.metadata
import pathlib
import warnings

from oslo_config import cfg

from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.wiring import drivers

# Whose options a process of ours may read, as their packages tell them.
_LISTS = ('kaopu_ha', 'oslo.config', 'oslo.log', 'oslo.messaging', 'oslo.service.service',
          'oslo.concurrency', 'oslo.policy', 'oslo.middleware.cors', 'oslo.middleware.healthcheck',
          'oslo.middleware.http_proxy_to_wsgi', 'oslo.middleware.sizelimit')
# What only the API reads, whose packages need not be on each machine that has the same file.
_OF_THE_API = frozenset({'oslo_policy', 'oslo_middleware', 'cors', 'healthcheck'})
# Whose options are those of the plugin that one of them names.
_OF_PLUGINS = frozenset({'keystone_authtoken'})
# What oslo.config reads of its own, and tells in no list.
_OWN = frozenset({'config_file', 'config_dir', 'config_source'})
_TOLD_MAX = 3

Known = dict[str, set[str]]


def check(conf: cfg.ConfigOpts, passed_over: Container[str] = ()) -> None:
    """Raise ConfigError for what the configuration files name and nobody reads.

    ``passed_over``: sections that are somebody else's matter.
    """
    found = list(misspelled(conf, passed_over))
    if found:
        more = f'; and {len(found) - _TOLD_MAX} more' if len(found) > _TOLD_MAX else ''
        raise ConfigError('; '.join(found[:_TOLD_MAX]) + more)


def misspelled(conf: cfg.ConfigOpts, passed_over: Container[str] = ()) -> Iterator[str]:
    """What nobody reads, in words, with what was probably meant."""
    others = {*(conf.config_source or ())}
    for path in _files(conf):
        for section, names in _sections(path).items():
            group = section if section == 'DEFAULT' else section.lower()
            if group in passed_over or group in _OF_PLUGINS or section in others:
                continue
            unread = [name for name in names if not _is_registered(conf, group, name)]
            # Only then all others are loaded: that takes a while.
            if unread or not names and group not in conf:
                yield from _told(path, group, section, unread, _everything())


def names_section(conf: cfg.ConfigOpts, section: str) -> bool:
    """True if one of the configuration files has this section, whether or not anybody reads it."""
    return any(section == name.lower() for path in _files(conf) for name in _sections(path))


# ---------------------------------------------------------------- private


def _told(path: str, group: str, section: str, unread: list[str], known: Known) -> Iterator[str]:
    if group not in known and group not in _OF_THE_API:
        yield (f'[{section}] in {path} is read by nobody{_meant(section, known, "[{}]")}: '
               f'correct the name of the section, or take it out')
        return
    for name in unread:
        if group in known and name not in known[group]:
            elsewhere = sorted(other for other, its in known.items() if name in its)
            meant = _meant(name.replace('-', '_'), known[group], '{}') or (
                f', [{elsewhere[0]}] has such an option' if elsewhere else '')
            yield (f'[{section}] {name} in {path} is no option{meant}: correct its name, or take '
                   f'it out')


def _meant(word: str, among: Container[str], form: str) -> str:
    near = difflib.get_close_matches(word.lower(), list(among), 1)  # type: ignore[call-overload]
    return f', {form.format(near[0])} is' if near else ''


def _files(conf: cfg.ConfigOpts) -> list[str]:
    """The files that were read, in order."""
    folders = [pathlib.Path(name) for name in conf.config_dir or ()]
    return [*(conf.config_file or ()),
            *(str(path) for folder in folders for path in sorted(folder.glob('*.conf')))]


def _sections(path: str) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    cfg.ConfigParser(path, found).parse()
    return found


def _is_registered(conf: cfg.ConfigOpts, group: str, name: str) -> bool:
    if group == 'DEFAULT':
        return name in _OWN or name in conf and not isinstance(conf[name], cfg.ConfigOpts.GroupAttr)
    return group in conf and isinstance(conf[group], cfg.ConfigOpts.GroupAttr) and (
        name in conf[group])


@functools.cache
def _everything() -> Known:
    """Every option that a process could read, by section."""
    from kaopu_ha import threads  # noqa: F401  before libraries of oslo that would choose others
    known: Known = {'DEFAULT': set(_OWN)}
    with warnings.catch_warnings():
        # They come one upon another from what oslo.messaging loads, and are not for this reader.
        warnings.simplefilter('ignore', DeprecationWarning)
        for entry in importlib.metadata.entry_points(group='oslo.config.opts'):
            if entry.name in _LISTS:
                for group, opts in entry.load()():
                    _add(known, str(getattr(group, 'name', group) or 'DEFAULT'), opts)
        _add_drivers(known)
    return known


def _add_drivers(known: Known) -> None:
    for port in drivers.CHOSEN_BY:
        for entry in importlib.metadata.entry_points(group=f'kaopu_ha.{port}'):
            try:
                its = drivers.own_options(drivers.load(port, entry.name))
            except ConfigError:
                # It is told where it is chosen; one that is not chosen need not be loadable.
                continue
            for group, opts in its.items():
                _add(known, group, opts)


def _add(known: Known, group: str, opts: list[cfg.Opt]) -> None:
    names = known.setdefault(group, set())
    for opt in opts:
        names.add(opt.dest)
        for old in opt.deprecated_opts:
            old_group = known.setdefault(old.group, set()) if old.group else names
            old_group.add((old.name or opt.dest).replace('-', '_'))
