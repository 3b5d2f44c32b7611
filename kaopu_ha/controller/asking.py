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
"""Asks both networks about the suspects, so that no suspect's inventory spoils another's round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import concurrent.futures
import itertools

from kaopu_ha import ports
from kaopu_ha.controller.alone import words
from kaopu_ha.controller.overheard import Overheard
from kaopu_ha.core import model
from kaopu_ha.core.addresses import NONE_KNOWN, Known

# What a probe may take beyond the limit that it was given, before it is taken for hung.
_SPARE_SECONDS = 2.0
# Each has a thread of the pool.
_HUNG_MAX = 2
# Of those with whom a call failed, so many are asked alone at one time, and so often in a look.
_ALONE_MAX, _ALONE_TIMES = 8, 4
_PARTS = 4


class Asking:
    """The probes of a leader.  All suspects are asked in one call, and each is answered for by
    itself; if the call fails, in parts and then one by one, to find whose inventory it is.

    A call that does not come back makes its network UNKNOWN for a look.  When some hang, no more
    are made until one is back: a leader of which calls hang lets its lease lapse.

    ``heard``: what the other loops hear of a suspect meanwhile counts, too.
    """

    def __init__(self, probes: Sequence[ports.Probe], pool: concurrent.futures.Executor,
                 rules: model.Rules, heard: Overheard | None = None) -> None:
        self._probes = {probe.network: probe for probe in probes}
        self._pool, self._rules, self._heard = pool, rules, heard
        self._hung: dict[model.Network, list[Asked]] = {}
        # How often some may still be asked one by one in this look.
        self._left = 0
        # The peers that did a probe no harm in this look.
        self._well: dict[model.Network, tuple[model.Inventory, ...]] = {}

    def ask(self, suspects: Sequence[model.Inventory], peers: Sequence[model.Inventory],
            known: Known, meanwhile: Callable[[], None] = lambda: None
            ) -> Mapping[model.Network, Mapping[str, model.Evidence]]:
        """What each network says of each suspect; both are asked at once.  Raises nothing."""
        heard = self._heard
        began = heard.clock() if heard else 0.0
        asks = {network: self._begun(network, probe, suspects, peers, known)
                for network, probe in self._probes.items()}
        meanwhile()
        self._left, self._well = _ALONE_TIMES, {}
        said = {network: self._said(network, ask, suspects, peers, known)
                for network, ask in asks.items()}
        return heard.counted(said, suspects, known, began) if heard else said

    def _limit(self, network: model.Network) -> float:
        storage = network is model.Network.STORAGE
        return self._rules.storage_limit if storage else self._rules.ask_limit

    def _begun(self, network: model.Network, probe: ports.Probe,
               suspects: Sequence[model.Inventory], peers: Sequence[model.Inventory],
               known: Known) -> Asked:
        hung = [each for each in self._hung.get(network, ()) if not each.done()]
        self._hung[network] = hung
        if len(hung) >= _HUNG_MAX:
            return hung[0]
        return self._pool.submit(probe.ask, suspects, peers, self._limit(network), known)

    def _said(self, network: model.Network, asked: Asked, suspects: Sequence[model.Inventory],
              peers: Sequence[model.Inventory], known: Known) -> Mapping[str, model.Evidence]:
        limit = self._limit(network) + _SPARE_SECONDS
        if asked in self._hung[network]:
            # What the ask of an earlier look says is of then, and counts no more: a host may live
            # since.  It is waited for all the same, so that the next look can ask.
            concurrent.futures.wait([asked], timeout=limit)
            return _not_ended(network, suspects)
        try:
            said = asked.result(timeout=limit)
            return {suspect.host: said[suspect.host] for suspect in suspects}
        except TimeoutError:
            self._hung[network].append(asked)
            return _not_ended(network, suspects)
        except Exception as failure:  # noqa: BLE001  whose inventory it was is found one by one
            if len(suspects) == 1 and not peers:
                return {suspects[0].host: _unasked(network, failure)}
        return self._in_parts(network, suspects, peers, known)

    def _in_parts(self, network: model.Network, suspects: Sequence[model.Inventory],
                  peers: Sequence[model.Inventory], known: Known) -> Mapping[str, model.Evidence]:
        """Those with whom a call failed, in some calls at one time, until they are few.

        So one among a hundred costs the others three asks, not a hundred; and of many the first.
        """
        if len(suspects) <= _ALONE_MAX:
            if self._left <= 0:
                return {suspect.host: model.Evidence(network, model.Sign.UNKNOWN,
                                                     'it was not asked in time: with too many '
                                                     'others an ask failed')
                        for suspect in suspects}
            self._left -= 1
            return self._one_by_one(network, suspects, peers, known)
        probe, well = self._probes[network], self._harmless(network, peers)
        parts = [suspects[first::_PARTS] for first in range(_PARTS)]
        asks = [self._begun(network, probe, part, well, known) for part in parts]
        return {host: said for part, ask in zip(parts, asks, strict=True)
                for host, said in self._said(network, ask, part, well, known).items()}

    def _one_by_one(self, network: model.Network, suspects: Sequence[model.Inventory],
                    peers: Sequence[model.Inventory], known: Known) -> Mapping[str, model.Evidence]:
        probe, well = self._probes[network], self._harmless(network, peers)
        asks = {suspect.host: self._pool.submit(probe.ask, (suspect,), well,
                                            self._limit(network), known)
                for suspect in suspects}
        said = {}
        for host, ask in asks.items():
            try:
                said[host] = ask.result(timeout=self._limit(network) + _SPARE_SECONDS)[host]
            except Exception as failure:  # noqa: BLE001  this suspect can't be asked, others can
                said[host] = _unasked(network, failure)
        return said

    def _harmless(self, network: model.Network,
                  peers: Sequence[model.Inventory]) -> Sequence[model.Inventory]:
        """A few peers that do the probe no harm, each asked once in a look: when a part fails as
        well, what is passed here are those that were found before it was asked.
        """
        if network not in self._well:
            harmless = filter(lambda peer: self._is_harmless(network, peer), peers)
            self._well[network] = tuple(itertools.islice(harmless, self._rules.peers_asked_max))
        return self._well[network]

    def _is_harmless(self, network: model.Network, peer: model.Inventory) -> bool:
        try:
            self._probes[network].ask((), (peer,), self._limit(network), NONE_KNOWN)
        except Exception:  # noqa: BLE001  another will do
            return False
        return True


Asked = concurrent.futures.Future[Mapping[str, model.Evidence]]


def _not_ended(network: model.Network,
               suspects: Sequence[model.Inventory]) -> Mapping[str, model.Evidence]:
    rule = f'the ask over the {network.value} network has not ended'
    return {suspect.host: model.Evidence(network, model.Sign.UNKNOWN, rule) for suspect in suspects}


def _unasked(network: model.Network, failure: Exception) -> model.Evidence:
    return model.Evidence(network, model.Sign.UNKNOWN,
                          f'it could not be asked: {words(failure)[:120]}')
