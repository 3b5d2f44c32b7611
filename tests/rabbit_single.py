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

"""One real RabbitMQ for tests, with a port mapper of its own."""

import contextlib
import glob
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

_USER, _PASSWORD = 'kaopu', 'of-a-test'
_START_SECONDS = 60


def _servers():
    return sorted(glob.glob('/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server'))


def missing():
    """Why no RabbitMQ can be started, '' where it can."""
    return '' if _servers() and shutil.which('epmd') else 'rabbitmq-server is not installed'


class Rabbit:
    """A RabbitMQ at ``url`` until ``close``."""

    def __init__(self):
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix='rabbit-'))
        self._port, between, mapper = (_free_port() for _ in range(3))
        self.url = f'rabbit://{_USER}:{_PASSWORD}@127.0.0.1:{self._port}/'
        settings = {
            'listeners.tcp.1': f'127.0.0.1:{self._port}', 'default_user': _USER,
            'default_pass': _PASSWORD, 'log.file': 'false', 'log.console': 'false',
            'disk_free_limit.absolute': '50MB', 'vm_memory_high_watermark.absolute': '500MB'}
        (self._folder / 'rabbitmq.conf').write_text(
            ''.join(f'{name} = {value}\n' for name, value in settings.items()))
        (self._folder / 'enabled_plugins').write_text('[].\n')
        cookie = self._folder / '.erlang.cookie'
        cookie.write_text('of-a-test')
        cookie.chmod(0o400)
        self._environment = os.environ | {
            'HOME': str(self._folder), 'ERL_EPMD_ADDRESS': '127.0.0.1',
            'ERL_EPMD_PORT': str(mapper), 'RABBITMQ_DIST_PORT': str(between),
            'RABBITMQ_NODENAME': f'kaopu-{self._port}@localhost',
            'RABBITMQ_CONFIG_FILE': f'{self._folder}/rabbitmq.conf',
            'RABBITMQ_MNESIA_BASE': f'{self._folder}/mnesia',
            'RABBITMQ_LOG_BASE': f'{self._folder}/log',
            'RABBITMQ_ENABLED_PLUGINS_FILE': f'{self._folder}/enabled_plugins',
            'RABBITMQ_CONF_ENV_FILE': '/dev/null', 'RABBITMQ_PID_FILE': f'{self._folder}/pid',
            'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS':
                '+S 1:1 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}'}
        self._mapper = self._launch('epmd', '-address', '127.0.0.1', '-port', str(mapper))
        self._server = None
        self.start()

    def start(self):
        """Start it, with the durable queues it had; returns when it takes connections."""
        self._server = self._launch(_servers()[-1])
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline or self._server.poll() is not None:
                raise RuntimeError('rabbitmq-server does not start')
            time.sleep(0.1)

    def kill(self):
        """End it without notice."""
        _end(self._server)

    def close(self):
        """End it and its port mapper."""
        _end(self._server)
        _end(self._mapper)
        shutil.rmtree(self._folder)

    def _launch(self, *argv):
        return subprocess.Popen(argv, env=self._environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                start_new_session=True)

    def _answers(self):
        """True if it speaks AMQP: it answers another version with its own."""
        try:
            with socket.create_connection(('127.0.0.1', self._port), 1) as client:
                client.settimeout(1)
                client.sendall(b'AMQP\x09\x09\x09\x09')
                return client.recv(8).startswith(b'AMQP')
        except OSError:
            return False


def _end(process):
    """Kill a process and what it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _free_port():
    with socket.create_server(('127.0.0.1', 0)) as server:
        return server.getsockname()[1]
