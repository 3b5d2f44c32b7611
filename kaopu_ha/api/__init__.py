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

"""The API that Masakari's users already speak, ``instance-ha`` 1.0 to 1.3; and our own resources.

======================================  ==========================================================
``routes``                              the API on one screen
``front``                               one request, from its first check to its answer
``versions``                            which microversion is meant; what there is
``call``                                what a handler is given: who asks, and for what
``books``                               reads and transactions: each request one of them
``listing``                             limit, marker, sorting and filters of every list
``faults``                              errors, as that API shows them
``bodies``                              what a body must be
``deploy``                              the WSGI application: who is asked before us
``handlers/``                           a noun each: the decisions on records, and what is shown
``schemas/``                            a noun each: what a body must be
``policies/``                           a noun each: who may do it
``v2/``                                 our own resources
======================================  ==========================================================

It writes records and reads them; it decides about no host.  A leader does, when it likes to.
"""
