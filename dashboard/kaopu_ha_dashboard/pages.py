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

"""What every page shares: it is asked of the API, lives, and says so if nothing can be shown."""


from django.template import loader
from django.utils.safestring import mark_safe
from horizon import views

from kaopu_ha_dashboard import client

# A page on which something is under way is asked for so often, another one so often.
BUSY_SECONDS, CALM_SECONDS = 2, 15
ROW_ACTIONS = 'kaopu_ha_dashboard/_row_actions.html'


class Page(views.HorizonTemplateView):
    """A page with one part that is asked for again while it is looked at.

    ``part``: the template of that part.  A script asks for it alone (``?part=1``) and puts it into
    the page; what it says of refusals comes along.  ``told`` may say that something is under way
    (``busy``), and how many seconds it is at least until it is asked for again (``least``).
    """

    template_name = 'kaopu_ha_dashboard/page.html'
    part = ''

    def told(self, api):
        """What the part shows: the context of its template.  Raises Refused."""
        raise NotImplementedError

    def get(self, request, *args, **kwargs):
        """The page, or its living part alone."""
        response = super().get(request, *args, **kwargs)
        if request.GET.get('part'):
            response.add_post_render_callback(lambda _: unattended(request))
        return response

    def get_context_data(self, **kwargs):
        """What is told, or the refusal in words."""
        context = super().get_context_data(**kwargs)
        context |= {'part': self.part, 'refused': '', 'busy': False, 'least': 1}
        try:
            context |= self.told(client.Client(self.request))
        except client.Refused as failure:
            context['refused'] = str(failure)
        context['seconds'] = max(BUSY_SECONDS if context['busy'] else CALM_SECONDS,
                                 context['least'])
        return context

    def get_template_names(self):
        """The page, or its living part alone."""
        if self.request.GET.get('part'):
            return ['kaopu_ha_dashboard/_part.html']
        return [self.template_name]


def unattended(request):
    """Leave the session of the viewer as it was: a script asked, and he may have gone away.

    Horizon puts off the end of a session at each question.  Who leaves his page open is to be
    logged out all the same, after its ``SESSION_TIMEOUT``.  And where sessions are kept in
    cookies, an answer that comes late must not bring back one that was ended meanwhile.
    """
    request.session.modified = False


def drawn(template, **context):
    """A piece of a page."""
    return mark_safe(loader.render_to_string(f'kaopu_ha_dashboard/{template}', context))
