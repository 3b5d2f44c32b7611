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


"""What every probe promises: suites for drivers, ours and others'.

Mix a suite into a ``unittest.TestCase`` and give it the states that it asks about; each is a real
part in that state, or one that cannot be told from it.  A driver that keeps this promise never
says SILENCE of a host that it could not ask.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
import dataclasses
from typing import Any

from kaopu_ha import ports
from kaopu_ha.core import model
from kaopu_ha.core.model import Contact, Sign
from kaopu_ha.testing.clock import Clocked

# What a machine that is busy may add to a limit.
SLACK_SECONDS = 0.6
# More disks than any host has.
_DISKS = 3000


class ProbeSuite(Clocked):
    """The promises of ``ports.Probe``."""

    probe: ports.Probe
    limit = 2.0

    assertEqual: Callable[..., None]
    assertIs: Callable[..., None]
    assertLess: Callable[..., None]
    assertTrue: Callable[..., None]

    def alive(self) -> model.Inventory:
        """A host that answers on this network."""
        raise NotImplementedError

    def silent(self) -> model.Inventory:
        """A host that does not answer, while the observer is well."""
        raise NotImplementedError

    def unknowable(self) -> model.Inventory:
        """A host that cannot be asked, through no fault of its own."""
        raise NotImplementedError

    def blinded(self) -> AbstractContextManager[Any]:
        """While this is entered the observer reaches nobody."""
        raise NotImplementedError

    def ask(self, *suspects: model.Inventory,
            peers: tuple[model.Inventory, ...] = ()) -> dict[str, model.Evidence]:
        """Ask, and hold the probe to its limit, its network, and an answer for everybody."""
        began = self.calm()
        found = dict(self.probe.ask(suspects, peers, self.limit))
        self.assertLess(self.calm() - began, self.limit + SLACK_SECONDS)
        self.assertEqual({suspect.host for suspect in suspects}, set(found))
        for evidence in found.values():
            self.assertIs(self.probe.network, evidence.network)
            self.assertTrue(evidence.rule)
        return found

    def sign(self, suspect: model.Inventory) -> Sign:
        """The sign of one host, asked alone with a live host as peer."""
        return self.ask(suspect, peers=(self.alive(),))[suspect.host].sign

    def test_a_live_host_shows_life(self) -> None:
        self.assertIs(Sign.LIFE, self.sign(self.alive()))

    def test_a_silent_host_is_silent(self) -> None:
        self.assertIs(Sign.SILENCE, self.sign(self.silent()))

    def test_a_host_that_cannot_be_asked_is_unknown(self) -> None:
        self.assertIs(Sign.UNKNOWN, self.sign(self.unknowable()))

    def test_hosts_asked_together_have_their_own_signs(self) -> None:
        alive, silent, unknowable = self.alive(), self.silent(), self.unknowable()
        found = self.ask(alive, silent, unknowable)
        self.assertEqual([Sign.LIFE, Sign.SILENCE, Sign.UNKNOWN],
                         [found[each.host].sign for each in (alive, silent, unknowable)])

    def test_many_at_once_have_their_own_signs(self) -> None:
        """One that has more to ask about than can be asked in time takes no other one's answer."""
        alive, silent, unknowable = self.alive(), self.silent(), self.unknowable()
        found = self.ask(laden(silent), *(
            dataclasses.replace(each, host=f'{each.host}-{number}')
            for each in (alive, silent, unknowable) for number in range(6)))
        for each, sign in ((alive, Sign.LIFE), (silent, Sign.SILENCE), (unknowable, Sign.UNKNOWN)):
            self.assertEqual([sign] * 6,
                             [found[f'{each.host}-{number}'].sign for number in range(6)])
        self.assertTrue(found['laden'].sign is not Sign.LIFE)

    def test_a_blind_eye_knows_nothing(self) -> None:
        hosts = self.alive(), self.silent()
        with self.blinded():
            found = self.ask(*hosts)
        self.assertEqual({Sign.UNKNOWN}, {evidence.sign for evidence in found.values()})

    def test_an_eye_that_was_blind_sees_again(self) -> None:
        alive = self.alive()
        with self.blinded():
            self.ask(alive)
        self.assertIs(Sign.LIFE, self.sign(alive))

    def test_nobody_asked_about_is_nobody_answered_for(self) -> None:
        self.assertEqual({}, self.ask())


def laden(host: model.Inventory) -> model.Inventory:
    """The same host as *laden*, with thousands of disks more, none of which there is."""
    image = next(iter(host.images), model.Image('none', 'vms', '', ''))
    more = (model.Instance(f'more-{number}', f'more-{number}', model.Power.ON, (
        dataclasses.replace(image, name=f'none-{number}', header=f'rbd_header.none-{number}'),))
        for number in range(_DISKS))
    return dataclasses.replace(host, host='laden', instances=(*host.instances, *more))


class LibvirtObserverSuite(Clocked):
    """The promises of ``ports.LibvirtObserver``."""

    observer: ports.LibvirtObserver
    limit = 2.0

    assertEqual: Callable[..., None]
    assertLess: Callable[..., None]

    def answering(self) -> tuple[str, model.LibvirtAnswer]:
        """A URI at which a libvirt answers, and what it says."""
        raise NotImplementedError

    def others(self) -> AbstractContextManager[dict[Contact, str]]:
        """URIs for every other contact: each is so while this is entered."""
        raise NotImplementedError

    def contact(self, *uris: str) -> dict[str, model.LibvirtAnswer]:
        """Ask, and hold the observer to its limit."""
        began = self.calm()
        found = dict(self.observer.contact(uris, self.limit))
        self.assertLess(self.calm() - began, self.limit + SLACK_SECONDS)
        return found

    def test_it_tells_who_it_is_and_which_domains_it_knows(self) -> None:
        uri, answer = self.answering()
        said = self.contact(uri)[uri]
        self.assertEqual(answer, dataclasses.replace(said, running=answer.running))
        self.assertEqual(True, said.running is not None and set(said.running) <= set(said.domains))

    def test_each_contact_has_its_name(self) -> None:
        uri, _ = self.answering()
        with self.others() as others:
            found = self.contact(uri, *others.values())
        self.assertEqual({Contact.ANSWERED: uri, **others},
                         {answer.contact: uri for uri, answer in found.items()})
        self.assertEqual(set(Contact), {answer.contact for answer in found.values()})


class ImageObserverSuite(Clocked):
    """The promises of ``ports.ImageObserver``, which a reader of the storage keeps as well."""

    assertEqual: Callable[..., None]

    def asks(self) -> ports.ImageObserver | ports.StorageReader:
        """Who asks the storage about clients."""
        raise NotImplementedError

    def an_image(self) -> model.Image:
        """An image that is there, which a live client has open."""
        raise NotImplementedError

    def hung(self) -> AbstractContextManager[Any]:
        """While this is entered the storage answers nothing."""
        raise NotImplementedError

    def test_the_clients_of_an_image_are_listed_and_asked(self) -> None:
        image = self.an_image()
        answer = self.asks().clients([image], 5)[image]
        self.assertEqual(('', False, True), (answer.error, answer.gone, bool(answer.clients)))
        self.assertEqual({True}, {client.acknowledged for client in answer.clients})

    def test_an_image_that_is_not_there_is_gone_and_spoils_no_other_answer(self) -> None:
        image = self.an_image()
        gone = dataclasses.replace(image, name='gone', header='rbd_header.gone')
        found = self.asks().clients([gone, image], 5)
        self.assertEqual((True, True, ()), (
            found[gone].gone, bool(found[gone].error), found[gone].clients))
        self.assertEqual((False, ''), (found[image].gone, found[image].error))

    def test_an_image_of_which_nobody_answers_is_not_gone(self) -> None:
        image = self.an_image()
        gone = dataclasses.replace(image, name='gone', header='rbd_header.gone')
        with self.hung():
            found = self.asks().clients([image, gone], 1.0)
        self.assertEqual([(False, True)] * 2,
                         [(answer.gone, bool(answer.error)) for answer in found.values()])


class StorageReaderSuite(ImageObserverSuite):
    """The promises of ``ports.StorageReader``."""

    reader: ports.StorageReader
    fsid: str

    assertLess: Callable[..., None]
    assertRaises: Callable[..., Any]

    def asks(self) -> ports.StorageReader:
        """The reader itself."""
        return self.reader

    def test_the_cluster_tells_its_id(self) -> None:
        self.assertEqual(self.fsid, self.reader.fsid(5))

    def test_headers_are_found_by_name_and_absent_images_left_out(self) -> None:
        image = self.an_image()
        found = self.reader.header_ids(image.pool, [image.name, 'nowhere'], 5)
        self.assertEqual({image.name: image.header}, dict(found))

    def test_the_storage_answers_for_an_image_that_is_there(self) -> None:
        self.reader.touch(self.an_image(), 5)

    def test_a_storage_that_does_not_answer_is_an_error_in_time(self) -> None:
        image = self.an_image()
        with self.hung():
            began = self.calm()
            with self.assertRaises(ports.PortError):
                self.reader.touch(image, 1.0)
            self.assertLess(self.calm() - began, 1.0 + SLACK_SECONDS)
            self.assertEqual(True, bool(self.reader.clients([image], 1.0)[image].error))
        self.reader.touch(image, 5)
