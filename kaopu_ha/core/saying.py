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

"""A person's word that a host is off, while its case is judged.

It stands for what nobody could ask (UNKNOWN), on either network, and for nothing else: what shows
life is believed more, and so is a live client at an address of nobody (``core.detection.judged``).
Everything behind the verdict is as always: the waits, the brake, and the fence with its proof.

It ends when the host is heard of, and with the verdict.
"""

from __future__ import annotations

import dataclasses

from kaopu_ha.core import roads
from kaopu_ha.core.model import Case, Step, Verdict, Word
from kaopu_ha.core.news import Fact, News

# Of a history at each end: who says it again and again must not fill the store.
_STEPS_KEPT = 30


def why_not(case: Case, *, held: bool) -> str:
    """Why a word changes nothing for the case now; empty if it does."""
    if case.verdict is Verdict.ALIVE:
        return f'it shows life: {_last_rule(case)}'
    if case.verdict is Verdict.DEAD:
        return 'every network is silent: it is judged by that, and nothing waits for a word'
    if case.rounds and case.rounds[-1].strangers:
        return (f'{_last_rule(case)}. See whose it is; one that only reads is named by kaopu-ha '
                f'tool add; a guest of another host is rebooted (hard) there: then it has an '
                f'address of that host\'s')
    if held:
        return f'it is on hold. To end that: kaopu-ha host release {case.host}'
    return ''


def given(case: Case, word: Word, at: str, by: str) -> Case:
    """The case after a person's word, which replaces an earlier one."""
    return _noted(dataclasses.replace(case, word=word), roads.WORD_GIVEN, at, by, word.text)


def ended(case: Case, heard: str, at: str, by: str) -> tuple[Case, tuple[News, ...]]:
    """The case without the word, for its host was heard of; and what is told of that."""
    if case.word is None:
        return case, ()
    text = f'{case.word.text}, but {heard}: that word counts no more'
    after = _noted(dataclasses.replace(case, word=None), roads.WORD_PAST, at, by, text)
    return after, (News(Fact.WORD_ENDED, case.host, text),)


def _noted(case: Case, what: str, at: str, by: str, text: str) -> Case:
    history = case.history if len(case.history) <= 2 * _STEPS_KEPT else (
        *case.history[:_STEPS_KEPT], *case.history[-_STEPS_KEPT:])
    return dataclasses.replace(case, history=(*history, Step(at, by, what, text)))


def _last_rule(case: Case) -> str:
    return case.rounds[-1].rule if case.rounds else 'it was not looked at yet'
