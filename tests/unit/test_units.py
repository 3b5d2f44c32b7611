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

"""Units, the user and the folder are taken by systemd's own tools, which need no systemd to run."""

import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
import unittest

ETC = pathlib.Path(__file__).resolve().parents[2] / 'etc'
TOOLS = ('systemd-analyze', 'systemd-sysusers', 'systemd-tmpfiles')
FILES = ('kaopu-ha.conf', 'kaopu-ha-api.conf', 'api-uwsgi.ini', 'api-key.pem')
MISSING = [tool for tool in TOOLS if not shutil.which(tool)]


def run(*words):
    """What a tool that ended well printed; a failure otherwise."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, timeout=60)
    if done.returncode:
        raise AssertionError(done.stdout)
    return done.stdout


@unittest.skipIf(MISSING, f'not installed: {MISSING}')
class TestSystemd(unittest.TestCase):

    def setUp(self):
        self.root = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def verified(self, **changed):
        """What systemd says of the units, with programs that are there, and words replaced."""
        paths = []
        for unit in sorted((ETC / 'systemd').glob('*.service')):
            text = unit.read_text().replace('ExecStart=/usr/bin/', 'ExecStart=/bin/true /')
            for old, new in changed.items():
                text = text.replace(old, new)
            paths.append(self.root / unit.name)
            paths[-1].write_text(text)
        self.assertEqual(4, len(paths))
        return run('systemd-analyze', '--man=no', '--recursive-errors=no', 'verify', *paths)

    def test_systemd_has_nothing_to_say_of_the_units(self):
        self.assertEqual('', self.verified())

    def test_a_setting_that_systemd_does_not_know_would_be_seen(self):
        with self.assertRaisesRegex(AssertionError, "Unknown key.*'PrivateTemp'"):
            self.verified(PrivateTmp='PrivateTemp')

    @unittest.skipIf(os.geteuid(),
                     'who is not root here gives nothing to others')
    def test_whatever_holds_a_password_is_for_root_and_the_group_alone(self):
        for name in ('sysusers.d', 'tmpfiles.d'):
            shutil.copytree(ETC / name, self.root / 'etc' / name)
        folder = self.root / 'etc/kaopu-ha'
        folder.mkdir()
        for name in FILES:
            (folder / name).touch()
            (folder / name).chmod(0o644)
        run('systemd-sysusers', f'--root={self.root}', 'kaopu-ha.conf')
        run('systemd-tmpfiles', f'--root={self.root}', '--create', 'kaopu-ha.conf')
        (line,) = (self.root / 'etc/group').read_text().splitlines()
        group = int(line.split(':')[2])
        for path, mode in ((folder, 0o750), *((folder / name, 0o640) for name in FILES)):
            seen = path.stat()
            self.assertEqual((mode, 0, group),
                             (stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid), path)


if __name__ == '__main__':
    unittest.main()
