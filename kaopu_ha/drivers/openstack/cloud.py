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

"""Nova as the cloud: read here, acted upon by children that die rather than act late.

Reads go through the process's one Keystone session.  An act takes a free child of a small pool,
hands it the session's token, *then* arms the permit's deadline: what is left to do in that time is
one request.

What Nova does, and is met here (measured with Nova 34):

* From microversion 2.95 on an evacuated instance ends shut off: it is asked at 2.94.
* Later ones tell more of where a server may be: servers are read at the newest of them.
* A second evacuate while the first is under way spoils it: an act is never sent twice.
* A server list with a filter leaves out, without a word, the servers of a cell that is down;
  the list of services shows its hosts with the status UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import functools
import logging
from typing import Any, Self

from oslo_config import cfg

from kaopu_ha import checkup, ports
from kaopu_ha.conf import nova as conf_nova
from kaopu_ha.core import demands, model
from kaopu_ha.core.checkup import Seen
from kaopu_ha.drivers import child
from kaopu_ha.drivers.openstack import allocations as nova_allocations
from kaopu_ha.drivers.openstack import api as openstack_api
from kaopu_ha.drivers.openstack import calls as openstack_calls
from kaopu_ha.drivers.openstack import cloud_checks as nova_checks
from kaopu_ha.drivers.openstack import clouds
from kaopu_ha.drivers.openstack import demand as nova_demand
from kaopu_ha.drivers.openstack import places as nova_places

LOG = logging.getLogger(__name__)

MICROVERSION = '2.94'
# The key of a server's metadata by which its project asks to be told what is done with it.
OPT_IN = 'kaopu_ha.notify'
# Of one server, newest first: its user's last word on its power is among them.
_ACTIONS = '50'
CHILD = 'kaopu_ha.drivers.openstack.cloud_child'

# What a child needs of the options; the password is not among them.
_SESSION = ('cafile', 'certfile', 'keyfile', 'insecure')


class NovaCloud(ports.Cloud, checkup.Checkable):
    """The compute API of one region.

    ``auth`` are the options of keystoneauth's password plugin, besides ``region_name``,
    ``interface``, ``cafile``, ``certfile``, ``keyfile`` and ``insecure``.  ``limit`` is for one
    call in seconds; as many acts as there are ``children`` run at one time.  ``wanted``: what Nova
    is asked for only by an option, to be checked.
    """

    options = {conf_nova.GROUP: conf_nova.OPTS}

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, store: ports.Store) -> Self:
        """Made as configured.  Raises ConfigError."""
        return cls(clouds.login(conf), limit=conf.nova.timeout, children=conf.worker.concurrency,
                   wanted=nova_checks.OptionalRights(
                       joins=conf.evacuation.reserved_host_to_aggregates,
                       notes=conf.evacuation.note_in_metadata))

    def __init__(self, auth: Mapping[str, str], *, limit: float = 10.0, children: int = 2,
                 wanted: nova_checks.OptionalRights = nova_checks.NO_MORE_RIGHTS) -> None:
        self._api = openstack_api.Api(auth, 'compute', MICROVERSION, limit)
        self._placement = openstack_api.Api(auth, 'placement', nova_allocations.MICROVERSION, limit)
        self._limit, self._auth, self._wanted = limit, auth, wanted
        self._places = nova_places.PlacesReader(self._api, self._placement, limit)
        settings = {'session': {key: auth[key] for key in _SESSION if key in auth},
                    'microversion': MICROVERSION,
                    'of_placement': nova_allocations.MICROVERSION, 'limit': limit}
        self._children = child.ChildPool(CHILD, settings, children)
        self._said_unseen = False

    # ------------------------------------------------------------ reading

    def servers(self, host: str) -> tuple[model.Server, ...]:
        """All servers of all projects on the host, by UUID."""
        return openstack_api.within(self._limit, functools.partial(self._servers, host))

    def servers_of(self, project: str) -> tuple[model.Server, ...]:
        """The servers of a project, by UUID; those of a cell that is down may lack."""
        return openstack_api.within(self._limit, functools.partial(self._servers_of, project))

    def server(self, uuid: str) -> model.Server | None:
        """One server, or None if Nova itself says that there is none."""
        return openstack_api.within(self._limit, functools.partial(self._server, uuid))

    def services(self) -> Mapping[str, model.ComputeService]:
        """The nova-compute services, by host; one of a cell that is down is not up."""
        return openstack_api.within(self._limit, self._services)

    def migrations(self, *, instance: str = '', host: str = '') -> tuple[model.Migration, ...]:
        """Migration records of one instance, or those with one host as source or target.

        Of every kind, newest first.
        """
        query = {'instance_uuid': instance} if instance else {'host': host}
        return openstack_api.within(self._limit, functools.partial(self._migrations, query))

    def actions(self, instance: str) -> tuple[model.Action, ...]:
        """What was asked for one server lately, newest first."""
        return openstack_api.within(self._limit, functools.partial(self._actions, instance))

    def allocations(self, consumers: Sequence[str]) -> Mapping[str, model.Allocations]:
        """What Placement has set aside for servers, or migrations of them."""
        return openstack_api.within(self._limit, functools.partial(
            nova_allocations.read, self._api, self._placement, consumers))

    def places(self, kinds: Sequence[model.Demand]) -> demands.Places:
        """Aggregates, server groups, and the hosts that Placement offers to each kind."""
        return openstack_api.within(self._limit, functools.partial(self._places.read, kinds))

    def aggregates(self) -> tuple[demands.Aggregate, ...]:
        """The host aggregates as they are now, by name."""
        return tuple(openstack_api.within(self._limit, self._places.aggregates))

    # ------------------------------------------------------------ acting

    def force_down(self, host: str, down: bool, permit: ports.Permit) -> None:
        """Set or clear forced_down of the host's compute service; nothing if it is so already."""
        self._act('force_down', permit, host=host, down=down)

    def enable(self, host: str, permit: ports.Permit) -> None:
        """Enable the host's compute service; nothing if it is so already."""
        self._act('enable', permit, host=host)

    def join(self, host: str, aggregate: str, permit: ports.Permit) -> None:
        """Add the host to an aggregate, by its name; nothing if it is in it."""
        self._act('join', permit, host=host, aggregate=aggregate)

    def evacuate(self, instance: str, target: str, permit: ports.Permit) -> None:
        """Evacuate one server to the target; a running one comes back running."""
        self._act('evacuate', permit, instance=instance, target=target)

    def reset_state(self, instance: str, state: str, permit: ports.Permit) -> None:
        """Set vm_state to ``active`` or ``error`` and clear the task."""
        self._act('reset_state', permit, instance=instance, state=state)

    def start(self, instance: str, permit: ports.Permit, *, anew: bool = False) -> None:
        """Start one server on its host; ``anew``: by a hard reboot, which Nova takes of one that
        it does not show as stopped."""
        self._act('start', permit, instance=instance, anew=anew)

    def note(self, instance: str, key: str, text: str, permit: ports.Permit) -> None:
        """Set one item of a server's metadata; the others stay as they are."""
        self._act('note', permit, instance=instance, key=key, text=text)

    def release(self, read: model.Allocations, host: str, permit: ports.Permit) -> None:
        """Write what was read without the host's part, if Placement has it as it was read."""
        self._act('release', permit, self._placement, consumer=read.consumer,
                  allocations=nova_allocations.without(read, host))

    def warm(self) -> None:
        """Start the children and have a token, so that no act waits for that."""
        self._children.warm()
        openstack_api.within(self._limit, self._api.access)

    def checks(self, seen: Seen) -> tuple[checkup.Check, ...]:
        """Login and catalog, what our role lets us read and do, and the names of hosts."""
        return nova_checks.checks(self._api, self._placement, self._auth, seen,
                                  self._wanted)

    def close(self) -> None:
        """End the children; the session is the process's and stays."""
        self._children.close()

    # ------------------------------------------------------------ private

    def _act(self, name: str, permit: ports.Permit, api: openstack_api.Api | None = None,
             **given: Any) -> None:
        api, use = (api, 'use_placement') if api else (self._api, 'use')
        with self._children.taken(permit.seconds()) as one:
            for renewed in (False, True):
                # Outside the deadline: a Keystone that hangs makes a PortError of it, no worse.
                limit = min(self._limit, max(permit.seconds(), 0.001))
                access = openstack_api.within(
                    limit, functools.partial(api.access, renewed))
                one.ask(use, limit, **access)
                if one.act(name, permit, **given):
                    return
        raise ports.PortError('Nova takes no token of our account: nothing was done')

    def _servers(self, host: str) -> tuple[model.Server, ...]:
        with openstack_calls.translated('servers'):
            records = tuple(self._api.pages('/servers/detail', 'servers', self._telling(),
                                            all_tenants='true', host=host))
            found = tuple(map(_server, records))
        self._note_unseen(records)
        if not found and self._is_hidden(host):
            raise ports.PortError(f'the cell of {host} does not answer: its servers are not known')
        return tuple(sorted((one for one in found if one.host == host), key=lambda one: one.uuid))

    def _servers_of(self, project: str) -> tuple[model.Server, ...]:
        with openstack_calls.translated('servers of a project'):
            found = tuple(map(_server, self._api.pages(
                '/servers/detail', 'servers', self._telling(), all_tenants='true',
                project_id=project)))
        # A Nova that does not know the filter would tell everybody's.
        return tuple(sorted((one for one in found if one.project == project),
                            key=lambda one: one.uuid))

    def _note_unseen(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Say, once, that nobody may mark a flavor: Nova leaves out what it does not show us."""
        if not records:
            return
        unseen = any('extra_specs' not in record['flavor'] for record in records)
        if unseen and not self._said_unseen:
            LOG.warning('Nova does not show us the extra specs of flavors: marks there do not '
                        'count; let our role pass its rule servers:show:flavor-extra-specs')
        self._said_unseen = unseen

    def _is_hidden(self, host: str) -> bool:
        service = self._services().get(host)
        return service is not None and not service.id

    def _server(self, uuid: str) -> model.Server | None:
        answer = self._api.read(f'/servers/{uuid}', self._telling())
        with openstack_calls.translated('server'):
            if answer.status_code == 404 and 'itemNotFound' in answer.json():
                # Nova says so as well of a server that our account may not see (any more): an
                # account that may list everybody's is refused this otherwise.
                self._api.get('/servers/detail', all_tenants='true', uuid=uuid, limit='1')
                return None
            if answer.status_code != 200:
                raise ports.PortError(f'server {uuid}: {openstack_calls.reason(answer)}')
            return _server(answer.json()['server'])

    def _telling(self) -> str:
        """The microversion that tells most of where a server may be."""
        return self._api.newest(*nova_demand.TELLING, MICROVERSION)

    def _services(self) -> dict[str, model.ComputeService]:
        with openstack_calls.translated('services'):
            services = [_service(record) for record in self._api.get(
                '/os-services', binary='nova-compute')['services']]
        return {service.host: service for service in sorted(services, key=lambda one: one.host)}

    def _actions(self, instance: str) -> tuple[model.Action, ...]:
        with openstack_calls.translated('instance actions'):
            found = self._api.get(f'/servers/{instance}/os-instance-actions',
                                  limit=_ACTIONS)['instanceActions']
            return tuple(_action(record) for record in sorted(
                found, key=lambda record: record['start_time'] or '', reverse=True))

    def _migrations(self, query: Mapping[str, str]) -> tuple[model.Migration, ...]:
        with openstack_calls.translated('migrations'):
            return tuple(_migration(record) for record in self._api.pages(
                '/os-migrations', 'migrations', **query))


# ---------------------------------------------------------------- Nova's records


def _server(record: Mapping[str, Any]) -> model.Server:
    if 'OS-EXT-SRV-ATTR:host' not in record or 'OS-EXT-STS:vm_state' not in record:
        raise ports.PortError(f'Nova shows server {record["id"]} without host or state: its cell '
                              'is down, or our account is not an administrator')
    return model.Server(
        uuid=record['id'], name=record['name'], host=record['OS-EXT-SRV-ATTR:host'] or '',
        vm_state=record['OS-EXT-STS:vm_state'] or '',
        task_state=record['OS-EXT-STS:task_state'] or '',
        power_state=record['OS-EXT-STS:power_state'] or 0,
        cores=record['flavor']['vcpus'], memory_mb=record['flavor']['ram'],
        domain=record['OS-EXT-SRV-ATTR:instance_name'] or '',
        fault=(record.get('fault') or {}).get('message') or '',
        project=record.get('tenant_id') or '',
        opted_in=(record.get('metadata') or {}).get(OPT_IN, '').strip().lower() == 'true',
        marks=_marks(record), demand=nova_demand.demand(record))


def _marks(record: Mapping[str, Any]) -> tuple[model.Mark, ...]:
    """What people said of it, or of its flavor: all in the one answer that lists it.

    Extra specs are missing where our account may not see them.
    """
    metadata, tags = record.get('metadata') or {}, record.get('tags') or ()
    specs = record['flavor'].get('extra_specs') or {}
    return (*(model.Mark(model.Source.METADATA, key, str(metadata[key])) for key in
              sorted(metadata)),
            *(model.Mark(model.Source.TAG, *tag.split('=', 1)) for tag in sorted(tags)),
            *(model.Mark(model.Source.FLAVOR, key, str(specs[key])) for key in sorted(specs)))


def _service(record: Mapping[str, Any]) -> model.ComputeService:
    """A service of a cell that is down has neither id nor state."""
    return model.ComputeService(
        id=record.get('id', ''), host=record['host'], enabled=record['status'] == 'enabled',
        up=record.get('state') == 'up', forced_down=bool(record.get('forced_down')),
        zone=record.get('zone') or '')


def _action(record: Mapping[str, Any]) -> model.Action:
    """What Nova does by itself (its stop of a guest that it found off) has no user."""
    return model.Action(record['action'] or '', record['user_id'] or '',
                        record['start_time'] or '')


def _migration(record: Mapping[str, Any]) -> model.Migration:
    return model.Migration(
        id=record['uuid'], instance=record['instance_uuid'] or '',
        kind=record['migration_type'] or '', status=record['status'] or '',
        source=record['source_compute'] or '', target=record['dest_compute'] or '')
