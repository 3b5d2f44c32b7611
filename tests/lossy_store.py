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

"""A real store whose answers can be lost."""

from kaopu_ha import ports
from kaopu_ha.drivers.etcd import store as etcd


class Lossy(etcd.EtcdStore):
    """Does what it is told, and loses the answer to the next commit if ``loses``."""

    loses = False

    def commit(self, compares, writes):
        done = super().commit(compares, writes)
        if self.loses:
            self.loses = False
            raise ports.OutcomeUnknown('no answer')
        return done
