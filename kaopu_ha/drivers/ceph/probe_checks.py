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

"""What can be asked of Ceph before a host is suspected, by the user that will ask then.

The process that asks is new, and so finds the cluster by its ceph.conf as it is now: one that has
run for long knows the monitors that there were when it started.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
import functools
import pathlib
import time
from typing import Any

from kaopu_ha import checkup, ports
from kaopu_ha.core import ceph_file, checkup_ceph, model
from kaopu_ha.core.checkup import Finding, Seen, good, unasked, weak, wrong
from kaopu_ha.drivers import child, connects

_UNDECIDED = 'a case of a host with disks there stays UNDECIDED: nothing of it is moved'
_CAPS = 'give it the caps that kaopu-ha secure ceph prints (ceph auth caps)'
_REACH = 'look at [ceph] conf, user and keyring, and at the storage network'
# An image that nobody has, by a name that the user's caps let it ask about.
_NOBODYS = ('kaopu-ha', 'rbd_header.kaopu')
# Of the limit: what the names of monitors may take, in the resolver.
_RESOLVE_SHARE = 0.6


def checks(of: Callable[[str], child.Child], access: Mapping[str, Mapping[str, Any]],
           seen: Seen) -> tuple[checkup.Check, ...]:
    """Two for each cluster, by fsid: its monitors, and its pools."""
    found = []
    for fsid, settings in access.items():
        user = settings.get('user', 'admin')
        found += [
            checkup.Check('monitors, by a client that comes anew', functools.partial(
                _monitors, of, fsid, str(settings.get('conf', ''))), _UNDECIDED),
            checkup.Check(f'pools asked as client.{user}', functools.partial(
                _pools, of, fsid, f'Ceph user client.{user} of cluster {fsid}', seen), _UNDECIDED)]
    return tuple(found)


# ---------------------------------------------------------------- monitors


def _monitors(of: Callable[[str], child.Child], fsid: str, conf: str,
              limit: float) -> list[Finding]:
    try:
        told = of(fsid).ask('monitor_map', limit)
    except ports.PortError as failure:
        return [unasked(conf, str(failure), _UNDECIDED, _REACH)]
    real = str(told['fsid'])
    if fsid and real != fsid:
        return [wrong(conf, f'it says fsid {fsid}, and its monitors are of cluster {real}',
                      _UNDECIDED, f'write fsid = {real}, or the monitors of the other one')]
    there = [checkup_ceph.Monitor(name, tuple(its), in_quorum)
             for name, its, in_quorum in told['monitors']]
    named = _named(conf, limit * _RESOLVE_SHARE)
    found = checkup_ceph.monitors(conf, named, there)
    if told['skew']:
        found.append(weak(f'cluster {fsid}', f'its monitors\' clocks differ: {told["skew"]}',
                          'they may lose their quorum, and then nothing can be fenced',
                          'have them keep time by NTP (ceph time-sync-status)'))
    return found


def _named(conf: str, limit: float) -> dict[str, tuple[str, ...]]:
    """The monitors that the file names, with their addresses; nothing of one that has none."""
    try:
        text = pathlib.Path(conf).read_text('utf-8-sig', errors='replace')
        return connects.resolved(ceph_file.monitors(text), time.monotonic() + limit)
    except (OSError, ValueError):
        return {}    # That it can't be read is said before this one is asked.


# ---------------------------------------------------------------- pools


def _pools(of: Callable[[str], child.Child], fsid: str, whose: str, seen: Seen,
           limit: float) -> list[Finding]:
    """Ask about an image in each pool: of a guest that runs, or where none is, of nobody."""
    real = checkup_ceph.images(seen, fsid)
    asked = {pool: real.get(pool) or model.Image(fsid, pool, *_NOBODYS)
             for pool in sorted({*seen.pools.get(fsid, ()), *real})}
    if not asked:
        return [good(whose, 'no pool is named, and none in use')]
    try:
        answers = of(fsid).ask('clients', limit, images=[
            (image.cluster, image.pool, image.header) for image in asked.values()])
    except ports.PortError as failure:
        return [unasked(whose, str(failure), _UNDECIDED, _REACH)]
    found = [*_of_pools(whose, dict(zip(asked, answers, strict=True))),
             *_unnamed(fsid, seen, set(real))]
    return found or [good(whose, f'it may ask in {", ".join(asked)}')]


def _of_pools(whose: str, answers: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    for pool, answer in answers.items():
        error = str(answer.get('error', ''))
        if error and not answer.get('gone'):
            yield wrong(whose, f'it can\'t ask who has an image open in pool {pool}: {error}',
                        _UNDECIDED, f'if there is such a pool: {_CAPS}; if not, take it out of '
                                    f'[ceph] pools')


def _unnamed(fsid: str, seen: Seen, in_use: set[str]) -> Iterator[Finding]:
    named = set(seen.pools.get(fsid, ()))
    for pool in sorted(in_use - named):
        if pool.partition('/')[0] not in named:
            yield weak(f'pool {pool} of cluster {fsid}', 'guests have disks there, and [ceph] '
                       'pools does not name it',
                       'users that kaopu-ha secure ceph makes can\'t read there: the next host '
                       'with such a disk is not recovered', f'add {pool} to [ceph] pools')
