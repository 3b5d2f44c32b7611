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

"""Asks the API of Kaopu HA with the viewer's token, and says in words what it refuses."""

import re
from urllib import parse

from django.utils.translation import gettext as _
from horizon import exceptions
from keystoneauth1 import adapter, token_endpoint
from keystoneauth1 import exceptions as failures
from openstack_auth import utils
from openstack_dashboard.api import base

SERVICE_TYPE = 'instance-ha'
# A page waits so long at most.  The API answers from memory; a wait for news comes on top.
TIMEOUT_SECONDS = 10
# A catalog may have the version of Masakari's API there, and the project behind it.
_VERSION = re.compile(r'/v[0-9][0-9.]*(/[^/]*)?/?$')


class Refused(Exception):
    """The API did not give what was asked; the text says why, for people."""


class Client:
    """The API, as the user of a request may use it."""

    def __init__(self, request):
        self._user = request.user
        self._request = request

    def get(self, path, **query):
        """What is answered.  Raises Refused."""
        return self._asked('get', _url(path, query), query.get('wait') or 0)

    def post(self, path, body=None):
        """The same of something that is asked for."""
        return self._asked('post', path, 0, json=body or {})

    def every(self, noun, **query):
        """The rows of all pages of a list.  Raises Refused."""
        rows, path = [], _url(f'/{noun}', query)
        while path:
            found = self.get(path)
            rows += found[noun]
            path = next((f'/{noun}{link["href"]}' for link in found.get(f'{noun}_links', ())
                         if link['rel'] == 'next'), '')
        return rows

    def _asked(self, method, path, wait, **more):
        endpoint = self._endpoint()
        session = utils.get_session(
            auth=token_endpoint.Token(endpoint, self._user.token.id),
            timeout=TIMEOUT_SECONDS + wait)
        try:
            response = adapter.Adapter(session, endpoint_override=endpoint).request(
                path, method.upper(), raise_exc=False, **more)
        except failures.ClientException as failure:
            raise Refused(_('The service of high availability does not answer. '
                            'What is shown here is not known now.')) from failure
        return _found(response)

    def _endpoint(self):
        try:
            found = base.url_for(self._request, SERVICE_TYPE)
        except exceptions.ServiceCatalogException as failure:
            raise Refused(_('The catalog has no service of the type instance-ha in this region.'
                            )) from failure
        return _VERSION.sub('', found.rstrip('/')) + '/v2'


def name(text):
    """A name as a part of a path."""
    return parse.quote(text, safe='')


def _url(path, query):
    given = {key: str(value).lower() if isinstance(value, bool) else value
             for key, value in query.items() if value not in (None, '', False)}
    return f'{path}?{parse.urlencode(given)}' if given else path


def _found(response):
    try:
        found = response.json()
    except ValueError:
        found = None
    if response.status_code < 300 and isinstance(found, dict):
        return found
    if response.status_code == 401:
        raise Refused(_('The service does not take your token (any more): log in again.'))
    if response.status_code == 403:
        raise Refused(_('You may not see or do this: the policy of the service does not '
                        'allow it.'))
    told = [fault['message'] for fault in (found or {}).values()
            if isinstance(fault, dict) and 'message' in fault]
    if told:
        raise Refused(_('The service says: %s') % told[0])
    raise Refused(_('The service answered %s, and nothing that can be understood here: is it '
                    'version 2 of Kaopu HA?') % response.status_code)
