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

"""The judgement on paper: a table with a verdict, or all figures as JSON."""

import dataclasses
import json
from typing import Any

from .judge import Judgement

_LINE = '{:8} {:18} {:5} {:8} {:>8} {:17} {:8} {:>9} {:>7} {:>16}  {}'
_HEAD = (
    'name',
    'role',
    'host',
    'power',
    'counter',
    'boot',
    'growing',
    'conflicts',
    'gap s',
    'before > after',
    'verdict',
)


def is_green(found: list[Judgement]) -> bool:
    """Tell whether every instance is well; none at all is well too."""
    return all(one.verdict == 'GREEN' for one in found)


def as_table(found: list[Judgement]) -> str:
    """One line per instance and the verdict."""
    lines = [_LINE.format(*_HEAD)] if found else []
    lines += [_row(one) for one in found]
    red = [one for one in found if one.verdict != 'GREEN']
    if red:
        lines.append(f'judge: RED {len(red)} of {len(found)} instances')
    else:
        lines.append(f'judge: GREEN {len(found)} instances, one writer at a time on every disk')
    return '\n'.join(lines)


def as_json(found: list[Judgement]) -> str:
    """All figures: {verdict, instances: [...]}."""
    verdict = 'GREEN' if is_green(found) else 'RED'
    return json.dumps({'verdict': verdict, 'instances': [_figures(one) for one in found]}, indent=2)


def _row(one: Judgement) -> str:
    gap, change = '-', '-'
    if one.handover:
        gap = f'{one.handover.gap_seconds:.1f}'
        change = f'{one.handover.counter_before} > {one.handover.counter_after}'
    return _LINE.format(
        one.expected.name,
        one.expected.role,
        one.expected.host,
        one.expected.power,
        one.counter,
        one.boot or '-',
        'yes' if one.growing else 'no',
        one.conflicts,
        gap,
        change,
        f'{one.verdict} {"; ".join(one.reasons)}'.strip(),
    )


def _figures(one: Judgement) -> dict[str, Any]:
    figures = dataclasses.asdict(one)
    return figures.pop('expected') | figures
