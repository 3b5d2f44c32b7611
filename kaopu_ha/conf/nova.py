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

"""Access to Nova and Placement, by keystoneauth's password plugin."""

from __future__ import annotations

from collections.abc import Sequence
import copy

from keystoneauth1 import loading
from oslo_config import cfg

from kaopu_ha.conf.errors import ConfigError

GROUP = 'nova'

# Ours, and one that is no text.
_NOT_AUTH = ('timeout', 'insecure', 'call_limit', 'service_down_time')
_SESSION = ('cafile', 'certfile', 'keyfile', 'insecure')

_OWN = [
    cfg.StrOpt('auth_type', default='password',
               choices=[('password', 'user name and password, version 3 or 2')],
               help='Plugin of keystoneauth.  The user must be an admin of compute, or have a role '
                    'that nova-policy.yaml lets do what is needed: list all projects\' servers, '
                    'force services down, evacuate, reset states.'),
    cfg.StrOpt('region_name',
               help='Region whose hosts are watched.  Needed where the catalog has several.'),
    cfg.StrOpt('interface', default='internal',
               choices=[('public', 'as users see it'), ('internal', 'inside of the cloud'),
                        ('admin', 'for administrators')],
               help='Interface of the endpoints.  Internal: a recovery should not depend on '
                    'public load balancers.'),
    cfg.FloatOpt('timeout', default=10.0, min=1.0, max=120.0,
                 help='Seconds that one call to Nova or Placement may take.  A call that took '
                      'longer may still have been carried out; it is then looked at, not '
                      'repeated.'),
    cfg.FloatOpt('call_limit', default=60.0, min=10.0, max=3600.0,
                 help='The longest time that a request may lie in front of Nova before it is '
                      'carried out: in a load balancer, a web server, a busy API.  So long an '
                      'evacuation whose outcome is unknown is looked for before Nova is called '
                      'again: two calls spoil each other.  Set it to the longest of these '
                      'timeouts; 60 s is the default of HAProxy and Apache.'),
    cfg.FloatOpt('service_down_time', default=60.0, min=1.0, max=3600.0,
                 help='Nova\'s own option of this name: after so long without a report a '
                      'nova-compute is shown down.  Before that, one that is shown up may hang '
                      'with a call before it, which is then not repeated.'),
]


def _plugin_opts() -> list[cfg.Opt]:
    """The options of the password plugin; an agent needs none of them, so none is required."""
    opts = [copy.copy(opt) for opt in loading.get_auth_plugin_conf_options('password')]
    for opt in opts:
        opt.required = False
    return opts


def _session_opts() -> list[cfg.Opt]:
    return [opt for opt in loading.get_session_conf_options() if opt.dest in _SESSION]


OPTS: Sequence[cfg.Opt] = [*_OWN, *_session_opts(), *_plugin_opts()]


def auth(conf: cfg.ConfigOpts) -> dict[str, str]:
    """The options that are set, by their keystoneauth names.  Holds the password: never log it.

    Raises ConfigError if there is nothing to log in with.
    """
    group = conf[GROUP]
    for name in ('auth_url', 'username', 'password'):
        if not group[name]:
            raise ConfigError(f'[nova] {name} is not set: controllers and workers log in to Nova '
                              f'and Placement with auth_url, username and password')
    given = {opt.dest: group[opt.dest] for opt in OPTS if opt.dest not in _NOT_AUTH}
    found = {name: str(value) for name, value in given.items() if value is not None}
    return found | ({'insecure': 'true'} if group.insecure else {})
