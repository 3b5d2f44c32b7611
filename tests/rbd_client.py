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


"""A real librbd client, as a process of its own: it has images open as a QEMU has its disks.

Run by the distribution's Python, which has the modules rados and rbd.  Its first line is the
images to create (or nothing), its second those to open; then each line on its input is an order:
``write`` writes to every image, ``close`` closes them; the answer is ``ok`` or the error.
"""

import os
import sys

import rados
import rbd

_SIZE = 1 << 22


def main(conf, user, keyring, pool):
    """Open what is asked for, then obey until the input ends."""
    cluster = rados.Rados(conffile=conf, rados_id=user, conf={
        'keyring': keyring, 'client_mount_timeout': '5', 'rados_osd_op_timeout': '5',
        'rados_mon_op_timeout': '5'})
    try:
        cluster.connect()
        context = cluster.open_ioctx(pool)
        for name in sys.stdin.readline().split():
            rbd.RBD().create(context, name, _SIZE)
        images = [rbd.Image(context, name) for name in sys.stdin.readline().split()]
    except (rados.Error, rbd.Error) as failure:
        say(f'error {failure}')
        return
    say('ok')
    for order in sys.stdin:
        try:
            for image in images:
                obey(order.strip(), image)
            say('ok')
        except rbd.Error as failure:
            say(f'error {failure}')


def obey(order, image):
    """Do to an image what was ordered."""
    if order == 'close':
        image.close()
    else:
        image.write(b'here', 0)
        image.flush()


def say(text):
    """Answer."""
    sys.stdout.write(text + '\n')
    sys.stdout.flush()


if __name__ == '__main__':
    main(*sys.argv[1:])
    # librbd's destructors hang when its client is blocklisted.
    os._exit(0)
