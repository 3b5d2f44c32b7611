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

"""What is asked of the leader by people, and of a host's agent by the leader.

For an admission, and to resume what is stuck.
"""

from __future__ import annotations

import enum


class RequestVerb(enum.Enum):
    """What is asked, in the word that is kept and shown."""

    ADMIT = 'admit'
    READ_STORAGE = 'read storage'
    REMOVE_DOMAINS = 'remove domains'
    RESTART_COMPUTE = 'restart compute'
    RESUME_DOMAINS = 'resume domains'


class RequestState(enum.Enum):
    """What came of it."""

    ASKED = 'asked'
    DONE = 'done'
    REFUSED = 'refused'
    FAILED = 'failed'


# What a host's agent is asked while its host is taken back.
OF_ADMISSIONS = (RequestVerb.READ_STORAGE, RequestVerb.REMOVE_DOMAINS, RequestVerb.RESTART_COMPUTE)
# All that it is asked; what else stands under its name nobody reads.
OF_AGENTS = (*OF_ADMISSIONS, RequestVerb.RESUME_DOMAINS)
