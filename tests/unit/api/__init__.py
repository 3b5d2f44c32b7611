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

"""The API.  Without the packages of the extra ``kaopu-ha[api]`` its tests are skipped."""

import importlib.util
import unittest

_NEEDED = ('flask', 'jsonschema', 'keystonemiddleware', 'microversion_parse', 'oslo_middleware',
           'oslo_policy')
_LACKING = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
if _LACKING:
    raise unittest.SkipTest(f'not installed: {", ".join(_LACKING)}')
