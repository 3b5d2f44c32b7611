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

"""What is told in Horizon's message area, once per viewer, and whether a page should look again.

A script on each page asks here, at most once a second and never while its tab is hidden.  An
administrator's question waits for news at the API (a long poll); a project's is answered at once,
and comes again after half a minute.

What follows from the records now is told, not each fact as it happens: who comes late hears what
is so, and nobody hears what is over.  Which messages a viewer has heard is in a cookie that is
signed for him, so that it outlives his sessions.
"""

import hashlib
import threading

from django.conf import settings
from django.http import JsonResponse
from django.views import generic
from openstack_dashboard import policy

from kaopu_ha_dashboard import client, pages, told

COOKIE = 'kaopu_ha_heard'
# Threads of the web server are for all: of a process so many questions wait, others come again.
WAITING_MAX = 2
WAIT_SECONDS = 20
_PLACES = threading.BoundedSemaphore(WAITING_MAX)
_AGAIN_SECONDS, _BUSY_SECONDS, _PROJECT_SECONDS, _AWAY_SECONDS = 1, 5, 30, 60
# What is remembered of a viewer: the latest ones, for a month.
_HEARD_MAX = 120
_HEARD_SECONDS = 30 * 86400


class NewsView(generic.View):
    """Answers the script: messages that this viewer has not heard, and when to ask again."""

    def get(self, request):
        """JSON: ``messages`` (level, HTML), ``cursor``, ``changed``, ``again`` in seconds."""
        pages.unattended(request)
        api = client.Client(request)
        try:
            answer = self._answer(request, api)
        except client.Refused:
            # The panels say it; here it would come on each page.
            return JsonResponse({'messages': [], 'changed': False, 'again': _AWAY_SECONDS})
        found = answer.pop('found', ())
        heard = _heard(request)
        new = [one for one in found if _mark(one.key) not in heard]
        answer['messages'] = [[one.level, one.html] for one in new]
        response = JsonResponse(answer)
        if new:
            _remember(request, response, heard, [_mark(key) for one in new for key in one.keys])
        return response

    def _answer(self, request, api):
        if not policy.check((('kaopu_ha', 'kaopu_ha:v2:news:list'),), request):
            return {'found': list(told.of_project(api)), 'changed': True,
                    'again': _PROJECT_SECONDS}
        cursor = request.GET.get('since', '')
        since = {'since': cursor} if cursor.isdecimal() else {}
        news, again = _news(api, since)
        changed = not since or bool(news['news'] or news['lost'])
        return {'found': [*told.of_hosts(api), *_own(request, api)] if changed else (),
                'cursor': news['cursor'], 'changed': changed, 'again': again}


def _own(request, api):
    """What is of the administrator's own project, if he has one and may see it."""
    if not request.user.project_id:
        return ()
    return told.of_project(api)


def _news(api, since):
    """The news, waited for if there is a place; and the seconds until the next question."""
    if not since:
        return api.get('/news'), _AGAIN_SECONDS
    if not _PLACES.acquire(blocking=False):
        return api.get('/news', **since), _BUSY_SECONDS
    try:
        return api.get('/news', wait=WAIT_SECONDS, **since), _AGAIN_SECONDS
    finally:
        _PLACES.release()


# ---------------------------------------------------------------- who has heard what


def _mark(key):
    return hashlib.sha256(key.encode()).hexdigest()[:10]


def _heard(request):
    """The marks of what this viewer has heard, the earliest first."""
    text = request.get_signed_cookie(COOKIE, default='', salt=request.user.id or '')
    return [mark for mark in text.split('.') if mark]


def _remember(request, response, heard, marks):
    kept = list(dict.fromkeys([*heard, *marks]))[-_HEARD_MAX:]
    response.set_signed_cookie(
        COOKIE, '.'.join(kept), salt=request.user.id or '', max_age=_HEARD_SECONDS, httponly=True,
        samesite='Lax', secure=settings.SESSION_COOKIE_SECURE)
