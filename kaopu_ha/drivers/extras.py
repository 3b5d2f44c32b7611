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

"""Python packages that only some drivers need: the extras of this package."""

from __future__ import annotations

import importlib.util


def need(module: str, extra: str, beside: str = '') -> None:
    """Raise ImportError, with what to install, if a module is not there.

    ``beside`` is what else may be done.
    """
    if importlib.util.find_spec(module) is None:
        raise ImportError(f'the Python module {module} is not installed: pip install '
                          f'"kaopu-ha[{extra}]"{beside}')
