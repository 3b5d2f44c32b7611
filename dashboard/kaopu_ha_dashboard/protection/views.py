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

"""Protection: what would not come back if its host died now, and why."""

from django.utils.translation import gettext_lazy as _
from horizon import tables

from kaopu_ha_dashboard import pages, picture, words

# Of the instances that share a reason so many are named here.
_NAMED_MAX = 20


class UnprotectedRow:
    """A host, or instances of it, and the reason."""

    def __init__(self, place, told):
        self.id = str(place)
        self.host, self.text = told['host'], told['text']
        self.reason = words.said(words.REASONS, told['reason'])
        self.instances = told['instances']


def named(row):
    """The instances that are meant; all of the host's, if none is named."""
    if not row.instances:
        return _('The whole host')
    more = len(row.instances) - _NAMED_MAX
    listed = ', '.join(row.instances[:_NAMED_MAX])
    return listed if more <= 0 else _('%(names)s and %(count)d more') % {
        'names': listed, 'count': more}


class UnprotectedTable(tables.DataTable):
    host = tables.WrappingColumn('host', verbose_name=_('Host'))
    reason = tables.Column('reason', verbose_name=_('Reason'))
    instances = tables.WrappingColumn(named, verbose_name=_('Instances'))
    text = tables.WrappingColumn('text', verbose_name=_('Details'), attrs={'lang': 'en'})

    class Meta:
        name = 'unprotected'
        verbose_name = _('What would not come back')
        hidden_title = False
        no_data_message = _('Everything that is known would come back.')


class IndexView(pages.Page):
    """All of it, or that of one host."""

    page_title = _('Protection')
    part = 'kaopu_ha_dashboard/protection.html'

    def told(self, api):
        """The table with the sums, and how old they are."""
        host = self.request.GET.get('host', '')
        found = api.get('/protection', host=host)
        rows = [UnprotectedRow(place, item) for place, item in enumerate(found['unprotected'])]
        table = UnprotectedTable(self.request, data=rows)
        return {'table': table, 'totals': found['totals'], 'host': host,
                'at': picture.moment(found['at']), 'by': found['by'],
                'reasons': [(words.said(words.REASONS, reason), count)
                            for reason, count in sorted(found['totals']['reasons'].items())]}
