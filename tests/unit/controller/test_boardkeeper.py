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

"""What a controller shows, by what stands in the store, whoever leads and whatever went before."""

import unittest

from kaopu_ha import ports, records
from kaopu_ha.controller.boardkeeper import BoardKeeper
from kaopu_ha.controller.turns import Turns
from kaopu_ha.core.board import MessageKind
from kaopu_ha.core.brake import Storm
from kaopu_ha.core.model import Phase, RecoveryStage, Stage, Step
from kaopu_ha.programs import controllers
from tests.core import values
from tests.unit.controller import scene

OPENED = '2026-01-01T10:00:00.000+00:00'
CONFIRMED = values.a_case(Stage.CONFIRMED, recovery='c1-7')
STORM = Storm(on=True, braked=('c1',))


class Wall(ports.Board):
    """A board in memory, which can be away."""

    def __init__(self, names_hosts=True):
        self.names_hosts, self.texts, self.times, self.away = names_hosts, {}, 0, False

    def show(self, messages, limit):
        if self.away:
            raise ports.PortError('the wall fell')
        self.texts = {one.kind: one.text for one in messages}
        self.times += 1

    def close(self):
        self.texts = {}


class Scene(unittest.TestCase):

    def setUp(self):
        self.store, self.clock, self.wall = scene.Store(), scene.Clock(), Wall()
        self.now = '2026-01-01T12:00:00.000+00:00'
        self.keeper = self.a_keeper(self.wall)

    def a_keeper(self, *boards, **changes):
        env = scene.an_env(self.clock, now=lambda: self.now, **changes)
        return BoardKeeper(self.store, boards, env)

    def put(self, key, value):
        self.store.commit([], [ports.Put(key, records.encode(value))])

    def kinds(self):
        self.keeper.turn()
        return {*self.wall.texts}

    def a_move(self, phase, **changes):
        self.put(f'{records.EVACUATION}c1-7/i1', values.an_evacuation(
            phase=phase, history=(Step(OPENED, 'worker-1', phase.value, 'so'),), **changes))


class Shows(Scene):

    def test_each_thing_is_shown_from_its_beginning_to_its_end(self):
        self.assertEqual(set(), self.kinds())
        self.put(records.STORM, STORM)
        self.assertEqual({MessageKind.BRAKE}, self.kinds())
        self.put(records.CASE + 'c1', CONFIRMED)
        self.put(records.RECOVERY + 'c1-7', values.a_recovery(
            history=(Step(self.now, 'controller-1', 'fencing', ''),)))
        self.assertEqual({MessageKind.BRAKE, MessageKind.CONFIRMED}, self.kinds())
        self.put(records.STORM, Storm())
        self.assertEqual({MessageKind.CONFIRMED}, self.kinds())
        self.a_move(Phase.FAILED, reason='no room')
        self.assertEqual({MessageKind.CONFIRMED, MessageKind.WAITS}, self.kinds())
        self.a_move(Phase.FAILED, reason='no room', given_up=True)
        self.assertEqual({MessageKind.CONFIRMED}, self.kinds())
        self.store.commit([], [ports.Delete(records.CASE + 'c1')])
        self.assertEqual(set(), self.kinds())

    def test_a_text_changes_with_what_is_so(self):
        self.put(records.CASE + 'c1', CONFIRMED)
        self.put(records.RECOVERY + 'c1-7', values.a_recovery(stage=RecoveryStage.EVACUATING))
        self.a_move(Phase.MOVING)
        self.now = OPENED
        self.assertEqual({MessageKind.CONFIRMED}, self.kinds())
        self.assertIn('0 of 1 instance moved', self.wall.texts[MessageKind.CONFIRMED])
        self.a_move(Phase.DONE)
        self.keeper.turn()
        self.assertIn('1 of 1 instance moved', self.wall.texts[MessageKind.CONFIRMED])

    def test_what_has_just_begun_waits_for_nobody_yet(self):
        opened = Step(OPENED, 'controller-1', 'suspected', 'its beat is gone')
        self.put(records.CASE + 'c1', values.a_case(history=(opened,)))
        for now, shown in (('10:00:30', set()), ('10:09:59', set()),
                           ('10:10:00', {MessageKind.WAITS}), ('09:00:00', set())):
            self.now = f'2026-01-01T{now}.000+00:00'
            self.assertEqual(shown, self.kinds(), now)

    def test_what_does_not_run_is_shown_at_once(self):
        self.put(records.CASE + 'c1', CONFIRMED)
        self.put(records.RECOVERY + 'c1-7', values.a_recovery(stage=RecoveryStage.FINISHED))
        self.a_move(Phase.FAILED, reason='no room')
        self.now = OPENED
        self.assertIn(MessageKind.WAITS, self.kinds())

    def test_what_waits_since_nobody_knows_when_is_shown(self):
        self.put(records.CASE + 'c1', values.a_case(history=()))
        self.assertEqual({MessageKind.WAITS}, self.kinds())

    def test_a_host_on_hold_waits_for_nobody_who_would_not_know(self):
        self.put(records.CASE + 'c1', values.a_case(history=()))
        self.put(records.HOST + 'c1', records.HostSetting(True, 'joe', OPENED, 'its fan'))
        self.assertEqual(set(), self.kinds())

    def test_another_controller_and_one_that_was_started_anew_show_the_same(self):
        self.put(records.STORM, STORM)
        self.put(records.CASE + 'c1', values.a_case(history=(Step(OPENED, 'x', 'suspected', ''),)))
        self.put(records.CASE + 'c2', values.a_case(host='c2',
                                                    history=(Step(OPENED, 'x', 'suspected', ''),)))
        self.keeper.turn()
        anew = Wall()
        self.clock.now = 5.0
        self.a_keeper(anew, name='controller-2').turn()
        self.assertEqual(2, len(anew.texts))
        self.assertEqual(self.wall.texts, anew.texts)

    def test_each_turn_shows_all_of_it_anew(self):
        self.put(records.STORM, STORM)
        self.keeper.turn()
        self.wall.texts = {}
        self.keeper.turn()
        self.assertEqual({MessageKind.BRAKE}, {*self.wall.texts})

    def test_a_record_that_nobody_can_read_hides_nothing_else(self):
        self.put(records.STORM, STORM)
        self.store.commit([], [ports.Put(records.CASE + 'c9', '{'),
                               ports.Put(records.RECOVERY + 'x', '[]')])
        self.assertEqual({MessageKind.BRAKE}, self.kinds())

    def test_a_board_that_names_no_hosts_is_given_none(self):
        shy = Wall(names_hosts=False)
        self.put(records.STORM, STORM)
        self.a_keeper(shy, self.wall).turn()
        self.assertNotIn('c1', shy.texts[MessageKind.BRAKE])
        self.assertIn('c1', self.wall.texts[MessageKind.BRAKE])


class Troubles(Scene):
    """The rest of the world goes on, and what was wrong is told once."""

    def test_while_the_store_is_away_for_a_moment_what_was_so_stays(self):
        self.put(records.STORM, STORM)
        self.keeper.turn()
        self.store.away = True
        for _ in range(12):
            self.assertEqual({MessageKind.BRAKE}, self.kinds())
            self.clock.now += 5.0
        self.assertEqual({MessageKind.STORE}, self.kinds())
        self.assertIn('since 2026-01-01 12:00 UTC', self.wall.texts[MessageKind.STORE])

    def test_once_the_store_is_back_what_is_so_is_shown(self):
        self.put(records.STORM, STORM)
        self.store.away = True
        self.keeper.turn()
        self.clock.now += 100.0
        self.assertEqual({MessageKind.STORE}, self.kinds())
        self.store.away = False
        self.assertEqual({MessageKind.BRAKE}, self.kinds())
        self.store.away = True
        self.assertEqual({MessageKind.BRAKE}, self.kinds())

    def test_a_board_that_is_away_is_trouble_and_hurts_no_other_board(self):
        other = Wall()
        keeper = self.a_keeper(self.wall, other)
        self.put(records.STORM, STORM)
        self.wall.away = True
        with self.assertLogs('kaopu_ha.controller.boardkeeper') as logged:
            for _ in range(5):
                keeper.turn()
            self.assertEqual('the wall fell', keeper.trouble)
            self.wall.away = False
            keeper.turn()
        self.assertEqual('', keeper.trouble)
        self.assertEqual(6, other.times)
        self.assertEqual(['WARNING', 'INFO'], [one.levelname for one in logged.records])
        self.assertIn('the wall fell', logged.output[0])
        self.assertEqual({MessageKind.BRAKE}, {*self.wall.texts})


class Loops(unittest.TestCase):
    """How the loop stands among those of a controller."""

    def loop(self, wall, store):
        env = scene.an_env(scene.Clock())
        self.turns = Turns(env.clock, 10.0)
        return controllers._showing(store, [wall], env, self.turns)

    def test_its_trouble_is_that_of_the_board_or_of_the_store(self):
        wall, store = Wall(), scene.Store()
        loop = self.loop(wall, store)
        loop.turn()
        self.assertEqual(('board', ''), (loop.name, loop.trouble()))
        wall.away = True
        with self.assertLogs('kaopu_ha.controller.boardkeeper'):
            loop.turn()
        self.assertEqual('the wall fell', loop.trouble())
        store.away = True
        loop.turn()
        self.assertEqual('etcd does not answer', loop.trouble())

    def test_a_board_that_hangs_costs_nobody_the_leadership(self):
        wall, store = Wall(), scene.Store()
        overdue = []

        def hang(messages, limit):
            # As long as this turn goes on, the clock does, too.
            clock.now += 1000.0
            overdue.append(self.turns.overdue())
        clock = scene.Clock()
        env = scene.an_env(clock)
        self.turns = Turns(clock, 10.0)
        wall.show = hang
        controllers._showing(store, [wall], env, self.turns).turn()
        self.assertEqual([''], overdue)


if __name__ == '__main__':
    unittest.main()
