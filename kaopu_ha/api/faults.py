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

"""Errors as the API shows them: ``{"<key>": {"code": <int>, "message": "<text>"}}``."""

from __future__ import annotations

from collections.abc import Mapping
import json

KEYS: Mapping[int, str] = {
    400: 'badRequest', 401: 'unauthorized', 403: 'forbidden', 404: 'itemNotFound',
    405: 'badMethod', 409: 'conflictingRequest', 413: 'overLimit', 415: 'badMediaType',
    429: 'overLimit', 501: 'notImplemented', 503: 'serviceUnavailable'}
OTHER = 'masakariFault'

# What a person is told of a fault of ours; its reason is in our log, and not for everybody.
UNEXPECTED = ('Unexpected API Error. Please report this to the maintainers of Kaopu HA, with the '
              'log of its API of this time.')


class Fault(Exception):
    """What the request is answered with instead; the message is for who asked."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message

    @property
    def text(self) -> str:
        """The body."""
        return json.dumps({KEYS.get(self.code, OTHER): {'code': self.code,
                                                        'message': self.message}})


def bad(message: str) -> Fault:
    """Something in the request is wrong."""
    return Fault(400, message)


def bad_input(reason: str) -> Fault:
    """A parameter of the query is wrong."""
    return bad(f'Invalid input received: {reason}')


def missing(what: str) -> Fault:
    """What is asked for is not there."""
    return Fault(404, what)


def conflict(reason: str) -> Fault:
    """It can't be now."""
    return Fault(409, reason)
