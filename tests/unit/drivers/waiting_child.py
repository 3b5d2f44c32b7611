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

"""A child for the tests of the probe of libvirt: it says that it asks, then waits in the kernel.

Whoever starts a process waits, in state D, until that has opened its files: this one opens a pipe
that nobody writes to.
"""

import os

print('{"asks": true}', flush=True)
os.posix_spawn('/bin/true', ['true'], {}, file_actions=[
    (os.POSIX_SPAWN_OPEN, 0, os.environ['TEST_PIPE'], os.O_RDONLY, 0)])
