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

"""A real browser, headless, before the real Horizon; and what axe says of what it shows."""

import importlib.util
import json
import os
import pathlib
import shutil
import unittest

from tests.functional.dashboard.scene import ROOT, DashboardCase

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.wait import WebDriverWait
except ImportError:
    webdriver = Keys = None

_SECONDS = 60
_AXE = importlib.util.find_spec('axe_playwright_python')
# What a page of ours has to keep; best practices are Horizon's to choose.
_RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']


def missing():
    """Why there is no browser here; '' if there is one."""
    lacks = [name for name, found in (
        ('selenium', webdriver), ('axe-playwright-python', _AXE),
        ('chromium', shutil.which('chromium')), ('chromedriver', shutil.which('chromedriver')))
        if not found]
    return f'not there: {", ".join(lacks)}' if lacks else ''


def _driver():
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which('chromium')
    for word in ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
                 '--window-size=1280,1000', '--lang=en', '--no-proxy-server'):
        options.add_argument(word)
    return webdriver.Chrome(options, Service(shutil.which('chromedriver')))


@unittest.skipIf(missing(), missing())
class BrowserCase(DashboardCase):
    """Looks at pages as a person would."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.driver = _driver()
        cls.addClassCleanup(cls.driver.quit)
        cls.driver.set_page_load_timeout(_SECONDS)
        cls.driver.set_script_timeout(_SECONDS)

    def setUp(self):
        super().setUp()
        self.driver.get(f'{self.runtime.url}/auth/login/')
        self.driver.delete_all_cookies()

    def enter(self, name, theme='default'):
        """Log in by Horizon's form; the theme is chosen as its menu does."""
        session = self.login(name)
        for cookie in session.cookies:
            self.driver.add_cookie({'name': cookie.name, 'value': cookie.value, 'path': '/'})
        self.driver.add_cookie({'name': 'theme', 'value': theme, 'path': '/'})

    def open(self, path):
        """Go there."""
        self.driver.get(f'{self.runtime.url}/{path}')

    def find(self, selector):
        """The first element of this kind."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector='.kaopu-ha'):
        """What a person reads there."""
        return ' '.join(self.find(selector).text.split())

    def until(self, seen, why):
        """Wait until something is to be seen; what it is."""
        return WebDriverWait(self.driver, _SECONDS, ignored_exceptions=(Exception,)).until(
            lambda _: seen(), why)

    def script(self, text, *given):
        """What a script says."""
        return self.driver.execute_script(text, *given)

    def assert_accessible(self, selector='.kaopu-ha'):
        """Axe finds nothing wrong there."""
        (place,) = _AXE.submodule_search_locations
        self.script((pathlib.Path(place) / 'axe.min.js').read_text())
        found = self.driver.execute_async_script(
            'const done = arguments[arguments.length - 1];'
            'axe.run(arguments[0], {runOnly: arguments[1]}).then(done, e => done(String(e)));',
            selector, _RULES)
        told = [(one['id'], one['help'], [node['html'][:200] + ' ' + node['failureSummary']
                                          for node in one['nodes']][:3])
                for one in found['violations']]
        self.assertEqual([], told, json.dumps(told, indent=1))
        self.assertTrue(found['passes'])

    def picture(self, name):
        """A picture of the window, where somebody wants them."""
        if os.environ.get('KAOPU_WRITE_PICTURES'):
            self.driver.save_screenshot(str(ROOT / f'doc/source/pictures/horizon-{name}.png'))
