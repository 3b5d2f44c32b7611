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

"""``openstack ha protection``, ``ha instance list`` and ``ha brake``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import Any

from kaopu_ha.osc.v2 import forms


class HaProtection(forms.HaListing):
    """List what would not come back if its host died now, as the leader found it."""

    fields = ('host', 'reason', 'text', 'instances')

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Of which host, instance or reason."""
        parser.add_argument('--host', metavar='<host>')
        parser.add_argument('--instance', metavar='<instance>', help='by name or UUID')
        parser.add_argument('--reason', metavar='<reason>')

    def rows(self, args: argparse.Namespace) -> Iterable[Mapping[str, Any]]:
        """What is listed."""
        found: list[dict[str, Any]] = self.api.get('/protection', {
            'host': args.host, 'instance': args.instance, 'reason': args.reason})['unprotected']
        return found


class HaInstanceList(forms.HaListing):
    """List the instances of your project: which were down and brought back, and which would not
    come back."""

    fields = ('instance', 'name', 'protected', 'why_not', 'interruptions')

    def rows(self, args: argparse.Namespace) -> Iterable[Mapping[str, Any]]:
        """All pages."""
        return self.api.every('instances')


class HaBrakeShow(forms.HaShowing):
    """Show whether too many hosts are silent at once, and who is not condemned for that."""

    def thing(self, args: argparse.Namespace) -> Mapping[str, Any]:
        """The brake."""
        found: dict[str, Any] = self.api.get('/brake')['brake']
        return found


class HaBrakeRelease(forms.HaShowing):
    """Let the cases go on that the brake holds now, and no later ones of any host."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The reason."""
        forms.with_why(parser)

    def thing(self, args: argparse.Namespace) -> Mapping[str, Any]:
        """What was released."""
        found = self.api.post('/brake/release', {'why': args.why})
        return {'changed': found['changed'], 'text': found['text'], **{
            key: value for key, value in found['brake'].items() if key != 'text'}}
