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

"""The table of hosts: three lights, the stage with its wait, and what people may ask."""

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from horizon import tables

from kaopu_ha_dashboard import pages, words

# Those first that somebody should look at.
STATES = ('judged', 'confirmed', 'silent', 'held', 'well')
_ICONS = {'life': 'fa-check-circle', 'silence': 'fa-times-circle', 'unknown': 'fa-question-circle',
          '': 'fa-minus'}


class HostRow:
    """A host, as it is shown."""

    def __init__(self, told, unprotected):
        self.id = self.host = told['host']
        self.case, self.hold = told['case'], told['hold']
        self.lights = {light['network']: light for light in told['lights']}
        self.waited, self.waits = told['waited'], told['waits']
        self.running = told['instances']['on'] + told['instances']['paused']
        self.unprotected = unprotected
        self.state = self._state(told)

    @property
    def rank(self):
        """Where it comes in the list."""
        return STATES.index(self.state)

    def _state(self, told):
        if self.case in ('confirmed', 'admitting'):
            return 'confirmed'
        if self.case:
            return 'judged'
        if self.hold:
            return 'held'
        return 'well' if told['beat'] else 'silent'


def light(network):
    """What draws the light of a network."""
    def drawn(row):
        found = row.lights.get(network) or {'sign': '', 'seconds': None, 'rule': ''}
        sign = found['sign']
        return pages.drawn('_light.html', sign=sign or 'none', icon=_ICONS.get(sign, _ICONS['']),
                           word=words.said(words.SIGNS, sign), rule=found['rule'],
                           age=words.span(found['seconds']) if found['seconds'] else '')
    return drawn


def stage_drawn(row):
    """The stage, and as a bar how much of its wait is over."""
    part = min(row.waited / row.waits, 1) if row.waits and row.waited is not None else None
    word = _('no beat') if row.state == 'silent' else words.said(words.STAGES, row.case)
    return pages.drawn('_stage.html', row=row, word=word,
                       percent=None if part is None else round(100 * part),
                       waited=words.span(row.waited), waits=words.span(row.waits))


def where_incident(row):
    """Where its case is told; nowhere if there is none."""
    return reverse('horizon:admin:ha_incidents:detail', args=[row.host]) if row.case else None


def where_unprotected(row):
    """Where it is told what of it would not come back."""
    if not row.unprotected:
        return None
    return f'{reverse("horizon:admin:ha_protection:index")}?{urlencode({"host": row.host})}'


class _Verb(tables.LinkAction):
    """Asks for the reason in a dialog."""

    classes = ('ajax-modal',)

    def get_link_url(self, datum):
        """The dialog of this verb."""
        return reverse('horizon:admin:ha_hosts:verb', args=[self.name, datum.host])


class Hold(_Verb):
    """Leave it alone."""

    name = 'hold'
    verbose_name = _('Hold')
    policy_rules = (('kaopu_ha', 'kaopu_ha:v2:hosts:hold'),)

    def allowed(self, request, datum):
        """Whoever is not held."""
        return not datum.hold


class Release(_Verb):
    """End the hold."""

    name = 'release'
    verbose_name = _('Release')
    policy_rules = (('kaopu_ha', 'kaopu_ha:v2:hosts:release'),)

    def allowed(self, request, datum):
        """Whoever is held."""
        return datum.hold


class Admit(_Verb):
    """Take it back."""

    name = 'admit'
    verbose_name = _('Take back')
    policy_rules = (('kaopu_ha', 'kaopu_ha:v2:hosts:admit'),)

    def allowed(self, request, datum):
        """Whoever is confirmed dead, and is not being taken back yet."""
        return datum.case == 'confirmed'


class HostsTable(tables.DataTable):
    host = tables.WrappingColumn('host', verbose_name=_('Host'), link=where_incident)
    etcd = tables.Column(light('etcd'), verbose_name=_('Beat (etcd)'))
    management = tables.Column(light('management'), verbose_name=_('Management'))
    storage = tables.Column(light('storage'), verbose_name=_('Storage'))
    stage = tables.Column(stage_drawn, verbose_name=_('State'))
    running = tables.Column('running', verbose_name=_('Instances on'))
    unprotected = tables.Column('unprotected', verbose_name=_('Not protected'),
                                link=where_unprotected)

    class Meta:
        name = 'hosts'
        verbose_name = _('Hosts')
        hidden_title = False
        multi_select = False
        row_actions = (Hold, Release, Admit)
        row_actions_dropdown_template = pages.ROW_ACTIONS
