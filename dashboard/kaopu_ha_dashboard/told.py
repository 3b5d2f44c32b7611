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

"""What is so now, as messages: of hosts to administrators, of its own instances to a project."""

import dataclasses
import datetime

from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kaopu_ha_dashboard import picture

# So many are named in one message.
_NAMED_MAX = 3
# Who comes after a day has no use for what was mended.
_LATELY = datetime.timedelta(days=1)
_JUDGED = ('suspected', 'dying', 'locked', 'last look')
# Only a person can end these; of the others people should know.
_LOST = ('does not run', 'was to be started again where it was, and does not run')
_WAITS = ('its recovery waits', 'its admission waits')


@dataclasses.dataclass(frozen=True)
class Message:
    """``keys``: what it is about; it is told to who has not heard the first of them."""

    level: str
    html: str
    keys: tuple[str, ...]

    @property
    def key(self):
        """By what it is known."""
        return self.keys[0]


def of_hosts(api):
    """What administrators should know now.  Raises Refused."""
    brake = api.get('/brake')['brake']
    if brake['braked']:
        yield _message('error', _('Too many are silent at once, and the brake holds:'),
                       brake['braked'], 'brake', 'horizon:admin:ha_hosts:index')
    cases = api.every('cases')
    for level, stages, text in (
            ('warning', _JUDGED, _('No beat, and it is judged whether really dead:')),
            ('error', ('confirmed',), _('Confirmed dead, and instances are moved elsewhere:'))):
        found = {case['host']: case['opened_at'] for case in cases if case['stage'] in stages}
        yield from _by_host(level, text, found, stages[-1])
    waits = api.get('/waiting')['waiting']
    for level, kinds, text in (
            ('error', _LOST, _('Instances that only you can bring back, of:')),
            ('warning', _WAITS, _('Does not go on by itself:'))):
        found = {item['host']: item['kind'] + item['since'] for item in waits
                 if item['kind'] in kinds}
        yield from _by_host(level, text, found, kinds[0])


def of_project(api):
    """What the people of a project should know of its instances.  Raises Refused."""
    rows = api.every('instances')
    now = timezone.now()
    for states, level, text in (
            (('under way',), 'warning', _('Down, and being started again:')),
            (('failed',), 'error', _('Down, and could not be started again:')),
            (('moved', 'started'), 'info', _('Was down, and runs again:'))):
        found = {}
        for row, item in ((row, _last(row['interruptions'])) for row in rows):
            if item and item['state'] in states and (level != 'info' or _is_late(item, now)):
                found[row['name']] = f'{row["instance"]} {item["state"]} {_at(item)}'
        if found:
            yield _message(level, text, found, '', 'horizon:project:ha_instances:index')
    bare = {row['name']: row['instance'] for row in rows if row['protected'] == 'no'}
    if bare:
        yield _message('warning', _('Would not come back if what they run on died:'), bare, 'bare',
                       'horizon:project:ha_instances:index')


def _last(interruptions):
    """The one that is under way, or else the latest; None if there is none."""
    going = [item for item in interruptions if item['state'] == 'under way']
    return max(going or interruptions, key=_at, default=None)


def _at(item):
    return item['up_at'] or item['down_at']


def _is_late(item, now):
    """True if it was so lately, or if it is not known when."""
    read = picture.moment(_at(item))
    return read is None or now - read < _LATELY


def _by_host(level, text, found, kind):
    """One message for one host, with a link to its incident; one for all if they are many."""
    if len(found) <= _NAMED_MAX:
        for host, since in sorted(found.items()):
            yield _message(level, text, {host: since}, kind, 'horizon:admin:ha_incidents:detail',
                           host)
    else:
        yield _message(level, text, found, kind, 'horizon:admin:ha_hosts:index')


def _message(level, text, subjects, kind, url, *args):
    """``subjects``: names, each with what tells this time from another one, if there is that."""
    names = sorted(subjects)
    since = subjects if isinstance(subjects, dict) else {}
    if len(names) <= _NAMED_MAX:
        keys = tuple(f'{kind} {since.get(name, "")} {name}' for name in names)
    else:
        # Each one more is no news; ten times as many are.
        keys = (f'{kind} many {len(str(len(names)))} {min(since.values(), default="")[:10]}',)
    more = len(names) - _NAMED_MAX
    listed = ', '.join(names[:_NAMED_MAX])
    if more > 0:
        listed = ngettext('%(names)s and %(count)d more', '%(names)s and %(count)d more', more) % {
            'names': listed, 'count': more}
    try:
        link = reverse(url, args=args)
    except NoReverseMatch:
        return Message(level, format_html('{} {}.', text, listed), keys)
    return Message(level, format_html('{} {}. <a href="{}">{}</a>', text, listed, link,
                                      _('More about it')), keys)
