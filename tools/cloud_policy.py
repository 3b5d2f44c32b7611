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

"""The policy files that let a role of its own, and no administrator, do what Kaopu HA does.

Run it with a Python that has Nova, Cinder and Placement::

    python tools/cloud_policy.py print nova >etc/kaopu-ha/nova-policy.yaml
    python tools/cloud_policy.py allowed nova FILE ROLE...

``allowed`` prints, as JSON, each API rule that a user with these roles passes, with ``own`` or
``other`` for whose project it is about.

Nova and Cinder let nobody touch what is another project's but who passes ``context_is_admin``,
whatever other rules say.  So the role passes that, and every rule that asks for it is written anew
to ask for the role ``admin`` instead.  A rule that a later release adds is not among them: write
the files anew for each release of theirs.
"""

import argparse
import importlib
import importlib.metadata
import json
import pathlib
import sys

from oslo_config import cfg
from oslo_policy import opts, policy

ROLE = 'kaopu_ha'
# How the names of their API rules begin; Cinder's have nothing in common.
_API = {'nova': 'os_compute_api:', 'placement': 'placement:', 'cinder': ''}
_PACKAGES = {'placement': 'openstack-placement'}

# What each service is asked for, by the rule that guards it.
NEEDED = {
    'nova': (
        'os_compute_api:os-admin-actions:reset_state',
        'os_compute_api:os-aggregates:index',
        'os_compute_api:os-evacuate',
        'os_compute_api:os-extended-server-attributes',
        'os_compute_api:os-hypervisors:list-detail',
        'os_compute_api:os-instance-actions:list',
        'os_compute_api:os-migrations:index',
        'os_compute_api:os-migrations:index:all_projects',
        'os_compute_api:os-migrations:index:host',
        'os_compute_api:os-server-groups:index',
        'os_compute_api:os-server-groups:index:all_projects',
        'os_compute_api:os-services:list',
        'os_compute_api:os-services:update',
        'os_compute_api:servers:allow_all_filters',
        'os_compute_api:servers:detail',
        'os_compute_api:servers:detail:get_all_tenants',
        'os_compute_api:servers:reboot',
        'os_compute_api:servers:show',
        'os_compute_api:servers:show:flavor-extra-specs',
        'os_compute_api:servers:start'),
    # Nova asks Cinder in the name of whoever asked Nova: what it does with the volumes of an
    # instance that is evacuated or started.
    'cinder': (
        'volume:attachment_complete',
        'volume:attachment_create',
        'volume:attachment_delete',
        'volume:attachment_update',
        'volume:get',
        'volume:multiattach_bootable_volume',
        'volume_extension:volume_encryption_metadata'),
    'placement': (
        'placement:allocation_candidates:list',
        'placement:allocations:list',
        'placement:allocations:update',
        'placement:resource_providers:inventories:list',
        'placement:resource_providers:show',
        'placement:resource_providers:usages')}

_ADMIN = 'rule:context_is_admin'
_HEAD = """\
# Lets the role {role} do what Kaopu HA does with {service} {release}, and nothing else.
# Written by tools/cloud_policy.py.  Add it to the rules you have ([oslo_policy] policy_file, or a
# file of its own in policy_dirs).
"""


def written(service):
    """The rules to be written, by name."""
    if service == 'placement':
        return {rule.name: f'{rule.check_str} or role:{ROLE}' for rule in defaults(service)
                if rule.name in NEEDED[service]}
    found = {'context_is_admin': f'role:admin or role:{ROLE}', 'admin_api': 'role:admin'}
    for rule in defaults(service):
        check = rule.check_str.replace(_ADMIN, 'role:admin').replace('is_admin:True', 'role:admin')
        if rule.name in NEEDED[service]:
            found[rule.name] = f'{check} or role:{ROLE}'
        elif check != rule.check_str and rule.name not in found:
            found[rule.name] = check
    return found


def defaults(service):
    """The rules of the installed service."""
    return list(importlib.import_module(f'{service}.policies').list_rules())


def allowed(service, path, roles):
    """The API rules that a user with these roles passes."""
    conf = cfg.ConfigOpts()
    # oslo.policy would look for another path beside a configuration file.
    opts.set_defaults(conf, str(pathlib.Path(path).resolve()))
    conf([], project='none', default_config_files=[], default_config_dirs=[])
    # As Nova and Placement have it by default.
    conf.set_override('enforce_new_defaults', True, 'oslo_policy')
    enforcer = policy.Enforcer(conf)
    enforcer.suppress_deprecation_warnings = enforcer.suppress_default_change_warnings = True
    enforcer.register_defaults(defaults(service))
    enforcer.load_rules()
    user = {'roles': roles, 'user_id': 'u', 'project_id': 'p', 'system_scope': None}
    if service != 'placement':
        user['is_admin'] = bool(enforcer.enforce('context_is_admin', {}, user))
    targets = {'own': {'project_id': 'p', 'user_id': 'u'},
               'other': {'project_id': 'another', 'user_id': 'another'}}
    return [(rule.name, whose) for rule in defaults(service)
            if isinstance(rule, policy.DocumentedRuleDefault)
            and rule.name.startswith(_API[service])
            for whose, target in targets.items() if enforcer.enforce(rule.name, target, user)]


@policy.register('is_admin')
class _IsAdmin(policy.Check):
    """As Nova has it: whether the context passed context_is_admin."""

    def __call__(self, target, creds, enforcer):
        return creds.get('is_admin', False) == (self.match.lower() == 'true')


def _text(service):
    release = importlib.metadata.version(_PACKAGES.get(service, service))
    lines = [_HEAD.format(role=ROLE, service=service.capitalize(), release=release)]
    lines += [f'"{name}": "{check}"\n' for name, check in written(service).items()]
    return ''.join(lines)


def main():
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('what', choices=['print', 'allowed'])
    parser.add_argument('service', choices=sorted(_API))
    parser.add_argument('file', nargs='?', default='')
    parser.add_argument('roles', nargs='*')
    args = parser.parse_args()
    if args.what == 'print':
        sys.stdout.write(_text(args.service))
    else:
        json.dump(allowed(args.service, args.file, args.roles), sys.stdout)


if __name__ == '__main__':
    main()
