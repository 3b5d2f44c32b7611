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

"""What a ceph.conf says, by Ceph's own rules: its fsid, and the monitors that it names.

A text goes in, so that whoever reads files may ask.  Ceph takes names with blanks or underscores,
lines that go on after a backslash, values in quotes, comments after ``#`` and ``;`` anywhere, lines
indented at will, and monitors in ``mon host`` of several sections or each in a section of its own.
Hyphens in names, and options before the first section, which Ceph itself passes over, are taken,
too: nobody means anything else by them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
import configparser
import re

_GLOBAL = 'global'
_COMMENT = re.compile(r'(?<!\\)[#;].*')
_QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"|\'([^\']*)\'')
_VERSION = re.compile(r'^v[12]:')
_BRACKETED = re.compile(r'^\[([0-9A-Fa-f:.]+)\](?::\d+)?(?:/\d+)?$')
_PLAIN = re.compile(r'^([^:\s]+)(?::\d+)?(?:/\d+)?$')


def fsid(text: str) -> str:
    """The cluster's id, '' if the file has none.  Raises ValueError for what is no ceph.conf."""
    return sections(text)[_GLOBAL].get('fsid', '').lower()


def monitors(text: str) -> tuple[str, ...]:
    """The monitors' addresses or names, without ports, sorted.  Raises ValueError likewise."""
    return tuple(sorted({_address(part) for line in _named(sections(text))
                         for part in re.split(r'[,\s]+', line)} - {''}))


def sections(text: str) -> Mapping[str, Mapping[str, str]]:
    """The options by section; names in small letters with underscores.  Raises ValueError."""
    parser = _Parser(strict=False, interpolation=None, allow_no_value=True, delimiters=('=',),
                     comment_prefixes=(), default_section='\0')
    lines = re.sub(r'\\\r?\n', ' ', text).splitlines()
    try:
        parser.read_string('\n'.join([f'[{_GLOBAL}]', *filter(None, map(_bare, lines))]))
    except configparser.Error as failure:
        raise ValueError(' '.join(str(failure).split())) from failure
    return {section: {name: value or '' for name, value in parser[section].items()}
            for section in parser.sections()}


# ---------------------------------------------------------------- private


class _Parser(configparser.ConfigParser):
    """Knows an option by its one spelling."""

    def optionxform(self, optionstr: str) -> str:
        return re.sub(r'[\s_-]+', '_', optionstr.strip()).lower()


def _named(found: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for section, options in found.items():
        yield options.get('mon_host', '')
        if section.partition('.')[0] == 'mon':
            yield options.get('mon_addr', '')


def _bare(line: str) -> str:
    """The line without blanks around it, its comment, and the quotes around its value."""
    name, equals, value = line.strip().partition('=')
    quoted = _QUOTED.match(value.strip())
    if quoted and not _COMMENT.search(name):
        return f'{name}={(quoted.group(1) or quoted.group(2) or "").strip()}'
    return _COMMENT.sub('', name + equals + value).strip()


def _address(part: str) -> str:
    """The address in one part; the list of one monitor's addresses may be in brackets."""
    part = re.sub(r'^\[(?=v[12]:)', '', part)
    part = _VERSION.sub('', part)
    if part.count('[') < part.count(']'):
        part = part[:-1]
    match = _BRACKETED.match(part) or _PLAIN.match(part)
    return match.group(1) if match else part
