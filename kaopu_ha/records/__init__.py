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

"""What is written to the store: ``keys`` and ``values``, by ``codec``, and read by ``view`` alone.

Every durable value is a JSON object with the number of its schema.  A reader takes any schema from
1 to its own: fields that are missing get their defaults, unknown fields of a newer release are
passed over; a record of a higher *schema* raises ``RecordError``.  What a host writes is bounded
(``core.bounds``).
"""

from kaopu_ha.records.codec import SCHEMA as SCHEMA
from kaopu_ha.records.codec import RecordError as RecordError
from kaopu_ha.records.codec import encode as encode
from kaopu_ha.records.codec import made as made
from kaopu_ha.records.codec import parts as parts
from kaopu_ha.records.codec import plain as plain
from kaopu_ha.records.keys import *  # noqa: F403  one name for all of it
from kaopu_ha.records.shapes import shape as shape
from kaopu_ha.records.times import seconds_between as seconds_between
from kaopu_ha.records.values import *  # noqa: F403
from kaopu_ha.records.view import View as View
from kaopu_ha.records.view import decode as decode
from kaopu_ha.records.view import if_readable as if_readable
from kaopu_ha.records.view import live_use as live_use
from kaopu_ha.records.view import readable as readable
from kaopu_ha.records.view import record as record
