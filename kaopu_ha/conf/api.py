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

"""What the API needs besides the store and the cloud."""

from __future__ import annotations

from oslo_config import cfg

GROUP = 'api'

OPTS = [
    cfg.StrOpt('link_prefix', default='',
               help='URL of the API as clients reach it, like https://cloud.example.org/instance-'
                    'ha.  The links that it shows begin so.  Empty: as it was asked, which is '
                    'right where no proxy stands before it, or [oslo_middleware] '
                    'enable_proxy_headers_parsing is on.'),
    cfg.IntOpt('rows_max', default=1000, min=1, max=10000,
               help='Most rows of one list.  Who asks for no number gets so many.'),
    cfg.IntOpt('notifications_max', default=5000, min=100, max=100000,
               help='Most notifications that are kept.  With a new one the oldest that have ended '
                    'go.  While so many have not ended none is taken.'),
    cfg.IntOpt('waiting_max', default=4, min=1, max=1000,
               help='Most requests for news (GET /v2/news) that wait in one process at one time.  '
                    'Who comes more is answered at once, and comes again.  Each of them holds a '
                    'thread of the server: so it has to be smaller than their number.'),
    cfg.FloatOpt('duplicate_seconds', default=180.0, min=0.0, max=86400.0,
                 help='A notification of the same kind, host and payload is a repetition within '
                      'so many seconds before and after another, by the times that their senders '
                      'give.  One that has failed may be sent again at once.'),
]
