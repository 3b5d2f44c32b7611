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

"""The child that starts a domain on a host, over the management network.

First it runs, then it is defined: a start that fails leaves nothing behind, and the host's agent
never sees it off.  It has no autostart: a host that boots must not start what has left it.
"""

from __future__ import annotations

from collections.abc import Mapping
import contextlib
from typing import Any
from xml.etree import ElementTree

import libvirt

from kaopu_ha import ports
from kaopu_ha.drivers import child
from kaopu_ha.drivers.libvirt import link as libvirt_link

# A memory image of long ago would be resumed on a disk that went on.
_UNDEFINE = (libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
             | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
             | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
             | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
_STARTING = (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_STARTING_UP)


def start(uri: str, host_uuid: str, uuid: str, xml: str) -> None:
    """Have the domain run there and be defined; harmless if it is so.

    Raises PortError if nothing was done now, Refused if libvirt said no *and* that the domain does
    not run, OutcomeUnknown if nobody knows.
    """
    with _linked(uri, host_uuid) as link:
        domain = _find(link, uuid)
        if domain is not None and not domain.isActive():
            domain.undefineFlags(_UNDEFINE)
            domain = None
        if domain is None:
            domain = _started(link, uuid, xml)
        try:
            if tuple(domain.state()) == _STARTING:
                raise ports.OutcomeUnknown('a former call is still starting it')
            if not domain.isPersistent():
                domain = link.defineXML(xml)
            domain.setAutostart(0)
        except libvirt.libvirtError as failure:
            raise ports.OutcomeUnknown(f'it runs, but is not defined: {failure}') from failure


def enter(uri: str, host_uuid: str) -> None:
    """Connect with the right to change things, and change nothing."""
    with _linked(uri, host_uuid):
        pass


def _started(link: Any, uuid: str, xml: str) -> Any:
    """The domain, started; if that failed, only what libvirt then says of it counts."""
    try:
        return link.createXML(xml, 0)
    except libvirt.libvirtError as failure:
        try:
            found = _find(link, uuid)
            if found is not None and found.isActive():
                return found
        except libvirt.libvirtError as lost:
            raise ports.OutcomeUnknown(f'{failure}; then {lost}') from failure
        raise ports.Refused(str(failure)) from failure


@contextlib.contextmanager
def _linked(uri: str, host_uuid: str) -> Any:
    try:
        link = libvirt_link.opened(uri)
    except libvirt.libvirtError as failure:
        raise ports.PortError(f'{uri}: {failure}') from failure
    try:
        known = ElementTree.fromstring(link.getCapabilities()).findtext('host/uuid') or ''
        if known.lower() != host_uuid.lower():
            raise ports.PortError(f'another host answers at {uri}: its UUID is {known}')
        yield link
    except libvirt.libvirtError as failure:
        raise ports.PortError(f'{uri}: {failure}') from failure
    finally:
        with contextlib.suppress(libvirt.libvirtError):
            link.close()


def _find(link: Any, uuid: str) -> Any:
    try:
        return link.lookupByUUIDString(uuid)
    except libvirt.libvirtError as failure:
        if failure.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise


def handlers(settings: dict[str, Any]) -> Mapping[str, child.Handler]:
    """Make what the parent may ask for."""
    # libvirt prints each error on stderr otherwise; they come as answers.
    libvirt.registerErrorHandler(lambda *_: None, None)
    return {'start': start, 'enter': enter}


if __name__ == '__main__':
    child.serve(handlers)
