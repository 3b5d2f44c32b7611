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

"""Images and the Ansible role: what they name is there, and the health check tells the truth."""

import configparser
import contextlib
import importlib.util
import io
import os
import pathlib
import re
import tempfile
import threading
import time
import unittest
from unittest import mock

import jinja2
from werkzeug import serving
import yaml

from kaopu_ha import conf as options
from kaopu_ha.conf import api as conf_api
from kaopu_ha.core.news import Fact
from kaopu_ha.drivers.prometheus import metrics as prometheus
from kaopu_ha.telling import notices
from minicloud import uwsgi

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONTAINERS, ROLE = ROOT / 'containers', ROOT / 'ansible/roles/kaopu_ha'
PROGRAMS = {'agent', 'controller', 'worker', 'api'}


def healthy():
    """The health check of the images, as a module."""
    spec = importlib.util.spec_from_file_location('healthy', CONTAINERS / 'healthy.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def defaults():
    """The variables of the role."""
    return yaml.safe_load((ROLE / 'defaults/main.yml').read_text())


class TestHealth(unittest.TestCase):

    def setUp(self):
        self.healthy = healthy()
        self.metrics = prometheus.Metrics('worker', '1.2', [fact.key for fact in Fact],
                                          notices.RESULTS.values())
        self.addCleanup(self.metrics.close)

    def check(self, port):
        with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
            file.write(f'[metrics]\nworker_port = {port}\n')
            file.flush()
            with contextlib.redirect_stdout(io.StringIO()) as said:
                return self.healthy.main('worker', file.name), said.getvalue()

    def test_a_process_whose_loops_turn_is_healthy(self):
        self.metrics.last_good_turn.labels('claims').set(time.time())
        self.assertEqual((0, 'every loop has turned well\n'),
                         self.check(self.metrics.serve('127.0.0.1', 0)))

    def test_one_loop_that_turns_badly_is_enough(self):
        self.metrics.last_good_turn.labels('claims').set(time.time())
        self.metrics.last_good_turn.labels('evacuations').set(
            time.time() - 2 * self.healthy.LATE_SECONDS)
        code, said = self.check(self.metrics.serve('127.0.0.1', 0))
        self.assertEqual(1, code)
        self.assertRegex(said, r'^evacuations: no good turn for \d+ s$')

    def test_it_says_which(self):
        name = 'kaopu_ha_last_good_turn_timestamp_seconds'
        told = f'{name}{{loop="claims"}} 1.5e3\n{name}{{loop="warm"}} 1990.0\n'
        self.assertEqual('claims: no good turn for 500 s', self.healthy.late(told, 2000.0))
        self.assertEqual('', self.healthy.late(told, 1600.0))

    def test_metrics_without_a_loop_are_no_health(self):
        self.assertEqual((1, 'the metrics tell of no loop\n'),
                         self.check(self.metrics.serve('127.0.0.1', 0)))

    def test_a_port_at_which_nobody_answers_is_no_health(self):
        port = self.metrics.serve('127.0.0.1', 0)
        self.metrics.close()
        self.assertEqual(1, self.check(port)[0])

    def test_without_metrics_nothing_is_known_against_it(self):
        self.assertEqual((0, 'not asked: [metrics] worker_port is 0\n'), self.check(0))

    def test_it_is_late_when_the_alert_says_so(self):
        alerts = (ROOT / 'etc/prometheus/kaopu-ha-alerts.yml').read_text()
        limit = re.search(r'last_good_turn_timestamp_seconds\S+\s+> (\d+)', alerts)
        self.assertEqual(float(limit[1]), self.healthy.LATE_SECONDS)


class TestHealthOfTheApi(unittest.TestCase):

    def check(self, url):
        with mock.patch.dict(os.environ, {'KAOPU_HA_API_URL': url}), \
                contextlib.redirect_stdout(io.StringIO()) as said:
            return healthy().main('api'), said.getvalue()

    def served(self, answer):
        """A server that answers so, at this URL, until the test ends."""
        server = serving.make_server('127.0.0.1', 0, answer, request_handler=Quiet)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        return f'http://127.0.0.1:{server.server_port}'

    def test_it_is_healthy_while_it_says_so(self):
        asked = []

        def well(environ, start):
            asked.append(environ['PATH_INFO'])
            start('200 OK', [])
            return [b'OK']
        self.assertEqual((0, 'OK\n'), self.check(self.served(well)))
        self.assertEqual(['/healthcheck'], asked)

    def test_one_that_is_taken_out_of_service_or_away_is_not(self):
        def disabled(environ, start):
            start('503 Service Unavailable', [])
            return [b'DISABLED BY FILE']
        code, said = self.check(self.served(disabled))
        self.assertEqual(1, code)
        self.assertIn('503', said)
        self.assertEqual(1, self.check('http://127.0.0.1:9')[0])


class Quiet(serving.WSGIRequestHandler):
    """Prints nothing of what it is asked."""

    def log_request(self, *words):
        """Say nothing."""


class TestServed(unittest.TestCase):
    """The file by which uWSGI serves the API."""

    def read(self, text):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(text)
        return dict(parser['uwsgi'])

    def setUp(self):
        self.own = self.read((ROOT / 'etc/kaopu-ha/api-uwsgi.ini').read_text())

    def test_a_thread_is_left_while_as_many_wait_for_news_as_may(self):
        waiting = next(opt.default for opt in conf_api.OPTS if opt.name == 'waiting_max')
        self.assertGreater(int(self.own['threads']), 2 * waiting)

    def test_each_process_loads_it_for_itself_or_ends(self):
        self.assertEqual({'true'}, {self.own[name] for name in (
            'lazy-apps', 'enable-threads', 'need-app', 'die-on-term')})

    def test_pages_roles_and_the_mini_cloud_serve_it_alike(self):
        template = jinja2.Template((ROLE / 'templates/api-uwsgi.ini.j2').read_text())
        values = {**defaults(), 'ansible_managed': 'by Ansible'}
        self.assertEqual(self.own, self.read(template.render(values)))
        tls = self.read(template.render({**values, 'kaopu_ha_api_certificate': '/c.pem',
                                         'kaopu_ha_api_key': '/k.pem'}))
        self.assertEqual('0.0.0.0:15868,/c.pem,/k.pem', tls.pop('https-socket'))
        self.assertEqual({**tls, 'http-socket': '0.0.0.0:15868'}, self.own)
        command = uwsgi.argv('uwsgi', 'x', self.own['module'], pathlib.Path('v'), 2, 16)
        for name in self.own.keys() - {'http-socket'}:
            self.assertIn(f'--{name}', command)


class TestImages(unittest.TestCase):

    def setUp(self):
        self.recipe = (CONTAINERS / 'Containerfile').read_text()

    def test_each_program_has_an_image_with_its_entry_point_and_health(self):
        parser = configparser.ConfigParser()
        parser.read(ROOT / 'setup.cfg')
        commands = parser['entry_points']['console_scripts']
        stages = dict(re.findall(r'^FROM runtime AS (\w+)\n(.*?)(?=^FROM|\Z)', self.recipe,
                                 re.M | re.S))
        self.assertEqual(PROGRAMS, set(stages))
        for name, stage in stages.items():
            self.assertIn(f'healthy.py", "{name}"]', stage)
            if name == 'api':
                self.assertIn('ENTRYPOINT ["/opt/kaopu-ha/bin/uwsgi"]', stage)
                self.assertIn('CMD ["--ini", "/opt/kaopu-ha/etc/kaopu-ha/api-uwsgi.ini"]', stage)
                continue
            self.assertIn(f'ENTRYPOINT ["/opt/kaopu-ha/bin/kaopu-ha-{name}"]', stage)
            self.assertIn(f'kaopu-ha-{name} =', commands)

    def test_only_the_agent_is_root(self):
        self.assertEqual(3, len(re.findall('^USER kaopu-ha$', self.recipe, re.M)))
        self.assertEqual(1, len(re.findall('^USER root$', self.recipe, re.M)))

    def test_what_is_copied_is_there_and_not_left_out(self):
        left_out = (ROOT / '.containerignore').read_text().split()
        for name in (*re.findall(r'^COPY (?!--from)(\S+)', self.recipe, re.M),
                     'minicloud/constraints.txt', 'setup.cfg', 'README.rst'):
            self.assertTrue((ROOT / name).exists(), name)
            self.assertNotIn(name.partition('/')[0], left_out)

    def test_the_base_is_a_debian_that_is_tested(self):
        page = (ROOT / 'doc/source/reference/versions.rst').read_text()
        self.assertIn('debian:trixie-slim', self.recipe)
        self.assertIn('tools/run-tests trixie', page)


class TestRole(unittest.TestCase):

    maxDiff = None

    def written(self, **given):
        """The configuration that the role writes."""
        template = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True)
        template.filters['combine'] = self.combined
        source = (ROLE / 'templates/kaopu-ha.conf.j2').read_text()
        values = {**defaults(), 'ansible_managed': 'by Ansible', **given}
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(template.from_string(source).render(values))
        return {name: dict(parser[name]) for name in parser.sections()}

    @staticmethod
    def combined(first, *more, recursive):
        """As the filter of Ansible, of two levels."""
        found = {section: dict(values) for section, values in first.items()}
        for each in more:
            for section, values in each.items():
                found.setdefault(section, {}).update(values)
        return found

    @staticmethod
    def on(*programs):
        """The services of a host."""
        return {name: {'enabled': name in programs} for name in PROGRAMS}

    def test_a_compute_host_never_gets_the_password_of_nova(self):
        given = {'kaopu_ha_conf': {'store': {'endpoints': ['a:1', 'b:2']}},
                 'kaopu_ha_conf_agent': {'agent': {'inventory_interval': 3}},
                 'kaopu_ha_conf_control': {'nova': {'password': 'secret'}}}
        self.assertEqual({'store': {'endpoints': 'a:1, b:2'}, 'agent': {'inventory_interval': '3'}},
                         self.written(kaopu_ha_services=self.on('agent'), **given))
        for program in ('worker', 'api'):
            self.assertEqual({'store': {'endpoints': 'a:1, b:2'}, 'nova': {'password': 'secret'}},
                             self.written(kaopu_ha_services=self.on(program), **given))

    def unit(self, name, template, **given):
        """What is written of a program's unit."""
        made = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True).from_string(
            (ROLE / f'templates/{template}.j2').read_text())
        return made.render({**defaults(), 'ansible_managed': 'by Ansible',
                            'item': {'key': name}, **given})

    def test_the_api_reads_a_file_more_and_gets_no_key_of_ceph(self):
        both = '/etc/kaopu-ha/kaopu-ha.conf;/etc/kaopu-ha/kaopu-ha-api.conf'
        told = self.unit('api', 'venv.conf')
        self.assertIn(f'Environment="OS_KAOPU_HA_CONFIG_FILES={both}"\n'
                      'ExecStart=/opt/kaopu-ha/bin/uwsgi --ini /etc/kaopu-ha/api-uwsgi.ini\n', told)
        self.assertNotIn('uwsgi', self.unit('worker', 'venv.conf'))
        told = self.unit('api', 'container.service', kaopu_ha_api_certificate='/c.pem')
        self.assertIn(f'    --env OS_KAOPU_HA_CONFIG_FILES={both} \\\n', told)
        self.assertIn('    --env KAOPU_HA_API_URL=https://127.0.0.1:15868 \\\n', told)
        self.assertIn('/kaopu-ha-api:latest --ini /etc/kaopu-ha/api-uwsgi.ini\n', told)
        self.assertNotIn('ceph', told)
        self.assertIn('/kaopu-ha-worker:latest\n', self.unit('worker', 'container.service'))
        self.assertIn('/etc/ceph:ro', self.unit('worker', 'container.service'))

    def test_the_example_names_only_options_that_there_are(self):
        known = {(group, opt.dest) for group, opts in options.list_opts() for opt in opts}
        # What a plugin of keystoneauth brings is known when it is loaded.
        known |= {('nova', name) for name in ('auth_type', 'auth_url', 'application_credential_id',
                                              'application_credential_secret')}
        known |= {('keystone_authtoken', name) for name in (
            'www_authenticate_uri', 'auth_type', 'auth_url', 'username', 'user_domain_name',
            'password', 'project_name', 'project_domain_name')}
        known.add(('oslo_middleware', 'enable_proxy_headers_parsing'))
        example = yaml.safe_load((ROOT / 'ansible/inventory.example.yml').read_text())
        for name, sections in example['all']['vars'].items():
            for section, values in sections.items():
                for option in values:
                    self.assertIn((section, option), known, name)

    def test_a_run_that_only_looks_does_not_want_what_it_would_have_installed(self):
        tasks = yaml.safe_load((ROLE / 'tasks/venv.yml').read_text())
        install, pip = [next(task for task in tasks if f'ansible.builtin.{module}' in task)
                        for module in ('apt', 'pip')]
        self.assertEqual(f'not (ansible_check_mode and {install["register"]} is changed)',
                         pip['when'])

    def test_where_the_api_runs_alone_nothing_is_asked_that_others_need(self):
        tasks = yaml.safe_load((ROLE / 'tasks/reconfigure.yml').read_text())
        (asks,) = [task['when'][1] for task in tasks
                   if task['name'].startswith('Ask the program what it thinks')]
        for programs, asked in ((['api'], False), (['worker'], True), (['api', 'agent'], True)):
            self.assertIs(asked, jinja2.Environment().compile_expression(asks)(
                kaopu_ha_services=self.on(*programs)), programs)

    def test_every_variable_is_described(self):
        told = (ROOT / 'ansible/README.rst').read_text()
        self.assertEqual([], [name for name in defaults() if f'``{name}``' not in told])

    def test_what_is_included_is_there(self):
        for path in (ROLE / 'tasks').glob('*.yml'):
            for task in yaml.safe_load(path.read_text()):
                name = task.get('ansible.builtin.include_tasks', '')
                if '{{' not in name and name:
                    self.assertTrue((ROLE / 'tasks' / name).exists(), name)
        for action in ('precheck', 'deploy', 'reconfigure', 'stop'):
            self.assertTrue((ROLE / f'tasks/{action}.yml').exists())

    def test_role_and_images_agree_on_the_user(self):
        recipe = (CONTAINERS / 'Containerfile').read_text()
        self.assertIn(f'ARG KAOPU_ID={defaults()["kaopu_ha_id"]}\n', recipe)


if __name__ == '__main__':
    unittest.main()
