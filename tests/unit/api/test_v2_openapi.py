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

"""The document of our own resources: it is a right one, and what is answered is as it says."""

import hashlib
import json
import unittest

import hypothesis
import jsonschema

from kaopu_ha import records
from kaopu_ha.api.v2 import openapi
from kaopu_ha.api.v2.routes import ROUTES
from kaopu_ha.core import model
from kaopu_ha.core.live import LiveUse
from kaopu_ha.telling import picture
from kaopu_ha.telling.explained import explained
from tests.unit.api.own import OwnCase, told
from tests.unit.api.scene import ADMIN

try:
    import openapi_spec_validator
except ImportError:
    openapi_spec_validator = None
try:
    import schemathesis
except ImportError:
    schemathesis = None

_EXAMPLES = 12


class TestTheDocument(OwnCase):

    def test_it_is_served_without_a_token_and_names_every_route(self):
        found = self.told(200, 'GET', '/v2/openapi.json', token=None)
        self.assertEqual('3.1.0', found['openapi'])
        self.assertEqual([{'url': 'http://localhost/v2'}], found['servers'])
        routes = {(path.replace('<', '{').replace('>', '}'), method.lower())
                  for path, methods in ROUTES.items() for method in methods}
        self.assertEqual(routes, {(path, method) for path, methods in found['paths'].items()
                                  for method in methods})

    def test_each_operation_has_an_id_of_its_own_and_says_which_rule_it_has(self):
        found = self.told(200, 'GET', '/v2/openapi.json', token=None)
        every = [each for methods in found['paths'].values() for each in methods.values()]
        self.assertEqual(len(every), len({each['operationId'] for each in every}))
        self.assertEqual({endpoint.rule for methods in ROUTES.values()
                          for endpoint in methods.values()},
                         {each['x-policy'] for each in every})
        self.assertTrue(all(each['summary'] and each['description'] for each in every))

    @unittest.skipIf(openapi_spec_validator is None, 'pip install openapi-spec-validator')
    def test_it_is_a_right_one(self):
        openapi_spec_validator.validate(json.loads(json.dumps(openapi.document('http://ha'))))

    def test_every_reference_leads_somewhere(self):
        text = json.dumps(openapi.document('http://ha'))
        found = json.loads(text)
        for part in text.split('"$ref": "#/')[1:]:
            place = found
            for name in part.partition('"')[0].split('/'):
                place = place[name]
            self.assertTrue(place)


class TestEveryField(OwnCase):
    """What is answered has all that the document says, and nothing else."""

    def test_each_answer_has_the_fields_of_the_document_and_no_others(self):
        self.closed('c2', 7)
        self.there_is_a_storm()
        self.put(records.USE + 'c2', LiveUse(4, 8192, 10, 20, told.at(2)))
        self.put(records.PROOF + 'c1-1234', records.ProofMark('ctl-1', told.at(7)))
        found = json.loads(json.dumps(openapi.document('http://ha')))
        self.told(200, 'POST', '/v2/hosts/c1/hold', {'why': 'it burnt'})
        self.told(202, 'POST', '/v2/recoveries/instances/db-1/retry', {'why': 'it burnt'})
        for path, query in (
                ('/hosts', 'limit=1'), ('/hosts/{host}', ''), ('/cases', 'closed=true'),
                ('/cases/{host}', ''), ('/explain/{host}', ''), ('/recoveries', ''),
                ('/recoveries/{recovery}', ''), ('/waiting', ''), ('/protection', ''),
                ('/brake', ''), ('/news', 'since=1'), ('/instances', '')):
            with self.subTest(path):
                schema = found['paths'][path]['get']['responses']['200']['content'][
                    'application/json']['schema']
                answer = self.told(200, 'GET', '/v2' + path.format(
                    host='c1', recovery='c1') + (f'?{query}' if query else ''))
                whole = closed({**schema, 'components': found['components']})
                jsonschema.Draft202012Validator(whole).validate(answer)

    def test_a_field_that_is_not_written_down_is_found(self):
        schema = closed({'type': 'object', 'properties': {'a': {'type': 'string'}}})
        self.assertFalse(jsonschema.Draft202012Validator(schema).is_valid({'a': '', 'b': 1}))

    def test_what_is_shown_can_be_read_again(self):
        view = picture.Picture(self.behind.read(records.PREFIX))
        case = view.cases['c1']
        for thing in (case, explained(view, case), view.recoveries['c1-1234']):
            shown = json.loads(json.dumps(records.plain(thing)))
            self.assertEqual(thing, records.made(type(thing), shown))
        self.assertRaises(records.RecordError, records.made, model.Case, {'host': 5})


def closed(schema):
    """The schema, in which no object has fields of which it says nothing."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    more = {'additionalProperties': False} if isinstance(schema.get('properties'), dict) and (
        'type' in schema) else {}
    return {name: closed(each) for name, each in schema.items()} | more


@unittest.skipIf(schemathesis is None, 'pip install schemathesis')
class TestWhatIsAnswered(OwnCase):
    """Schemathesis asks whatever the document allows, and what it does not, with all its checks."""

    def setUp(self):
        super().setUp()
        self.closed('c2', 7)
        self.there_is_a_storm()
        self.schema = schemathesis.openapi.from_wsgi('/v2/openapi.json', self.application)
        # Paths without the names that there are would be 404 each time.
        self.names = {'host': ('c1', 'c2', 'c4'), 'recovery': ('c1', 'c1-1234'),
                      'instance': ('web-1', 'db-1', 'mail-1')}

    def check(self, mode):
        """Ask for each operation in this mode."""
        for operation in (each.ok() for each in self.schema.get_all_operations()):
            with self.subTest(operation.label):
                self.check_operation(operation, mode)

    def check_operation(self, operation, mode):
        """Some examples of one operation, half of them of what is there."""
        @hypothesis.settings(max_examples=_EXAMPLES, deadline=None, derandomize=True,
                             database=None,
                             suppress_health_check=list(hypothesis.HealthCheck))
        @hypothesis.given(operation.as_strategy(generation_mode=mode))
        def ask(case):
            if mode is schemathesis.GenerationMode.POSITIVE:
                self.name_what_is_there(case)
            if 'wait' in (case.query or {}):
                case.query['wait'] = 0
            case.call_and_validate(headers={'X-Auth-Token': ADMIN})
        ask()

    def name_what_is_there(self, case):
        """Every second time; by what else is in the case, so that it is the same each time."""
        seed = hashlib.sha256(repr((case.path_parameters, case.body)).encode()).digest()
        if seed[0] % 2:
            for name in case.path_parameters or {}:
                case.path_parameters[name] = self.names[name][seed[1] % len(self.names[name])]

    def test_what_may_be_asked_is_answered_as_it_is_written(self):
        self.check(schemathesis.GenerationMode.POSITIVE)

    def test_what_may_not_be_asked_is_refused(self):
        self.check(schemathesis.GenerationMode.NEGATIVE)

    def test_while_the_store_is_away_all_is_503(self):
        self.etcd.away = True
        for operation in (each.ok() for each in self.schema.get_all_operations()):
            with self.subTest(operation.label):
                found = self.ask(operation.method.upper(), '/v2' + operation.path.format(
                    host='c1', recovery='c1', instance='web-1'), _body(operation))
                self.assertEqual(503, found.status_code, found.text)


def _body(operation):
    """A body that it takes; None if it takes none."""
    if not operation.body:
        return None
    more = {'because': 'destroyed'} if operation.path.endswith('go-on') else {}
    return {'why': 'it burnt', **more}
