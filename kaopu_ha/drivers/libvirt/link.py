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

"""Connections to libvirts, near and far."""

from __future__ import annotations

from typing import Any

import libvirt

# What SASL may ask for.  Without these nothing is looked up in ``auth.conf`` either.
_CREDENTIALS = [libvirt.VIR_CRED_AUTHNAME, libvirt.VIR_CRED_PASSPHRASE, libvirt.VIR_CRED_REALM]


def opened(uri: str, flags: int = 0) -> Any:
    """A connection; ``flags`` are libvirt's (VIR_CONNECT_RO).  Raises libvirtError.

    A libvirt that wants a password gets the one of libvirt's own file for clients
    (/etc/libvirt/auth.conf, see https://libvirt.org/auth.html); nobody is asked for one.
    """
    return libvirt.openAuth(uri, [_CREDENTIALS, lambda wanted, _: -1, None], flags)
