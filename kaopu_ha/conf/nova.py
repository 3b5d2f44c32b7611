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

from oslo_config import cfg

from kaopu_ha.conf.errors import ConfigError

GROUP = 'nova'

_PASSWORD, _CREDENTIAL = 'password', 'v3applicationcredential'
# A credential has its project and roles in itself: Keystone refuses one that asks for a scope.
_OF_CREDENTIAL = ('auth_url', 'application_credential_id', 'application_credential_name',
                  'application_credential_secret', 'user_id', 'username', 'user_domain_id',
                  'user_domain_name')
# What each kind of login needs: one of each line.
_NEEDED = {
    _PASSWORD: (('auth_url',), ('username', 'user_id'), ('password',)),
    _CREDENTIAL: (('auth_url',), ('application_credential_id', 'application_credential_name'),
                  ('application_credential_secret',))}

_OWN = [
    cfg.StrOpt('cloud', default='',
               help='Name of a cloud in clouds.yaml (of this service\'s ~/.config/openstack, of '
                    '/etc/openstack, or what OS_CLIENT_CONFIG_FILE names; secrets may be in '
                    'secure.yaml).  Its login, region, interface and certificates are used, '
                    'instead of the options for the login below.'),
    cfg.StrOpt('auth_type', default=_PASSWORD,
               choices=[(_PASSWORD, 'user name and password, version 3 or 2'),
                        ('v3password', 'the same, version 3'),
                        (_CREDENTIAL, 'an application credential, by its id or by its name and '
                                      'user; made by a user with the roles that are needed')],
               help='Plugin of keystoneauth.  The user must be an admin of compute, or have a role '
                    'that nova-policy.yaml lets do what is needed: list all projects\' servers, '
                    'force services down, evacuate, reset states.  Nova asks Cinder in its name: '
                    'cinder-policy.yaml lets it move servers with volumes.'),
    cfg.StrOpt('region_name',
               help='Region whose hosts are watched.  Needed where the catalog has several.'),
    cfg.StrOpt('interface', default='internal',
               choices=[('public', 'as users see it'), ('internal', 'inside of the cloud'),
                        ('admin', 'for administrators')],
               help='Interface of the endpoints.  Internal: a recovery should not depend on '
                    'public load balancers.  With cloud, if this is not set: as clouds.yaml says, '
                    'and where that says nothing, public.'),
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


def _login(name: str, text: str, *former: str, secret: bool = False) -> cfg.Opt:
    known_as = [cfg.DeprecatedOpt(each) for each in former]
    return cfg.Opt(name, type=str, help=text, secret=secret,  # type: ignore[arg-type]
                   deprecated_opts=known_as)


# As keystoneauth has them for a session and for the plugins, none of them required: an agent needs
# none.  Written down here because each process reads them, and keystoneauth brings requests with
# it, which are 6 MiB in every agent.  A test holds that they are the same.
_OF_SESSION = [
    cfg.StrOpt('cafile',
               help='PEM encoded Certificate Authority to use when verifying HTTPs connections.'),
    cfg.StrOpt('certfile', help='PEM encoded client certificate cert file'),
    cfg.StrOpt('keyfile', help='PEM encoded client certificate key file'),
    cfg.BoolOpt('insecure', default=False, help='Verify HTTPS connections.'),
]
_OF_PLUGINS = [
    _login('auth-url', 'Authentication URL'),
    _login('system-scope', 'Scope for system operations'),
    _login('domain-id', 'Domain ID to scope to'),
    _login('domain-name', 'Domain name to scope to'),
    _login('project-id', 'Project ID to scope to', 'tenant-id'),
    _login('project-name', 'Project name to scope to', 'tenant-name'),
    _login('project-domain-id', 'Domain ID containing project'),
    _login('project-domain-name', 'Domain name containing project'),
    _login('trust-id', 'ID of the trust to use as a trustee use'),
    _login('user-id', 'User id'),
    _login('username', 'Username', 'user-name'),
    _login('user-domain-id', "User's domain id"),
    _login('user-domain-name', "User's domain name"),
    _login('application_credential_secret', 'Application credential auth secret', secret=True),
    _login('application_credential_id', 'Application credential ID'),
    _login('application_credential_name', 'Application credential name'),
    _login('default-domain-id',
           'Optional domain ID to use with v3 and v2 parameters. It will be used for both the user '
           'and project domain in v3 and ignored in v2 authentication.'),
    _login('default-domain-name',
           'Optional domain name to use with v3 API and v2 parameters. It will be used for both '
           'the user and project domain in v3 and ignored in v2 authentication.'),
    _login('password', "User's password", secret=True),
]

OPTS: Sequence[cfg.Opt] = [*_OWN, *_OF_SESSION, *_OF_PLUGINS]


def auth(conf: cfg.ConfigOpts) -> dict[str, str]:
    """The options that are set, by their keystoneauth names.  Holds secrets: never log it.

    Where a cloud of clouds.yaml is named: ``cloud``, and what goes before its own words.  Raises
    ConfigError if there is nothing to log in with.
    """
    group = conf[GROUP]
    kind = _CREDENTIAL if group.auth_type == _CREDENTIAL else _PASSWORD
    if not group.cloud:
        _check(group, kind)
    names = {opt.dest for opt in _OF_PLUGINS}
    if group.cloud:
        names = {'cloud'}
    elif kind == _CREDENTIAL:
        names = {*_OF_CREDENTIAL, 'auth_type'}
    else:
        names = {name for name in names if not name.startswith('application_')} | {'auth_type'}
    names |= {'region_name', 'cafile', 'certfile', 'keyfile'}
    if not group.cloud or _is_set(conf, 'interface'):
        names |= {'interface'}
    found = {name: str(group[name]) for name in sorted(names) if group[name] is not None}
    return found | ({'insecure': 'true'} if group.insecure else {})


# ---------------------------------------------------------------- private


def _check(group: cfg.ConfigOpts.GroupAttr, kind: str) -> None:
    for names in _NEEDED[kind]:
        if not any(group[name] for name in names):
            what = ', '.join(' or '.join(each) for each in _NEEDED[kind])
            raise ConfigError(f'[nova] {" or ".join(names)} is not set: controllers and workers '
                              f'log in to Nova and Placement with {what}, or as [nova] cloud')


def _is_set(conf: cfg.ConfigOpts, name: str) -> bool:
    """True if somebody set it: a default does not go before what clouds.yaml says."""
    place = conf.get_location(name, GROUP)
    return place is not None and place.location.name not in ('opt_default', 'set_default')
