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


"""What every fence promises: a suite for drivers, ours and others'.

Mix it into a ``unittest.TestCase`` and give it a host with a disk that can be written to.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from kaopu_ha import ports
from kaopu_ha.core import model
from kaopu_ha.testing.clock import Clocked

SLACK_SECONDS = 0.6


class GivenPermit(ports.Permit):
    """A permit that says what it was made to say."""

    def __init__(self, seconds: float = 5.0, holds: bool = True) -> None:
        self._seconds, self._holds = seconds, holds

    def seconds(self) -> float:
        """As given."""
        return self._seconds

    def holds(self) -> bool:
        """As given."""
        return self._holds


class FenceSuite(Clocked):
    """The promises of ``ports.Fence``."""

    fence: ports.Fence
    cluster: str
    limit = 2.0

    assertEqual: Callable[..., None]
    assertFalse: Callable[..., None]
    assertIn: Callable[..., None]
    assertLess: Callable[..., None]
    assertRaises: Callable[..., Any]
    assertTrue: Callable[..., None]

    def host(self) -> model.Inventory:
        """A host whose disks can be fenced."""
        raise NotImplementedError

    def writes(self) -> bool:
        """True if something that ran on the host before the fence can write to its disk."""
        raise NotImplementedError

    def newcomer_writes(self) -> bool:
        """True if something started on the host now can write to a disk."""
        raise NotImplementedError

    def neighbour_writes(self) -> bool:
        """True if another host can write to its own disk."""
        raise NotImplementedError

    def unreachable(self) -> AbstractContextManager[Any]:
        """While this is entered, who keeps the fence cannot be reached."""
        raise NotImplementedError

    def order(self) -> model.FenceOrder:
        """What the fence would cut for the host."""
        (order,) = self.fence.orders(self.host(), [self.cluster], ())
        return order

    def verify(self, order: model.FenceOrder) -> model.Proof:
        """Read the fence back, and hold it to its limit."""
        began = self.calm()
        proof = self.fence.verify(order, self.limit)
        self.assertLess(self.calm() - began, self.limit + SLACK_SECONDS)
        self.assertEqual((order.fence, order.cluster), (proof.fence, proof.cluster))
        self.assertTrue(proof.reason)
        return proof

    def test_an_order_names_the_fence_and_each_cluster_once(self) -> None:
        orders = self.fence.orders(self.host(), [self.cluster, 'other', self.cluster], ())
        self.assertEqual(sorted([self.cluster, 'other']), [order.cluster for order in orders])
        self.assertEqual({self.fence.name}, {order.fence for order in orders})

    def test_nothing_is_proven_before_it_was_cut(self) -> None:
        self.assertFalse(self.verify(self.order()).holds)

    def test_a_cut_host_cannot_write_and_the_proof_holds(self) -> None:
        order = self.order()
        self.assertTrue(self.writes())
        self.fence.fence(order, GivenPermit())
        self.assertEqual((True, False, False), (
            self.verify(order).holds, self.writes(), self.newcomer_writes()))

    def test_a_neighbour_is_not_hurt(self) -> None:
        self.fence.fence(self.order(), GivenPermit())
        self.assertTrue(self.neighbour_writes())

    def test_fenced_and_unfenced_twice_is_harmless(self) -> None:
        order = self.order()
        for act in (self.fence.fence, self.fence.fence):
            act(order, GivenPermit())
        self.assertTrue(self.verify(order).holds)
        for act in (self.fence.unfence, self.fence.unfence):
            act(order, GivenPermit())
        proof = self.verify(order)
        self.assertEqual((False, True), (proof.holds, proof.gone))

    def test_an_unfenced_host_writes_again(self) -> None:
        order = self.order()
        self.fence.fence(order, GivenPermit())
        self.fence.unfence(order, GivenPermit())
        self.assertTrue(self.newcomer_writes())

    def test_without_a_permit_nothing_is_fenced(self) -> None:
        order = self.order()
        with self.assertRaises(ports.NotPermitted):
            self.fence.fence(order, GivenPermit(holds=False))
        self.assertFalse(self.verify(order).holds)

    def test_without_a_permit_nothing_is_unfenced(self) -> None:
        order = self.order()
        self.fence.fence(order, GivenPermit())
        with self.assertRaises(ports.NotPermitted):
            self.fence.unfence(order, GivenPermit(holds=False))
        self.assertTrue(self.verify(order).holds)

    def test_an_order_with_nothing_to_cut_is_never_proven(self) -> None:
        self.assertFalse(self.verify(
            model.FenceOrder(self.fence.name, self.cluster, ())).holds)

    def test_an_order_on_a_cluster_that_is_not_there_is_never_proven(self) -> None:
        order = self.order()
        self.assertFalse(self.verify(
            model.FenceOrder(order.fence, 'no-such-cluster', order.addresses)).holds)

    def test_what_cannot_be_reached_is_not_proven_and_not_cut(self) -> None:
        order = self.order()
        self.fence.fence(order, GivenPermit())
        with self.unreachable():
            proof = self.verify(order)
            self.assertEqual((False, False), (proof.holds, proof.gone))
            for act in (self.fence.fence, self.fence.unfence):
                began = self.calm()
                with self.assertRaises(ports.PortError):
                    act(order, GivenPermit(seconds=self.limit))
                self.assertLess(self.calm() - began, self.limit + SLACK_SECONDS)
            with self.assertRaises(ports.PortError):
                self.fence.forbidden(order, self.limit)
        self.assertTrue(self.verify(order).holds)
