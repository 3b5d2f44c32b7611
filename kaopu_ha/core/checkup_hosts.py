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

"""What hosts and services say of themselves before an incident: names, domains, times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kaopu_ha.core import model, protection, texts
from kaopu_ha.core.checkup import Finding, Seen, good, unasked, weak, wrong
from kaopu_ha.core.detection import JUDGING
from kaopu_ha.core.model import Contact, Power

# A certificate that ends sooner is told: so long a holiday may be.
_SOON_DAYS = 21.0
# Tokens and certificates mind more; what people read in two logs minds less.
_CLOCK_SECONDS = 5.0
# With so few the one that is left is no witness: it may be the one that died.
_FEW_HOSTS = 2

_NOT_ASKED = {
    Contact.REFUSED: 'nobody listens where its libvirt should',
    Contact.MUTE: 'its libvirt takes the connection and says nothing',
    Contact.NOTHING: 'nothing comes back from there',
}


@dataclass(frozen=True)
class Certificate:
    """A certificate that somebody shows, and the days until it ends (below 0: it has)."""

    whose: str
    days_left: float


# ---------------------------------------------------------------- libvirt


def libvirt(seen: Seen, answers: Mapping[str, model.LibvirtAnswer]) -> list[Finding]:
    """What the libvirt of each host that beats answered, by host."""
    found: list[Finding] = []
    for host, inventory in sorted(seen.living.items()):
        answer = answers.get(host)
        if answer is not None:
            found += _of_host(inventory, answer)
    if not any(one.severity.value != 'good' for one in found) and answers:
        return [good('every host', f'{len(answers)} libvirts answered by the URI of their agent')]
    return [one for one in found if one.severity.value != 'good']


def _of_host(inventory: model.Inventory, answer: model.LibvirtAnswer) -> list[Finding]:
    uri, host = inventory.management_uri, inventory.host
    if answer.contact is Contact.ERROR:
        return [wrong(host, f'its libvirt ({uri}) can\'t be asked from here: {answer.reason}',
                      'its case stays UNDECIDED: it is never condemned, and nothing of it moved',
                      'mend what is said; by hand: virsh -c URI list, as this service\'s user')]
    if answer.contact in _NOT_ASKED:
        return [wrong(host, f'{_NOT_ASKED[answer.contact]} ({uri}), though it beats'
                            f'{f": {answer.reason}" if answer.reason else ""}',
                      'of three networks that judge it one is silent all the time: it is condemned '
                      'by the two others',
                      'start its libvirt, or correct [agent] management_uri there')]
    if answer.host_uuid != inventory.host_uuid:
        return [wrong(host, f'at {uri} a machine answers with the UUID {answer.host_uuid}, and its '
                            f'agent told {inventory.host_uuid}',
                      'its case stays UNDECIDED: nothing of it is moved',
                      'correct [agent] management_uri, or the name that it has')]
    return _domains(inventory, answer)


def _domains(inventory: model.Inventory, answer: model.LibvirtAnswer) -> list[Finding]:
    if answer.running is None:
        return []
    told = {one.uuid for one in inventory.instances if one.power is not Power.OFF}
    unknown, gone = set(answer.running) - told, told - set(answer.running)
    if not unknown and not gone:
        return []
    parts = [f'{len(unknown)} run that its agent did not tell of ({texts.few(sorted(unknown), 3)})'
             ] * bool(unknown)
    parts += [f'{len(gone)} do not run that it told of ({texts.few(sorted(gone), 3)})'] * bool(gone)
    return [weak(inventory.host, ', and '.join(parts),
                 'what the agent did not tell of is not fenced and not moved',
                 'ask again in a minute: if it is so still, look into the agent\'s log')]


def anchors(reached: Mapping[str, bool], hosts: int) -> list[Finding]:
    """Whether each anchor answers, and whether any is needed with so many hosts."""
    away = sorted(anchor for anchor, is_reached in reached.items() if not is_reached)
    alone = not any(reached.values()) and 0 < hosts <= _FEW_HOSTS
    lost = 'that our own link is well is not seen: a dead host stays UNDECIDED, nothing is moved'
    advice = 'set [libvirt] anchors to what answers on the management network, host:port each'
    if alone:
        return [wrong('anchors', f'none answers ({texts.few(away)})' if away else
                      f'none is set, with {hosts} hosts', lost, advice)]
    if away:
        return [weak('anchors', f'nothing comes back from {texts.few(away)}',
                     'when most hosts are silent ' + lost, advice)]
    return [good('anchors', f'{len(reached)} answer')] if reached else []


# ---------------------------------------------------------------- names


def names(seen: Seen, services: Iterable[str]) -> list[Finding]:
    """Compare the names of Nova's compute services to those of the agents."""
    ours, theirs = set(seen.inventories), set(services)
    found = [_strange(host, theirs - ours) for host in sorted(ours - theirs) if host in seen.beats]
    paired = {near for host in ours - theirs for near in _near(host, theirs - ours)}
    found += [wrong(host, 'Nova has a nova-compute there, and no agent tells of it',
                    'when it dies nobody notices, and nothing of it is moved',
                    'run kaopu-ha-agent there, with [DEFAULT] host as nova-compute has it')
              for host in sorted(theirs - ours - paired)]
    return found or [good('names', f'{len(ours)} agents have the names that Nova has')]


def _strange(host: str, theirs: set[str]) -> Finding:
    near = _near(host, theirs)
    instead = f'; Nova has {" and ".join(near)}' if near else ''
    return wrong(host, f'its agent has this name, and Nova has no nova-compute of it{instead}',
                 'its recovery finds no instances, and ends without having moved one',
                 f'set [DEFAULT] host on that machine to {near[0]}, as in its nova.conf' if near
                 else 'set [DEFAULT] host on that machine to what nova.conf has there')


def _near(host: str, theirs: Iterable[str]) -> list[str]:
    """Those that are the same but for their domain, or for capitals."""
    short = host.partition('.')[0].lower()
    return sorted(each for each in theirs if each.partition('.')[0].lower() == short)


# ---------------------------------------------------------------- times


def beats(granted: Mapping[str, int], wanted: int) -> list[Finding]:
    """Compare how long each host's beat outlives it, in seconds, to what is configured here."""
    odd: dict[int, list[str]] = {}
    for host, seconds in sorted(granted.items()):
        if seconds != wanted:
            odd.setdefault(seconds, []).append(host)
    found = [weak(texts.few(hosts), f'{"its" if len(hosts) == 1 else "their"} beat lasts '
                                    f'{seconds} s; [detection] beat_ttl is {wanted} s here',
                  f'a death there is noticed {seconds - wanted} s later than the controllers '
                  f'reckon' if seconds > wanted else
                  'a store that is away for some seconds makes cases there and nowhere else',
                  'have one [detection] on all machines, and start their agents again')
             for seconds, hosts in sorted(odd.items())]
    return found or [good('beats', f'{len(granted)} hosts beat; a beat lasts {wanted} s')]


def clock(whose: str, ahead_seconds: float) -> list[Finding]:
    """A machine's clock, so many seconds before ours."""
    if abs(ahead_seconds) <= _CLOCK_SECONDS:
        return []
    way = 'before' if ahead_seconds > 0 else 'behind'
    return [weak(whose, f'its clock is {abs(ahead_seconds):.0f} s {way} the one of this machine',
                 'tokens and certificates are refused that are good, and no two logs can be read '
                 'together', 'have both keep time by NTP (chronyc tracking)')]


def certificates(shown: Sequence[Certificate]) -> list[Finding]:
    """How long each certificate is still good."""
    found = []
    for one in sorted(shown, key=lambda each: (each.days_left, each.whose)):
        if one.days_left < 0:
            found.append(wrong(one.whose, f'its certificate ended {-one.days_left:.0f} days ago',
                               'whoever checks it refuses it: what it is needed for fails',
                               'renew it, and start what shows it again'))
        elif one.days_left < _SOON_DAYS:
            found.append(weak(one.whose, f'its certificate ends in {one.days_left:.0f} days',
                              'from then on what it is needed for fails',
                              'renew it, and start what shows it again'))
    soonest = min((one.days_left for one in shown), default=0.0)
    return found or ([good('certificates', f'{len(shown)}, the first ends in {soonest:.0f} days')]
                     if shown else [])


# ---------------------------------------------------------------- processes, agents and leader


_LOST = {'controller': 'nothing is noticed, and nothing moved',
         'worker': 'a dead host is fenced, and none of its instances is moved'}


def processes(role: str, names: Sequence[str]) -> list[Finding]:
    """Who would be there now: the names of the controllers, or workers, HOST/PID each."""
    whose = f'{role}s'
    if not names:
        return [wrong(whose, 'none runs', _LOST[role],
                      f'start kaopu-ha-{role}, on two machines at least')]
    machines = {name.rpartition('/')[0] for name in names}
    if len(machines) == 1:
        return [weak(whose, f'all that run ({len(names)}) are on {min(machines)}',
                     f'if that machine is lost, {_LOST[role]}',
                     f'start kaopu-ha-{role} on a second one')]
    return [good(whose, f'{len(names)} run, on {len(machines)} machines')]


def fences(names: Sequence[str]) -> list[Finding]:
    """Whether any fence is configured."""
    return [] if names else [wrong('fences', '[fence] drivers is empty',
                                   'nothing is ever proven to be cut off, and so nothing is moved',
                                   'set [fence] drivers')]


def trusted(is_on: bool) -> list[Finding]:
    """Whether notifications count as a person's word that a host is off."""
    return [weak('notifications', '[detection] trust_notifications is on',
                 'who may send a notification may have a host condemned that our own observers can '
                 'not ask, though it lives',
                 'leave it on only if each sender cuts the power first, each time')
            ] if is_on else []


def unprotected(items: Sequence[protection.Unprotected]) -> list[Finding]:
    """What the leader has found itself, by reason."""
    by_reason: dict[str, list[protection.Unprotected]] = {}
    for item in items:
        by_reason.setdefault(item.reason.value, []).append(item)
    return [wrong(texts.few(dict.fromkeys(item.host for item in alike)),
                  f'not protected: {reason}{f": {alike[0].text}" if len(alike) == 1 else ""}',
                  'it is not judged or not fenced rightly, and nothing of it is moved',
                  'kaopu-ha status tells more of it')
            for reason, alike in sorted(by_reason.items())]


def agents(seen: Seen, leader: str) -> list[Finding]:
    """Who beats, and whether somebody leads."""
    found: list[Finding] = []
    if not leader:
        found.append(wrong('controllers', 'nobody leads', 'nothing is noticed, and nothing moved',
                           'start kaopu-ha-controller, on two machines at least; its log says why '
                           'it does not lead'))
    still = sorted(host for host in seen.inventories
                   if host not in seen.beats and host not in seen.cases)
    if still:
        found.append(wrong(texts.few(still), 'its agent does not beat, and no case is open',
                           'nobody notices when it dies', 'kaopu-ha explain HOST; start its agent'))
    found += [weak(host, f'its agent does not beat; its case is {case.stage.value}',
                   'what is known of its instances is from before: one that came since, or with a '
                   'disk that came since, may not be moved',
                   f'kaopu-ha explain {host}; start its agent')
              for host, case in sorted(seen.cases.items())
              if case.stage in JUDGING and host in seen.inventories.keys() - seen.beats.keys()]
    if not seen.inventories:
        found.append(unasked('agents', 'no agent has told of a host yet',
                             'nothing is watched', 'start kaopu-ha-agent on the compute hosts'))
    muted = sorted(host for host, one in seen.living.items() if one.note)
    found += [wrong(host, f'its agent says: {seen.living[host].note}',
                    'what is known of its instances is old', 'look into its log') for host in muted]
    found += [wrong(host, f'it does not reach cluster {cluster}',
                    'it can\'t take an instance with a disk there, and is no target',
                    'look into its storage network, and its Ceph user')
              for host, one in sorted(seen.living.items()) for cluster in one.storage_lost]
    return found or [good('agents', f'{len(seen.beats)} hosts beat; {leader} leads')]
