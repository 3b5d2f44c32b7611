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

"""Where Prometheus reads the metrics of each process."""

from __future__ import annotations

from oslo_config import cfg

GROUP = 'metrics'

_WHY = ('  0, the default, opens none: a port that tells of the cloud is the operator\'s to open.  '
        'One for each process, since one file may serve all processes of a host.')

OPTS = [
    cfg.HostAddressOpt('bind_address', default='127.0.0.1',
                       help='Address at which metrics are read.  There is neither password nor '
                            'TLS: choose one of the management network, or have a proxy ask '
                            'here.'),
    cfg.PortOpt('agent_port', default=0, help='Port of the agent\'s metrics, 9761 say.' + _WHY),
    cfg.PortOpt('controller_port', default=0,
                help='Port of the controller\'s metrics, 9762 say.' + _WHY),
    cfg.PortOpt('worker_port', default=0, help='Port of the worker\'s metrics, 9763 say.' + _WHY),
]


def port(conf: cfg.ConfigOpts, process: str) -> int:
    """The port of a process, 0 if its metrics are off."""
    return int(conf[GROUP][f'{process}_port'])
