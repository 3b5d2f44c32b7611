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

"""What a client shows to etcd and whom it trusts; and what a failed handshake means."""

from __future__ import annotations

from collections.abc import Sequence
import pathlib
import re
from typing import Any

import grpc

from kaopu_ha.core import etcd_endpoint

# How gRPC says that a member ended the connection because of what we showed.
_REFUSED = 'TSI_DATA_CORRUPTED'
_NOT_ACCEPTED = re.compile(r'CERTIFICATE_VERIFY_FAILED: ([^:]+)')


class TlsFiles:
    """The certificate that this process shows, and the authority by which it checks members.

    The files are read once: a process shows a renewed certificate after it was started again.
    """

    def __init__(self, endpoints: Sequence[str], ca: str, cert: str, key: str) -> None:
        """Take PEM files; without ``ca`` and any https URL there is no TLS.

        Raises OSError, and ValueError for what is no endpoint.
        """
        self.credentials: Any = None
        self.ca, self.cert, self.key, self._chain = ca, cert, key, b''
        if not ca and not any(etcd_endpoint.parse(each).is_secure for each in endpoints):
            return
        roots, chain, private = (pathlib.Path(name).read_bytes() if name else None
                                 for name in (ca, cert, key))
        self._chain = chain or b''
        self.credentials = grpc.ssl_channel_credentials(
            root_certificates=roots, private_key=private, certificate_chain=chain)

    def explained(self, why: str) -> str:
        """A failure, with what TLS has to do with it in words."""
        if self.credentials is None:
            return why
        # Loaded when needed only: a command must answer at once.
        from kaopu_ha.drivers import certificates
        reason = certificates.trouble(self._chain) if self._chain else ''
        if reason:
            return (f'our certificate {self.cert} is not valid: {reason}; renew it, then start '
                    f'this process again ({why})')
        if _REFUSED in why:
            return f'the member refuses {self._told()} ({why})'
        found = _NOT_ACCEPTED.search(why)
        return f'the member\'s certificate is not accepted: {found[1]} ({why})' if found else why

    def _told(self) -> str:
        return f'our certificate {self.cert}' if self.cert else 'a client without certificate'
