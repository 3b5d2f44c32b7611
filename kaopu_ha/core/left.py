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

"""What is told of instances that the policy left, and of marks that nobody understands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kaopu_ha.core import evacuation, model, policy, restart, texts
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.restart import Restart

_WAY_OUT = ('what is not understood leaves nothing behind; see [evacuation] protected_by and '
            'priority_by')


def by_policy(items: Sequence[model.Evacuation]) -> list[model.Evacuation]:
    """Those that were on, and that the policy left."""
    return [item for item in items if item.row == policy.ROW]


def wrong_marks(items: Sequence[model.Evacuation]) -> list[str]:
    """Each mark that can't be understood, with the name of the instance that has it."""
    return [f'{item.name}: {mark}' for item in items for mark in item.wrong_marks]


def told(host: str, listed: Sequence[model.Evacuation],
         case: model.Case | None) -> tuple[News, ...]:
    """The news of a host whose instances were listed just now."""
    left, wrong = by_policy(listed), wrong_marks(listed)
    news = []
    if left:
        news.append(News(Fact.LEFT_BY_POLICY, host,
                         texts.few(f'{item.name}: {item.reason}' for item in left),
                         tuple(evacuation.outcome(item, case) for item in left)))
    if wrong:
        news.append(News(Fact.WRONG_MARK, host, f'{texts.few(wrong)}: {_WAY_OUT}'))
    return tuple(news)


def from_the_start(record: Restart, servers: Iterable[model.Server], says: policy.Policy,
                   at: str) -> tuple[Restart, tuple[News, ...]]:
    """A new record of starts in place, with what the policy leaves left; and what is told of it.

    So nobody is told that these are to run again.
    """
    why = {server.uuid: policy.answer(server, says).left for server in servers}
    gone = [restart.left(start, why[start.instance], at)
            for start in record.starts if start.phase is restart.StartPhase.WAITING
            and why.get(start.instance)]
    news = (News(Fact.LEFT_BY_POLICY, record.host, texts.few(
        f'{start.name}: {start.reason}' for start in gone)),) if gone else ()
    return restart.changed(record, gone), news
