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

"""What it means when Nova does not move an instance to a host: the table of its answers.

Each is an answer to the call itself, or the fault that Nova shows of a call that it took.  Whoever
is not named here has failed: that costs one of the few targets that a round has.
"""

from __future__ import annotations

import enum
import re

# The row of an attempt that Nova's scheduler ended (``core.attempt``).
NO_HOST = 'no valid host'
# The row of one of which its target's nova-compute would not begin.
NOT_TAKEN = 'its target did not take it'
# The row of an attempt of whose calls the scheduler refused one, and another has not ended.
ONE_REFUSED = 'one of its calls was refused'


class Meaning(enum.Enum):
    """What a refusal says of the other hosts."""

    NOT_HERE = 'it may not be there: costs nothing, and holds for its kind in this round'
    NOWHERE = 'another host would say the same: the round ends, and there is a pause'
    HOST_FAILED = 'the host failed: one target of a few is used up'


# In their order; the first that is found in Nova's words decides.
_TABLE: tuple[tuple[str, Meaning], ...] = (
    # The scheduler, also for a zone, a group, an aggregate, a trait; migration "error".
    (r'No valid host was found', Meaning.NOT_HERE),
    # The API does not know the target: its service is deleted, or another cell's.
    (r'Compute host \S+ not found', Meaning.NOT_HERE),
    (r'is no target$', Meaning.NOT_HERE),
    # The target itself, when it was its turn: others were faster.
    (r'Insufficient compute resources', Meaning.NOT_HERE),
    (r'ffinity instance group policy was violated', Meaning.NOT_HERE),
    (r'PCI device request .* failed', Meaning.NOT_HERE),
    # About the instance, or its old host: 409 and 400.
    (r'Cannot \'evacuate\' instance .* while it is in', Meaning.NOWHERE),
    (r'Compute service of \S+ is still in use', Meaning.NOWHERE),
    (r'Feature not supported', Meaning.NOWHERE),
    (r'is not supported by old nova compute service', Meaning.NOWHERE))


def meaning(reason: str, row: str = '') -> Meaning:
    """What a refusal means, by Nova's words and by the row of the attempt that ended with it."""
    if row in (NO_HOST, NOT_TAKEN):
        return Meaning.NOT_HERE
    return next((means for pattern, means in _TABLE if re.search(pattern, reason)),
                Meaning.HOST_FAILED)
