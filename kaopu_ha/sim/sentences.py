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

"""Sentences that mean something: a pattern with names in braces, and what it does."""

from __future__ import annotations

from collections.abc import Callable
import functools
import re


class UnknownWords(ValueError):
    """A sentence that nobody here understands; the message says which."""


Happening = Callable[..., None]


class Vocabulary(dict[str, Happening]):
    """What happens, by the pattern of the sentence that says so."""

    def take(self, *patterns: str) -> Callable[[Happening], Happening]:
        """Take up a function as what these patterns mean."""
        def keep(act: Happening) -> Happening:
            self.update(dict.fromkeys(patterns, act))
            return act
        return keep

    def understood(self, sentence: str) -> tuple[Happening, tuple[str, ...]]:
        """What the sentence means, and the names in it.  Raises UnknownWords."""
        for pattern, act in self.items():
            found = _expression(pattern).fullmatch(sentence)
            if found is not None:
                return act, found.groups()
        raise UnknownWords(f'"{sentence}" is not understood; see kaopu-ha simulate --words')


@functools.cache
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r'\\{\w+\\}', r'(\\S+)', re.escape(pattern)))
