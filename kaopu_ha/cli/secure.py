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

"""``kaopu-ha secure``: the accounts that the program needs elsewhere, with the least they can do.

Each command prints what an administrator would type.  ``secure etcd --apply`` does it.

The caps of the cephx users are the least with which the drivers pass their contract on a real
Ceph: who asks can't fence, and hosts can't ask more.  They name no image's data: a user of ours
reads which clients have an image open, and nothing in it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
import shlex

from kaopu_ha import access, records
from kaopu_ha.cli.command import Command, CommandError
from kaopu_ha.conf import ceph
from kaopu_ha.conf.errors import ConfigError

_ETCD_HEAD = """\
# A member of etcd knows each client by the common name (CN) of its certificate: start all members
# with --client-cert-auth and --trusted-ca-file.  Run this with a certificate whose CN is root."""
_ETCD_LAST = '# Last: from here on etcd serves nobody but these users.'
_READS = 'profile simple-rados-client'
_CEPH_HEAD = """\
# Each key to the machines that need it: kaopu-agent to compute hosts, kaopu-ask to controllers and
# workers, kaopu-fence to controllers only.  A user that is there with other caps is refused: change
# it by "ceph auth caps" instead of "ceph auth get-or-create".  Keyrings: owner root, group of the
# service, mode 0640."""


class SecureEtcd(Command):
    """Users and roles of etcd: a host's agent may write its own keys only."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The hosts, and what to do."""
        parser.add_argument('--hosts', nargs='+', metavar='HOST', default=None,
                            help='make accounts for these hosts (default: every host that the '
                                 'store knows)')
        parser.add_argument('--apply', action='store_true',
                            help='make users and roles now, and mend those that differ')
        parser.add_argument('--enable', action='store_true',
                            help='with --apply: have etcd serve nobody else from then on')

    def answer(self, args: argparse.Namespace) -> int:
        """Print the commands, or do what they do."""
        if args.enable and not args.apply:
            raise CommandError('--enable goes with --apply.')
        hosts = self._known() if args.hosts is None else args.hosts
        try:
            accounts = access.accounts(hosts)
        except ValueError as failure:
            raise CommandError(f'No accounts are made: {failure}.') from failure
        if args.apply:
            return self._apply(accounts, args.enable)
        lines = list(_etcd_commands(accounts))
        if self.as_json:
            self.say_json({'commands': [line for line in lines if not line.startswith('#')]})
        else:
            self.say(lines)
        return 0

    def _known(self) -> Iterable[str]:
        return self.store.read(records.INVENTORY).under(records.INVENTORY)

    def _apply(self, accounts: Sequence[access.Account], enable: bool) -> int:
        store = self.store
        if not isinstance(store, access.AccessControl):
            raise CommandError(f'The store driver "{self.app.conf.store.driver}" keeps no users.')
        given = self.app.conf.store
        if enable and not (given.cert and given.key):
            raise CommandError('etcd is not told to serve its users only: [store] names no cert '
                               'and key '
                               'for this command, so etcd could not know it afterwards.')
        changed = store.allow(accounts)
        if enable:
            store.enforce()
        if self.as_json:
            self.say_json({'changed': list(changed), 'enabled': enable})
        else:
            self.say([*changed, *['Nothing had to be changed.'] * (not changed),
                      *['etcd serves nobody but its users now.'] * enable])
        return 0


class SecureCeph(Command):
    """Print what makes the Ceph users: one for agents, one for asking, one for fencing."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Nothing: pools and clusters are those of the configuration."""

    def answer(self, args: argparse.Namespace) -> int:
        """Print the commands."""
        try:
            lines = list(_ceph_commands(self.app.conf.ceph.conf, ceph.pools(self.app.conf)))
        except ConfigError as failure:
            raise CommandError(f'No users are made: {failure}.') from failure
        if self.as_json:
            self.say_json({'commands': lines})
        else:
            self.say([_CEPH_HEAD, *lines])
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


# ---------------------------------------------------------------- etcd


def _etcd_commands(accounts: Sequence[access.Account]) -> Iterator[str]:
    yield _ETCD_HEAD
    yield from _user(access.ADMINISTRATOR, access.ADMINISTRATOR)
    for account in accounts:
        yield _etcdctl('role', 'add', account.role)
        for grant in account.grants:
            kind = 'readwrite' if grant.write else 'read'
            prefix = ['--prefix=true'] * grant.of_many
            yield _etcdctl('role', 'grant-permission', *prefix, account.role, kind, grant.name)
        yield from _user(account.user, account.role)
    yield _ETCD_LAST
    yield _etcdctl('auth', 'enable')


def _user(user: str, role: str) -> Iterator[str]:
    yield _etcdctl('user', 'add', user, '--no-password')
    yield _etcdctl('user', 'grant-role', user, role)


def _etcdctl(*words: str) -> str:
    return shlex.join(['etcdctl', *words])


# ---------------------------------------------------------------- Ceph


def _objects(pools: Sequence[str], *prefixes: str) -> str:
    return ', '.join(f'allow r {_within(pool)} object_prefix {prefix}'
                     for pool in pools for prefix in prefixes)


def _within(pool: str) -> str:
    """Without a namespace all of the pool's are meant."""
    name, _, namespace = pool.partition('/')
    return f'pool={name} namespace={namespace}' if namespace else f'pool={name}'


def _ceph_commands(confs: Sequence[str], pools: Sequence[Sequence[str]]) -> Iterator[str]:
    for conf, of_cluster in zip(confs, pools, strict=True):
        for user, caps in users(of_cluster).items():
            words = [word for service, cap in caps.items() for word in (service, cap)]
            which = ['-c', conf] * (len(confs) > 1)
            yield shlex.join(['ceph', *which, 'auth', 'get-or-create', f'client.{user}', *words])
