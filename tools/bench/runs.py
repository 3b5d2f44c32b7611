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

"""How long does a run take, and is it the same run as before?

    git worktree add ../before HEAD~5
    python tools/bench/runs.py --against ../before

The same runs are played in two trees in turn, as often as ``--turns`` says, by processes that do
nothing else.  Printed are the processor's milliseconds for a run, without the start of Python,
and their ratio in each turn: so a machine that others use as well does not decide.  It ends with
code 1 if a run's story or log differs in a single byte.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import hashlib
import logging
import os
import pathlib
import statistics
import subprocess
import sys
import time

_HERE = pathlib.Path(__file__).resolve()
_HALF = """
import runpy, sys
runpy.run_path(sys.argv[1])['play_all'](int(sys.argv[2]), int(sys.argv[3]))
"""


def play_all(first: int, count: int) -> None:
    """Play these runs; print the milliseconds for each, and what they were as a hash."""
    # The tree's own, which is not the one that this file is in.
    from kaopu_ha.sim import runs, story
    logging.disable(logging.CRITICAL)
    told, played = hashlib.sha256(), []
    play = runs.play
    runs.play = lambda *given: played.append(play(*given)) or played[-1]
    spent = 0.0
    for seed in range(first, first + count):
        played.clear()
        began = time.process_time()
        ended, wrong = runs.run(runs.story_of(seed))
        # The first one fills what is remembered of each sentence and each kind of record.
        spent += time.process_time() - began if seed > first else 0.0
        told.update(repr((story.written(ended), wrong, *(each.log for each in played))).encode())
    print(spent / (count - 1) * 1000, told.hexdigest())


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures; 1 if a run differs."""
    parser = argparse.ArgumentParser(description='How long does a run take?')
    parser.add_argument('--against', default='', help='another tree of this project')
    parser.add_argument('--seed', type=int, default=1, help='of the first run (1)')
    parser.add_argument('--count', type=int, default=30, help='runs in each turn (30)')
    parser.add_argument('--turns', type=int, default=3, help='how often both are asked (3)')
    args = parser.parse_args(argv)
    trees = [pathlib.Path(args.against), _HERE.parents[2]] if args.against else [_HERE.parents[2]]
    ratios, hashes = [], set()
    for _ in range(args.turns):
        found = [_played(tree, args.seed, args.count) for tree in trees]
        hashes |= {told for _, told in found}
        ratios.append(found[0][0] / found[-1][0])
        print(', '.join(f'{spent:.1f} ms in {tree}' for tree, (spent, _) in zip(
            trees, found, strict=True)) + f', ratio {ratios[-1]:.2f}', flush=True)
    print(f'ratio {statistics.median(ratios):.2f} in the middle; the runs are '
          f'{"the same" if len(hashes) == 1 else "NOT the same"}')
    return 0 if len(hashes) == 1 else 1


def _played(tree: pathlib.Path, first: int, count: int) -> tuple[float, str]:
    said = subprocess.run(
        [sys.executable, '-c', _HALF, str(_HERE), str(first), str(count)], cwd=tree, check=True,
        capture_output=True, text=True, env=os.environ | {'PYTHONPATH': str(tree.resolve())})
    spent, told = said.stdout.split()
    return float(spent), told


if __name__ == '__main__':
    sys.exit(main())
