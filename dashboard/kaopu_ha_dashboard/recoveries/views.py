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

"""Recoveries: how far each instance is, and what people may ask."""

from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from kaopu_ha_dashboard import client, pages, verbs, words
from kaopu_ha_dashboard.recoveries import tables

INDEX = reverse_lazy('horizon:admin:ha_recoveries:index')


class IndexView(pages.Page):
    """All recoveries, the newest first."""

    page_title = _('Recoveries')
    part = 'kaopu_ha_dashboard/recoveries.html'

    def told(self, api):
        """The table."""
        rows = [tables.RecoveryRow(item) for item in reversed(api.every('recoveries'))]
        return {'table': tables.RecoveriesTable(self.request, data=rows),
                'busy': any(row.stage != 'finished' for row in rows)}


class DetailView(pages.Page):
    """One recovery with each of its instances."""

    page_title = _('Recovery of {{ host|default:"a host" }}')
    part = 'kaopu_ha_dashboard/recovery.html'

    def told(self, api):
        """Its instances, its fence, what it waits for, and what people asked."""
        found = api.get(f'/recoveries/{client.name(self.kwargs["recovery"])}')
        recovery, moves = found['recovery'], found['evacuations']
        ended = sum(move['phase'] in ('done', 'failed', 'left', 'not recoverable')
                    for move in moves)
        row = tables.RecoveryRow({
            **recovery, 'ended': ended, 'instances': len(moves), 'failed': 0, 'began_at': ''})
        return {'table': tables.MovesTable(
                    self.request, data=[tables.MoveRow(move) for move in moves]),
                'row': row, 'host': recovery['host'], 'recovery': recovery,
                'stage': words.said(words.STAGES, recovery['stage']), 'proof': found['proof'],
                'wishes': [{**wish, 'verb': words.said(words.ASKED, wish['verb']),
                            'state': words.said(words.ANSWERS, wish['state'])}
                           for wish in found['wishes']],
                'busy': recovery['stage'] != 'finished'}


class VerbView(verbs.VerbView):
    """To retry or to give up an instance, to end a recovery or to let it go on."""

    success_url = INDEX
    url = 'horizon:admin:ha_recoveries:verb'
