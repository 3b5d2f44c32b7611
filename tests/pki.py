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

"""A certificate authority for tests."""

from collections.abc import Iterable
import datetime
import ipaddress
import pathlib
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)


class Pair(NamedTuple):
    """The files of a certificate and its private key."""

    cert: str
    key: str


class Authority:
    """Issues certificates into a folder; ``ca`` is the file with its own."""

    def __init__(self, folder: pathlib.Path, name: str = 'ca') -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f'test {name}')])
        made = self._builder(self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), True)
        self.ca = self._write(f'{name}.pem', made.sign(self._key, hashes.SHA256()))

    def issue(self, name: str, addresses: Iterable[str] = (), *, expired: bool = False) -> Pair:
        """A certificate for both sides of a connection, with this common name."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        names = [x509.DNSName(name), *(x509.IPAddress(ipaddress.ip_address(each))
                                       for each in addresses)]
        made = self._builder(subject, key, ended=expired).add_extension(
            x509.BasicConstraints(ca=False, path_length=None), True).add_extension(
            x509.ExtendedKeyUsage(usages), False).add_extension(
            x509.SubjectAlternativeName(names), False)
        stem = f'{name}{"-expired" if expired else ""}'
        cert = self._write(f'{stem}.crt', made.sign(self._key, hashes.SHA256()))
        path = self._folder / f'{stem}.key'
        path.touch(0o600)
        path.write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
        return Pair(cert, str(path))

    def _builder(self, subject, key, ended=False):
        end = datetime.datetime.now(datetime.UTC) + (-_DAY if ended else _DAY)
        return (x509.CertificateBuilder().subject_name(subject).issuer_name(self._name)
                .public_key(key.public_key()).serial_number(x509.random_serial_number())
                .not_valid_before(end - 2 * _DAY).not_valid_after(end))

    def _write(self, name, certificate):
        path = self._folder / name
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return str(path)
