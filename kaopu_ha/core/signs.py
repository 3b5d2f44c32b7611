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


"""What a network says of a host, and what a round of that comes to."""

from __future__ import annotations

import enum


class Sign(enum.Enum):
    """What one network says of a host.  "Nobody answered" and "I could not ask" are two facts."""

    LIFE = 'life'
    SILENCE = 'silence'
    UNKNOWN = 'unknown'


class Verdict(enum.Enum):
    """What one round of evidence says of a host."""

    ALIVE = 'alive'
    DEAD = 'dead'
    UNDECIDED = 'undecided'


class Network(enum.Enum):
    """A network that is asked for signs of life; the third one, etcd, carries the beat."""

    MANAGEMENT = 'management'
    STORAGE = 'storage'
