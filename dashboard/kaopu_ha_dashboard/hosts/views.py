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

"""Hosts now: what each network says of each, how far its case is, and what people may ask."""

import collections

from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from kaopu_ha_dashboard import pages, verbs
from kaopu_ha_dashboard.hosts import tables

# Where there are more, those that are not well come first, and the others are counted.
SHOWN_MAX = 200
# All of them are asked for each time: of a large cloud less often, whatever is new.
_HOSTS_A_SECOND = 200
INDEX = reverse_lazy('horizon:admin:ha_hosts:index')


class IndexView(pages.Page):
    """All hosts, those first that are not well."""

    page_title = _('Hosts now')
    part = 'kaopu_ha_dashboard/hosts.html'

    def told(self, api):
        """The table, the sums, and the brake."""
        hosts = api.every('hosts')
        protection, brake = api.get('/protection'), api.get('/brake')['brake']
        unprotected = collections.Counter()
        for item in protection['unprotected']:
            unprotected[item['host']] += max(len(item['instances']), 1)
        rows = sorted((tables.HostRow(host, unprotected[host['host']]) for host in hosts),
                      key=lambda row: (row.rank, row.host))
        shown = rows if self.request.GET.get('all') else rows[:SHOWN_MAX]
        return {
            'table': tables.HostsTable(self.request, data=shown),
            'more': len(rows) - len(shown), 'brake': brake, 'totals': protection['totals'],
            'counted': {name: sum(row.state == name for row in rows) for name in tables.STATES},
            'known': len(rows), 'least': 1 + len(rows) // _HOSTS_A_SECOND,
            'busy': any(row.state == 'judged' for row in rows)}


class VerbView(verbs.VerbView):
    """To hold, to release, to admit a host."""

    success_url = INDEX
    url = 'horizon:admin:ha_hosts:verb'


class BrakeView(verbs.VerbView):
    """To let the cases go on that the brake holds."""

    success_url = INDEX
    url = 'horizon:admin:ha_hosts:brake'
    verb = 'brake'
