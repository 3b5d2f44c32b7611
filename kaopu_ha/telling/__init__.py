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

"""Telling: what the core decided is worth telling (``core.news``), to people and to machines.

::

    decide --> News --> Dispatcher --> log, at once
                          |  `-------> an outbox for each notifier that waits
                          `----------> Measures: counters for Prometheus
    the store --> standing: gauges, read when they are scraped
    a process --> presence: its record in the store; contact: that the store is away
    records --> picture --> explained, story, stormy: what people are shown
                      `---> asking: what they ask, as it is written down

Nobody who decides or does waits for it, and nothing is decided by it.
"""
