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

"""A timeline as shapes of an SVG, with words in the viewer's language."""

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from kaopu_ha_dashboard import words

LEFT, WIDTH, ROW, TOP = 150, 840, 26, 24
# A bar that is narrower has its word in its title only.
_LETTER = 7
_NAME_MAX = 20
_SYMBOLS = {'alive': 'heart', 'dead': 'cross', 'undecided': 'ring', 'beat': 'heart', 'done': 'tick',
            'finished': 'tick', 'left': 'ring', 'failed': 'cross', 'not recoverable': 'cross'}


def shapes(picture):
    """What the template draws: lanes with their bars and marks, ticks, and the whole size."""
    scale = WIDTH / picture.seconds
    lanes = []
    for place, lane in enumerate(picture.lanes):
        top = TOP + place * ROW
        lanes.append({
            'y': top, 'text_y': top + 16, 'kind': lane.kind, 'middle': top + ROW // 2 - 1,
            'name': _short(_name(lane)), 'whole': _name(lane),
            'bars': [_bar(bar, scale, top) for bar in lane.bars],
            'marks': [_mark(mark, scale, top) for mark in lane.marks]})
    height = TOP + len(picture.lanes) * ROW + 8
    # Whose bar is too narrow for its word is named below.
    named = {bar['kind']: bar['word'] for lane in lanes for bar in lane['bars']}
    return {'lanes': lanes, 'legend': list(named.items()), 'height': height,
            'width': LEFT + WIDTH + 10, 'left': LEFT, 'right': LEFT + WIDTH, 'ticks': [
                {'x': round(LEFT + at * scale, 1), 'bottom': height - 6, 'word': words.span(at)}
                for at in picture.ticks]}


def told(picture):
    """The picture in words, for who does not see it."""
    parts = []
    for lane in picture.lanes:
        seen = sorted([(bar.start, _word(lane, bar.kind)) for bar in lane.bars]
                      + [(mark.at, _word(lane, mark.kind)) for mark in lane.marks])
        listed = ', '.join(_('%(what)s at %(when)s') % {'what': what, 'when': words.span(at)}
                           for at, what in seen)
        parts.append(f'{_name(lane)}: {listed}.')
    return ' '.join(parts)


def _name(lane):
    if lane.kind == 'rounds':
        return pgettext('lane', 'Rounds of questions')
    if lane.kind == 'recovery':
        return pgettext('lane', 'Fence and recovery')
    return lane.name


def _short(name):
    return name if len(name) <= _NAME_MAX else f'{name[:_NAME_MAX - 1]}~'


def _word(lane, kind):
    if kind == 'beat':
        return _('last beat')
    table = {'rounds': words.VERDICTS, 'instance': words.PHASES}.get(lane.kind, words.STAGES)
    return str(words.said(table, kind))


def _bar(bar, scale, top):
    table = words.STAGES if bar.kind in words.STAGES else words.PHASES
    word = str(words.said(table, bar.kind))
    width = max(round((bar.end - bar.start) * scale, 1), 1)
    # A letter of Chinese is twice as wide as one of Latin.
    needed = sum(_LETTER * (2 if ord(letter) > 0x2e80 else 1) for letter in word) + 6
    x = round(LEFT + bar.start * scale, 1)
    return {'x': x, 'y': top + 3, 'width': width, 'kind': bar.kind.replace(' ', '-'), 'word': word,
            'text': bar.text, 'shown': width > needed, 'text_x': x + 4, 'text_y': top + 16}


def _mark(mark, scale, top):
    return {'x': round(LEFT + mark.at * scale, 1), 'y': top + ROW // 2 - 2,
            'kind': mark.kind.replace(' ', '-'), 'symbol': _SYMBOLS.get(mark.kind, 'ring'),
            'text': mark.text or _('last beat')}
