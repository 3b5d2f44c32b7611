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

"""Sets Kubernetes' out-of-service taint on a node whose instance is surely dead.

    python3 out_of_service.py PORT SECRET_FILE

An example: it takes notices of the webhook on this machine, and runs kubectl with the context that
is set.  It answers first and works later; what it does stands in its log.
"""

import http.server
import json
import pathlib
import subprocess
import sys
import time

from check_signature import is_genuine

TAINT = 'node.kubernetes.io/out-of-service=nodeshutdown:NoExecute'
# Kubernetes needs about 50 s to see that a node is silent; we may know it in 15.
WAIT_SECONDS, POLL_SECONDS = 300.0, 2.0
KUBECTL_SECONDS = 20
BODY_BYTES_MAX = 1_000_000


def kubectl(*words):
    """What kubectl prints.  Raises CalledProcessError or TimeoutExpired."""
    return subprocess.run(['kubectl', *words], check=True, capture_output=True, text=True,
                          timeout=KUBECTL_SECONDS).stdout


def node_of(uuid):
    """The node that runs in the instance of this UUID; None if none does."""
    for node in json.loads(kubectl('get', 'nodes', '-o', 'json'))['items']:
        provider = node['spec'].get('providerID', '').rpartition('/')[2]
        system = node['status']['nodeInfo'].get('systemUUID', '')
        if uuid in (provider.lower(), system.lower()):
            return node
    return None


def is_ready(node):
    """True if its kubelet was heard lately, as far as Kubernetes knows."""
    return any(one['type'] == 'Ready' and one['status'] == 'True'
               for one in node['status']['conditions'])


def take_out(dead):
    """Set the taint once the node is silent for Kubernetes, too; what was done, in words."""
    if dead['is_moved']:
        return 'it comes back within a minute, with its disks: nothing is done'
    until = time.monotonic() + WAIT_SECONDS
    while (node := node_of(dead['uuid'])) is not None:
        name = node['metadata']['name']
        if not is_ready(node):
            kubectl('taint', 'nodes', name, TAINT, '--overwrite')
            return f'{name} is out of service'
        if time.monotonic() > until:
            return f'{name} is still ready: nothing is done; look why'
        time.sleep(POLL_SECONDS)
    return 'no node runs in it'


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes what is posted: 204 for what is genuine, 403 for what is not.  A thread for each."""

    def do_POST(self):  # noqa: N802  the name that http.server looks for
        """Check the signature of the bytes before they are read as anything; answer; then work."""
        length = int(self.headers.get('Content-Length') or 0)
        body = self.rfile.read(length) if length <= BODY_BYTES_MAX else b''
        genuine = is_genuine(self.server.secret, self.headers, body)
        self.send_response(204 if genuine else 403)
        self.end_headers()
        self.wfile.flush()
        if genuine and self.headers['X-Kaopu-HA-Event'] == 'instance.dead':
            message = json.loads(body)
            # A notice may come twice.
            if self.server.taken.setdefault(message['message_id'], self) is self:
                work(message['payload']['kaopu_ha_object.data'])


def work(dead):
    """Do it, and say what came of it."""
    try:
        said = take_out(dead)
    except (OSError, ValueError, LookupError, subprocess.SubprocessError) as failure:
        said = f'{failure}: look at {dead["uuid"]} yourself'
    print(f'{dead["name"]} ({dead["uuid"]}): {said}', flush=True)


if __name__ == '__main__':
    server = http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Receiver)
    server.secret = pathlib.Path(sys.argv[2]).read_bytes().rstrip(b'\r\n')
    server.taken = {}
    print(f'listening at port {server.server_port}', flush=True)
    server.serve_forever()
