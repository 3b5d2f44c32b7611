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

"""What the etcd store makes of answers that no healthy cluster gives: by members that we play."""

from concurrent import futures
import time
import unittest

import grpc

from kaopu_ha import ports
from kaopu_ha.drivers.etcd import store as etcd
from kaopu_ha.drivers.etcd import wire


class FakeMember:
    """Answers transactions by what it is given to say: header fields, or an error."""

    def __init__(self, *, cluster=7, term=3, revision=10, error=None):
        self.cluster, self.term, self.revision, self.error = cluster, term, revision, error
        self.asked = self.logged_in = 0
        self.log_in_seconds = 0.0
        self._server = grpc.server(futures.ThreadPoolExecutor(2))
        self._server.add_generic_rpc_handlers((self,))
        self.endpoint = f'127.0.0.1:{self._server.add_insecure_port("127.0.0.1:0")}'
        self._server.start()

    def service(self, details):
        """Handle Txn and Status; what gRPC asks a handler for."""
        method = {one.path: one for one in (wire.TXN, wire.STATUS, wire.AUTHENTICATE)}[
            details.method]

        def answer(_request, context):
            if method is wire.TXN:
                self.asked += 1
                if self.error:
                    context.abort(*self.error)
            reply = method.reply()
            reply.header.cluster_id = self.cluster
            reply.header.raft_term = self.term
            reply.header.revision = self.revision
            if method is wire.TXN:
                reply.succeeded = True
            if method is wire.AUTHENTICATE:
                self.logged_in += 1
                time.sleep(self.log_in_seconds)
                reply.token = f'token {self.logged_in}'
            return reply

        return grpc.unary_unary_rpc_method_handler(
            answer, response_serializer=lambda reply: reply.SerializeToString())

    def close(self):
        """End the server."""
        self._server.stop(0).wait()


class EtcdCallsTest(unittest.TestCase):
    """Two members that do not agree."""

    kind = etcd.EtcdStore

    def members(self, first, second):
        """A store that uses the first one first; and both."""
        both = [FakeMember(**first), FakeMember(**second)]
        made = self.kind([one.endpoint for one in both], first=0, timeout=1.0, try_limit=0.5)
        self.addCleanup(lambda: [one.close() for one in both])
        self.addCleanup(made.close)
        return made, *both

    def test_a_member_that_fell_behind_is_left_for_the_next(self):
        for behind in ({'term': 2}, {'revision': 9}):
            made, first, second = self.members({}, {'revision': 11})
            self.assertEqual(10, made.read('/a').revision)
            first.__dict__.update(behind)
            self.assertEqual(11, made.read('/a').revision)
            self.assertEqual(1, second.asked)

    def test_a_member_of_another_cluster_is_left_for_the_next(self):
        made, first, second = self.members({}, {'revision': 11})
        made.read('/a')
        first.cluster, first.revision = 8, 100
        self.assertEqual(11, made.read('/a').revision)

    def test_many_calls_at_once_log_in_once(self):
        """etcd makes a log-in slow on purpose: one for each loop would outlast every limit."""
        member = FakeMember()
        member.log_in_seconds = 0.2
        self.addCleanup(member.close)
        made = self.kind([member.endpoint], timeout=20.0, try_limit=5.0, user='ha', password='x')
        self.addCleanup(made.close)
        with futures.ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: made.read('/a').revision, range(8)))
        self.assertEqual(([10] * 8, 1), (found, member.logged_in))

    def test_members_that_all_fell_behind_are_no_answer(self):
        made, first, second = self.members({}, {})
        made.read('/a')
        first.revision = second.revision = 9
        with self.assertRaisesRegex(ports.StoreError, 'stale'):
            made.read('/a')

    def test_a_read_whose_member_ran_out_of_time_goes_to_the_next(self):
        """etcd 3.4 says UNKNOWN where later releases say UNAVAILABLE."""
        for code in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNAVAILABLE):
            made, _, second = self.members({'error': (code, 'context deadline exceeded')}, {})
            self.assertEqual(10, made.read('/a').revision)
            self.assertEqual(1, second.asked)

    def test_a_commit_whose_member_ran_out_of_time_is_not_repeated(self):
        for code, words in ((grpc.StatusCode.UNKNOWN, 'context deadline exceeded'),
                            (grpc.StatusCode.UNAVAILABLE, 'etcdserver: request timed out'),
                            (grpc.StatusCode.UNAVAILABLE, 'etcdserver: leader changed'),
                            (grpc.StatusCode.UNAVAILABLE, 'Socket closed')):
            made, first, second = self.members({'error': (code, words)}, {})
            self.assertRaises(ports.OutcomeUnknown, made.commit, [], [ports.Put('/a', '1')])
            self.assertEqual((1, 0), (first.asked, second.asked))

    def test_a_commit_that_a_member_without_leader_did_not_take_goes_to_the_next(self):
        made, _, second = self.members(
            {'error': (grpc.StatusCode.UNAVAILABLE, 'etcdserver: no leader')}, {})
        self.assertEqual(10, made.commit([], [ports.Put('/a', '1')]))
        self.assertEqual(1, second.asked)

    def test_a_commit_that_etcd_refuses_is_not_repeated(self):
        for code, words in ((grpc.StatusCode.INVALID_ARGUMENT, 'etcdserver: duplicate key given'),
                            (grpc.StatusCode.RESOURCE_EXHAUSTED, 'etcdserver: mvcc: database '
                                                                 'space exceeded')):
            made, _, second = self.members({'error': (code, words)}, {})
            with self.assertRaisesRegex(ports.StoreError, words):
                made.commit([], [ports.Put('/a', '1')])
            self.assertEqual(0, second.asked)

    def test_a_commit_does_not_go_to_a_member_that_is_of_another_cluster_or_stale(self):
        for wrong in ({'cluster': 8}, {'term': 2}):
            made, first, second = self.members({}, wrong)
            made.read('/a')
            first.close()
            self.assertRaises(ports.PortError, made.commit, [], [ports.Put('/a', '1')])
            self.assertEqual(0, second.asked)

    def test_a_commit_to_members_that_are_not_there_was_surely_not_done(self):
        made, first, second = self.members({}, {})
        first.close()
        second.close()
        self.assertRaises(ports.StoreError, made.commit, [], [ports.Put('/a', '1')])
