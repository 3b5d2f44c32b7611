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

"""The documentation's pictures are what the program of today draws."""

import dataclasses
import pathlib
import re
import unittest
from unittest import mock
from xml.etree import ElementTree

from kaopu_ha.conf import rules
from kaopu_ha.core import attempt, restart, roads
from kaopu_ha.core.model import RecoveryStage, Stage
from tests.unit.test_house import MAY_IMPORT
from tools import house_drawn, pictures, roads_drawn

ROOT = pathlib.Path(__file__).resolve().parents[2]


def texts(svg):
    """Every text in a picture."""
    return [node.text for node in ElementTree.fromstring(svg).iter()
            if node.tag.endswith('}text')]


class TestPictures(unittest.TestCase):

    maxDiff = None

    def test_each_is_what_is_drawn(self):
        for name, draw in pictures.PICTURES.items():
            with self.subTest(name):
                self.assertEqual(draw(), (pictures.FOLDER / f'{name}.svg').read_text(),
                                 'draw it again: python -m tools.pictures')

    def test_each_page_is_what_is_written(self):
        for name, write in pictures.PAGES.items():
            with self.subTest(name):
                self.assertEqual(write(), (pictures.FOLDER.parent / name).read_text(),
                                 'write it again: python -m tools.pictures')

    def test_each_stage_of_each_road_is_a_box_and_each_change_an_arc(self):
        told = texts(roads_drawn.picture())
        for road in (roads.CASE, roads.RECOVERY, roads.EVACUATION, restart.ROADS):
            self.assertIn(road, roads_drawn.ROADS.values())
            self.assertLessEqual({stage.value for stage in road}, set(told))
        drawn = [node for node in ElementTree.fromstring(roads_drawn.picture()).iter()
                 if node.tag.endswith('}path') and node.get('fill') == 'none']
        self.assertEqual(sum(len(afters) for road in roads_drawn.ROADS.values()
                             for afters in road.values()), len(drawn))

    def test_another_road_is_another_picture(self):
        before = roads_drawn.picture()
        more = roads.RECOVERY | {RecoveryStage.PROVEN: frozenset(RecoveryStage)}
        with mock.patch.dict(roads_drawn.ROADS, {'more': more}):
            self.assertNotEqual(before, roads_drawn.picture())

    def test_each_row_is_on_the_page(self):
        for table in attempt.TABLES:
            for row in table:
                self.assertIn(f'**{row.name}**: {row.act.value}', roads_drawn.page())

    def test_no_other_is_kept(self):
        """But what the test of the panels photographs."""
        self.assertEqual({f'{name}.svg' for name in pictures.PICTURES},
                         {path.name for path in pictures.FOLDER.iterdir()
                          if not re.fullmatch(r'horizon-[a-z]+\.png', path.name)})

    def test_each_is_shown_on_a_page(self):
        pages = ''.join(page.read_text() for page in (ROOT / 'doc/source').rglob('*.rst'))
        for path in pictures.FOLDER.iterdir():
            self.assertIn(f':: /pictures/{path.name}', pages)

    def test_the_times_of_a_death_are_those_of_the_options(self):
        for pace in rules.PACES:
            given = rules.rules(pictures.configuration(pace), fence_proves=True)
            terms = rules.seconds_to_confirmed(given)
            for seconds in [sum(term.seconds for term in terms[:count])
                            for count in range(len(terms) + 1)]:
                self.assertIn(f'{seconds:g} s', texts(pictures.death()))

    def test_another_default_is_another_picture(self):
        other = dataclasses.replace(rules.PACES['fast'], death_ttl=77)
        with mock.patch.dict(rules.PACES, fast=other):
            told = texts(pictures.death())
        self.assertIn('+ 77', told)
        self.assertNotIn('+ 77', texts(pictures.death()))

    def test_every_stage_until_confirmed_is_there(self):
        told = texts(pictures.death())
        for stage in (Stage.SUSPECTED, Stage.DYING, Stage.LOCKED, Stage.LAST_LOOK,
                      Stage.CONFIRMED):
            self.assertEqual(2, told.count(stage.value.upper()))

    def test_a_room_lies_above_all_that_it_may_import(self):
        height = house_drawn.levels({'core': (), 'ports': ('core',), 'cli': ('ports', 'core')})
        self.assertEqual({'core': 0, 'ports': 1, 'cli': 2}, height)
        with self.assertRaises(AssertionError):
            house_drawn.levels({'cli': ('sim',), 'sim': ('cli',)})

    def test_every_room_has_a_row_and_a_column(self):
        told = texts(house_drawn.picture())
        for room in MAY_IMPORT:
            self.assertEqual(2, told.count(room), room)

    def test_every_text_is_on_the_sheet(self):
        for draw in pictures.PICTURES.values():
            sheet = ElementTree.fromstring(draw())
            for node in sheet.iter():
                if node.tag.endswith('}text'):
                    self.assertTrue(0 < float(node.get('x')) < float(sheet.get('width')), node.text)
                    self.assertTrue(0 < float(node.get('y')) < float(sheet.get('height')),
                                    node.text)


if __name__ == '__main__':
    unittest.main()
