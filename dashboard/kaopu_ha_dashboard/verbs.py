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

"""What people ask: each verb with what it means, in a dialog that wants the reason.

The API is asked with the viewer's token, keeps the reason with his name, and may refuse; its words
are shown then, and the dialog stays.
"""

import dataclasses
import re
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from horizon import forms, messages

from kaopu_ha_dashboard import client

# As the API takes it: one line, with no blank in front.
_LINE = re.compile(r'[^\x00-\x1f\x7f]*')
_WHY_MAX = 255


@dataclasses.dataclass(frozen=True)
class Verb:
    """One thing that can be asked.

    ``why``: a reason is asked for.  ``because``: what exactly the person has seen, to choose from.
    """

    path: str
    title: Any
    meaning: Any
    done: Any
    why: bool = True
    because: tuple[tuple[str, Any], ...] = ()


VERBS = {
    'hold': Verb(
        '/hosts/{}/hold', gettext_lazy('Hold %s'), gettext_lazy(
            'The host is watched, but not condemned, and nothing is moved to it, until you '
            'release it.'), gettext_lazy('%s is on hold.')),
    'release': Verb(
        '/hosts/{}/release', gettext_lazy('Release %s'), gettext_lazy(
            'The hold ends: if the host dies, its instances are moved.'),
        gettext_lazy('%s is not on hold any more.'), why=False),
    'admit': Verb(
        '/hosts/{}/admit', gettext_lazy('Take %s back'), gettext_lazy(
            'For a host that was confirmed dead and is repaired: it is looked at, and its fence is '
            'taken away. Its steps are told in its incident.'),
        gettext_lazy('%s is asked to be taken back.'), why=False),
    'brake': Verb(
        '/brake/release', gettext_lazy('Release the brake'), gettext_lazy(
            'The cases go on that the brake holds now. Do this only if you have seen that these '
            'hosts are really dead.'), gettext_lazy('The brake is released.')),
    'retry': Verb(
        '/recoveries/instances/{}/retry', gettext_lazy('Try %s again'), gettext_lazy(
            'At once, to any host that may take it, or where it was.'),
        gettext_lazy('%s is asked to be tried again.')),
    'give-up': Verb(
        '/recoveries/instances/{}/give-up', gettext_lazy('Give %s up'), gettext_lazy(
            'It is not moved any more, and nobody is reminded of it.'),
        gettext_lazy('%s is asked to be given up.')),
    'end': Verb(
        '/recoveries/{}/end', gettext_lazy('End the recovery of %s'), gettext_lazy(
            'Every instance is given up that is not under way; the others are waited for.'),
        gettext_lazy('The recovery of %s is asked to end.')),
    'go-on': Verb(
        '/recoveries/{}/go-on', gettext_lazy('Let %s go on by your word'), gettext_lazy(
            'Your word takes the place of what nobody could ask, or of a fence that does not hold. '
            'If you are wrong, two writers may destroy each disk. The host must stay off until the '
            'recovery is finished.'),
        gettext_lazy('It goes on with %s by your word.'), because=(
            ('switched off', gettext_lazy('I have seen that it has no power, and it stays so')),
            ('destroyed', gettext_lazy('It will never run again')))),
}


class VerbForm(forms.SelfHandlingForm):
    """Asks for what a verb needs, and then the API."""

    def __init__(self, request, *args, verb, subject, **kwargs):
        super().__init__(request, *args, **kwargs)
        self.verb, self._subject = VERBS[verb], subject
        if self.verb.because:
            self.fields['because'] = forms.ChoiceField(
                label=_('What you have seen'), choices=self.verb.because,
                widget=forms.RadioSelect)
        if self.verb.why:
            self.fields['why'] = forms.CharField(
                label=_('Reason'), max_length=_WHY_MAX, help_text=_(
                    'For your colleagues: it is kept with your name.'))

    def clean_why(self):
        """One line.  Raises ValidationError."""
        why = self.cleaned_data['why'].strip()
        if not why or not _LINE.fullmatch(why):
            raise forms.ValidationError(_('The reason has to be one line.'))
        return why

    def handle(self, request, data):
        """Ask for it; False, and the dialog stays, if it is refused."""
        path = self.verb.path.format(client.name(self._subject))
        body = {name: data[name] for name in ('why', 'because') if data.get(name)}
        try:
            found = client.Client(request).post(path, body)
        except client.Refused as failure:
            self.api_error(str(failure))
            return False
        done = str(self.verb.done)
        messages.success(request, done % self._subject if '%s' in done else done)
        for note in _notes(found):
            messages.warning(request, note)
        return True


def _notes(found):
    """What the person should know besides."""
    if found.get('warning'):
        yield found['warning']
    if found.get('leads') is False:
        yield _('No controller leads now: it is answered when one does.')
    if found.get('changed') is False:
        yield found.get('text') or _('It was so, or was asked, before: nothing was changed.')


class VerbView(forms.ModalFormView):
    """The dialog of a verb; the URL has the verb, and of whom it is asked."""

    form_class = VerbForm
    template_name = 'kaopu_ha_dashboard/verb.html'
    submit_label = gettext_lazy('Ask for it')
    form_id = modal_id = 'kaopu_ha_verb'
    url = ''
    verb = ''

    def get_form_kwargs(self):
        """Which verb, and of whom."""
        return {**super().get_form_kwargs(), 'verb': self._verb, 'subject': self._subject}

    def get_context_data(self, **kwargs):
        """What it means."""
        context = super().get_context_data(**kwargs)
        shown = self.request.GET.get('name') or self._subject
        title = str(VERBS[self._verb].title)
        title = title % shown if '%s' in title else title
        return {**context, 'page_title': title, 'modal_header': title,
                'meaning': VERBS[self._verb].meaning,
                'submit_url': reverse(self.url, kwargs=self.kwargs)}

    @property
    def _verb(self):
        return self.kwargs.get('verb', self.verb)

    @property
    def _subject(self):
        return self.kwargs.get('subject', '')
