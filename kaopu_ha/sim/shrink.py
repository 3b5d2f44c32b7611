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

"""Makes a story that goes wrong as short as it can be, and still goes wrong in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import dataclasses

from kaopu_ha.sim.story import Story
from kaopu_ha.sim.words import UnknownWords

Run = Callable[[Story], tuple[Story, tuple[str, ...]]]


def shrunk(story: Story, run: Run) -> tuple[Story, tuple[str, ...]]:
    """The smallest story found that breaks the same law, and what is wrong with it.

    Leaves out events and instances one after another, as long as anything can be left out, then
    processes; then it rounds the times.
    """
    best, wrong = run(story)
    law = _law(wrong)
    progress = True
    while progress:
        progress = False
        for smaller in _smaller(story):
            ended, said = _safely(run, smaller)
            if said and _law(said) == law:
                story, best, wrong, progress = smaller, ended, said, True
                break
    return best, wrong


def _smaller(story: Story) -> Iterator[Story]:
    for number in range(len(story.events)):
        yield dataclasses.replace(
            story, events=story.events[:number] + story.events[number + 1:])
    setup = story.setup
    for number in range(len(setup.instances)):
        yield dataclasses.replace(story, setup=dataclasses.replace(
            setup, instances=setup.instances[:number] + setup.instances[number + 1:]))
    for name in ('controllers', 'workers'):
        if getattr(setup, name) > 1:
            yield dataclasses.replace(story, setup=dataclasses.replace(
                setup, **{name: getattr(setup, name) - 1}))
    if len(setup.hosts) > 3:
        yield dataclasses.replace(story, setup=dataclasses.replace(setup, hosts=setup.hosts[:-1]))
    for digits in (0, 1):
        rounded = tuple(dataclasses.replace(event, at=round(event.at, digits))
                        for event in story.events)
        if rounded != story.events and all(one.at <= two.at for one, two in zip(
                rounded, rounded[1:], strict=False)):
            yield dataclasses.replace(story, events=rounded)


def _safely(run: Run, story: Story) -> tuple[Story, tuple[str, ...]]:
    """What comes of it; a story that speaks of what was left out comes to nothing."""
    try:
        return run(story)
    except (UnknownWords, KeyError):
        return story, ()


def _law(wrong: tuple[str, ...]) -> str:
    """The law that was broken first, without its time and names."""
    if not wrong:
        return ''
    _, found, rest = wrong[0].partition(' s: ')
    return (rest if found else wrong[0]).partition(':')[0]
