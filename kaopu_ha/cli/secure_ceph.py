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

"""``kaopu-ha secure ceph``: the cephx users, so that who asks can't fence and hosts can't ask more.

The caps are the least with which the drivers pass their contract on a real Ceph.  They name no
image's data: a user of ours reads which clients have an image open, and nothing in it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
import shlex

from kaopu_ha.cli.command import Command, Trouble
from kaopu_ha.conf import ceph
from kaopu_ha.conf.errors import ConfigError

_READS = 'profile simple-rados-client'
_HEAD = """\
# Each key to the machines that need it: kaopu-agent to compute hosts, kaopu-ask to controllers and
# workers, kaopu-fence to controllers only.  A user that is there with other caps is refused: change
# it by "ceph auth caps" instead of "ceph auth get-or-create".  Keyrings: owner root, group of the
# service, mode 0640."""


class SecureCeph(Command):
    """Print what makes the Ceph users: one for agents, one for asking, one for fencing."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Nothing: pools and clusters are those of the configuration."""

    def answer(self, args: argparse.Namespace) -> int:
        """Print the commands."""
        try:
            lines = list(_commands(self.app.conf.ceph.conf, ceph.pools(self.app.conf)))
        except ConfigError as failure:
            raise Trouble(f'No users are made: {failure}.') from failure
        if self.as_json:
            self.say_json({'commands': lines})
        else:
            self.say([_HEAD, *lines])
        return 0


def users(pools: Sequence[str]) -> dict[str, Mapping[str, str]]:
    """The caps of each user, for disks in these pools, or namespaces of pools."""
    return {
        # The id of an image by its name, and an answer of its header object.
        'kaopu-agent': {'mon': _READS, 'osd': _objects(pools, 'rbd_id', 'rbd_header')},
        # Who watches a header object; to notify the watchers needs no more.
        'kaopu-ask': {'mon': _READS, 'osd': _objects(pools, 'rbd_header')},
        # The blocklist; where monitors and managers are; one object that is not there, to have an
        # OSD answer behind the latest map.
        'kaopu-fence': {
            'mon': f'{_READS}, allow command "osd blocklist", allow command "mgr dump"',
            'osd': _objects(pools, 'rbd_header.kaopu')}}


def _objects(pools: Sequence[str], *prefixes: str) -> str:
    return ', '.join(f'allow r {_within(pool)} object_prefix {prefix}'
                     for pool in pools for prefix in prefixes)


def _within(pool: str) -> str:
    """Without a namespace all of the pool's are meant."""
    name, _, namespace = pool.partition('/')
    return f'pool={name} namespace={namespace}' if namespace else f'pool={name}'


def _commands(confs: Sequence[str], pools: Sequence[Sequence[str]]) -> Iterator[str]:
    for conf, of_cluster in zip(confs, pools, strict=True):
        for user, caps in users(of_cluster).items():
            words = [word for service, cap in caps.items() for word in (service, cap)]
            which = ['-c', conf] * (len(confs) > 1)
            yield shlex.join(['ceph', *which, 'auth', 'get-or-create', f'client.{user}', *words])
