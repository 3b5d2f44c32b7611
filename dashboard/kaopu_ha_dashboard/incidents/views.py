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

"""Incidents: the cases on hosts, each with its timeline as a picture, and why in words."""

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from horizon import tables

from kaopu_ha_dashboard import client, drawing, pages, picture, words

# Of the closed cases so many of a cloud are listed; the API keeps more of each host.
_SHOWN_MAX = 200


class CaseRow:
    """A case, as it is listed."""

    def __init__(self, told):
        self.id, self.host = told['id'], told['host']
        host, slash, place = told['id'].rpartition('/')
        self.place = int(place) if slash and host == told['host'] else 0
        self.back = 0
        self.stage = told['stage']
        self.word = words.said(words.STAGES, told['stage'])
        self.verdict = words.said(words.VERDICTS, told['verdict'])
        self.opened, self.changed = (picture.moment(told[name])
                                     for name in ('opened_at', 'changed_at'))
        self.reason = told['reason']


def where(row):
    """Its page."""
    url = reverse('horizon:admin:ha_incidents:detail', args=[row.host])
    return f'{url}?back={row.back}' if row.back else url


def listed(found):
    """The rows of a list of cases: open ones first, then the closed ones, latest first."""
    rows = [CaseRow(item) for item in found]
    closed = {}
    for row in rows:
        closed[row.host] = max(closed.get(row.host, 0), row.place)
    for row in rows:
        # The list counts from the first one, the page from the last one.
        row.back = closed[row.host] - row.place + 1 if row.place else 0
    rows.sort(key=lambda row: str(row.opened or ''), reverse=True)
    return sorted(rows, key=lambda row: row.place > 0)


class CasesTable(tables.DataTable):
    host = tables.Column('host', verbose_name=_('Host'), link=where)
    word = tables.Column('word', verbose_name=_('Stage'))
    verdict = tables.Column('verdict', verbose_name=_('Last verdict'))
    opened = tables.Column('opened', verbose_name=_('Opened'))
    changed = tables.Column('changed', verbose_name=_('Last step'))
    reason = tables.WrappingColumn('reason', verbose_name=_('Why'), attrs={'lang': 'en'})

    class Meta:
        name = 'cases'
        verbose_name = _('Cases')
        hidden_title = False
        no_data_message = _('No host has fallen silent, as far as is kept.')


class IndexView(pages.Page):
    """The open cases, and those that were closed."""

    page_title = _('Incidents')
    part = 'kaopu_ha_dashboard/incidents.html'

    def told(self, api):
        """The table."""
        rows = listed(api.every('cases', closed=True))
        return {'table': CasesTable(self.request, data=rows[:_SHOWN_MAX]),
                'more': max(len(rows) - _SHOWN_MAX, 0),
                'busy': any(not row.place for row in rows)}


class DetailView(pages.Page):
    """One case: the open one on a host, or one that was closed."""

    page_title = _('What happened to {{ host }}')
    part = 'kaopu_ha_dashboard/incident.html'

    def told(self, api):
        """The picture and the words."""
        host = self.kwargs['host']
        back = self.request.GET.get('back', '')
        query = {'back': int(back)} if back.isdecimal() and int(back) else {}
        found = api.get(f'/explain/{client.name(host)}', **query)
        case = api.get(f'/cases/{client.name(host)}', **query)['case']
        told = found['explained']
        line = picture.timeline(told, case['beat_at'], timezone.now())
        # Where none is open, the one closed last is shown.
        back = query.get('back') or int(told['stage'] == 'closed')
        return {'host': host, 'told': told, 'closed': found['closed'], 'back': back,
                'steps': _steps(told, line),
                'drawn': drawing.shapes(line) if line else None, 'line': line,
                'words': drawing.told(line) if line else '',
                'busy': told['stage'] not in ('closed', 'confirmed') or (
                    told['recovery'] is not None and told['recovery']['stage'] != 'finished')}

    def get_context_data(self, **kwargs):
        """Whose case it is, also where nothing of it can be told."""
        return {'host': self.kwargs['host'], **super().get_context_data(**kwargs)}


def _steps(told, line):
    """Each step with its clock, and the seconds since the last beat."""
    for step in told['steps']:
        at = picture.moment(step['at'])
        since = (at - line.begins).total_seconds() if line and at else None
        yield {**step, 'clock': at, 'since': words.span(since), 'kind_of': step['kind']}
