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

"""How fast a host is judged, and when too many fail at once."""

from __future__ import annotations

from oslo_config import cfg

GROUP = 'detection'

_BY_PACE = '<by the pace>'

OPTS = [
    cfg.StrOpt('pace', default='patent',
               choices=[('patent', 'beat every 4 s, TTL 12 s, ask limit 4 s, look every 5 s, '
                                   'death 300 s, lock 30 s'),
                        ('fast', 'beat every 1 s, TTL 3 s, ask limit 1.5 s, look every 1.5 s, '
                                 'death 2 s, lock 3 s')],
               help='Sets all times of detection; each can be set by itself below.  "fast" '
                    'confirms a host some 13 s after its power was cut and is refused without a '
                    'fence that gives proof, because short waits make wrong verdicts more likely '
                    'and only a fence makes those harmless.'),
    cfg.FloatOpt('beat_interval', min=0.2, max=60.0, sample_default=_BY_PACE,
                 help='Seconds between two beats of an agent.  At most a third of beat_ttl: one '
                      'beat may be lost by chance, two are news.'),
    cfg.IntOpt('beat_ttl', min=2, max=300, sample_default=_BY_PACE,
               help='Seconds after which a beat that was not renewed is gone.  Whole seconds, at '
                    'least 2: etcd grants no shorter lease.'),
    cfg.FloatOpt('ask_limit', min=0.2, max=60.0, sample_default=_BY_PACE,
                 help='Seconds that a host has to answer over one network; the storage has half '
                      'a second more.  The lock must hold two asks: a host must be able to '
                      'show life within it.'),
    cfg.FloatOpt('look_interval', min=0.5, max=60.0, sample_default=_BY_PACE,
                 help='Seconds between two looks at a suspect.  Each look asks both networks; '
                      'life that lasts for one interval is not missed.'),
    cfg.IntOpt('death_ttl', min=2, max=86400, sample_default=_BY_PACE,
               help='Seconds of silence after the first round, the life of the key death/<host>. '
                    'Whole seconds, at least 2.  Below 300 a fence that gives proof is needed.'),
    cfg.IntOpt('lock_ttl', min=2, max=86400, sample_default=_BY_PACE,
               help='Seconds of silence after death has lapsed, the life of the key lock/<host> '
                    'before it becomes permanent.  Whole seconds, at least 2.  Below 30 a fence '
                    'that gives proof is needed.'),
    cfg.FloatOpt('leaving_seconds', default=120.0, min=0.0, max=3600.0,
                 help='Grace of a host that said that it is being shut down: for so long of '
                      'silence it is not taken for dying, because a planned reboot may end.  Then '
                      'it is judged like any other.  More than your hosts need to boot; 0: no '
                      'grace.'),
    cfg.IntOpt('storm_hosts', default=1, min=1,
               help='The brake: nobody is condemned while more hosts than this, and more than '
                    'storm_share of all, are silent or were condemned within storm_window.  One '
                    'dead host among two is no storm.'),
    cfg.FloatOpt('storm_share', default=0.334, min=0.0, max=1.0,
                 help='The brake: share of all hosts.  When more than a third fail at once, the '
                      'network or our own observers are more likely broken than the hosts.'),
    cfg.FloatOpt('storm_window', default=600.0, min=0.0, max=86400.0,
                 help='The brake: seconds for which a host that was condemned counts.  Hosts that '
                      'die one after the other within ten minutes have a cause in common more '
                      'often than not: switches that are restarted in turn, a room that grows '
                      'hot.'),
    cfg.FloatOpt('storm_cooldown', default=120.0, min=0.0, max=3600.0,
                 help='The brake: seconds for which it stays on when fewer are silent.  What fell '
                      'silent together comes back one after the other: a spanning tree takes up '
                      'to 50 s, and equal servers boot within some two minutes of each other.'),
    cfg.IntOpt('flapping_times', default=3, min=1, max=100,
               help='A host that came back so often within flapping_seconds is no target: it may '
                    'soon be gone again, with what was moved to it.'),
    cfg.FloatOpt('flapping_seconds', default=600.0, min=1.0, max=86400.0,
                 help='The seconds in which flapping_times counts.'),
    cfg.FloatOpt('healthy_seconds', default=60.0, min=0.0, max=86400.0,
                 help='A host is no target for so many seconds after it came back or was '
                      'admitted: what fails once more mostly does so in its first minute.'),
    cfg.BoolOpt('trust_notifications', default=False,
                help='Whether a notification of Masakari\'s that a host is dead (COMPUTE_HOST, '
                     'STOPPED, host_status NORMAL) counts as a person\'s word that it is off, of '
                     'the user who sends it.  WARNING: only for clouds in which whatever sends '
                     'them has cut the power before, each time; else a host that lives may be '
                     'condemned where our own observers can\'t ask, and its instances lose what '
                     'they have in memory.  Any sign of life is believed more, and the waits, '
                     'the brake and the fence with its proof come as always.'),
]
