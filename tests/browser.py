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

"""A real browser, headless, before a Horizon; and what axe says of what it shows."""

import base64
import hashlib
import importlib.util
import json
import pathlib
import shutil
import unittest

from cryptography import x509
from cryptography.hazmat.primitives import serialization

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.wait import WebDriverWait
except ImportError:
    webdriver = Keys = By = None

_SECONDS = 60
_PICTURE_BYTES = 200_000
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


def started(certificate=None):
    """A browser that takes this certificate, a file, and no other one that it does not know."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which('chromium')
    for word in ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
                 '--window-size=1280,1000', '--lang=en', '--no-proxy-server'):
        options.add_argument(word)
    if certificate:
        options.add_argument(f'--ignore-certificate-errors-spki-list={_key_hash(certificate)}')
    driver = webdriver.Chrome(options, Service(shutil.which('chromedriver')))
    driver.set_page_load_timeout(_SECONDS)
    driver.set_script_timeout(_SECONDS)
    return driver


def _key_hash(certificate):
    key = x509.load_pem_x509_certificate(pathlib.Path(certificate).read_bytes()).public_key()
    said = key.public_bytes(serialization.Encoding.DER,
                            serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(said).digest()).decode()


@unittest.skipIf(missing(), missing())
class Looks:
    """Looks at pages as a person would: part of a test that has a ``driver`` and a ``site``."""

    driver = None
    site = ''

    def open(self, path):
        """Go there."""
        self.driver.get(f'{self.site}/{path}')

    def forget_me(self):
        """Be nobody whom the site knows, at its door."""
        # On no page of it: what one still loads may bring back the session of who was there.
        self.driver.get('about:blank')
        self.driver.execute_cdp_cmd('Network.clearBrowserCookies', {})
        self.open('auth/login/')

    def log_in(self, name, password):
        """Fill in Horizon's own form, and send it."""
        self.forget_me()
        self.find('#id_username').send_keys(name)
        self.find('#id_password').send_keys(password)
        self.find('#loginBtn').click()
        self.until(lambda: '/auth/login' not in self.driver.current_url, 'nobody is let in')

    def find(self, selector):
        """The first element of this kind."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector='.kaopu-ha'):
        """What a person reads there."""
        return ' '.join(self.find(selector).text.split())

    def until(self, seen, why, seconds=_SECONDS):
        """Wait until something is to be seen; what it is."""
        return WebDriverWait(self.driver, seconds, ignored_exceptions=(Exception,)).until(
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

    def picture(self, folder, name):
        """A picture of the window, small enough to be kept."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f'{name}.png'
        self.driver.save_screenshot(str(path))
        self.assertLess(path.stat().st_size, _PICTURE_BYTES)
