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


"""What raw answers of the networks say of a host: LIFE, SILENCE, or nothing at all.

::

    management                              storage, for each image that the host had open
    answered, its UUID      LIFE            its client acknowledged             LIFE
    answered, other UUID    UNKNOWN         no client of its, or none of its    SILENCE
    refused, or mute        SILENCE *         clients acknowledged
    nothing, eye is well    SILENCE         not answered                        UNKNOWN
    nothing, eye is not     UNKNOWN         -> one LIFE is LIFE; else one SILENCE is SILENCE
    error                   UNKNOWN
                                            * a live kernel answers

"The eye is well" means: it reached another host or an anchor in the same round.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
import ipaddress

from kaopu_ha.core import model

NOTHING_ON = 'nothing was on: nothing to ask, nothing to move'
NO_IMAGE = 'there is nothing to ask: the host had no image open'
# With these there never will be an answer: such a host says nothing of the others either.
NOTHING_TO_ASK = (NOTHING_ON, NO_IMAGE)

_KERNEL = (model.Contact.ANSWERED, model.Contact.REFUSED, model.Contact.MUTE)


def management(inventory: model.Inventory, answer: model.LibvirtAnswer, other_reached: bool,
               eye: str) -> model.Evidence:
    """Say what the answer of a host's libvirt means.

    SILENCE is said only if a live kernel was met, or if the eye is known to be well.
    """
    sign, rule = _of_libvirt(inventory, answer, other_reached)
    came = ': '.join(filter(None, (answer.contact.value, answer.reason)))
    return model.Evidence(
        network=model.Network.MANAGEMENT, sign=sign, rule=rule, eye=eye,
        kernel_answers=sign is not model.Sign.LIFE and answer.contact in _KERNEL,
        answers=(model.Answer(inventory.management_uri, came, sign),))


def storage(inventory: model.Inventory, answers: Sequence[model.ImageAnswer],
            eye: str) -> model.Evidence:
    """Say what the clients of the images mean that the host had open.

    An image that was not answered is listed as unasked, and never counts as SILENCE.
    """
    addresses = _canonical(inventory.storage_addresses)
    by_image = {answer.image: answer for answer in answers}
    asked = [by_image.get(image, model.ImageAnswer(image, error='it was not asked'))
             for image in inventory.images]
    lines = tuple(_of_image(answer, addresses) for answer in asked)
    sign, rule = _of_images(inventory, lines)
    clients = [client for answer in asked for client in answer.clients]
    return model.Evidence(
        network=model.Network.STORAGE, sign=sign, rule=rule, eye=eye, answers=lines,
        unasked=tuple(answer.image for answer in asked if answer.error),
        elsewhere=_addresses(client for client in clients if not _is_of(client, addresses)),
        clients=_addresses(client for client in clients if _is_of(client, addresses)))


# ---------------------------------------------------------------- management


def _of_libvirt(inventory: model.Inventory, answer: model.LibvirtAnswer,
                other_reached: bool) -> tuple[model.Sign, str]:
    if answer.contact is model.Contact.ANSWERED:
        if not inventory.host_uuid:
            return model.Sign.UNKNOWN, 'libvirt answered, but the UUID of the host is not known'
        if answer.host_uuid.lower() != inventory.host_uuid.lower():
            return model.Sign.UNKNOWN, 'the libvirt of another host answered'
        return model.Sign.LIFE, 'libvirt answered with the UUID of the host'
    if answer.contact is model.Contact.REFUSED:
        return model.Sign.SILENCE, 'libvirt is not running: a live kernel refused the connection'
    if answer.contact is model.Contact.MUTE:
        return model.Sign.SILENCE, 'libvirt is mute: a live kernel accepted the connection'
    if answer.contact is model.Contact.ERROR:
        return model.Sign.UNKNOWN, 'libvirt could not be asked'
    if other_reached:
        return model.Sign.SILENCE, 'nothing came back, while others were reached'
    return model.Sign.UNKNOWN, 'nothing came back, but nobody else was reached either'


# ---------------------------------------------------------------- storage


def _of_images(inventory: model.Inventory,
               lines: Sequence[model.Answer]) -> tuple[model.Sign, str]:
    signs = {line.sign for line in lines}
    if not lines:
        on = any(one.power is not model.Power.OFF for one in inventory.instances)
        return model.Sign.UNKNOWN, NO_IMAGE if on else NOTHING_ON
    if not inventory.storage_addresses:
        return model.Sign.UNKNOWN, 'the storage addresses of the host are not known'
    if model.Sign.LIFE in signs:
        return model.Sign.LIFE, 'a client of the host acknowledged'
    if model.Sign.SILENCE in signs:
        return model.Sign.SILENCE, 'no client of the host acknowledged'
    return model.Sign.UNKNOWN, 'no image could be asked'


def _of_image(answer: model.ImageAnswer, addresses: frozenset[str]) -> model.Answer:
    name = f'{answer.image.pool}/{answer.image.name}'
    if answer.error:
        return model.Answer(name, answer.error, model.Sign.UNKNOWN)
    ours = [client for client in answer.clients if _is_of(client, addresses)]
    if not addresses:
        return model.Answer(name, _count(answer.clients), model.Sign.UNKNOWN)
    if any(client.acknowledged for client in ours):
        return model.Answer(name, 'a client of the host acknowledged', model.Sign.LIFE)
    if ours:
        return model.Answer(name, f'{_count(ours)} of the host, none acknowledged',
                            model.Sign.SILENCE)
    if answer.clients:
        return model.Answer(name, f'{_count(answer.clients)}, none of the host',
                            model.Sign.SILENCE)
    return model.Answer(name, 'no client', model.Sign.SILENCE)


def _count(clients: Sequence[model.Client]) -> str:
    return '1 client' if len(clients) == 1 else f'{len(clients)} clients'


def _is_of(client: model.Client, addresses: frozenset[str]) -> bool:
    return bool(_canonical([client.ip]) & addresses)


def _addresses(clients: Iterable[model.Client]) -> tuple[str, ...]:
    return tuple(sorted({client.address for client in clients}))


def _canonical(addresses: Iterable[str]) -> frozenset[str]:
    """One spelling for each address: IPv6 has many, and Ceph and the agent need not agree."""
    return frozenset(_spelling(address) for address in addresses)


def _spelling(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address.strip('[]')))
    except ValueError:
        return address
