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

# Horizon runs this among its settings: it asks these policies which panels and buttons to show.
# Who may do what the API decides, by its own; if those are overridden, override these, too.
import importlib.util
import os

_KAOPU_HA = os.path.join(os.path.dirname(importlib.util.find_spec('kaopu_ha_dashboard').origin),
                         'conf')
POLICY_FILES['kaopu_ha'] = os.path.join(_KAOPU_HA, 'kaopu_ha_policy.yaml')  # noqa: F821
DEFAULT_POLICY_FILES['kaopu_ha'] = os.path.join(  # noqa: F821
    _KAOPU_HA, 'default_policies', 'kaopu_ha.yaml')
