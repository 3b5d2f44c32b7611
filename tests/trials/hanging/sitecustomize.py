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
"""For a process of the trials only: calls that touch a disk first, which may hang in the kernel.

``TRIAL_CALLS`` names them, MODULE:QUALIFIED.NAME[@PROGRAM], with commas between; with a program,
only where that module is what Python runs.  ``TRIAL_DISK`` is a file: while its file system is
frozen, each of these calls waits in the kernel and can't be killed.  ``TRIAL_NOTES`` is a file on
another file system: each call writes its name there first, so that it is known when it began.
"""

import functools
import importlib.abc
import importlib.machinery
import os
import sys


def _touched(function, name):
    @functools.wraps(function)
    def first(*args, **options):
        with open(os.environ['TRIAL_NOTES'], 'a') as notes:
            notes.write(name + '\n')
        with open(os.environ['TRIAL_DISK'], 'a') as disk:
            disk.write('.')
        return function(*args, **options)
    return first


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules with such calls as ever, and puts the touch in front of the calls."""

    def __init__(self, calls):
        self._calls = calls

    def find_spec(self, name, path=None, target=None):
        names = [what for module, what in self._calls if module == name]
        spec = importlib.machinery.PathFinder.find_spec(name, path) if names else None
        if spec is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                for each in names:
                    holder, _, last = each.rpartition('.')
                    owner = getattr(module, holder) if holder else module
                    setattr(owner, last, _touched(getattr(owner, last), f'{name}:{each}'))
            spec.loader.exec_module = exec_module
        return spec


def _wanted():
    for call in os.environ.get('TRIAL_CALLS', '').split(','):
        what, _, program = call.partition('@')
        if what and (not program or program in sys.orig_argv):
            yield what.split(':')


sys.meta_path.insert(0, _Finder(list(_wanted())))
