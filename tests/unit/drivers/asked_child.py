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

"""A child of the Ceph probe as it may be: what it says of an image is in the image's own name."""

import os
import time

from kaopu_ha.drivers import child


def _said(header):
    if header.startswith('late'):
        return {'error': 'it was not asked in time'}
    if header.startswith('dead'):
        return {'clients': []}
    return {'clients': [['10.0.0.1:0/1', 1, True]]}


def make(settings):
    def clients(images):
        if any(header == 'crash' for _, _, header in images):
            os._exit(1)
        time.sleep(settings.get('seconds', 0))
        return [{**_said(header), 'gone': False} for _, _, header in images]
    return {'clients': clients, 'fsid': lambda: 'a', 'pid': os.getpid}


if __name__ == '__main__':
    child.serve(make)
