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

"""``openstack ha case`` and ``ha explain``: the open files on hosts, and what happened."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import Any

from kaopu_ha import records
from kaopu_ha.osc.client import name
from kaopu_ha.osc.v2 import forms
from kaopu_ha.telling import written
from kaopu_ha.telling.steps import Explained


class HaCaseList(forms.HaListing):
    """List the open cases."""

    fields = ('id', 'host', 'stage', 'verdict', 'waited', 'waits', 'opened_at', 'changed_at',
              'reason')

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Which."""
        parser.add_argument('--closed', action='store_true', help='the closed ones, too')
        parser.add_argument('--host', metavar='<host>', help='those of this host only')

    def rows(self, args: argparse.Namespace) -> Iterable[Mapping[str, Any]]:
        """All pages."""
        return self.api.every('cases', {'closed': args.closed, 'host': args.host})


def _which(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('host', metavar='<host>')
    parser.add_argument('--back', type=int, metavar='<n>',
                        help='a closed case: 1 is the one closed last, 2 the one before')


class HaCaseShow(forms.HaShowing):
    """Show the case on a host with its rounds of evidence: the open one, or the one closed last."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The host, and which of its cases."""
        _which(parser)

    def thing(self, args: argparse.Namespace) -> Mapping[str, Any]:
        """The case."""
        found: dict[str, Any] = self.api.get(f'/cases/{name(args.host)}', {'back': args.back})
        return dict(found['case'])


class HaExplain(forms.HaCommand):
    """Tell what happened to a host and its instances, and why."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The host, and which of its cases."""
        _which(parser)

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Tell it, as ``kaopu-ha explain`` does."""
        found = self.api.get(f'/explain/{name(parsed_args.host)}', {'back': parsed_args.back})
        told = records.made(Explained, found['explained'])
        self.app.stdout.write('\n'.join(written.lines(told)) + '\n')
