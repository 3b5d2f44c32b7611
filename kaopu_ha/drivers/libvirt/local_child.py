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

"""The child process that talks to the local libvirt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import contextlib
import time
from typing import Any
from xml.etree import ElementTree

import libvirt

from kaopu_ha import ports
from kaopu_ha.core import model
from kaopu_ha.drivers import child
from kaopu_ha.drivers.libvirt import link as libvirt_link

_POWER = {libvirt.VIR_DOMAIN_PAUSED: model.Power.PAUSED,
          libvirt.VIR_DOMAIN_PMSUSPENDED: model.Power.PAUSED,
          libvirt.VIR_DOMAIN_SHUTOFF: model.Power.OFF,
          libvirt.VIR_DOMAIN_CRASHED: model.Power.OFF}
# libvirt's own words for a QEMU that ended without being told to, and for a guest that panicked.
# Not FAILED: that is a start that failed, which whoever asked for it has heard of.  After a boot
# libvirt knows of no reason.
_CRASHED = ((libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_CRASHED),
            (libvirt.VIR_DOMAIN_CRASHED, libvirt.VIR_DOMAIN_CRASHED_PANICKED))
_HUNG = (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_WATCHDOG)
_STUCK = (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_IOERROR)
_AGAIN_SECONDS = 0.5
_STARTING = (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_STARTING_UP)
# What would keep a domain from being undefined; a hypervisor that knows no such flags refuses all.
_UNDEFINE = (libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
             | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
             | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
             | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
_ANEW = (libvirt.VIR_DOMAIN_XML_INACTIVE,
         libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE)


class LocalHandlers:
    """What the child can do.  It connects when first asked, and again if the link is broken."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        # libvirt prints each error on stderr otherwise; they come as answers.
        libvirt.registerErrorHandler(lambda *_: None, None)
        self._uri = settings['uri']
        self._anew = _ANEW if settings['definitions'] else ()
        self._link: Any = None

    def by_name(self) -> dict[str, child.Handler]:
        """The handlers for ``child.serve``."""
        return {'identity': self.identity, 'domains': self.domains, 'remove': self.remove,
                'resume': self.resume}

    def identity(self) -> dict[str, Any]:
        """The host's UUID, its cores and memory."""
        link = self._linked()
        uuid = ElementTree.fromstring(link.getCapabilities()).findtext('host/uuid')
        if not uuid:
            raise ports.PortError('libvirt tells no UUID of its host')
        _, memory_mb, cores, *_ = link.getInfo()
        return {'host_uuid': uuid.lower(), 'cores': cores, 'memory_mb': memory_mb}

    def domains(self) -> list[Sequence[str]]:
        """For each domain: its UUID, its XML, its power, the id of its run, and what went wrong.

        By UUID.  The id is '' if it is off, and while it is being started: it has not opened its
        disks yet.  The last is 'crashed' if it is off because its guest crashed, 'stuck' if an I/O
        error paused it, 'hung' if its watchdog did, else ''.
        With definitions also its XML as it would be started anew, without and with passwords.
        Of one that libvirt can't describe: its UUID and the reason, no more.
        """
        found = sorted(self._linked().listAllDomains(), key=lambda domain: domain.UUIDString())
        lines = (self._domain(domain) for domain in found)
        return [line for line in lines if line is not None]

    def remove(self, uuids: Sequence[str]) -> list[str]:
        """Destroy and undefine those of the domains that exist; their UUIDs."""
        return [uuid for uuid in uuids if self._remove(uuid)]

    def resume(self, runs: Mapping[str, str]) -> dict[str, str]:
        """Resume those that an I/O error paused in this run; for each why it does not go on."""
        said = {uuid: self._resume(uuid, run) for uuid, run in sorted(runs.items())}
        if '' in said.values():
            # QEMU makes the write that failed again at once, and so fails again at once.
            time.sleep(_AGAIN_SECONDS)
        return {uuid: why or self._why_paused(uuid) for uuid, why in said.items()}

    # ------------------------------------------------------------ private

    def _linked(self) -> Any:
        with contextlib.suppress(libvirt.libvirtError):
            # Not isAlive() alone: it says yes until a call finds the link broken.
            if self._link is not None and self._link.isAlive():
                self._link.getLibVersion()
                return self._link
        self._link = libvirt_link.opened(self._uri)
        return self._link

    def _domain(self, domain: Any) -> Sequence[str] | None:
        uuid = domain.UUIDString().lower()
        try:
            state, why = domain.state()
            power = _POWER.get(state, model.Power.ON)
            runs = domain.isActive() and (state, why) != _STARTING
            run = str(domain.ID()) if runs else ''
            wrong = ('crashed' if (state, why) in _CRASHED else
                     'stuck' if (state, why) == _STUCK else
                     'hung' if (state, why) == _HUNG else '')
            return (uuid, domain.XMLDesc(), power.value, run, wrong,
                    *(domain.XMLDesc(flags) for flags in self._anew))
        except libvirt.libvirtError as failure:
            if failure.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return None    # It went while the list was read.
            # A qemu that hangs, or a definition that this libvirt can't print: it alone.
            return uuid, str(failure)

    def _resume(self, uuid: str, run: str) -> str:
        try:
            domain = self._linked().lookupByUUIDString(uuid)
            if tuple(domain.state()) != _STUCK or str(domain.ID()) != run:
                return 'it is not paused by an I/O error any more, or was started since'
            domain.resume()
        except libvirt.libvirtError as failure:
            return str(failure)
        return ''

    def _why_paused(self, uuid: str) -> str:
        try:
            domain = self._linked().lookupByUUIDString(uuid)
            return 'an I/O error paused it again' if tuple(domain.state()) == _STUCK else ''
        except libvirt.libvirtError as failure:
            return str(failure)

    def _remove(self, uuid: str) -> bool:
        try:
            domain = self._linked().lookupByUUIDString(uuid)
            # Asked first: a domain that neither runs nor is persistent can't be asked any more.
            active, persistent = domain.isActive(), domain.isPersistent()
            if active:
                domain.destroy()
            if persistent:
                self._undefine(domain)
        except libvirt.libvirtError as failure:
            if failure.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return False
            raise
        return True

    @staticmethod
    def _undefine(domain: Any) -> None:
        try:
            domain.undefineFlags(_UNDEFINE)
        except libvirt.libvirtError as failure:
            if failure.get_error_code() not in (libvirt.VIR_ERR_INVALID_ARG,
                                                libvirt.VIR_ERR_NO_SUPPORT):
                raise
            domain.undefine()


if __name__ == '__main__':
    child.serve(lambda settings: LocalHandlers(settings).by_name())
