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

"""``openstack ha recovery``: what is done about confirmed hosts, and what people ask of it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import Any

from kaopu_ha.osc.client import name
from kaopu_ha.osc.v2 import forms


class HaRecoveryList(forms.HaListing):
    """List the recoveries, newest last."""

    fields = ('id', 'host', 'stage', 'ended', 'instances', 'began_at', 'waiting_for')

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Of which host."""
        parser.add_argument('--host', metavar='<host>', help='those of this host only')

    def rows(self, args: argparse.Namespace) -> Iterable[Mapping[str, Any]]:
        """All pages."""
        return self.api.every('recoveries', {'host': args.host})


class HaRecoveryShow(forms.HaShowing):
    """Show a recovery with its fences, and each of its instances with its attempts."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Which."""
        parser.add_argument('recovery', metavar='<id|host>',
                            help='the recovery, or a host: its newest one')

    def thing(self, args: argparse.Namespace) -> Mapping[str, Any]:
        """Its facts, then the rest."""
        found = self.api.get(f'/recoveries/{name(args.recovery)}')
        return {**found['recovery'], **{key: found[key] for key in
                                        ('proof', 'evacuations', 'wishes')}}


class _Wish(forms.HaShowing):
    """Asks the leader for something; ``recovery show`` and ``explain`` show what came of it."""

    path: str
    subject = 'host'

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Of what, and the reason."""
        parser.add_argument('subject', metavar=f'<{self.subject}>')
        forms.with_why(parser)

    def body(self, args: argparse.Namespace) -> Mapping[str, Any]:
        """What is sent."""
        return {'why': args.why}

    def thing(self, args: argparse.Namespace) -> Mapping[str, Any]:
        """What was asked."""
        found = self.api.post(self.path.format(name(args.subject)), self.body(args))
        return {**found['wish'], 'changed': found['changed'], 'leads': found['leads']}


class HaRecoveryRetry(_Wish):
    """Try again at once to move an instance to any host, or to start it where it was."""

    path, subject = '/recoveries/instances/{}/retry', 'instance'


class HaRecoveryGiveUp(_Wish):
    """Give an instance of a recovery up: it is not moved any more, and nobody is reminded of it."""

    path, subject = '/recoveries/instances/{}/give-up', 'instance'


class HaRecoveryEnd(_Wish):
    """Give every instance of a host's recovery up that is not under way."""

    path = '/recoveries/{}/end'


class HaRecoveryGoOn(_Wish):
    """Have what waits go on by your word that a host is off: where no fence holds, whoever is wrong
    has two writers on each disk."""

    path = '/recoveries/{}/go-on'

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The same, and what exactly the person says."""
        super().arguments(parser)
        word = parser.add_mutually_exclusive_group(required=True)
        word.add_argument('--switched-off', action='store_const', dest='because',
                          const='switched off',
                          help='I have seen that it has no power, and it stays so until its '
                               'recovery is finished')
        word.add_argument('--destroyed', action='store_const', dest='because', const='destroyed',
                          help='it will never run again')

    def body(self, args: argparse.Namespace) -> Mapping[str, Any]:
        """With what was seen."""
        return {'why': args.why, 'because': args.because}
