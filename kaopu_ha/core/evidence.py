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
    answered, other UUID    UNKNOWN         a client at an address of nobody    UNKNOWN **
    refused, or mute        SILENCE *         acknowledged
    nothing, eye is well    SILENCE         no client of its, or none of its    SILENCE
    nothing, eye is not     UNKNOWN           clients acknowledged
    error                   UNKNOWN         not answered                        UNKNOWN

    * a live kernel answers                 -> one LIFE is LIFE; else one ** is UNKNOWN; else
                                               SILENCE, if half of what was on was answered for

"The eye is well" means: it reached another host or an anchor in the same round.  "Of nobody" means:
no host's that is known, and no tool's; it may be the host's own, which it did not tell of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
import dataclasses

from kaopu_ha.core import addresses, model
from kaopu_ha.core.addresses import NONE_KNOWN, Known, spelling

# Of the addresses in one sentence.
_TOLD_MAX = 3
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
        answers=(model.Answer(inventory.management_uri, came, sign),),
        guests=answer.running if sign is model.Sign.LIFE else None)


def confirmed(inventory: model.Inventory, case: model.Case) -> model.Inventory:
    """What the host had on, as far as its last sign of life confirms it.

    Without a beat nobody publishes what leaves and comes: what libvirt told since counts.  A guest
    that runs there and that the agent never told of has no image that could be asked.
    """
    if not case.guests_at:
        return inventory
    known = {instance.uuid for instance in inventory.instances}
    instances = [_confirmed(instance, case.guests) for instance in inventory.instances]
    instances += [model.Instance(uuid, uuid, model.Power.ON, untold=True)
                  for uuid in case.guests if uuid not in known]
    instances += [model.Instance(uuid, uuid, model.Power.OFF, untold=True)
                  for uuid in case.went_off if uuid not in known]
    lately = {*inventory.off_lately, *case.went_off}
    return dataclasses.replace(inventory, instances=tuple(instances),
                               off_lately=tuple(sorted(lately)))


def _confirmed(instance: model.Instance, guests: Collection[str]) -> model.Instance:
    if instance.uuid not in guests:
        return dataclasses.replace(instance, power=model.Power.OFF)
    if instance.power is model.Power.OFF:
        return dataclasses.replace(instance, power=model.Power.ON)
    return instance


def storage(inventory: model.Inventory, answers: Sequence[model.ImageAnswer], eye: str,
            known: Known = NONE_KNOWN) -> model.Evidence:
    """Say what the clients of the images mean that the host had open.

    An image that was not answered is listed as unasked, and never counts as SILENCE; nor does one
    on which a client at an address of nobody lives.  With nothing known of other hosts and tools,
    that is every client but the host's own.
    """
    ours = _canonical(inventory.storage_addresses)
    by_image = {answer.image: answer for answer in answers}
    asked = [by_image.get(image, model.ImageAnswer(image, error='it was not asked'))
             for image in inventory.images]
    strange = {answer.image: _of_nobody(answer, ours, known) for answer in asked}
    lines = tuple(_of_image(answer, ours, strange[answer.image]) for answer in asked)
    strangers = _addresses(client for found in strange.values() for client in found)
    sign, rule = _of_images(inventory, asked, lines, strangers)
    clients = [client for answer in asked for client in answer.clients]
    return model.Evidence(
        network=model.Network.STORAGE, sign=sign, rule=rule, eye=eye, answers=lines,
        unasked=tuple(answer.image for answer in asked if answer.error),
        elsewhere=_addresses(client for client in clients if not _is_of(client, ours)),
        clients=_addresses(client for client in clients if _is_of(client, ours)
                           or _is_left_behind(client, known)),
        strangers=strangers)


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


def _of_images(inventory: model.Inventory, asked: Sequence[model.ImageAnswer],
               lines: Sequence[model.Answer],
               strangers: Sequence[str]) -> tuple[model.Sign, str]:
    signs = {line.sign for line in lines}
    if not lines and any(instance.untold for instance in inventory.instances):
        return model.Sign.UNKNOWN, 'none of the guests that ran there was ever told by its agent'
    if not lines:
        return model.Sign.UNKNOWN, NO_IMAGE if inventory.on else NOTHING_ON
    if not inventory.storage_addresses:
        return model.Sign.UNKNOWN, 'the storage addresses of the host are not known'
    if model.Sign.LIFE in signs:
        return model.Sign.LIFE, 'a client of the host acknowledged'
    if strangers:
        return model.Sign.UNKNOWN, f'a client lives at an address of nobody: {_few(strangers)}'
    if model.Sign.SILENCE not in signs:
        return model.Sign.UNKNOWN, 'no image could be asked'
    answered, on = _answered_for(inventory, asked)
    if 2 * answered < on:
        return model.Sign.UNKNOWN, f'{answered} of {on} instances were answered for: too few'
    return model.Sign.SILENCE, 'no client of the host acknowledged'


def _answered_for(inventory: model.Inventory,
                  asked: Sequence[model.ImageAnswer]) -> tuple[int, int]:
    """Of the instances that were on and have an image: how many were answered for, and all.

    One image is enough: who runs has all of its images open.  Of a guest that the host never told
    of no image is known: it was not answered for.  What only went off lately speaks for nobody that
    runs.
    """
    answered = {answer.image for answer in asked if not answer.error}
    lately = [instance for instance in inventory.on if instance.images or instance.untold]
    on = [instance for instance in lately if instance.power is not model.Power.OFF] or lately
    return sum(bool(answered & set(instance.images)) for instance in on), len(on)


def _of_nobody(answer: model.ImageAnswer, ours: frozenset[str],
               known: Known) -> tuple[model.Client, ...]:
    return tuple(client for client in answer.clients if client.acknowledged
                 and not _is_of(client, ours) and known.is_nobodys(client.ip))


def _is_left_behind(client: model.Client, known: Known) -> bool:
    """True of one that is listed, says nothing, and is at an address of nobody.

    It is the host's own, mostly, at an address that it had no time to tell: when the host is cut
    off, the client is, too, by its nonce.
    """
    return not client.acknowledged and known.is_nobodys(client.ip)


def _of_image(answer: model.ImageAnswer, addresses: frozenset[str],
              strange: Sequence[model.Client]) -> model.Answer:
    name = f'{answer.image.pool}/{answer.image.name}'
    if answer.error:
        return model.Answer(name, answer.error, model.Sign.UNKNOWN)
    ours = [client for client in answer.clients if _is_of(client, addresses)]
    if not addresses:
        return model.Answer(name, _count(answer.clients), model.Sign.UNKNOWN)
    if any(client.acknowledged for client in ours):
        return model.Answer(name, 'a client of the host acknowledged', model.Sign.LIFE)
    if strange:
        return model.Answer(name, f'{_count(strange)} acknowledged at an address of nobody: '
                                  f'{_few(_addresses(strange))}', model.Sign.UNKNOWN)
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


def _canonical(found: Iterable[str]) -> frozenset[str]:
    return frozenset(spelling(address) for address in found)


def _few(found: Sequence[str]) -> str:
    ips = sorted({addresses.ip_of(client) for client in found})
    return ', '.join(ips[:_TOLD_MAX]) + (' and more' if len(ips) > _TOLD_MAX else '')
