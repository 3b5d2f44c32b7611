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

"""Alert rules and board against a real Prometheus, which also scrapes a process."""

import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

import yaml

from kaopu_ha.core.news import Fact
from kaopu_ha.drivers.prometheus import metrics as prometheus
from kaopu_ha.telling import notices, standing
from kaopu_ha.telling.measures import Measures
from kaopu_ha.testing.notifier import some_news

ROOT = pathlib.Path(__file__).resolve().parents[2]
ALERTS = ROOT / 'etc/prometheus/kaopu-ha-alerts.yml'
BOARD = ROOT / 'etc/grafana/kaopu-ha.json'
PAGE = ROOT / 'doc/source/operator/metrics.rst'
START_SECONDS = 60


def a_process():
    return prometheus.Metrics('controller', '1', [fact.key for fact in Fact],
                              notices.RESULTS.values())


def known():
    """The names of all series that our processes have."""
    found = {f'kaopu_ha_{name}' for name in standing.HELPS}
    for family in a_process().registry.collect():
        endings = {'counter': ('_total',), 'histogram': ('_bucket', '_sum', '_count'),
                   'info': ('_info',)}.get(family.type, ('',))
        found |= {family.name + ending for ending in endings}
    return found


def named(text):
    return set(re.findall(r'\bkaopu_ha_\w+', text))


class TestFiles(unittest.TestCase):
    """What is installed for Prometheus and Grafana names what there is."""

    def test_alerts_ask_for_series_that_there_are(self):
        self.assertEqual(set(), named(ALERTS.read_text()) - known())

    def test_the_board_asks_for_series_that_there_are(self):
        targets = [target for panel in json.loads(BOARD.read_text())['panels']
                   for target in panel['targets']]
        self.assertGreater(len(targets), 15)
        for target in targets:
            self.assertEqual(set(), named(target['expr']) - known(), target['expr'])

    def test_panels_do_not_lie_on_each_other(self):
        taken = set()
        for panel in json.loads(BOARD.read_text())['panels']:
            place = panel['gridPos']
            cells = {(place['x'] + x, place['y'] + y) for x in range(place['w'])
                     for y in range(place['h'])}
            self.assertFalse(cells & taken, panel['title'])
            taken |= cells

    def test_facts_and_results_in_alerts_are_of_the_closed_lists(self):
        words = {'fact': {fact.key for fact in Fact},
                 'result': {*notices.RESULTS.values(), 'lost', 'sent', 'failed'}}
        for label, allowed in words.items():
            for given in re.findall(rf'{label}=~?"([^"]*)"', ALERTS.read_text()):
                self.assertEqual(set(), set(given.split('|')) - allowed)

    def test_the_operators_page_has_every_alert_and_every_metric(self):
        page = PAGE.read_text()
        for group in yaml.safe_load(ALERTS.read_text())['groups']:
            for rule in group['rules']:
                self.assertIn(f'``{rule["alert"]}``', page)
        for name in sorted(name for name in known() if name.startswith('kaopu_ha_')):
            plain = re.sub('_(total|bucket|sum|count)$', '', name)
            self.assertIn(plain.removeprefix('kaopu_ha_'), page)


@unittest.skipUnless(shutil.which('promtool'), 'Prometheus is not installed here')
class TestAlerts(unittest.TestCase):
    """promtool plays the stories of alerts.yml with our rules."""

    def promtool(self, *words, folder=None):
        told = subprocess.run(['promtool', *words], capture_output=True, text=True, timeout=60,
                              cwd=folder)
        self.assertEqual(0, told.returncode, told.stdout + told.stderr)

    def test_the_rules_are_sound(self):
        self.promtool('check', 'rules', str(ALERTS))

    def test_alerts_come_when_they_should_and_only_then(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(ALERTS, folder)
            shutil.copy(pathlib.Path(__file__).with_name('alerts.yml'), folder)
            self.promtool('test', 'rules', 'alerts.yml', folder=folder)


@unittest.skipUnless(shutil.which('prometheus'), 'Prometheus is not installed here')
class TestScrape(unittest.TestCase):
    """A real Prometheus scrapes a process, with our rules loaded."""

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        metrics = a_process()
        self.addCleanup(metrics.close)
        measures = Measures(metrics)
        measures.news(some_news())
        measures.gauges(lambda: {'leader': {(): 1.0}, 'cases': {(('stage', 'dying'),): 2.0}},
                        standing.HELPS)
        with socket.create_server(('127.0.0.1', 0)) as free:
            self.address = f'127.0.0.1:{free.getsockname()[1]}'
        settings = {
            'global': {'scrape_interval': '1s', 'evaluation_interval': '1s'},
            'rule_files': [str(ALERTS)],
            'scrape_configs': [{'job_name': 'kaopu-ha', 'static_configs': [
                {'targets': [f'127.0.0.1:{metrics.serve("127.0.0.1", 0)}']}]}]}
        path = pathlib.Path(folder.name, 'prometheus.yml')
        path.write_text(yaml.safe_dump(settings))
        self.said = pathlib.Path(folder.name, 'said')
        with self.said.open('w') as said:
            process = subprocess.Popen(
                ['prometheus', f'--config.file={path}', f'--web.listen-address={self.address}',
                 f'--storage.tsdb.path={folder.name}/data'], stdout=said, stderr=said)
        self.addCleanup(process.wait)
        self.addCleanup(process.send_signal, signal.SIGKILL)

    def asked(self, expression):
        """What Prometheus says, by labels, once it says anything."""
        query = urllib.parse.urlencode({'query': expression})
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with urllib.request.urlopen(f'http://{self.address}/api/v1/query?{query}',
                                            timeout=5) as page:
                    found = json.load(page)['data']['result']
                if found:
                    return [(one['metric'], float(one['value'][1])) for one in found]
            except (urllib.error.URLError, OSError):
                pass
            self.assertLess(time.monotonic(), deadline, self.said.read_text()[-2000:])
            time.sleep(0.2)

    def test_what_a_process_counts_can_be_asked_for(self):
        self.assertEqual([1.0], [value for _, value in self.asked('up{job="kaopu-ha"} == 1')])
        self.assertEqual([1.0], [value for _, value in self.asked(
            'kaopu_ha_news_total{fact="moved"}')])
        self.assertEqual([352.2], [value for _, value in self.asked(
            'kaopu_ha_instance_down_seconds_sum')])
        self.assertEqual([({'stage': 'dying'}, 2.0)], self.asked('sum by (stage) (kaopu_ha_cases)'))
        with urllib.request.urlopen(f'http://{self.address}/api/v1/rules', timeout=5) as page:
            groups = json.load(page)['data']['groups']
        self.assertEqual({'ok'}, {rule['health'] for rule in groups[0]['rules']
                                  if rule['health'] != 'unknown'})
