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

import hashlib
import hmac
import time

MAX_AGE_SECONDS = 300


def is_genuine(secret, headers, body):
    """True if the bytes of this body were signed with the secret a short while ago."""
    timestamp = headers.get('X-Kaopu-HA-Timestamp', '')
    given = headers.get('X-Kaopu-HA-Signature', '')
    signed = hmac.new(secret, timestamp.encode() + b'.' + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(given.encode(), b'sha256=' + signed.encode()):
        return False
    return abs(time.time() - int(timestamp)) <= MAX_AGE_SECONDS
