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


"""The drivers nova and placement on a real cloud.

KAOPU_TEST_CLOUD names a JSON file::

    {"auth": {"auth_url": ..., "username": ..., ...},   as for the driver
     "hosts": ["h1", "h2"],                             instances are booted on the first
     "image": "NAME", "flavor": "NAME",
     "kill": "COMMAND {host}", "revive": "COMMAND {host}", "unfence": "COMMAND {host}"}

Without the commands no host is killed; without an image nothing is booted.  An instance has no
network.  ``kill`` cuts power and access to the disks, ``revive`` starts the host, and ``unfence``
gives access back, once Nova has cleaned up.
"""

import json
import os
import subprocess
import time
import unittest

from kaopu_ha.drivers.openstack import api as openstack_api
from kaopu_ha.drivers.openstack import cloud as nova
from kaopu_ha.drivers.openstack import usage as placement
from kaopu_ha.testing.cloud import CloudSuite, ComputeHosts
from kaopu_ha.testing.usage import UsageSuite

WHERE = os.environ.get('KAOPU_TEST_CLOUD', '')
WAIT_SECONDS = 120
_AGGREGATE = 'kaopu-contract'


class RealWorld(ComputeHosts):
    """Instances by the API, power by the commands of the file."""

    def __init__(self, given):
        self._given, self.hosts = given, given['hosts']
        self._api = openstack_api.Api(given['auth'], 'compute', nova.MICROVERSION, 20.0)
        self._images = openstack_api.Api(given['auth'], 'image', '', 20.0)

    def boot(self, host):
        self._need('image', 'flavor')
        answer = self._api._adapter.post('/servers', microversion=nova.MICROVERSION, json={
            'server': {'name': 'kaopu-contract', 'host': host, 'networks': 'none',
                       'imageRef': self._image(), 'flavorRef': self._flavor()}})
        assert answer.status_code == 202, answer.text
        instance = answer.json()['server']['id']
        _await(f'{instance} to run', lambda: self._status(instance) == 'ACTIVE')
        return instance

    def delete(self, instance):
        self._api._adapter.delete(f'/servers/{instance}')
        _await(f'{instance} to go', lambda: self._status(instance) is None)

    def stop(self, instance):
        self._api._adapter.post(f'/servers/{instance}/action', json={'os-stop': None},
                                microversion=nova.MICROVERSION)
        _await(f'{instance} to be off', lambda: self._status(instance) == 'SHUTOFF')

    def runs(self, instance):
        return self._status(instance) == 'ACTIVE'

    def aggregate(self, *hosts):
        made = self._asked('POST', '', {'aggregate': {'name': _AGGREGATE}})['aggregate']
        for host in hosts:
            self._asked('POST', f'/{made["id"]}/action', {'add_host': {'host': host}})
        return _AGGREGATE

    def disband(self, aggregate):
        made = next(one for one in self._asked('GET', '')['aggregates'] if one['name'] == aggregate)
        for host in made['hosts']:
            self._asked('POST', f'/{made["id"]}/action', {'remove_host': {'host': host}})
        self._asked('DELETE', f'/{made["id"]}')

    def _asked(self, method, path, body=None):
        answer = self._api._adapter.request(f'/os-aggregates{path}', method, json=body,
                                            microversion=nova.MICROVERSION)
        return answer.json() if answer.text else None

    def kill(self, host):
        self._need('kill', 'revive', 'unfence')
        self._run('kill', host)

    def revive(self, host):
        self._run('revive', host)
        _await(f'{host} to be cleaned up', lambda: not [
            one for one in self._api.get('/os-migrations', source_compute=host)['migrations']
            if one['migration_type'] == 'evacuation' and one['status'] == 'done'])
        self._run('unfence', host)

    def _need(self, *names):
        missing = [name for name in names if not self._given.get(name)]
        if missing:
            raise unittest.SkipTest(f'the file of KAOPU_TEST_CLOUD has no {", ".join(missing)}')

    def _run(self, name, host):
        subprocess.run(self._given[name].format(host=host), shell=True, check=True, timeout=120)

    def _status(self, instance):
        answer = self._api.read(f'/servers/{instance}')
        return answer.json()['server']['status'] if answer.status_code == 200 else None

    def _image(self):
        return next(one['id'] for one in self._images._adapter.get('/images').json()['images']
                    if one['name'] == self._given['image'])

    def _flavor(self):
        return next(one['id'] for one in self._api.get('/flavors')['flavors']
                    if one['name'] == self._given['flavor'])


def _await(what, is_so):
    until = time.monotonic() + WAIT_SECONDS
    while not is_so():
        if time.monotonic() > until:
            raise AssertionError(f'waited in vain for {what}')
        time.sleep(0.3)


class OnARealCloud:

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with open(WHERE) as file:
            cls.given = json.load(file)

    def make_world(self):
        return RealWorld(self.given)


@unittest.skipUnless(WHERE, 'KAOPU_TEST_CLOUD does not name a cloud')
class NovaCloudTest(OnARealCloud, CloudSuite, unittest.TestCase):

    def make_cloud(self):
        return nova.NovaCloud(self.given['auth'])


@unittest.skipUnless(WHERE, 'KAOPU_TEST_CLOUD does not name a cloud')
class PlacementUsageTest(OnARealCloud, UsageSuite, unittest.TestCase):

    def make_usage(self):
        return placement.PlacementUsage(self.given['auth'])


if __name__ == '__main__':
    unittest.main()
