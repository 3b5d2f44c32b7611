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

"""A browser before the Horizon of these tests."""

import os

from tests import browser
from tests.browser import Keys as Keys
from tests.functional.dashboard import scene


class BrowserCase(browser.Looks, scene.DashboardCase):
    """Looks at pages as a person would."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.driver = browser.started(scene.runtime().certificate)
        cls.addClassCleanup(cls.driver.quit)

    def setUp(self):
        super().setUp()
        self.site = self.runtime.url
        self.forget_me()

    def enter(self, name, theme='default'):
        """Log in as the form would; the theme is chosen as its menu does."""
        session = self.login(name)
        for cookie in session.cookies:
            self.driver.add_cookie({'name': cookie.name, 'value': cookie.value, 'path': '/',
                                    'secure': cookie.secure})
        self.driver.add_cookie({'name': 'theme', 'value': theme, 'path': '/'})

    def picture(self, name):
        """One for the guide, where somebody wants them."""
        if os.environ.get('KAOPU_WRITE_PICTURES'):
            super().picture(scene.ROOT / 'doc/source/pictures', f'horizon-{name}')
