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

"""The API: a store that is read from a mirror, a cloud that knows its hosts, and who may ask."""

from __future__ import annotations

from oslo_config import cfg

from kaopu_ha import wiring
from kaopu_ha.api import books, deploy
from kaopu_ha.api.call import ApiService, Limits
from kaopu_ha.conf import rules as conf_rules
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.mirrored import Mirrored
from kaopu_ha.wiring import drivers, runtime


def application(conf: cfg.ConfigOpts) -> deploy.Wsgi:
    """The WSGI application.  Raises ConfigError.

    It asks nobody before the first request, so that a server may make it and fork then.
    """
    store = Mirrored(wiring.store(conf), *books.FOLLOWED)
    cloud = drivers.make(conf, 'cloud', conf.cloud.driver, store)
    limits = Limits(conf.api.rows_max, conf.api.notifications_max, conf.api.duplicate_seconds,
                    conf.api.waiting_max)
    rules = conf_rules.for_showing(conf)
    try:
        made = deploy.application(conf, ApiService(
            books.Books(store), cloud, runtime.now, deploy.allows(deploy.enforcer(conf)), limits,
            rules))
    except Exception as failure:
        # Of Keystone's plugins each has failures of its own.
        raise ConfigError(f'the API can\'t be made: {" ".join(str(failure).split())}. Look at '
                          f'[keystone_authtoken] and [oslo_policy]') from failure
    for name in ('www_authenticate_uri', 'auth_type'):
        if not conf.keystone_authtoken[name]:
            raise ConfigError(f'[keystone_authtoken] {name} is not set: the API has Keystone check '
                              f'every token; write it as in each other service of the cloud')
    return made
