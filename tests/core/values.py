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

"""Values for the tests of the core: sane by default, so that a test names only what it is about."""

import dataclasses

from kaopu_ha.core import admission, attempt, detection, evacuation, model, selection
from kaopu_ha.core.model import Contact, Network, Phase, Power, Sign, Stage, Verdict

AT = '2026-01-01T00:00:00Z'
BY = 'controller-1'
UUID = '5c650ef2-0fab-4e65-8464-5b0756536421'
DISK = model.Image('ceph-1', 'vms', 'disk-1', 'rbd_header.1')
DATA = model.Image('ceph-2', 'data', 'disk-2', 'rbd_header.2')
# What etcd takes in one request, by its default.
REQUEST_BYTES_MAX = 1536 * 1024
LIFE, SILENCE, UNKNOWN = Sign.LIFE, Sign.SILENCE, Sign.UNKNOWN


def rules(**changes):
    """The patent's pace, with round numbers for the rest."""
    return dataclasses.replace(model.Rules(), **changes)


def fast_rules(**changes):
    return rules(**{'beat_ttl': 3.0, 'ask_limit': 1.5, 'look_interval': 1.0, 'death_seconds': 2.0,
                    'lock_seconds': 3.0} | changes)


# ---------------------------------------------------------------- hosts and rounds


def an_instance(uuid='i1', power=Power.ON, images=(DISK,), local_disks=(), name=''):
    return model.Instance(uuid, name or f'name of {uuid}', power, images, local_disks)


def an_inventory(host='c1', *, instances=None, **changes):
    if instances is None:
        instances = (an_instance(),)
    return dataclasses.replace(
        model.Inventory(host, UUID, 'boot-1', f'qemu+tcp://{host}/system', ('10.1.0.1',),
                        instances=tuple(instances)), **changes)


def evidence_of(network, sign, kernel_answers=False, clients=(), rule=''):
    return model.Evidence(network, sign, rule or f'{network.value}: {sign.value}',
                          kernel_answers=kernel_answers, clients=clients)


def a_round(management=SILENCE, storage=SILENCE, *, kernel_answers=False, clients=(), at=AT,
            rule=''):
    """A round with these signs; the verdict is the core's."""
    one = evidence_of(Network.MANAGEMENT, management, kernel_answers, rule=rule)
    other = evidence_of(Network.STORAGE, storage, clients=clients)
    verdict, why = detection.judged((one, other))
    return model.Round(at, BY, (one, other), verdict, why)


def said_instead(look, said, **changes):
    """The round, with this in the place of what that network said."""
    return dataclasses.replace(look, evidence=tuple(
        said if one.network is said.network else one for one in look.evidence), **changes)


def told_instead(look, network, **changes):
    """The round, with this changed of what the network said."""
    return said_instead(look, dataclasses.replace(look.of(network), **changes))


def silent(**changes):
    return a_round(**changes)


def alive(**changes):
    return a_round(management=LIFE, **changes)


def undecided(**changes):
    return a_round(management=UNKNOWN, **changes)


def a_case(stage=Stage.SUSPECTED, **changes):
    return dataclasses.replace(model.Case('c1', stage, boot_id='boot-1'), **changes)


def a_look(found=None, **changes):
    """A look at a host whose beat is gone, with the keys that belong to no stage."""
    return dataclasses.replace(detection.Seen(AT, BY, beat=False, round=found), **changes)


def keys_of(stage):
    """The visible keys as they are in a stage, for a look."""
    return {'death': stage is Stage.DYING, 'lock': stage is Stage.LOCKED}


def counted_case(host, verdict=Verdict.DEAD, stage=Stage.SUSPECTED):
    return model.Case(host, stage, verdict=verdict)


# ---------------------------------------------------------------- Nova


def a_server(uuid='i1', *, host='c1', vm_state='active', **changes):
    return dataclasses.replace(
        model.Server(uuid, f'name of {uuid}', host, vm_state, power_state=1, cores=2,
                     memory_mb=2048), **changes)


def a_migration(number='m1', *, status='accepted', kind='evacuation', source='c1', target='c2',
                instance='i1'):
    return model.Migration(number, instance, kind, status, source, target)


def a_service(host='c2', **changes):
    return dataclasses.replace(
        model.ComputeService(f'service of {host}', host, True, True, False), **changes)


def a_usage(cores_used=0.0, memory_mb_used=0.0, cores=32.0, memory_mb=65536.0):
    return model.Usage(cores, cores_used, memory_mb, memory_mb_used)


def a_candidate(host='c2', **changes):
    """A host that may be a target."""
    return dataclasses.replace(
        selection.Candidate(host, beat=True, held=False, suspected=False, locked=False,
                            flapping=False, storage={'ceph-1': LIFE}, service=a_service(host),
                            usage=a_usage()), **changes)


# ---------------------------------------------------------------- recoveries


def a_recovery(**changes):
    return dataclasses.replace(
        model.Recovery('c1-7', 'c1', model.RecoveryStage.PROVEN, instances=(an_instance(),)),
        **changes)


def an_evacuation(instance='i1', phase=Phase.WAITING, **changes):
    return dataclasses.replace(
        model.Evacuation('c1-7', instance, f'name of {instance}', 'c1', phase, images=(DISK,),
                         cores=2, memory_mb=2048), **changes)


def under_way(phase=Phase.MOVING, *, seen_before=(), target='c2', **changes):
    """An evacuation with one attempt committed."""
    made = model.Attempt(1, target, 'worker-1', AT, 5, seen_before=seen_before)
    return an_evacuation(phase=phase, **{'target': target, 'attempts': (made,)} | changes)


def a_plan_look(*candidates, epoch=5):
    return evacuation.Seen(AT, BY, epoch, candidates)


# ---------------------------------------------------------------- the target of an attempt


def a_client(address='10.1.0.2:0/123', acknowledged=True):
    return model.Client(address, 4711, acknowledged)


def an_answer(*clients, image=DISK, error=''):
    return model.ImageAnswer(image, clients, error)


def a_libvirt(*domains, contact=Contact.ANSWERED, host_uuid=UUID, reason=''):
    return model.LibvirtAnswer(contact, host_uuid, domains, reason)


def work_look(server='default', **changes):
    """What a worker saw: the server still on its source, the target not asked."""
    server = a_server() if server == 'default' else server
    return dataclasses.replace(
        attempt.Seen(server, target_addresses=('10.1.0.2',), target_uuid=a_libvirt().host_uuid),
        **changes)


def first_look(server='default', **changes):
    """What a worker saw before a first call: Ceph was asked, and no live client has the disk."""
    return work_look(server, **{'images': (an_answer(),)} | changes)


def runs_there(*domains):
    """The target's answers if it runs the instance."""
    libvirt = dataclasses.replace(a_libvirt('i1', *domains), running=('i1',))
    return {'libvirt': libvirt, 'images': (an_answer(a_client()),)}


def nobody_there():
    """The target's answers if it certainly does not run the instance."""
    return {'libvirt': a_libvirt(), 'images': (an_answer(),)}


# ---------------------------------------------------------------- admission


def an_admitting(*done, **changes):
    """A case ADMITTING, with these steps done."""
    progress = model.AdmitProgress('joe', steps=tuple(did.value for did in done))
    return dataclasses.replace(a_case(Stage.ADMITTING, recovery='c1-7'), admit=progress, **changes)


def an_admit_look(**changes):
    """What a leader sees of a host that may come back, rebooted and clean."""
    return dataclasses.replace(
        admission.Seen(model.RecoveryStage.FINISHED, unfinished=(), libvirt=a_libvirt(),
                       inventory=an_inventory(boot_id='boot-2'), servers=frozenset(),
                       uncompleted=0, left_over=frozenset({'i1'}), answers={}, beat=True,
                       forced_by_us=True), **changes)
