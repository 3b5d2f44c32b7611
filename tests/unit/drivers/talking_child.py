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

"""A child that asks a libvirt, as it may be: those above 127.0.0.100 are mute."""

import json
import sys
import time
from urllib import parse


def _tell(said):
    sys.stdout.write(json.dumps(said) + '\n')
    sys.stdout.flush()


if __name__ == '__main__':
    _tell({'asks': True})
    if int(parse.urlsplit(sys.argv[2]).hostname.rpartition('.')[2]) > 100:
        time.sleep(60)
    _tell({'host_uuid': 'u', 'domains': [], 'running': []})
