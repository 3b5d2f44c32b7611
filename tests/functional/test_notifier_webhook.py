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

"""The webhook against a real HTTP server: what it posts, and what it makes of every answer."""

import hashlib
import hmac
import http.server
import json
import pathlib
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

from kaopu_ha import ports
from kaopu_ha.core.notice import Audience
from kaopu_ha.drivers.webhook import notifier as webhook
from kaopu_ha.testing import notifier
from kaopu_ha.testing.clock import calm

SECRET = b'a secret of thirty-two characters'
DOCUMENT = (pathlib.Path(__file__).resolve().parents[2]
            / 'doc/source/operator/check_signature.py')


class Hook(notifier.Receiver):
    """An HTTP server of the standard library, with answers to give in turn."""

    def __init__(self, context=None):
        self.posts, self.answers, self.hold = [], [], threading.Event()
        self._context, self._port = context, 0
        self.hold.set()
        self.come_back()

    @property
    def url(self):
        return f'http{"s" * bool(self._context)}://localhost:{self._port}/hook?token=hidden-token'

    def received(self, audience):
        of_projects = audience is Audience.PROJECTS
        return [json.loads(body) for _, _, body in list(self.posts)
                if json.loads(body)['event_type'].startswith('instance.') is of_projects]

    def freeze(self):
        self.hold.clear()

    def thaw(self):
        self.hold.set()

    def vanish(self):
        self.hold.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def come_back(self):
        self._server = http.server.ThreadingHTTPServer(('127.0.0.1', self._port), _handler(self))
        self._server.daemon_threads = True
        if self._context:
            self._server.socket = self._context.wrap_socket(self._server.socket, server_side=True)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()


def _handler(hook):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers['Content-Length']))
            hook.hold.wait()
            answer = hook.answers.pop(0) if hook.answers else 204
            if answer == 'cut':
                self.connection.shutdown(socket.SHUT_RDWR)
            elif answer == 'drip':
                self.drip()
            else:
                self.answer(answer, body)

        def answer(self, answer, body):
            hook.posts.append((self.path, dict(self.headers), body))
            self.send_response(answer)
            self.send_header('Location', hook.url)
            self.send_header('Content-Length', '0')
            self.end_headers()

        def drip(self):
            """Send a header that never ends, a byte at a time."""
            try:
                for byte in b'HTTP/1.1 200 OK\r\nX-Slow: ' + b'a' * 1000:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.1)
            except OSError:
                return

        def log_message(self, *words):
            return
    return Handler


class HookCase:

    secrets = ('hidden-token', SECRET.decode())

    def make_receiver(self):
        receiver = Hook()
        self.addCleanup(receiver.vanish)
        return receiver

    def make_notifier(self):
        return webhook.Webhook(self.receiver.url, SECRET)


class WebhookTest(HookCase, notifier.NotifierSuite, unittest.TestCase):
    """The contract, and what it makes of answers."""

    def setUp(self):
        super().setUp()
        self.notice = notifier.some_notices()[0]

    def test_a_failure_of_the_receiver_is_tried_again(self):
        for answer in (500, 503, 429, 408, 'cut'):
            with self.subTest(answer):
                self.receiver.posts.clear()
                self.receiver.answers = [answer]
                self.notifier.notify(self.notice, 10.0)
                self.assertEqual([], self.receiver.answers)
                self.assertEqual({self.notice.id}, {
                    json.loads(body)['message_id'] for _, _, body in self.receiver.posts})

    def test_failures_end_with_the_limit(self):
        self.receiver.answers = [500] * 100
        self.assert_lost(self.notice, 2.0)
        self.assertGreater(len(self.receiver.posts), 1)

    def test_a_refusal_is_not_tried_again(self):
        for status in (400, 401, 403, 404, 410):
            with self.subTest(status):
                self.receiver.posts.clear()
                self.receiver.answers = [status]
                self.assertRaisesRegex(ports.PortError, f'HTTP {status}', self.notifier.notify,
                                       self.notice, 10.0)
                self.assertEqual(1, len(self.receiver.posts))

    def test_a_redirect_is_not_followed(self):
        for status in (301, 302, 307, 308):
            self.receiver.posts.clear()
            self.receiver.answers = [status]
            self.assertRaises(ports.PortError, self.notifier.notify, self.notice, 10.0)
            self.assertEqual(1, len(self.receiver.posts))

    def test_an_answer_that_comes_in_drops_is_cut_off(self):
        self.receiver.answers = ['drip'] * 100
        self.assert_lost(self.notice, 1.0)

    def test_what_is_no_http_is_a_failure(self):
        with socket.create_server(('127.0.0.1', 0)) as server:
            def answer():
                while True:
                    try:
                        one = server.accept()[0]
                    except OSError:
                        return
                    with one:
                        one.recv(100)
                        one.sendall(b'\x00\xff not http\r\n\r\n')
            threading.Thread(target=answer, daemon=True).start()
            self.notifier = webhook.Webhook(f'http://127.0.0.1:{server.getsockname()[1]}/', SECRET)
            self.assert_lost(self.notice, 1.0)
            server.shutdown(socket.SHUT_RDWR)


class TestSignature(HookCase, unittest.TestCase):
    """The example for receivers, as it stands in the documentation, against what is posted."""

    def setUp(self):
        super().setUp()
        self.receiver = self.make_receiver()
        names = {}
        exec(compile(DOCUMENT.read_text(), str(DOCUMENT), 'exec'), names)  # noqa: S102
        self.is_genuine = names['is_genuine']
        self.make_notifier().notify(notifier.some_notices()[0], notifier.LIMIT)
        [(self.path, self.headers, self.body)] = self.receiver.posts

    def test_the_example_takes_what_is_posted(self):
        self.assertTrue(self.is_genuine(SECRET, self.headers, self.body))
        self.assertEqual('/hook?token=hidden-token', self.path)
        self.assertEqual('application/json', self.headers['Content-Type'])
        self.assertEqual('news.moved', self.headers['X-Kaopu-HA-Event'])

    def test_it_refuses_another_body_another_secret_and_another_time(self):
        later = {**self.headers, 'X-Kaopu-HA-Timestamp': str(
            int(self.headers['X-Kaopu-HA-Timestamp']) + 1)}
        self.assertFalse(self.is_genuine(SECRET, self.headers, self.body + b' '))
        self.assertFalse(self.is_genuine(SECRET + b'x', self.headers, self.body))
        self.assertFalse(self.is_genuine(SECRET, later, self.body))
        self.assertFalse(self.is_genuine(SECRET, {}, self.body))

    def test_it_refuses_what_was_recorded_long_ago(self):
        old = str(int(time.time()) - 3600)
        digest = hmac.new(SECRET, old.encode() + b'.' + self.body, hashlib.sha256).hexdigest()
        self.assertFalse(self.is_genuine(SECRET, {
            'X-Kaopu-HA-Timestamp': old, 'X-Kaopu-HA-Signature': f'sha256={digest}'}, self.body))

    def test_each_attempt_is_signed_anew(self):
        self.receiver.posts.clear()
        self.receiver.answers = [500, 500]
        self.make_notifier().notify(notifier.some_notices()[0], 20.0)
        self.assertEqual(3, len(self.receiver.posts))
        for _, headers, body in self.receiver.posts:
            self.assertTrue(self.is_genuine(SECRET, headers, body))


class TestCertificates(unittest.TestCase):
    """Certificates are checked."""

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def served(self, name):
        """A receiver with a certificate of its own for this name; its certificate's file."""
        cert, key = self.folder / f'{name}.pem', self.folder / f'{name}.key'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                        'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', f'/CN={name}',
                        '-addext', f'subjectAltName=DNS:{name}', '-keyout', key, '-out', cert],
                       check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        receiver = Hook(context)
        self.addCleanup(receiver.vanish)
        return receiver, str(cert)

    def test_a_known_certificate_is_taken(self):
        receiver, cert = self.served('localhost')
        webhook.Webhook(receiver.url, SECRET, ca=cert).notify(notifier.some_notices()[0], 5.0)
        self.assertEqual(1, len(receiver.posts))

    def test_an_unknown_one_or_one_of_another_name_is_refused_at_once(self):
        receiver, cert = self.served('localhost')
        other, other_cert = self.served('other.example')
        for url, ca in ((receiver.url, ''), (receiver.url, other_cert), (other.url, other_cert)):
            began = calm()
            self.assertRaisesRegex(ports.PortError, 'certificate', webhook.Webhook(
                url, SECRET, ca=ca).notify, notifier.some_notices()[0], 30.0)
            self.assertLess(calm() - began, 5.0)
        self.assertEqual([], receiver.posts + other.posts)
