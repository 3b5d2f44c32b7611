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

"""For the people of a project: which of its instances were moved, when and why; which would not
come back.
"""

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from horizon import tables

from kaopu_ha_dashboard import pages, picture, words

# Those first that somebody should know of.
_ORDER = ('no', 'doubtful', 'not known', 'left alone', 'off', 'yes')


class InstanceRow:
    """An instance, as its people see it."""

    def __init__(self, told):
        self.id, self.name, self.there = told['instance'], told['name'], told['there']
        self.state, self.why_not = told['protected'], told['why_not']
        self.interruptions = [Interruption(item) for item in reversed(told['interruptions'])]

    @property
    def rank(self):
        """Where it comes in the list: what is down, what would not come back, what was moved."""
        down = any(item.state in ('under way', 'failed') for item in self.interruptions[:1])
        order = _ORDER.index(self.state) if self.state in _ORDER else len(_ORDER)
        return (not down, order, not self.interruptions, self.name)


class Interruption:
    """Once that it was down."""

    def __init__(self, told):
        self.state = told['state']
        self.word = words.said(words.STATES, told['state'])
        self.why = words.said(words.WHY, told['why'])
        self.when = picture.moment(told['down_at']) or picture.moment(told['up_at'])
        self.down = words.span(told['seconds_down']) if told['seconds_down'] is not None else ''


def protected(row):
    """Would it come back?"""
    return pages.drawn('_protected.html', state=row.state.replace(' ', '-'),
                       word=words.said(words.PROTECTED, row.state),
                       why=words.said(words.WHY_NOT, row.why_not))


def interruptions(row):
    """When it was down, the latest first."""
    return pages.drawn('_interruptions.html', row=row)


def where(row):
    """Its own page, while Nova shows it."""
    return reverse('horizon:project:instances:detail', args=[row.id]) if row.there else None


class InstancesTable(tables.DataTable):
    name = tables.WrappingColumn('name', verbose_name=_('Instance'), link=where)
    protected = tables.Column(protected, verbose_name=_('Would it come back?'))
    interruptions = tables.Column(interruptions, verbose_name=_('When it was down'))

    class Meta:
        name = 'ha_instances'
        verbose_name = _('Your instances')
        hidden_title = False
        no_data_message = _('Your project has no instances.')


class IndexView(pages.Page):
    """All of the project of who looks."""

    page_title = _('High availability')
    part = 'kaopu_ha_dashboard/instances.html'

    def told(self, api):
        """The table, those first of which somebody should know."""
        rows = sorted((InstanceRow(item) for item in api.every('instances')),
                      key=lambda row: row.rank)
        return {'table': InstancesTable(self.request, data=rows),
                'busy': any(item.state == 'under way' for row in rows
                            for item in row.interruptions)}
