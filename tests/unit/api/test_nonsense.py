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

"""Whatever is asked, in whatever form: it is answered, never by a fault of ours, and never by half.
"""

import json
import re
from urllib import parse

import hypothesis
from hypothesis import strategies as st

from kaopu_ha import records
from kaopu_ha.api.routes import ROUTES
from kaopu_ha.core.segments import Notification, Segment, SegmentHost
from tests.unit.api.scene import PROJECT, ApiCase, said

WORDS = st.one_of(st.text(max_size=20), st.sampled_from((
    '', ' ', '1', '-1', '0', 'True', 'auto', 'asc', 'id', 'name', 'c1', '\x00', '\ud800', 'é', '%',
    '/', '..', 'null', '1e999', '2026-11-28T00:00:00', '0000-00-00', '9' * 400, "' OR 1=1 --")))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=6)
RIGHT = {
    '/segments': {'segment': {'name': 'a', 'recovery_method': 'auto', 'service_type': 'x'}},
    '/segments/<segment>': {'segment': {'name': 'b', 'description': 'x'}},
    '/segments/<segment>/hosts': {'host': {'name': 'c2', 'type': '', 'control_attributes': ''}},
    '/segments/<segment>/hosts/<host>': {'host': {
        'name': 'c3', 'type': 'x', 'reserved': True, 'on_maintenance': False}},
    '/notifications': said(at='2026-11-28T01:00:00', payload={'event': 'STARTED'})}
# Words that mean something to some field.
MEANT = st.sampled_from((True, 'no', 'c1', 'c2', 'rack', 'VM', 'PROCESS', 'rh_priority',
                         '2026-11-28T03:00:00', {'event': 'STOPPED'}, None))
IDS = st.one_of(st.just('1'), st.sampled_from(('2', 'new', 'edit')), WORDS.map(
    lambda word: parse.quote(word.encode(errors='replace'), safe='')))


@st.composite
def requests(draw):
    """A request of some route, right but for a field or an id; or nothing of the kind."""
    route = draw(st.sampled_from(sorted(ROUTES)))
    path = re.sub('<[a-z]+>', lambda _: draw(IDS), route)
    method = draw(st.one_of(st.sampled_from(sorted(ROUTES[route])), METHODS))
    if route not in RIGHT or draw(st.integers(0, 4)) == 0:
        path = draw(st.one_of(st.just(path), st.builds('/{}'.format, IDS),
                              st.just(f'/{PROJECT}{path}'), st.just(f'/abc{path}')))
        return method, path, draw(st.one_of(VALUES.map(json.dumps), st.text(max_size=30),
                                            st.binary(max_size=30)))
    ((noun, fields),) = RIGHT[route].items()
    changed = dict(fields)
    if draw(st.booleans()):
        changed[draw(st.sampled_from([*fields, 'enabled', 'uuid']))] = draw(
            st.one_of(MEANT, VALUES))
    return method, path, json.dumps({noun: changed})


METHODS = st.sampled_from(('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH'))
QUERIES = st.dictionaries(st.one_of(WORDS, st.sampled_from((
    'limit', 'marker', 'sort_key', 'sort_dir', 'page_size', 'enabled', 'type', 'reserved',
    'on_maintenance', 'generated-since', 'status', 'name'))), WORDS, max_size=3).map(
        lambda query: parse.urlencode(query, errors='replace'))
HEADERS = st.fixed_dictionaries({}, optional={
    'Content-Type': st.sampled_from(('application/json', 'text/plain', 'x',
                                     'application/json; charset=utf-16', 'application/json')),
    'Accept': st.sampled_from(('*/*', 'x', 'application/vnd.openstack.masakari+json', ';q=9')),
    'OpenStack-API-Version': st.sampled_from((
        'instance-ha 1.3', 'instance-ha 1.2', 'instance-ha latest', 'instance-ha', 'x y z'))})


class TestNonsense(ApiCase):

    def setUp(self):
        super().setUp()
        self.host = self.a_host(self.a_segment())
        self.a_notification()

    @hypothesis.settings(max_examples=400, deadline=None, derandomize=True, database=None,
                         suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(requests(), QUERIES, HEADERS)
    def test_nothing_is_a_fault_of_ours(self, request, query, headers):
        method, path, body = request
        text = body if isinstance(body, bytes) else body.encode(errors='replace')
        found = self.ask(method, f'/v1{path}?{query}', text=text, headers=headers)
        self.assertLess(found.status_code, 500, found.text)
        if found.status_code >= 400 and method != 'HEAD':
            (fault,) = found.json.values()
            self.assertEqual({'code', 'message'}, set(fault))
            self.assertEqual(found.status_code, fault['code'])
        self.check_records()

    def check_records(self):
        """All that is kept can be read, and each name and number is one's."""
        view = records.View(self.behind.read(records.PREFIX))
        for kind, prefix in ((Segment, records.SEGMENT), (SegmentHost, records.SEGMENT_HOST),
                             (Notification, records.NOTIFICATION)):
            self.assertEqual({}, view.failures(kind, prefix))
            numbers = [one.number for one in view.every(kind, prefix).values()]
            self.assertEqual(len(numbers), len(set(numbers)))
        held = {key: view.one(records.Holder, key).uuid for key in self.kept()
                if key.startswith(records.NAME)}
        self.assertEqual(held, {
            **{records.segment_name(one.name): uuid for uuid, one in view.segments.items()},
            **{records.segment_host_name(one.name): uuid
               for uuid, one in view.segment_hosts.items()}})
