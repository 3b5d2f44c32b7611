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

"""What is wrong with a certificate, in words: TLS libraries say little more than that it failed."""

from __future__ import annotations

import datetime

from cryptography import x509


def trouble(pem: bytes, now: datetime.datetime | None = None) -> str:
    """Why the certificate can't be valid at this time; '' if its dates are no reason.

    Of a chain the first one is looked at, the holder's own.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError as failure:
        return f'it is no certificate in PEM: {failure}'
    if now > certificate.not_valid_after_utc:
        return f'it expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC'
    if now < certificate.not_valid_before_utc:
        return f'it is valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on'
    return ''


def days_left(pem: bytes, now: datetime.datetime | None = None) -> float:
    """The days until the holder's certificate ends.  Raises ValueError if it is none."""
    now = now or datetime.datetime.now(datetime.UTC)
    certificate = x509.load_pem_x509_certificate(pem)
    return (certificate.not_valid_after_utc - now).total_seconds() / 86400
