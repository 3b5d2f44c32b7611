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
    answered, its UUID      LIFE            its client acknowledged ***         LIFE
    answered, other UUID    UNKNOWN         a client at an address of nobody    UNKNOWN **
    refused, or mute        SILENCE *         acknowledged
    nothing, observer well  SILENCE         no client of its, or none of its    SILENCE
    nothing, observer not   UNKNOWN           clients acknowledged
    error                   UNKNOWN         not answered                        UNKNOWN
                                            one at an address of others, who    UNKNOWN **
                                              have it not, acknowledged ****

    * a live kernel answers                 -> one LIFE is LIFE; else one ** is UNKNOWN; else
                                               SILENCE, if half of what was on was answered for

    *** not where another host claims the address, too, and not after this one: see ``rivals``
    **** if the host lived on when its agent was dead: it may have got that address (decision 0087)

"The observer is well" means: it reached another host or an anchor in the same round.  "Of nobody"
means:  no host's that is known, and no tool's; it may be the host's own, which it did not tell of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
import dataclasses
from dataclasses import dataclass

from kaopu_ha.core import addresses, model, rivals
from kaopu_ha.core.addresses import NONE_KNOWN, Known, spelling
from kaopu_ha.core.signs import NO_IMAGE
from kaopu_ha.core.signs import NOTHING_ON as NOTHING_ON
from kaopu_ha.core.signs import NOTHING_TO_ASK as NOTHING_TO_ASK

# Of the addresses in one sentence.
_TOLD_MAX = 3

_DISOWNED = ('{}, whose host has it not: a tool there, or the suspect, which lived on without its '
             'agent')
_KERNEL = (model.Contact.ANSWERED, model.Contact.REFUSED, model.Contact.MUTE)


def management(inventory: model.Inventory, answer: model.LibvirtAnswer, other_reached: bool,
               observer: str) -> model.Evidence:
    """Say what the answer of a host's libvirt means.

    SILENCE is said only if a live kernel was met, or if the observer is known to be well.
    """
    sign, rule = _of_libvirt(inventory, answer, other_reached)
    came = ': '.join(filter(None, (answer.contact.value, answer.reason)))
    return model.Evidence(
        network=model.Network.MANAGEMENT, sign=sign, rule=rule, observer=observer,
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


def storage(inventory: model.Inventory, answers: Sequence[model.ImageAnswer], observer: str,
            known: Known = NONE_KNOWN) -> model.Evidence:
    """Say what the clients of the images mean that the host had open.

    An image that was not answered is listed as unasked, and never counts as SILENCE; nor does one
    on which a client at an address of nobody lives.  With nothing known of other hosts and tools,
    that is every client but the host's own.
    """
    ours = _canonical(inventory.storage_addresses)
    by_image = {answer.image: answer for answer in answers}
    contested = rivals.is_contested([inventory], known)
    asked = [_sorted_out(inventory.host, by_image.get(image, model.ImageAnswer(
        image, error='it was not asked')), ours, known, contested) for image in inventory.images]
    lines = tuple(_of_image(each, ours) for each in asked)
    sign, rule = _of_images(inventory, asked, lines)
    clients = [client for each in asked for client in each.answer.clients]
    left = [client for each in asked for client in each.answer.clients
            if _is_left_behind(inventory.host, client, each.answer, known)]
    return model.Evidence(
        network=model.Network.STORAGE, sign=sign, rule=rule, observer=observer, answers=lines,
        unasked=tuple(each.answer.image for each in asked if each.answer.error),
        elsewhere=_addresses(client for client in clients if not _is_of(client, ours)),
        clients=_addresses([*(client for each in asked for client in each.mine), *left]),
        strangers=_addresses(client for each in asked for client in each.strange),
        rivals=_addresses(client for each in asked for client in each.not_to_be_cut),
        of_others=_addresses(client for each in asked for client in each.others))


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


@dataclass(frozen=True)
class _Clients:
    """The clients of one image, sorted out.

    ``mine``: at addresses of the host; ``doubted``: at which of these one lives that may be a
    rival's, with the rivals.  ``theirs``: at its addresses, but a rival accounts for them, at
    those of ``rivals``.  ``strange``: those that live at addresses of nobody; ``disowned``: at
    those of others, none of which has the image open, while the host may have got them unseen;
    ``others``: at those of others, one of which accounts for them.
    """

    answer: model.ImageAnswer
    mine: tuple[model.Client, ...]
    doubted: Mapping[str, frozenset[str]]
    theirs: frozenset[model.Client]
    rivals: Mapping[str, frozenset[str]]
    strange: tuple[model.Client, ...]
    disowned: tuple[model.Client, ...]
    others: tuple[model.Client, ...]

    @property
    def not_to_be_cut(self) -> tuple[model.Client, ...]:
        """Those that a rival accounts for, and those that live and may be one's."""
        return (*self.theirs, *(client for client in self.mine
                                if client.acknowledged and client.ip in self.doubted))


def _sorted_out(host: str, answer: model.ImageAnswer, ours: frozenset[str],
                known: Known, contested: bool) -> _Clients:
    accounted = rivals.accounted_for(host, answer, known)
    theirs = accounted if contested else frozenset()
    mine = tuple(client for client in answer.clients
                 if _is_of(client, ours) and client not in theirs)
    strange = tuple(client for client in answer.clients if client.acknowledged
                    and not _is_of(client, ours) and known.is_nobodys(client.ip))
    disowned = tuple(client for client in answer.clients if client.acknowledged
                     and host in known.outlived
                     and rivals.is_disowned(host, client, answer, known))
    others = tuple(client for client in answer.clients if client.acknowledged
                   and client in accounted and not _is_of(client, ours))
    if not contested:
        return _Clients(answer, mine, {}, theirs, {}, strange, disowned, others)
    return _Clients(answer, mine, rivals.doubtful(host, mine, known), theirs,
                    rivals.doubtful(host, theirs, known), strange, disowned, others)


def _of_images(inventory: model.Inventory, asked: Sequence[_Clients],
               lines: Sequence[model.Answer]) -> tuple[model.Sign, str]:
    signs = {line.sign for line in lines}
    if not lines and any(instance.untold for instance in inventory.instances):
        return model.Sign.UNKNOWN, 'none of the guests that ran there was ever told by its agent'
    if not lines:
        return model.Sign.UNKNOWN, NO_IMAGE if inventory.on else NOTHING_ON
    if not inventory.storage_addresses:
        return model.Sign.UNKNOWN, 'the storage addresses of the host are not known'
    if model.Sign.LIFE in signs:
        return model.Sign.LIFE, 'a client of the host acknowledged'
    strangers = _addresses(client for each in asked for client in each.strange)
    if strangers:
        return model.Sign.UNKNOWN, f'a client lives at an address of nobody: {_few(strangers)}'
    disowned = _addresses(client for each in asked for client in each.disowned)
    if disowned:
        return model.Sign.UNKNOWN, f'a client lives at {_DISOWNED.format(_few(disowned))}'
    doubted = _joined(each.doubted for each in asked)
    if doubted:
        return model.Sign.UNKNOWN, (f'a client lives at {rivals.told_of(doubted)}: whose it is '
                                    f'nobody can tell')
    theirs = _joined(each.rivals for each in asked)
    why = f' (what lives at {rivals.told_of(theirs)}, says nothing of it)' if theirs else ''
    if model.Sign.SILENCE not in signs:
        return model.Sign.UNKNOWN, f'no image could be asked{why}'
    answered, on = _answered_for(inventory, lines)
    if 2 * answered < on:
        return model.Sign.UNKNOWN, f'{answered} of {on} instances were answered for: too few{why}'
    return model.Sign.SILENCE, 'no client of the host acknowledged'


def _joined(found: Iterable[Mapping[str, frozenset[str]]]) -> dict[str, frozenset[str]]:
    return {ip: hosts for each in found for ip, hosts in each.items()}


def _answered_for(inventory: model.Inventory, lines: Sequence[model.Answer]) -> tuple[int, int]:
    """Of the instances that were on and have an image: how many were answered for, and all.

    One image is enough: who runs has all of its images open.  Of a guest that the host never told
    of no image is known: it was not answered for.  What only went off lately speaks for nobody that
    runs.  Nor does an image that another one has open at an address of this host's.
    """
    silent = {image for image, line in zip(inventory.images, lines, strict=True)
              if line.sign is model.Sign.SILENCE}
    lately = [instance for instance in inventory.on if instance.images or instance.untold]
    on = [instance for instance in lately if instance.power is not model.Power.OFF] or lately
    return sum(bool(silent & set(instance.images)) for instance in on), len(on)


def _is_left_behind(host: str, client: model.Client, answer: model.ImageAnswer,
                    known: Known) -> bool:
    """True of one that is listed, says nothing, and is at an address of nobody, or of others of
    whom none has the disk open.

    It is the host's own, mostly, at an address that it had no time to tell: when the host is cut
    off, the client is, too, by its nonce.
    """
    return not client.acknowledged and (
        known.is_nobodys(client.ip) or rivals.is_disowned(host, client, answer, known))


def _of_image(found: _Clients, addresses: frozenset[str]) -> model.Answer:
    image, clients = found.answer.image, found.answer.clients
    sign, came = model.Sign.SILENCE, 'no client'
    if found.answer.error:
        sign, came = model.Sign.UNKNOWN, found.answer.error
    elif not addresses:
        sign, came = model.Sign.UNKNOWN, _count(clients)
    elif any(client.acknowledged and client.ip not in found.doubted for client in found.mine):
        sign, came = model.Sign.LIFE, 'a client of the host acknowledged'
    elif found.strange:
        sign, came = model.Sign.UNKNOWN, (
            f'{_count(found.strange)} acknowledged at an address of nobody: '
            f'{_few(_addresses(found.strange))}')
    elif found.doubted:
        sign, came = model.Sign.UNKNOWN, f'acknowledged at {rivals.told_of(found.doubted)}'
    elif found.rivals:
        sign, came = model.Sign.UNKNOWN, (f'acknowledged at {rivals.told_of(found.rivals)}, which '
                                          f'says that it has it open')
    elif found.disowned:
        sign, came = model.Sign.UNKNOWN, (
            f'acknowledged at {_DISOWNED.format(_few(_addresses(found.disowned)))}')
    elif found.mine:
        came = f'{_count(found.mine)} of the host, none acknowledged'
    elif clients:
        came = f'{_count(clients)}, none of the host'
    return model.Answer(f'{image.pool}/{image.name}', came, sign)


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
