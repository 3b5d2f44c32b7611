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

"""What the rows of ``core.attempt`` ask for: each condition a sentence, made of one or two facts.

``core.facts`` says what is so; here it is said in words, with its contrary, so that ``explain`` can
say of a row what it was decided by, and what it would have taken for another one.
"""

from __future__ import annotations

from collections.abc import Callable

from kaopu_ha.core.evacuation import Way
from kaopu_ha.core.facts import Facts
from kaopu_ha.core.model import Phase
from kaopu_ha.core.rows import Condition


def _if(text: str, contrary: str, holds: Callable[[Facts], bool],
        sort: str = '') -> Condition[Facts]:
    return Condition(text, contrary, holds, sort)


def _shows(vm_state: str) -> Condition[Facts]:
    return _if(f'Nova shows it as {vm_state}, with no task',
               f'Nova shows it otherwise than as {vm_state} with no task',
               lambda it: it.shows(vm_state), 'state')


# ---------------------------------------------------------------- how far the attempt is

QUEUED = _if('no attempt to {target} is committed', 'an attempt to {target} is committed',
             lambda it: it.queued)
CALLING = _if('whether its call was made, nobody has seen', 'Nova was seen to have the call',
              lambda it: it.calling)
LONG = _if('the attempt has had its time', 'the attempt still has time', lambda it: it.long)
SETTLED = _if('its call would have left a trace by now', 'its call may still leave a trace',
              lambda it: it.settled)
SETTLED_OR_NOT_CALLING = _if(
    'a call for it would have left a trace by now', 'a call for it may still leave a trace',
    lambda it: it.settled or not it.calling)
TRACED = _if('Nova shows that it has the call, or shows it on {target}',
             'Nova does not show that it has the call', lambda it: it.traced or it.on_target)
UNFINISHED = _if('Nova has not ended the call', 'Nova has ended the call', lambda it: it.unfinished)
UNFINISHED_OR_LOST = _if(
    'Nova has not ended the call, or the boot of {source} ended it',
    'Nova has ended the call, and no boot of {source} did', lambda it: it.unfinished or it.lost)
OVER = _if('Nova does nothing more of it', 'Nova may still do something of it', lambda it: it.over)
CANT_BEGIN = _if('the call can\'t begin any more', 'the call may still begin',
                 lambda it: it.ended_unseen)
NOT_TAKEN = _if('{target} ended the call before it began',
                '{target} did not end the call before it began', lambda it: it.not_taken, 'host')
ONE_REFUSED = _if('the scheduler refused one of its calls, and another has not ended',
                  'the scheduler refused none of its calls, or all have ended',
                  lambda it: it.one_refused)
GIVEN_UP_HOST = _if('it is shown on a target that was given up',
                    'it is on no target that was given up',
                    lambda it: it.server.host in it.item.tried)

# ---------------------------------------------------------------- what Nova shows

ON_SOURCE = _if('Nova shows it on {source}', 'Nova does not show it on {source}',
                lambda it: it.on_source, 'host')
ON_TARGET = _if('Nova shows it on {target}', 'Nova does not show it on {target}',
                lambda it: it.on_target, 'host')
ACTIVE, STOPPED, ERROR = _shows('active'), _shows('stopped'), _shows('error')
CHANGED_THERE = _if('Nova shows it in a state that no evacuation ends in',
                    'Nova shows it in no state that its user asked for',
                    lambda it: it.changed_there, 'state')
IN_ITS_USERS_HANDS = _if('Nova shows it in a task that its user asked for',
                         'Nova shows it in no task that its user asked for',
                         lambda it: it.in_its_users_hands, 'state')
FREE_OF_TASKS = _if('no task is shown, or one that ended with its old host', 'a task is shown',
                    lambda it: it.task_stays or not it.server.task_state)
ENDED = _if('Nova has ended the call itself', 'Nova has not ended the call itself',
            lambda it: it.ended)
FAILED = (ERROR, ENDED)
FAULT = _if('Nova gives a reason', 'Nova gives no reason', lambda it: bool(it.server.fault))
BY_SCHEDULER = _if('no host said no, but the scheduler', 'it was not the scheduler that said no',
                   lambda it: it.by_scheduler)

# ---------------------------------------------------------------- what is certain of the target

OPEN_THERE = _if('every disk of it is open on {target}',
                 'not every disk of it is known to be open on {target}', lambda it: it.open_there)
RUNS_THERE = _if('it certainly runs on {target}', 'it is not certain that it runs on {target}',
                 lambda it: it.runs_there, 'there')
OFF_THERE = _if('{target} has its domain, off', '{target} is not known to have its domain off',
                lambda it: it.off_there, 'there')
ABSENT_THERE = _if('{target} does not know it', '{target} is not known to be without it',
                   lambda it: it.absent_there, 'there')
NOBODY_THERE = _if('it certainly is not on {target}', 'it may be on {target}',
                   lambda it: it.nobody_there)
LONG_OFF_THERE = _if('{target} has had its domain off for long',
                     '{target} is not known to have its domain off for long',
                     lambda it: it.long and it.off_there)
RESTARTED = _if('nova-compute on {target} was started since',
                'nova-compute on {target} is not known to have been started since',
                lambda it: it.restarted)
LEFT_THERE = _if('its domain there is older than that nova-compute',
                 'its domain there is not known to be older than that nova-compute',
                 lambda it: it.left_there)

# ---------------------------------------------------------------- before the first call

BEING_STOPPED = _if('its user stops it', 'its user does not stop it', lambda it: it.being_stopped)
STOPS_FOR_LONG = _if('that has lasted longer than its host needs',
                     'that has lasted less than its host needs',
                     lambda it: it.seen.seconds >= it.rules.user_stop_seconds)
MAY_MOVE = _if('its state lets it be moved', 'its state does not let it be moved',
               lambda it: it.may_move)
UNASKED = _if('some of its images could not be asked', 'all of its images were asked',
              lambda it: it.unasked)
STRANGER = _if('a live client at an address of nobody has its disk open',
               'no live client at an address of nobody has its disk open',
               lambda it: bool(it.stranger))
DOMAIN_ELSEWHERE = _if('another host has its domain on, and its disk open',
                       'no other host is known to have its domain on, and its disk open',
                       lambda it: it.known_elsewhere)
LIVE_ELSEWHERE = _if('a live client on another host has its disk open',
                     'no live client on another host has its disk open',
                     lambda it: bool(it.running_on))
SILENT_ELSEWHERE = _if('it may run on another host, unseen', 'it runs on no other host unseen',
                       lambda it: bool(it.may_run_on))
SILENT_CLIENT = _if('a client of nobody\'s has its disk open, and does not answer',
                    'no silent client of nobody\'s has its disk open', lambda it: bool(it.silent))
STOPPED_BY_USER = _if('its user asked last to have it stopped',
                      'its user did not ask last to have it stopped', lambda it: it.stopped_by_user)
SOURCE_RETURNED = _if('{source} was booted since', '{source} was not booted since',
                      lambda it: it.seen.source_returned)
EVACUATE = _if('Nova evacuates it as it is', 'Nova does not evacuate it as it is',
               lambda it: it.way[0] is Way.EVACUATE, 'way')
RESET = _if('its state has to be reset first', 'its state need not be reset, or can\'t be',
            lambda it: it.way[0] is Way.RESET, 'way')
WAITED_FOR = _if('an evacuation of it is under way already', 'no other evacuation is under way',
                 lambda it: it.way[0] is Way.WAIT, 'way')
TO_BE_LEFT = _if('what is in its state is left', 'what is in its state is not left',
                 lambda it: it.way[0] is Way.LEAVE, 'way')


def of_phase(phase: Phase) -> tuple[Condition[Facts], ...]:
    """What is surely so of an evacuation that is decided about in this phase."""
    return {Phase.QUEUED: (QUEUED,), Phase.CALLING: (~QUEUED, CALLING),
            Phase.MOVING: (~QUEUED, ~CALLING)}.get(phase, ())
