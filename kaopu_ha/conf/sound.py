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

"""What a process refuses to start with, looked at before it starts: each refusal names the option.

What is not looked at: whether the outside world answers.  A process starts while that is away.
"""

from __future__ import annotations

from collections.abc import Iterable
import ipaddress
from urllib import parse

from oslo_config import cfg

from kaopu_ha import conf as options
from kaopu_ha.conf import files, libvirt, store
from kaopu_ha.conf.errors import ConfigError

_PKI = ('cacert.pem', 'clientcert.pem', 'clientkey.pem')


def check(conf: cfg.ConfigOpts, process: str) -> None:
    """Raise ConfigError for what this process (agent, controller, worker) could not work with."""
    options.check_values(conf)
    if conf.store.driver in ('etcd', 'etcd3'):
        store.access(conf)
    _check_keyring(conf, 'ceph')
    if process == 'agent':
        return
    if process == 'controller':
        if conf.fence.keyring and not conf.fence.user:
            raise ConfigError('[fence] keyring is set, but user is not, and so it would not be '
                              'used: set user too, or [ceph] keyring')
        _check_keyring(conf, 'fence')
    if conf.cloud.driver == 'nova':
        _check_nova(conf)
    if conf.probe.management == 'libvirt':
        _check_libvirt(conf)
    if 'webhook' in conf.notifier.drivers and conf.notifier.webhook_ca:
        files.certificates('[notifier] webhook_ca', conf.notifier.webhook_ca)


def _check_keyring(conf: cfg.ConfigOpts, section: str) -> None:
    path = conf[section].keyring
    # Ceph takes a list of files, and names with variables: what is there it knows itself.
    if path and not set(path) & set('$,;'):
        found = files.content(f'[{section}] keyring', path)
        user = conf[section].user or conf.ceph.user
        if f'[client.{user}]'.encode() not in found:
            raise ConfigError(f'[{section}] keyring: {path} has no key of client.{user}: name the '
                              f'file that "ceph auth get client.{user} -o FILE" wrote, or set '
                              f'[{section}] user')


def _check_nova(conf: cfg.ConfigOpts) -> None:
    group = conf.nova
    if group.auth_url and not _is_url(group.auth_url):
        raise ConfigError(f'[nova] auth_url: {group.auth_url} is no http or https URL: write that '
                          f'of Keystone, like http://keystone:5000/v3')
    if group.cafile:
        files.certificates('[nova] cafile', group.cafile)
    if group.keyfile and not group.certfile:
        files.both_or_none('nova', ('certfile', 'keyfile'), (group.certfile, group.keyfile))
    if group.certfile:
        # A certificate and its key may be one file.
        files.pair('[nova] certfile', group.certfile, '[nova] keyfile',
                   group.keyfile or group.certfile)


def _check_libvirt(conf: cfg.ConfigOpts) -> None:
    group = conf.libvirt
    for anchor in group.anchors:
        host, _, port = anchor.rpartition(':')
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ConfigError(f'[libvirt] anchors: {anchor} is no host:port: write an address and '
                              f'a port that answers or refuses, like 192.0.2.1:22')
    _check_networks('[libvirt] management_networks', group.management_networks)
    if group.pki_path and libvirt.reach(conf)[0] == 'tls':
        authority, cert, key = files.folder('[libvirt] pki_path', group.pki_path, _PKI)
        files.certificates('[libvirt] pki_path', authority)
        files.pair('[libvirt] pki_path', cert, '[libvirt] pki_path', key)


def _check_networks(option: str, networks: Iterable[str]) -> None:
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as failure:
            raise ConfigError(f'{option}: {failure}; write a network in CIDR, like '
                              f'192.0.2.0/24') from None


def _is_url(text: str) -> bool:
    try:
        parts = parse.urlsplit(text)
        return parts.scheme in ('http', 'https') and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
