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

"""What may happen in the false world, each in a sentence.

A sentence is found by its pattern in ``WORDS``; what stands in braces is a name or a number.
``kaopu-ha simulate --words`` prints them all.
"""

from __future__ import annotations

from kaopu_ha.sim import (
    words_addresses,
    words_board,
    words_books,
    words_cloud,
    words_crashes,
    words_fences,
    words_hangs,
    words_hearsay,
    words_links,
    words_machines,
    words_mending,
    words_moves,
    words_nonsense,
    words_people,
    words_places,
    words_policy,
    words_returns,
    words_saying,
    words_segments,
    words_shared,
    words_thief,
    words_upgrade,
    words_use,
    words_wishes,
)
from kaopu_ha.sim.sentences import Happening, Vocabulary
from kaopu_ha.sim.sentences import UnknownWords as UnknownWords
from kaopu_ha.sim.world import World

WORDS = Vocabulary({
    **words_addresses.WORDS,
    **words_board.WORDS,
    **words_books.WORDS,
    **words_cloud.WORDS,
    **words_crashes.WORDS,
    **words_fences.WORDS,
    **words_hangs.WORDS,
    **words_hearsay.WORDS,
    **words_links.WORDS,
    **words_machines.WORDS,
    **words_mending.WORDS,
    **words_moves.WORDS,
    **words_nonsense.WORDS,
    **words_people.WORDS,
    **words_places.WORDS,
    **words_policy.WORDS,
    **words_returns.WORDS,
    **words_saying.WORDS,
    **words_segments.WORDS,
    **words_shared.WORDS,
    **words_thief.WORDS,
    **words_upgrade.WORDS,
    **words_use.WORDS,
    **words_wishes.WORDS})


def happen(world: World, sentence: str) -> None:
    """Have it happen now.  Raises UnknownWords."""
    act, arguments = understood(sentence)
    world.happens(sentence)
    world.note('world', sentence)
    try:
        act(world, *arguments)
    except (KeyError, StopIteration) as failure:
        raise UnknownWords(f'"{sentence}": there is no {failure}') from failure
    world.changed()


def understood(sentence: str) -> tuple[Happening, tuple[str, ...]]:
    """What the sentence means, and the names in it.  Raises UnknownWords."""
    return WORDS.understood(sentence)
