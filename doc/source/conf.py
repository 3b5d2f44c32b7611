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

"""How the documentation is built."""

extensions = [
    'openstackdocstheme',
    'oslo_config.sphinxext',
]

project = 'Kaopu HA'
copyright = 'the Kaopu HA maintainers'
author = 'the Kaopu HA maintainers'

# Repository name and bug tracker are of no use before there is a public home.
openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_use_storyboard = False
openstackdocs_repo_name = 'kaopu-ha'

html_theme = 'openstackdocs'
pygments_style = 'native'
exclude_patterns = []

man_pages = [(f'man/{name}', name, does, [author], 1) for name, does in (
    ('kaopu-ha', 'what Kaopu HA knows and does, and what a person may tell it'),
    ('kaopu-ha-agent', 'beat and inventory of a compute host'),
    ('kaopu-ha-controller', 'judges, fences and plans'),
    ('kaopu-ha-worker', 'carries evacuations out'),
    ('kaopu-ha-status', 'what stands in the way of an upgrade'))]
