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

"""The tables of recoveries, and of the instances in one."""

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from horizon import tables

from kaopu_ha_dashboard import pages, picture, words

_LOST = ('failed', 'not recoverable')


class RecoveryRow:
    """A recovery, as it is listed."""

    def __init__(self, told):
        self.id, self.host, self.stage = told['id'], told['host'], told['stage']
        self.ended, self.instances = told['ended'], told['instances']
        self.failed, self.waiting_for = told['failed'], told['waiting_for']
        self.began = picture.moment(told['began_at'])

    @property
    def percent(self):
        """How much of it is over; all of nothing."""
        return round(100 * self.ended / self.instances) if self.instances else 100


class MoveRow:
    """An instance of a recovery."""

    def __init__(self, told):
        self.id, self.name = told['instance'], told['name'] or told['instance']
        self.phase, self.target, self.reason = told['phase'], told['target'], told['reason']
        self.attempts, self.given_up = len(told['attempts']), told['given_up']
        self.is_open = self.phase not in ('done', 'left')


def progress(row):
    """How many are moved, as a bar with its words."""
    return pages.drawn('_progress.html', row=row)


def stage(row):
    """How far it is."""
    return words.said(words.STAGES, row.stage)


def phase(row):
    """How far its move is; lost ones stand out."""
    return pages.drawn('_phase.html', word=words.said(words.PHASES, row.phase),
                       lost=row.phase in _LOST, given_up=row.given_up)


class _Verb(tables.LinkAction):
    """Asks for the reason in a dialog."""

    classes = ('ajax-modal',)

    def get_link_url(self, datum):
        """The dialog of this verb, which names whom it is asked of."""
        subject = getattr(datum, 'host', None) or datum.id
        url = reverse('horizon:admin:ha_recoveries:verb', args=[self.name, subject])
        return f'{url}?{urlencode({"name": getattr(datum, "name", subject)})}'


class End(_Verb):
    """Give up what is not under way."""

    name = 'end'
    verbose_name = _('End')
    policy_rules = (('kaopu_ha', 'kaopu_ha:v2:recoveries:end'),)

    def allowed(self, request, datum):
        """What has not ended."""
        return datum.stage != 'finished'


class GoOn(_Verb):
    """Take a person's word for what can't be proven."""

    name = 'go-on'
    verbose_name = _('Go on by my word')
    policy_rules = (('kaopu_ha', 'kaopu_ha:v2:recoveries:go-on'),)

    def allowed(self, request, datum):
        """What has not ended."""
        return datum.stage != 'finished'


class Retry(_Verb):
    """Try it again."""

    name = 'retry'
    verbose_name = _('Try again')
    policy_rules = (('kaopu_ha', 'kaopu_ha:v2:recoveries:retry'),)

    def allowed(self, request, datum):
        """What was not moved, and what was left."""
        return datum.phase != 'done'


class GiveUp(_Verb):
    """Give it up."""

    name = 'give-up'
    verbose_name = _('Give up')
    policy_rules = (('kaopu_ha', 'kaopu_ha:v2:recoveries:give-up'),)

    def allowed(self, request, datum):
        """What may still be moved, or has failed."""
        return datum.is_open and not datum.given_up


class RecoveriesTable(tables.DataTable):
    host = tables.Column('host', verbose_name=_('Host'), link='horizon:admin:ha_recoveries:detail')
    stage = tables.Column(stage, verbose_name=_('Stage'))
    progress = tables.Column(progress, verbose_name=_('Instances'))
    began = tables.Column('began', verbose_name=_('Began'))
    waiting_for = tables.WrappingColumn('waiting_for', verbose_name=_('Waits for'),
                                        attrs={'lang': 'en'})

    class Meta:
        name = 'recoveries'
        verbose_name = _('Recoveries')
        hidden_title = False
        multi_select = False
        row_actions = (GoOn, End)
        row_actions_dropdown_template = pages.ROW_ACTIONS
        no_data_message = _('No host had to be recovered.')


class MovesTable(tables.DataTable):
    name = tables.WrappingColumn('name', verbose_name=_('Instance'))
    phase = tables.Column(phase, verbose_name=_('State'))
    target = tables.Column('target', verbose_name=_('Target'))
    attempts = tables.Column('attempts', verbose_name=_('Attempts'))
    reason = tables.WrappingColumn('reason', verbose_name=_('Reason'), attrs={'lang': 'en'})

    class Meta:
        name = 'moves'
        verbose_name = _('Instances')
        hidden_title = False
        multi_select = False
        row_actions = (Retry, GiveUp)
        row_actions_dropdown_template = pages.ROW_ACTIONS
        no_data_message = _('Nothing is planned yet.')
