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

"""The ground that OpenStack stands on: etcd, RabbitMQ and MariaDB in the node ctl.

And Redis, for those who have Kaopu HA put its tasks there.
"""

import functools
import glob
import secrets

from . import etcd, machines, network, secure
from .layout import PORTS, Layout, address, etcd_addresses, write
from .shell import CloudError, run, step, wait_for

DATABASES = ('keystone', 'placement', 'glance', 'nova_api', 'nova_cell0', 'nova', 'cinder')


def etcd_up(layout: Layout) -> None:
    """Start the members of etcd that do not run, and wait for all."""
    with step('etcd', machines.log_of(layout, 'ctl', 'etcd1')):
        for number in range(1, len(etcd_addresses()) + 1):
            etcd_start(layout, number)
        for ip in etcd_addresses():
            wait_for(f'etcd at {ip}', functools.partial(network.is_open, ip, PORTS['etcd']))


def etcd_start(layout: Layout, number: int) -> bool:
    """Start one member, 1 to 3, if it does not run."""
    addresses = etcd_addresses()
    ip = addresses[number - 1]
    web = secure.scheme(layout)
    peers = {f'etcd{n}': f'{web}://{a}:2380' for n, a in enumerate(addresses, 1)}
    name = f'etcd{number}'
    options = {
        'initial-cluster-token': 'minicloud',
        # Two cores carry everything: with the defaults of 100 ms and 1 s a busy moment
        # would look like the death of the leader.
        'heartbeat-interval': '200',
        'election-timeout': '2000',
        'auto-compaction-mode': 'periodic',
        'auto-compaction-retention': '1h',
        'quota-backend-bytes': str(2 * 1024**3),
        'logger': 'zap',
        'log-level': 'warn',
    } | secure.member_options(layout, name, ip)
    (layout.control / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    client = f'{web}://{ip}:{PORTS["etcd"]}'
    argv = etcd.argv(name, layout.control / name, client, peers[name], peers, options)
    return machines.launch(layout, 'ctl', name, argv)


def rabbit_start(layout: Layout) -> bool:
    """Start the message broker, with the port mapper that Erlang wants, if it does not run."""
    home = layout.control / 'rabbit'
    cookie = home / '.erlang.cookie'
    if not cookie.exists():
        write(cookie, secrets.token_hex(16), 0o400)
    settings = {
        'listeners.tcp.1': f'{address("ctl")}:{PORTS["rabbit"]}',
        'default_user': 'openstack',
        'default_pass': layout.password(),
        'loopback_users': 'none',
        'log.console': 'true',
        'log.console.level': 'warning',
        'log.file': 'false',
        'vm_memory_high_watermark.absolute': '2GB',
        'disk_free_limit.absolute': '500MB',
        'collect_statistics_interval': '60000',
    }
    conf = ''.join(f'{name} = {value}\n' for name, value in settings.items())
    write(home / 'rabbitmq.conf', conf)
    write(home / 'enabled_plugins', '[].\n')
    servers = sorted(glob.glob('/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server'))
    if not servers:
        raise CloudError('rabbitmq-server is not installed')
    env = {
        'HOME': str(home),
        'ERL_EPMD_ADDRESS': '127.0.0.1',
        'RABBITMQ_NODENAME': 'minicloud@localhost',
        'RABBITMQ_CONFIG_FILE': f'{home}/rabbitmq.conf',
        'RABBITMQ_MNESIA_BASE': f'{home}/mnesia',
        'RABBITMQ_LOG_BASE': f'{home}/log',
        'RABBITMQ_ENABLED_PLUGINS_FILE': f'{home}/enabled_plugins',
        'RABBITMQ_CONF_ENV_FILE': '/dev/null',
        'RABBITMQ_PID_FILE': f'{home}/pid',
        'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS': '+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none '
        '-kernel inet_dist_use_interface {127,0,0,1}',
    }
    machines.launch(layout, 'ctl', 'epmd', ['epmd', '-address', '127.0.0.1'])
    return machines.launch(layout, 'ctl', 'rabbit', [servers[-1]], env)


def rabbit_wait(layout: Layout) -> None:
    """Wait until the broker takes connections."""
    with step('rabbitmq', machines.log_of(layout, 'ctl', 'rabbit')):
        wait_for('the broker', lambda: network.is_open(address('ctl'), PORTS['rabbit']), 90)


def redis_start(layout: Layout) -> bool:
    """Start Redis if it does not run; the password comes by its file."""
    settings = {
        'bind': address('ctl'),
        'port': PORTS['redis'],
        'requirepass': layout.password(),
        'dir': layout.control / 'redis',
        'appendonly': 'yes',
        'save': '""',
    }
    conf = layout.control / 'redis/redis.conf'
    write(conf, ''.join(f'{name} {value}\n' for name, value in settings.items()))
    return machines.launch(layout, 'ctl', 'redis', ['redis-server', str(conf)])


def redis_wait(layout: Layout) -> None:
    """Wait until Redis takes connections."""
    with step('redis', machines.log_of(layout, 'ctl', 'redis')):
        wait_for('Redis', lambda: network.is_open(address('ctl'), PORTS['redis']))


def mysql_up(layout: Layout) -> None:
    """Start the database server, with all databases and the one user."""
    data = layout.control / 'mysql'
    with step('mariadb', machines.log_of(layout, 'ctl', 'mysql')):
        if not (data / 'mysql').exists():
            install = ['mariadb-install-db', '--no-defaults', f'--datadir={data}', '--user=root']
            run([*install, '--auth-root-authentication-method=normal', '--skip-test-db'])
        mysql_start(layout)
        wait_for('the database', lambda: _answers(layout), 60)
        missing = set(DATABASES) - set(sql(layout, 'show databases').split())
        for name in sorted(missing):
            sql(layout, f'create database {name} character set utf8mb3')
        if missing:
            sql(
                layout,
                f"create user if not exists 'os'@'%' identified by '{layout.password()}';"
                "grant all on *.* to 'os'@'%'",
            )


def mysql_start(layout: Layout) -> bool:
    """Start the database server if it does not run."""
    options = {
        'user': 'root',
        'datadir': layout.control / 'mysql',
        'socket': _socket(layout),
        'bind-address': address('ctl'),
        'port': PORTS['mysql'],
        'pid-file': layout.run / 'mysqld.own.pid',
        'max-connections': 2000,
        'innodb-buffer-pool-size': '256M',
        'innodb-log-file-size': '96M',
        'innodb-flush-log-at-trx-commit': 2,
        'performance-schema': 'OFF',
        'character-set-server': 'utf8mb3',
    }
    argv = ['/usr/sbin/mariadbd', '--no-defaults', '--skip-name-resolve', '--skip-log-bin']
    argv += [f'--{name}={value}' for name, value in options.items()]
    return machines.launch(layout, 'ctl', 'mysql', argv)


def sql(layout: Layout, text: str, database: str | None = None) -> str:
    """Run SQL as the administrator; it comes by stdin, for it may hold a password."""
    argv = ['mariadb', '--no-defaults', '-uroot', '-S', _socket(layout), '-N', '-B']
    return run([*argv, *([database] if database else [])], text=text)


def database_url(layout: Layout, name: str) -> str:
    """How a service reaches its database."""
    place = f'{address("ctl")}:{PORTS["mysql"]}'
    return f'mysql+pymysql://os:{layout.password()}@{place}/{name}?charset=utf8'


def rabbit_url(layout: Layout) -> str:
    """How a service reaches the broker."""
    return f'rabbit://openstack:{layout.password()}@{address("ctl")}:{PORTS["rabbit"]}/'


def redis_url(layout: Layout) -> str:
    """How a service reaches Redis."""
    return f'redis://:{layout.password()}@{address("ctl")}:{PORTS["redis"]}/0'


def _socket(layout: Layout) -> str:
    return str(layout.run / 'mysql.sock')


def _answers(layout: Layout) -> bool:
    try:
        return bool(sql(layout, 'select 1'))
    except CloudError:
        return False
