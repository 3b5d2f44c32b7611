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

"""Compute hosts: each with its own libvirtd, nova-compute and Kaopu HA agent."""

import concurrent.futures
import shutil
import time

from . import ceph, confs, kaopu, machines, network, processes, secure
from .layout import (
    DATA,
    SECRET_UUID,
    VOLUME_SECRET_UUID,
    Layout,
    address,
    host_uuid,
    nets_of,
    write,
)
from .shell import step, wait_for

# For the guests to end by themselves, as libvirt-guests gives them.
_GUEST_SECONDS = 10.0


def power_on(layout: Layout, host: str) -> None:
    """Bring a host up, with links and every daemon; what runs already is left alone."""
    for net in nets_of(host):
        network.set_link(host, net, 'up')
    if machines.pid(layout, host) is None:
        # A host that starts has the addresses of its configuration, whatever it had before.
        for net in nets_of(host):
            network.set_addresses(host, net, [address(host, net)])
    write_files(layout, host)
    machines.power_on(layout, host)
    start(layout, host, 'libvirtd')
    _set_secrets(layout, host)
    if not layout.is_bare:
        start(layout, host, 'nova-compute')
    start(layout, host, kaopu.AGENT)


def power_on_all(layout: Layout, hosts: list[str]) -> None:
    """Bring several hosts up at once."""
    pool = concurrent.futures.ThreadPoolExecutor(4)
    with step(f'machines {" ".join(hosts)}', layout.nodes), pool:
        list(pool.map(lambda host: power_on(layout, host), hosts))


def shut_down(layout: Layout, host: str) -> None:
    """Switch the host off in good order: its system says so, and our agent ends first.

    So systemd does it where the agent's unit is ours; then nova-compute, the guests, libvirtd.
    """
    _say_stopping(layout, host)
    for daemon in (kaopu.AGENT, 'nova-compute'):
        pid = machines.daemon_pid(layout, host, daemon)
        if pid:
            processes.end_trees([pid], 20)
    running = virsh(layout, host, 'list', '--uuid').split()
    for guest in running:
        machines.run_on(layout, host, 'virsh', '-q', 'shutdown', guest, timeout=60, check=False)
    end = time.monotonic() + _GUEST_SECONDS
    while virsh(layout, host, 'list', '--uuid').split() and time.monotonic() < end:
        time.sleep(0.2)
    machines.power_off(layout, host)


def _say_stopping(layout: Layout, host: str) -> None:
    """Have the host's systemctl say that the system is being stopped: a machine has no systemd."""
    script = ('printf "#!/bin/sh\\necho stopping\\n" >/run/mc/systemctl && '
              'chmod 755 /run/mc/systemctl && mount --bind /run/mc/systemctl /usr/bin/systemctl')
    machines.run_on(layout, host, 'sh', '-c', script)


def start(layout: Layout, host: str, daemon: str) -> bool:
    """Start one daemon of a host if it does not run; True if it was started."""
    if daemon == kaopu.AGENT:
        return kaopu.start(layout, host, kaopu.AGENT)
    if daemon == 'libvirtd':
        return machines.launch(layout, host, daemon, ['libvirtd', '--listen'])
    return machines.launch(layout, host, daemon, _compute_argv(layout))


def write_files(layout: Layout, host: str) -> None:
    """Write the host's configuration; it outlives the host's death."""
    folder = layout.node(host)
    etc = folder / 'fs/etc'
    write(etc / 'libvirt/libvirtd.conf', secure.libvirtd(layout) + _libvirtd_conf(host))
    secure.write_host_files(layout, host)
    write(etc / 'libvirt/qemu.conf', _QEMU_CONF)
    kaopu.write_host_conf(layout, host)
    if layout.is_bare:
        return
    write(etc / 'nova/nova.conf', confs.nova_compute(layout, host))
    write(kaopu.restart_script(layout, host), _restart_text(layout, host), 0o750)
    for path in ('instances', 'lock'):
        (folder / 'fs/var/lib/nova' / path).mkdir(parents=True, exist_ok=True)


def virsh(layout: Layout, host: str, *words: object) -> str:
    """Run virsh within the host: works with every link cut."""
    return machines.run_on(layout, host, 'virsh', '-q', *words, timeout=60)


def wipe_instances(layout: Layout, host: str) -> None:
    """Forget every domain and instance folder of a host that is powered off."""
    files = layout.node(host) / 'fs'
    for path in files.glob('etc/libvirt/qemu/*.xml'):
        path.unlink()
    for path in files.glob('var/lib/libvirt/*-*-*-*-*.log'):
        path.unlink()
    for folder in files.glob('var/lib/nova/instances/*-*-*-*-*'):
        shutil.rmtree(folder)


def _compute_argv(layout: Layout) -> list[str]:
    program = layout.cloud_bin('nova-compute')
    return [layout.cloud_bin('python'), program, '--config-file', '/etc/nova/nova.conf']


def _restart_text(layout: Layout, host: str) -> str:
    log = machines.log_of(layout, host, 'nova-compute')
    return f"""\
#!/bin/bash
# Restart nova-compute of {host}; to be run within the host.
set -eu
pidfile=/run/mc/nova-compute.pid
started() {{ local s; s=$(</proc/$1/stat) && set -f && s=(${{s##*) }}) && echo "${{s[19]}}"; }}
if read -r pid start <$pidfile && [ "$(started $pid 2>/dev/null)" = "$start" ]; then
    kill -TERM $pid
    for _ in $(seq 100); do [ -d /proc/$pid ] || break; sleep 0.1; done
    [ -d /proc/$pid ] && kill -KILL $pid
fi 2>/dev/null
exec {DATA}/launch $pidfile {log} {' '.join(_compute_argv(layout))}
"""


def _set_secrets(layout: Layout, host: str) -> None:
    """Give libvirt the cephx keys of Nova's user and of Cinder's: each has its own pool."""
    port = secure.libvirt_port(layout)
    wait_for(f'libvirtd on {host}', lambda: network.is_open(address(host), port, host))
    _set_secret(layout, host, 'nova', SECRET_UUID)
    if not layout.is_bare:
        _set_secret(layout, host, 'cinder', VOLUME_SECRET_UUID)


def _set_secret(layout: Layout, host: str, user: str, secret: str) -> None:
    """Give libvirt the cephx key of a user, by a file that only root can read."""
    done = layout.node(host) / 'fs/etc/libvirt/secrets' / f'{secret}.base64'
    if done.exists():
        return
    xml = layout.node(host) / 'secret.xml'
    usage = f"<usage type='ceph'><name>client.{user} secret</name></usage>"
    body = f"<secret ephemeral='no' private='no'><uuid>{secret}</uuid>{usage}</secret>\n"
    write(xml, body)
    virsh(layout, host, 'secret-define', xml)
    key = layout.node(host) / 'secret.key'
    write(key, ceph.secret_of(layout, user), 0o600)
    virsh(layout, host, 'secret-set-value', secret, '--file', key)
    key.unlink()


def _libvirtd_conf(host: str) -> str:
    return f"""\
listen_addr = "{address(host)}"
auth_unix_ro = "none"
auth_unix_rw = "none"
host_uuid = "{host_uuid(host)}"
keepalive_interval = 5
keepalive_count = 3
log_outputs = "3:stderr"
"""


_QEMU_CONF = """\
user = "root"
group = "root"
dynamic_ownership = 0
security_driver = "none"
namespaces = [ ]
cgroup_controllers = [ ]
stdio_handler = "file"
remember_owner = 0
"""
