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

"""Limits of evacuations; whose instances are moved, and in which order."""

from __future__ import annotations

from oslo_config import cfg

GROUP = 'evacuation'

OPTS = [
    cfg.IntOpt('attempts_max', default=3, min=1, max=20,
               help='Targets that may fail with one instance, one right after the other.  Then '
                    'it rests, first for 30 s, each time twice as long, up to 10 min, and they are '
                    'tried again.  What only Nova\'s scheduler refuses does not count.'),
    cfg.FloatOpt('give_up_after', default=3600.0, min=0.0, max=604800.0,
                 help='Seconds of such rests after which an instance is given up as failed, with '
                      'the reason.  An hour outlasts the bad minutes of a cloud that lost a '
                      'rack; until then its waiting is told like any other.'),
    cfg.FloatOpt('attempt_limit', default=120.0, min=10.0, max=3600.0,
                 help='Seconds after which an attempt without a trace in Nova is looked into.  '
                      'A second call while the first is under way spoils both, so this is '
                      'generous: real evacuations took 3 to 15 s.'),
    cfg.IntOpt('per_target_max', default=4, min=1, max=100,
               help='Evacuations under way to one target.  More at once make each slower.'),
    cfg.IntOpt('in_all_max', default=20, min=1, max=1000,
               help='Evacuations under way in all.  Nova and Keystone need 1 to 2 CPU seconds '
                    'for each.'),
    cfg.BoolOpt('reserved_host_to_aggregates', default=False,
                help='Whether a reserved host that is taken is added to the aggregates of the dead '
                     'host, before it is enabled.  Off: what an aggregate means to a host is known '
                     'to who made it.  On: where aggregates follow from racks or customers, as '
                     'Masakari\'s add_reserved_host_to_aggregate has it.  The account needs '
                     'os_compute_api:os-aggregates:add_host of Nova.'),
    cfg.BoolOpt('note_in_metadata', default=False,
                help='Whether a server that was moved gets the metadata kaopu_ha.last_recovery: '
                     'when that was, why, and for how many seconds it was down.  Off: metadata is '
                     'the user\'s, is shown in the guest, and takes a place of his quota.  The '
                     'account needs os_compute_api:server-metadata:update of Nova.'),
    cfg.StrOpt('protect', default='all',
               choices=[('all', 'every instance that was on is moved, unless a mark says no'),
                        ('marked', 'only what a mark says yes of is moved')],
               help='Which instances are moved from a dead host, and started again on one that '
                    'was booted.  A mark that can\'t be understood leaves nothing behind, and is '
                    'told.'),
    cfg.ListOpt('protected_by',
                default=['metadata:HA_Enabled', 'tag:HA_Enabled', 'flavor:HA_Enabled'],
                help='Marks that say whether an instance is moved, each as SOURCE:KEY; the first '
                     'that is there decides.  Sources: metadata of the server, its tags (KEY, '
                     'KEY=yes or KEY=no), flavor (extra specs).  True, yes, on, 1, and false, no, '
                     'off, 0 are understood, in capitals or not.  Users set metadata and tags of '
                     'their servers: name flavor alone if that shall be yours to say.'),
    cfg.ListOpt('priority_by',
                default=['metadata:ha_priority', 'tag:ha_priority', 'flavor:ha:priority',
                         'metadata:HA_Enabled'],
                help='Marks that say how important an instance is: high, normal (or medium), or '
                     'low; the first that is there decides.  The more important ones of a host '
                     'get room first, and are called for first.  True and yes are high, as '
                     'Masakari moved those with HA_Enabled before the others.'),
    cfg.MultiStrOpt('managed', default=[],
                    help='An owner that replaces what it loses, and how its instances are known: '
                         'OWNER: CONDITION ..., where all conditions are so.  Conditions: '
                         'name=PATTERN, project=ID, metadata=KEY or KEY=PATTERN, tag=PATTERN.  '
                         'They are left to the owner, and that is told.  May be given more than '
                         'once.  For Octavia, with the id of the project that owns the amphorae: '
                         'Octavia: project=ID name=amphora-*'),
]
