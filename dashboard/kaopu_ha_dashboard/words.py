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

"""The API's words in the viewer's language.  A word that is not here is shown as it came."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

NETWORKS = {
    'etcd': gettext_lazy('Beat (etcd)'),
    'management': gettext_lazy('Management'),
    'storage': gettext_lazy('Storage'),
}
SIGNS = {
    'life': pgettext_lazy('sign', 'life'),
    'silence': pgettext_lazy('sign', 'silence'),
    'unknown': pgettext_lazy('sign', 'unknown'),
    '': pgettext_lazy('sign', 'not asked'),
}
STAGES = {
    '': pgettext_lazy('stage', 'well'),
    'suspected': pgettext_lazy('stage', 'suspected'),
    'dying': pgettext_lazy('stage', 'dying'),
    'locked': pgettext_lazy('stage', 'locked'),
    'last look': pgettext_lazy('stage', 'last look'),
    'confirmed': pgettext_lazy('stage', 'confirmed dead'),
    'admitting': pgettext_lazy('stage', 'being taken back'),
    'closed': pgettext_lazy('stage', 'closed'),
    'fencing': pgettext_lazy('stage', 'fencing'),
    'proven': pgettext_lazy('stage', 'fence proven'),
    'planned': pgettext_lazy('stage', 'planned'),
    'evacuating': pgettext_lazy('stage', 'moving'),
    'finished': pgettext_lazy('stage', 'finished'),
}
VERDICTS = {
    'alive': pgettext_lazy('verdict', 'alive'),
    'dead': pgettext_lazy('verdict', 'dead'),
    'undecided': pgettext_lazy('verdict', 'undecided'),
}
PHASES = {
    'waiting': pgettext_lazy('phase', 'waiting for a target'),
    'queued': pgettext_lazy('phase', 'queued'),
    'calling': pgettext_lazy('phase', 'calling Nova'),
    'moving': pgettext_lazy('phase', 'being moved'),
    'refused': pgettext_lazy('phase', 'refused, is planned again'),
    'done': pgettext_lazy('phase', 'moved'),
    'failed': pgettext_lazy('phase', 'failed'),
    'left': pgettext_lazy('phase', 'left where it was'),
    'not recoverable': pgettext_lazy('phase', 'not recoverable'),
}
REASONS = {
    'no agent': gettext_lazy('No agent'),
    'no readable inventory': gettext_lazy('No readable inventory'),
    'no compute service': gettext_lazy('No compute service'),
    'no storage address': gettext_lazy('No storage address'),
    'address in no client network': gettext_lazy('Address in no client network'),
    'address claimed twice': gettext_lazy('Address claimed twice'),
    'client of nobody': gettext_lazy('Client of nobody'),
    'clients do not answer': gettext_lazy('Clients do not answer'),
    'guest without its disk': gettext_lazy('Guest without its disk'),
    'guest stuck': gettext_lazy('Guest stuck'),
    'guest hung': gettext_lazy('Guest hung'),
    'nova-compute not running': gettext_lazy('Nova-compute not running'),
    'beat without an end': gettext_lazy('Beat without an end'),
    'inventory not kept up': gettext_lazy('Inventory not kept up'),
    'image unknown': gettext_lazy('Image unknown'),
    'disk on no known cluster': gettext_lazy('Disk on no known cluster'),
    'local disk': gettext_lazy('Local disk'),
    'disks unknown': gettext_lazy('Disks unknown'),
    'no room elsewhere': gettext_lazy('No room elsewhere'),
    'no host for it': gettext_lazy('No host for it'),
    'no sure host': gettext_lazy('No sure host'),
    'may not be fenced': gettext_lazy('May not be fenced'),
    'never condemned': gettext_lazy('Never condemned'),
    'unknown to Nova': gettext_lazy('Unknown to Nova'),
    'its state': gettext_lazy('Its state'),
    'host under judgement': gettext_lazy('Host under judgement'),
    'host on hold': gettext_lazy('Host on hold'),
    'nobody leads': gettext_lazy('Nobody leads'),
    'no worker': gettext_lazy('No worker'),
}
PROTECTED = {
    'yes': gettext_lazy('Yes'),
    'no': gettext_lazy('No'),
    'doubtful': gettext_lazy('Doubtful'),
    'left alone': gettext_lazy('Left alone, as asked'),
    'off': gettext_lazy('Is off'),
    'not known': gettext_lazy('Not known'),
}
WHY_NOT = {
    '': '',
    'its disks': gettext_lazy('Its disks: they could not be opened elsewhere'),
    'no room': gettext_lazy('No other host has room for it'),
    'its state': gettext_lazy('Its state'),
    'the policy': gettext_lazy('The policy: it opted out, or something else replaces it'),
    'the cloud': gettext_lazy('Something in the cloud: its operators see what'),
}
WHY = {
    'host lost': gettext_lazy('What it ran on was lost'),
    'host restarted': gettext_lazy('What it ran on was restarted'),
}
STATES = {
    'under way': gettext_lazy('Under way'),
    'moved': gettext_lazy('Moved, and runs'),
    'started': gettext_lazy('Started again'),
    'failed': gettext_lazy('Failed: it does not run'),
    'left': gettext_lazy('Left as it was'),
}
ASKED = {
    'retry': gettext_lazy('Try again'),
    'give up': gettext_lazy('Give up'),
    'end': gettext_lazy('End'),
    'go on': gettext_lazy('Go on'),
}
ANSWERS = {
    'asked': gettext_lazy('not answered yet'),
    'done': gettext_lazy('done'),
    'refused': gettext_lazy('refused'),
}


def said(words, word):
    """The word in the viewer's language; as it is, if nobody translated it."""
    return words.get(word, word)


def span(seconds):
    """A span of time in words; ``-`` where it is not known."""
    if seconds is None:
        return '-'
    whole = int(seconds)
    if whole < 60:
        return _('%d s') % whole
    if whole < 3600 and not whole % 60:
        return _('%d min') % (whole // 60)
    if whole < 3600:
        return _('%(minutes)d min %(seconds)d s') % {'minutes': whole // 60,
                                                     'seconds': whole % 60}
    if whole < 86400:
        return _('%(hours)d h %(minutes)d min') % {'hours': whole // 3600,
                                                   'minutes': whole % 3600 // 60}
    return _('%(days)d d %(hours)d h') % {'days': whole // 86400, 'hours': whole % 86400 // 3600}
