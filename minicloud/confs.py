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

"""The configuration files of Keystone, Placement, Glance, Cinder and Nova."""

import hashlib

from . import control, secure
from .layout import (
    POOL,
    REGION,
    SECRET_UUID,
    VOLUME_POOL,
    VOLUME_SECRET_UUID,
    Layout,
    address,
    url,
)

Sections = dict[str, dict[str, object]]


def ini(sections: Sections) -> str:
    """The text of an ini file; a list is written as one line per item."""
    lines = []
    for name, options in sections.items():
        lines.append(f'[{name}]')
        for key, value in options.items():
            for item in value if isinstance(value, list) else [value]:
                lines.append(f'{key} = {_word(item)}')
        lines.append('')
    return '\n'.join(lines)


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def credentials(layout: Layout, user: str) -> dict[str, object]:
    """How a service logs in at Keystone."""
    return {
        'auth_type': 'password',
        'auth_url': url('keystone', '/v3'),
        'username': user,
        'password': layout.password(),
        'project_name': 'service',
        'user_domain_name': 'Default',
        'project_domain_name': 'Default',
        'region_name': REGION,
    }


def authtoken(layout: Layout, user: str) -> dict[str, object]:
    """How a service has Keystone check whoever asks it."""
    return credentials(layout, user) | {
        'www_authenticate_uri': url('keystone', '/v3'),
        'service_token_roles': 'service',
        'service_token_roles_required': True,
        'token_cache_time': 300,
    }


def keystone(layout: Layout) -> str:
    """keystone.conf"""
    folder = layout.etc / 'keystone'
    return ini(
        {
            'DEFAULT': {'use_stderr': True},
            'database': {'connection': control.database_url(layout, 'keystone')},
            'token': {'provider': 'fernet', 'expiration': 86400},
            'identity': {'password_hash_rounds': 4},
            'fernet_tokens': {'key_repository': folder / 'fernet'},
            'credential': {'key_repository': folder / 'credential'},
            'oslo_messaging_notifications': {'driver': 'noop'},
        }
    )


def placement(layout: Layout) -> str:
    """placement.conf"""
    return ini(
        {
            'DEFAULT': {'use_stderr': True},
            'api': {'auth_strategy': 'keystone'},
            'placement_database': {'connection': control.database_url(layout, 'placement')},
            'keystone_authtoken': authtoken(layout, 'placement'),
        }
        | secure.policy(layout, 'placement')
    )


def glance(layout: Layout) -> str:
    """glance-api.conf: images on RBD, their place shown, so that disks are clones."""
    return ini(
        {
            'DEFAULT': {
                'use_stderr': True,
                'enabled_backends': 'rbd:rbd',
                'show_multiple_locations': True,
                'show_image_direct_url': True,
                'bind_host': address('ctl'),
                'worker_self_reference_url': url('glance'),
            },
            'database': {'connection': control.database_url(layout, 'glance')},
            'glance_store': {'default_backend': 'rbd'},
            'rbd': {
                'rbd_store_pool': 'images',
                'rbd_store_user': 'glance',
                'rbd_store_ceph_conf': '/etc/ceph/ceph.conf',
                'rbd_store_chunk_size': 8,
            },
            'os_glance_staging_store': {'filesystem_store_datadir': layout.control / 'staging'},
            'os_glance_tasks_store': {'filesystem_store_datadir': layout.control / 'tasks'},
            'paste_deploy': {
                'flavor': 'keystone',
                'config_file': layout.venv_cloud / 'etc/glance/glance-api-paste.ini',
            },
            'oslo_concurrency': {'lock_path': layout.run / 'lock'},
            'oslo_messaging_notifications': {'driver': 'noop'},
            'keystone_authtoken': authtoken(layout, 'glance'),
        }
    )


def cinder(layout: Layout) -> str:
    """cinder.conf: one backend on RBD, with a pool and a Ceph user of its own."""
    state = layout.control / 'cinder'
    return ini(
        {
            'DEFAULT': {
                'use_stderr': True,
                'log_options': False,
                'host': 'ctl',
                'my_ip': address('ctl'),
                'transport_url': control.rabbit_url(layout),
                'state_path': state,
                'image_conversion_dir': state / 'conversion',
                'enabled_backends': 'rbd',
                'glance_api_servers': url('glance'),
                'api_paste_config': layout.venv_cloud / 'etc/cinder/api-paste.ini',
                'resource_query_filters_file':
                    layout.venv_cloud / 'etc/cinder/resource_filters.json',
                'osapi_volume_workers': 1,
                # A look at the pools each minute is for clouds with more than one backend.
                'backend_stats_polling_interval': 600,
                # Without the filter by capacity: it counts what a reset has purged behind its back.
                'scheduler_default_filters': 'AvailabilityZoneFilter,CapabilitiesFilter',
                **{f'quota_{kind}': -1 for kind in ('volumes', 'snapshots', 'gigabytes')},
            },
            'rbd': {
                'volume_driver': 'cinder.volume.drivers.rbd.RBDDriver',
                'volume_backend_name': 'rbd',
                'rbd_pool': VOLUME_POOL,
                'rbd_user': 'cinder',
                'rbd_ceph_conf': '/etc/ceph/ceph.conf',
                'rbd_secret_uuid': VOLUME_SECRET_UUID,
                'report_discard_supported': True,
            },
            'database': {'connection': control.database_url(layout, 'cinder')},
            'oslo_concurrency': {'lock_path': state / 'lock'},
            'oslo_messaging_notifications': {'driver': 'noop'},
            'key_manager': _keys(layout, 'cinder'),
            # Nova is told when a volume in use has grown, and lets Cinder give its guest more.
            'nova': credentials(layout, 'cinder'),
            'service_user': {'send_service_user_token': True} | credentials(layout, 'cinder'),
            'keystone_authtoken': authtoken(layout, 'cinder'),
        }
        | secure.policy(layout, 'cinder')
    )


def nova_control(layout: Layout) -> str:
    """nova.conf of the API, the conductor and the scheduler."""
    sections = _nova(layout, str(layout.control / 'nova'), address('ctl'))
    sections['api_database'] = {'connection': control.database_url(layout, 'nova_api')}
    sections['database'] = {'connection': control.database_url(layout, 'nova')}
    return ini(sections | secure.policy(layout, 'nova'))


def nova_compute(layout: Layout, host: str) -> str:
    """nova.conf of a compute host; its paths are those within the host."""
    sections = _nova(layout, '/var/lib/nova', address(host))
    sections['DEFAULT'] |= {
        'host': host,
        'compute_driver': 'libvirt.LibvirtDriver',
        'instances_path': '/var/lib/nova/instances',
        'force_config_drive': False,
        'shutdown_timeout': 0,
        'vif_plugging_is_fatal': False,
        'vif_plugging_timeout': 0,
        'reserved_host_memory_mb': 512,
        'cpu_allocation_ratio': 16,
        'disk_allocation_ratio': 64,
    }
    helper = f'{layout.cloud_bin("privsep-helper")} --config-file /etc/nova/nova.conf'
    sections |= {
        'libvirt': {
            'virt_type': 'qemu',
            'connection_uri': 'qemu:///system',
            'cpu_mode': 'none',
            'hw_machine_type': 'x86_64=pc',
            'images_type': 'rbd',
            'images_rbd_pool': POOL,
            'images_rbd_ceph_conf': '/etc/ceph/ceph.conf',
            'rbd_user': 'nova',
            'rbd_secret_uuid': SECRET_UUID,
            'disk_cachemodes': 'network=writeback',
            'hw_disk_discard': 'unmap',
            'tb_cache_size': 32,
            'inject_partition': -2,
            'live_migration_scheme': 'tls' if secure.is_on(layout) else 'tcp',
            'live_migration_inbound_addr': address(host),
        },
        'serial_console': {'enabled': False},
        'spice': {'enabled': False},
        'image_cache': {'manager_interval': -1},
        'nova_sys_admin': {'helper_command': helper},
        'privsep_osbrick': {'helper_command': helper},
        'vif_plug_ovs_privileged': {'helper_command': helper},
    }
    return ini(sections)


def _nova(layout: Layout, state: str, ip: str) -> Sections:
    return {
        'DEFAULT': {
            'use_stderr': True,
            'my_ip': ip,
            'transport_url': control.rabbit_url(layout),
            'state_path': state,
            'rpc_response_timeout': 60,
            'periodic_fuzzy_delay': 2,
            'log_options': False,
            # With the default a SIGTERM takes 170 s.
            'manager_shutdown_timeout': 5,
        },
        'api': {'auth_strategy': 'keystone'},
        'oslo_concurrency': {'lock_path': f'{state}/lock'},
        'vnc': {'enabled': False},
        'notifications': {
            'notification_format': 'versioned',
            'notify_on_state_change': 'vm_and_task_state',
        },
        'oslo_messaging_notifications': {'driver': 'messagingv2'},
        'quota': {'instances': -1, 'cores': -1, 'ram': -1},
        'scheduler': {'workers': 1, 'discover_hosts_in_cells_interval': 5},
        'conductor': {'workers': 1},
        'wsgi': {'api_paste_config': layout.venv_cloud / 'etc/nova/api-paste.ini'},
        'workarounds': {'disable_deep_image_inspection': True},
        'service_user': {'send_service_user_token': True} | credentials(layout, 'nova'),
        'keystone_authtoken': authtoken(layout, 'nova'),
        'placement': credentials(layout, 'nova'),
        'glance': credentials(layout, 'nova'),
        'neutron': credentials(layout, 'nova'),
        'cinder': _without_region(credentials(layout, 'nova')) | {'os_region_name': REGION},
        'key_manager': _keys(layout, 'nova'),
    }


def _without_region(given: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in given.items() if name != 'region_name'}


def _keys(layout: Layout, service: str) -> dict[str, object]:
    """The key of every encrypted volume: one for all, as long as there is no Barbican here."""
    digest = hashlib.sha256(f'volumes of {layout.password()}'.encode()).hexdigest()
    return {'backend': f'{service}.keymgr.conf_key_mgr.ConfKeyManager', 'fixed_key': digest}
