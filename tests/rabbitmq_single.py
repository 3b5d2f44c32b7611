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

"""One real RabbitMQ for tests that need a broker, apart from every other on the machine."""

import glob
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

_SERVERS = '/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server'
_START_SECONDS = 90


def is_possible() -> bool:
    """True where a broker can be started."""
    return bool(glob.glob(_SERVERS)) and shutil.which('epmd') is not None


class RabbitMQ:
    """A broker at ``url`` until ``close``; with a port mapper, ports and a folder of its own."""

    user, password = 'kaopu', secrets.token_hex(8)

    def __init__(self) -> None:
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix='rabbitmq-'))
        self.port, self._mapper, self._distribution = _free_port(), _free_port(), _free_port()
        self.url = self.url_of(self.user, self.password)
        self._write_settings()
        self._epmd = self._started(['epmd', '-address', '127.0.0.1', '-port', str(self._mapper)])
        self.start()

    def url_of(self, user: str, password: str) -> str:
        """How this user reaches the broker."""
        return f'rabbit://{user}:{password}@127.0.0.1:{self.port}/'

    def add_user(self, name: str, password: str, *, configure: str = '.*', write: str = '.*',
                 read: str = '.*') -> str:
        """Add a user with these rights (regular expressions); its URL."""
        self._control('add_user', name, password)
        self._control('set_permissions', name, configure, write, read)
        return self.url_of(name, password)

    def start(self) -> None:
        """Start the broker, and wait until it takes connections."""
        self._broker = self._started([sorted(glob.glob(_SERVERS))[-1]])
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline or self._broker.poll() is not None:
                said = (self._folder / 'said').read_text()
                self.close()
                raise AssertionError(f'the broker does not start: {said[-2000:]}')
            time.sleep(0.2)

    def kill(self) -> None:
        """End it without a word; what it wrote stays."""
        self._signal(signal.SIGKILL)
        self._broker.wait()

    def freeze(self) -> None:
        """Stop it: its sockets stay open, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End broker and port mapper."""
        self.kill()
        self._epmd.kill()
        self._epmd.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    # ------------------------------------------------------------ private

    def _write_settings(self) -> None:
        cookie = self._folder / '.erlang.cookie'
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
        settings = {
            'listeners.tcp.1': f'127.0.0.1:{self.port}', 'default_user': self.user,
            'default_pass': self.password, 'loopback_users': 'none', 'log.console': 'true',
            'log.console.level': 'warning', 'log.file': 'false',
            'disk_free_limit.absolute': '50MB', 'vm_memory_high_watermark.absolute': '1GB'}
        (self._folder / 'rabbitmq.conf').write_text(
            ''.join(f'{name} = {value}\n' for name, value in settings.items()))
        (self._folder / 'enabled_plugins').write_text('[].\n')

    def _control(self, *words: str) -> None:
        program = pathlib.Path(sorted(glob.glob(_SERVERS))[-1]).with_name('rabbitmqctl')
        done = subprocess.run([program, '-q', *words], env=self._environment(), check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise AssertionError(f'rabbitmqctl {words[0]}: {done.stdout} {done.stderr}')

    def _environment(self) -> dict[str, str]:
        home = self._folder
        return {
            'PATH': os.environ['PATH'], 'HOME': str(home), 'LANG': 'C.UTF-8',
            'ERL_EPMD_ADDRESS': '127.0.0.1', 'ERL_EPMD_PORT': str(self._mapper),
            'RABBITMQ_NODENAME': f'single{self.port}@localhost',
            'RABBITMQ_DIST_PORT': str(self._distribution),
            'RABBITMQ_CONFIG_FILE': f'{home}/rabbitmq.conf',
            'RABBITMQ_MNESIA_BASE': f'{home}/mnesia', 'RABBITMQ_LOG_BASE': f'{home}/log',
            'RABBITMQ_ENABLED_PLUGINS_FILE': f'{home}/enabled_plugins',
            'RABBITMQ_CONF_ENV_FILE': '/dev/null', 'RABBITMQ_PID_FILE': f'{home}/pid',
            'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS': '+S 2:2 +sbwt none +sbwtdcpu none '
            '+sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}'}

    def _started(self, argv: list[str]) -> subprocess.Popen:
        with (self._folder / 'said').open('a') as said:
            # A session of its own: the broker is a tree of processes, ended and stopped as one.
            return subprocess.Popen(argv, env=self._environment(), stdin=subprocess.DEVNULL,
                                    stdout=said, stderr=said, start_new_session=True)

    def _signal(self, number: signal.Signals) -> None:
        if self._broker.poll() is None:
            os.killpg(self._broker.pid, number)

    def _answers(self) -> bool:
        """True if it speaks AMQP: it answers another version with its own."""
        try:
            with socket.create_connection(('127.0.0.1', self.port), 1) as client:
                client.settimeout(1)
                client.sendall(b'AMQP\x09\x09\x09\x09')
                return client.recv(8).startswith(b'AMQP')
        except OSError:
            return False


def _free_port() -> int:
    with socket.create_server(('127.0.0.1', 0)) as server:
        return server.getsockname()[1]
