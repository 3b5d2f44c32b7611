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

"""A sheet of paper, and the strokes that the documentation's pictures are made of."""

from collections.abc import Sequence
import math

import drawsvg

INK, FAINT, PAPER = '#1f2933', '#7b8794', '#ffffff'
CALM, BACK = '#eef2f6', '#9aa8b6'
FONT = 'Helvetica, Arial, sans-serif'
# Half of an arrow's head, and how far it reaches back.
HEAD = 4.5


class Sheet:
    """A drawing, and the few strokes that the pictures are made of."""

    def __init__(self, width: float, height: float, title: str, told: str) -> None:
        self._drawing = drawsvg.Drawing(width, height, font_family=FONT)
        self._drawing.append(drawsvg.Title(title))
        self._drawing.append(drawsvg.Raw(f'<desc>{told}</desc>'))
        self._drawing.append(drawsvg.Rectangle(0, 0, width, height, fill=PAPER))

    def text(self, x: float, y: float, words: str, size: float = 13, fill: str = INK,
             anchor: str = 'start', weight: str = 'normal') -> None:
        """Write one line whose base is at ``y``."""
        self._drawing.append(drawsvg.Text(words, size, x, y, fill=fill, text_anchor=anchor,
                                          font_weight=weight))

    def upright(self, x: float, y: float, words: str, size: float = 13,
                weight: str = 'normal') -> None:
        """Write one line from here upwards."""
        self._drawing.append(drawsvg.Text(words, size, x, y, fill=INK, font_weight=weight,
                                          transform=f'rotate(-90 {x} {y})'))

    def lines(self, x: float, y: float, words: Sequence[str], size: float = 12,
              fill: str = INK, anchor: str = 'start') -> None:
        """Write lines below each other."""
        for index, line in enumerate(words):
            self.text(x, y + index * size * 1.35, line, size, fill, anchor)

    def box(self, x: float, y: float, width: float, height: float, *, fill: str = CALM,
            stroke: str = FAINT) -> None:
        """Draw a box with round corners."""
        self._drawing.append(drawsvg.Rectangle(x, y, width, height, rx=6, fill=fill, stroke=stroke,
                                               stroke_width=1.3))

    def titled(self, x: float, y: float, width: float, height: float, title: str,
               words: Sequence[str], stroke: str = FAINT) -> None:
        """Draw a box with a title and lines in it."""
        self.box(x, y, width, height, fill=PAPER, stroke=stroke)
        self.text(x + 12, y + 22, title, 14, weight='bold')
        self.lines(x + 12, y + 41, words, fill=INK)

    def bar(self, x: float, y: float, width: float, height: float, fill: str,
            opacity: float = 1.0) -> None:
        """Draw a filled bar."""
        self._drawing.append(drawsvg.Rectangle(x, y, width, height, fill=fill,
                                               fill_opacity=opacity))

    def line(self, x1: float, y1: float, x2: float, y2: float, stroke: str = INK,
             width: float = 1.6, dashes: str = '') -> None:
        """Draw a straight line."""
        more = {'stroke_dasharray': dashes} if dashes else {}
        self._drawing.append(drawsvg.Line(x1, y1, x2, y2, stroke=stroke, stroke_width=width,
                                          **more))

    def arrow(self, x1: float, y1: float, x2: float, y2: float, stroke: str = INK,
              dashes: str = '') -> None:
        """Draw an arrow to the second point."""
        length = math.hypot(x2 - x1, y2 - y1)
        along, across = (x2 - x1) / length, (y2 - y1) / length
        x, y = x2 - 2 * HEAD * along, y2 - 2 * HEAD * across
        self.line(x1, y1, x, y, stroke, 1.8, dashes)
        self._drawing.append(drawsvg.Lines(
            x2, y2, round(x - HEAD * across, 2), round(y + HEAD * along, 2),
            round(x + HEAD * across, 2), round(y - HEAD * along, 2), close=True, fill=stroke))

    def curve(self, x1: float, y1: float, x2: float, y2: float, top: float,
              stroke: str = INK) -> None:
        """Draw an arrow in a curve to the second point, from above or below, towards ``top``."""
        down = 1 if y2 > top else -1
        path = drawsvg.Path(stroke=stroke, stroke_width=1.2, fill='none')
        path.M(round(x1, 1), y1).C(round(x1, 1), round(top, 1), round(x2, 1), round(top, 1),
                                   round(x2, 1), y2 - down * 1.6 * HEAD)
        self._drawing.append(path)
        x = round(x2, 1)
        self._drawing.append(drawsvg.Lines(x, y2, x - HEAD * 0.8, y2 - down * 2 * HEAD,
                                           x + HEAD * 0.8, y2 - down * 2 * HEAD, close=True,
                                           fill=stroke))

    def cross(self, x: float, y: float, stroke: str) -> None:
        """Draw the mark of an ask that nobody answered."""
        for slope in (1, -1):
            self.line(x - 3.5, y - 3.5 * slope, x + 3.5, y + 3.5 * slope, stroke, 1.6)

    def svg(self) -> str:
        """The picture as a text."""
        return f'{self._drawing.as_svg()}\n'
