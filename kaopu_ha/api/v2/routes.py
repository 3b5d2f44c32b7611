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

"""Our own resources on one screen: what can be asked for, by path and method."""

from __future__ import annotations

from collections.abc import Mapping

from kaopu_ha.api.v2 import (
    brake,
    cases,
    explain,
    hosts,
    instances,
    news,
    protection,
    recoveries,
    waiting,
)
from kaopu_ha.api.v2.declared import OwnAction

PREFIX = '/v2'

ROUTES: Mapping[str, Mapping[str, OwnAction]] = {
    '/hosts': {'GET': hosts.INDEX},
    '/hosts/<host>': {'GET': hosts.SHOW},
    '/hosts/<host>/hold': {'POST': hosts.HOLD},
    '/hosts/<host>/release': {'POST': hosts.RELEASE},
    '/hosts/<host>/admit': {'POST': hosts.ADMIT},
    '/cases': {'GET': cases.INDEX},
    '/cases/<host>': {'GET': cases.SHOW},
    '/explain/<host>': {'GET': explain.SHOW},
    '/recoveries': {'GET': recoveries.INDEX},
    '/recoveries/<recovery>': {'GET': recoveries.SHOW},
    '/recoveries/<host>/end': {'POST': recoveries.END},
    '/recoveries/<host>/go-on': {'POST': recoveries.GO_ON},
    '/recoveries/instances/<instance>/retry': {'POST': recoveries.RETRY},
    '/recoveries/instances/<instance>/give-up': {'POST': recoveries.GIVE_UP},
    '/waiting': {'GET': waiting.INDEX},
    '/protection': {'GET': protection.SHOW},
    '/brake': {'GET': brake.SHOW},
    '/brake/release': {'POST': brake.RELEASE},
    '/news': {'GET': news.SHOW},
    '/instances': {'GET': instances.INDEX},
    '/instances/<instance>': {'GET': instances.SHOW},
}
