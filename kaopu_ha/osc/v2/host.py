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

"""``openstack ha host``: the hosts, and people's word to leave one alone or to take it back."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import Any

from kaopu_ha.osc.client import name
from kaopu_ha.osc.v2 import forms


class HaHostList(forms.HaListing):
    """List the hosts: beat, case, hold, storage, and their instances."""

    fields = ('host', 'beat', 'case', 'hold', 'storage', 'instances')

    def rows(self, args: argparse.Namespace) -> Iterable[Mapping[str, Any]]:
        """All of them."""
        return self.api.every('hosts')


class _OfHost(forms.HaShowing):
    """Asks of one host."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The host."""
        parser.add_argument('host', metavar='<host>')


class HaHostShow(_OfHost):
    """Show all that is known of a host."""

    def thing(self, args: argparse.Namespace) -> Mapping[str, Any]:
        """Its records."""
        found: dict[str, Any] = self.api.get(f'/hosts/{name(args.host)}')['host']
        return found


class HaHostHold(_OfHost):
    """Leave a host alone: it is watched, but not condemned, and is no target."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The host, and the reason."""
        super().arguments(parser)
        forms.with_why(parser)

    def thing(self, args: argparse.Namespace) -> Mapping[str, Any]:
        """The hold."""
        found: dict[str, Any] = self.api.post(f'/hosts/{name(args.host)}/hold',
                                              {'why': args.why})
        return found


class HaHostRelease(_OfHost):
    """End the hold on a host."""

    def thing(self, args: argparse.Namespace) -> Mapping[str, Any]:
        """Whether there was one."""
        found: dict[str, Any] = self.api.post(f'/hosts/{name(args.host)}/release')
        return found


class HaHostAdmit(_OfHost):
    """Ask to take a host back that was confirmed dead and is repaired; its case shows the steps."""

    def thing(self, args: argparse.Namespace) -> Mapping[str, Any]:
        """What was asked."""
        found = self.api.post(f'/hosts/{name(args.host)}/admit')
        return {**found['request'], 'leads': found['leads']}
