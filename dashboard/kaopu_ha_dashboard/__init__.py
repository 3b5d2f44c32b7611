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

"""Horizon's panels of Kaopu HA: what is so, what happened and why, and what people may ask.

All that is shown is asked of the API of the service ``instance-ha``, version 2, with the token of
who looks.  Nothing of the package ``kaopu_ha`` is imported: the two meet at the API only.

=====================  ==========================================================================
``client``             asks the API, and says in words what it refuses
``pages``              what every page shares: it lives, and it says so if nothing can be shown
``words``              the API's words in the viewer's language
``picture``            the timeline of a case, as lanes with times
``verbs``              what people ask, with their reason
``news``               what is told in the message area, once per viewer
``hosts`` ...          a panel each
=====================  ==========================================================================
"""
