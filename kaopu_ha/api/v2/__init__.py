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

"""Our own resources: what ``kaopu-ha`` shows and asks, for programs and for the people of projects.

======================================  ==========================================================
``routes``                              all of it on one screen
``front``                               one request, from its first check to its answer
``declared``                            what is said of each: who may, what it takes, what it gives
``openapi``                             the document that is made of that
``inquiry``                             what a handler is given, and what it may use
``newsroom``                            the latest news, for who comes again with a cursor
``hosts`` ``cases`` ``recoveries`` ...  a noun each
======================================  ==========================================================

What is shown is made in ``telling``, of the same records by the same code as the command's.
"""
