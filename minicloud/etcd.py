# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""How a member of etcd is started, and asked."""

from collections.abc import Mapping, Sequence
from pathlib import Path

Options = Mapping[str, object]


def argv(
    name: str, folder: Path, client: str, peer: str, peers: Mapping[str, str], options: Options
) -> list[str]:
    """The command of one member: its own two URLs, and the peer URL of each member by name."""
    every: dict[str, object] = {
        'name': name,
        'data-dir': folder,
        'listen-client-urls': client,
        'advertise-client-urls': client,
        'listen-peer-urls': peer,
        'initial-advertise-peer-urls': peer,
        'initial-cluster': joined(peers),
    }
    return ['etcd', *(f'--{option}={value}' for option, value in (every | {**options}).items())]


def joined(peers: Mapping[str, str]) -> str:
    """The members as etcd wants them told."""
    return ','.join(f'{name}={url}' for name, url in peers.items())


def shows(cert: object, key: object, authority: object, prefix: str = '') -> dict[str, object]:
    """Options of a member that shows this certificate, and takes none but the authority's.

    With the prefix ``peer-`` to other members, else to clients.
    """
    return {f'{prefix}cert-file': cert, f'{prefix}key-file': key,
            f'{prefix}trusted-ca-file': authority, f'{prefix}client-cert-auth': 'true'}


def ctl(urls: Sequence[str], tls: tuple[object, object, object] | None = None) -> list[str]:
    """The command etcdctl for these members; with TLS: the authority, a certificate and its key."""
    words = ['env', 'ETCDCTL_API=3', 'etcdctl', '--endpoints', ','.join(urls)]
    if tls:
        words += [str(word) for pair in zip(('--cacert', '--cert', '--key'), tls, strict=True)
                  for word in pair]
    return words
