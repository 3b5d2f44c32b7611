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

"""What the benchmarks on the mini cloud share: a fresh cloud, the records, calls to Nova by hand.

Hosts, controllers and this program run on one machine, so all times are of one wall clock.
"""

from collections.abc import Callable
import datetime
import time
from typing import Any

from minicloud import demo, instances, kaopu
from minicloud.cloud import Cloud
from minicloud.judge import Expected
from minicloud.rest import Refused
from minicloud.shell import wait_for

VICTIM = 'c1'


def up() -> Cloud:
    """The cloud with three hosts, at the fast pace."""
    cloud = Cloud()
    cloud.up(3, 'fast')
    return cloud


def refresh(cloud: Cloud, plan: list[tuple[str, str]]) -> list[Expected]:
    """Reset the cloud and boot one instance for each role and host; every host tells of them."""
    cloud.reset()
    instances.boot(cloud.layout, cloud.rest, plan)
    demo.wait_beating(cloud)
    return cloud.instances()


def stop_kaopu(cloud: Cloud) -> None:
    """Leave the field to Nova: no controller and no worker runs."""
    for name in kaopu.CONTROL:
        cloud.kill(f'ctl:{name}')


def recovery_of(cloud: Cloud, host: str) -> dict[str, Any]:
    """The newest recovery of the host; empty if there is none."""
    every = kaopu.records(cloud.layout, 'recovery/').values()
    found = [one for one in every if one['host'] == host]
    return found[-1] if found else {}


def wait_finished(cloud: Cloud, host: str, seconds: float) -> dict[str, Any]:
    """The recovery of the host as soon as it is finished."""
    wait_for(f'the recovery of {host}', lambda: recovery_of(cloud, host).get('stage') == 'finished',
             seconds, 0.5)
    return recovery_of(cloud, host)


def reached(road: list[dict[str, str]]) -> dict[str, float]:
    """When each stage was reached first."""
    found: dict[str, float] = {}
    for step in road:
        found.setdefault(step['stage'], datetime.datetime.fromisoformat(step['at']).timestamp())
    return found


def evacuate(cloud: Cloud, uuid: str, target: str) -> bool:
    """Call Nova's evacuate; False if it says that the host is still in use."""
    try:
        instances.act(cloud.rest, uuid, {'evacuate': {'host': target}})
    except Refused as refusal:
        if refusal.status != 400 or 'in use' not in str(refusal):
            raise
        return False
    return True


def service(cloud: Cloud, host: str) -> dict[str, Any]:
    """The host's nova-compute as Nova shows it."""
    path = f'/os-services?binary=nova-compute&host={host}'
    return cloud.rest.nova('GET', path)['services'][0]


def retry(call: Callable[[], bool], seconds: float, interval: float) -> float:
    """Call until it is true; the time at which it was."""
    end = time.time() + seconds
    while not call():
        if time.time() > end:
            raise SystemExit(f'not within {seconds:g} s')
        time.sleep(interval)
    return time.time()
