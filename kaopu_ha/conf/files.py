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
"""Files that the configuration names: there, readable, and what they should be.

The dates of a certificate are not looked at: the clock of a machine that was just booted may be
wrong, and who refuses to start then stays down.  A connection that fails by them says so.
"""

from __future__ import annotations

from collections.abc import Callable
import os
from typing import TYPE_CHECKING, Any

from kaopu_ha.conf.errors import ConfigError

if TYPE_CHECKING:
    from cryptography import x509

_KINDS = {'certificates': 'a file with certificates in PEM, which begins with '
                          '-----BEGIN CERTIFICATE-----',
          'key': 'the file with the private key in PEM, which begins with '
                 '-----BEGIN PRIVATE KEY----- or the like'}


def content(option: str, path: str) -> bytes:
    """What the file holds.  Raises ConfigError, with the option, if it can't be read."""
    try:
        with open(path, 'rb') as file:
            return file.read()
    except FileNotFoundError:
        reason = 'is not there: name the file that is, or take the option out'
    except IsADirectoryError:
        reason = 'is a folder: name the file in it'
    except PermissionError:
        reason = ('may not be read by this user: chgrp it to the service\'s group, and chmod 0640')
    except OSError as failure:
        reason = f'can\'t be read: {failure.strerror or failure}'
    raise ConfigError(f'{option}: {path} {reason}')


def certificates(option: str, path: str) -> list[x509.Certificate]:
    """The certificates of a PEM file, one at least.  Raises ConfigError."""
    # Loaded when needed only: a command must answer at once.
    from cryptography import x509
    found: list[x509.Certificate] = _loaded(option, path, 'certificates',
                                            x509.load_pem_x509_certificates)
    return found


def pair(cert_option: str, cert: str, key_option: str, key: str) -> None:
    """Raise ConfigError unless both are good, and belong together; both may be one file."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    shown = certificates(cert_option, cert)[0]
    try:
        private = _loaded(key_option, key, 'key', lambda pem: load_pem_private_key(pem, None))
    except TypeError:
        raise ConfigError(f'{key_option}: {key} asks for a passphrase, and nobody is there to '
                          f'type it: write the key without one (openssl pkey -in {key} -out '
                          f'NEW)') from None
    if private.public_key() != shown.public_key():
        raise ConfigError(f'{key_option}: {key} is not the key of the certificate in '
                          f'{cert_option.rpartition(" ")[2]}, {cert}: name the two that were '
                          f'made together')


def both_or_none(section: str, names: tuple[str, str], values: tuple[str, str]) -> None:
    """Raise ConfigError if only one of a certificate and its key is set."""
    (cert, key), (cert_is, key_is) = names, map(bool, values)
    if cert_is is not key_is:
        there, missing = (cert, key) if cert_is else (key, cert)
        raise ConfigError(f'[{section}] {there} is set, but {missing} is not: a certificate and '
                          f'its private key go together; set {missing} too, or neither')


def folder(option: str, path: str, names: tuple[str, ...]) -> list[str]:
    """The paths of the files in a folder.  Raises ConfigError for one that can't be read."""
    found = [os.path.join(path, name) for name in names]
    for each in found:
        content(option, each)
    return found


def _loaded(option: str, path: str, kind: str, load: Callable[[bytes], Any]) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    pem = content(option, path)
    try:
        return load(pem)
    except (ValueError, UnsupportedAlgorithm) as failure:
        # The library's own reasons run over lines, and quote what may be a secret.
        raise ConfigError(f'{option}: {path} can\'t be used ({type(failure).__name__}): name '
                          f'{_KINDS[kind]}') from None
