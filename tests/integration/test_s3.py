"""Blocks in an S3 bucket: what the sidecar uploads is what lies on its disk, what the store gateway serves from S3 is what it
serves from a directory, and a failing or lying server leads to warnings and errors, never to other numbers."""

import os
import random
import shutil
import threading
import unittest.mock

from tests.integration import answers, harness, s3_server

START_S = 1_700_006_400
HOURS = 4
QUERIES = ["sum by (replica) (temperature_celsius)", "count(temperature_celsius)", "avg_over_time(temperature_celsius[10m])"]


def without_keys(server, extra=""):
    return server.config(extra).replace("access_key", "# a").replace("secret_key", "# s")


class Faults:
    """A plan for s3_server: a share of the requests goes wrong, each in one of many ways."""

    def __init__(self, seed, share):
        self.random, self.share, self.lock, self.count = random.Random(seed), share, threading.Lock(), 0

    def __call__(self, method, key, query):
        with self.lock:
            if self.random.random() >= self.share:
                return None
            self.count += 1
            faults = [s3_server.Fault(status=500), s3_server.Fault(status=503, code="SlowDown"), s3_server.Fault(delay_s=0.2)]
            if method in ("GET", "POST"):
                faults.append(s3_server.Fault(cut=True))
            if method in ("PUT", "POST", "DELETE"):
                faults += 2 * [s3_server.Fault(status=500, applied=True)]
            if method == "GET" and key:
                faults += 2 * [s3_server.Fault(flip=True), s3_server.Fault(shorten=1)]
            if method == "GET" and not key:
                faults += 2 * [s3_server.Fault(drop_entry=True)]
            return self.random.choice(faults)


class S3Test(harness.ClusterTest):
    @classmethod
    def start_cluster(cls):
        cls.data = cls.cluster.path("data")
        harness.make_blocks(cls.data, f"--start={START_S}", f"--hours={HOURS}", "--series=100")
        _, _, store = cls.cluster.store("store-directory", cls.data / "bucket")
        _, cls.reference, _ = cls.cluster.querier("query-directory", [store])

    def server(self, load=True):
        server = s3_server.S3Server()
        self.addCleanup(server.close)
        if load:
            server.load(self.data / "bucket")
        return server

    def store_and_querier(self, name, server):
        process, _, address = self.cluster.component("thanos-store", f"store-{name}", [
            f"--data-dir={self.cluster.path(name + '-data')}", f"--objstore.config={server.config()}"])
        _, querier, _ = self.cluster.querier(f"query-{name}", [address])
        return process, querier

    @staticmethod
    def ask(querier, query, partial="true"):
        return harness.get_json(querier + "/api/v1/query_range", {
            "query": query, "start": START_S + 600, "end": START_S + HOURS * 3600, "step": 300,
            "dedup": "false", "partial_response": partial}, timeout_s=120)

    def agrees(self, querier, query):
        """None, or what differs; an answer with warnings or an error differs."""
        status, body = self.ask(querier, query)
        if status != 200 or body.get("warnings"):
            return f"{status} {body}"[:500]
        expected = self.ask(self.reference, query)[1]
        self.assertTrue(expected["data"]["result"])
        return answers.difference(body, expected)

    def test_store_answers_as_from_a_directory(self):
        server = self.server()
        _, querier = self.store_and_querier("good", server)
        harness.wait_for(lambda: self.ask(querier, QUERIES[1])[1]["data"]["result"], "the store's answer")
        for query in QUERIES:
            self.assertIsNone(self.agrees(querier, query), query)
        self.assertEqual(server.refusals, [])
        self.assertTrue(any(method == "GET" and key.endswith("chunks/000001") for method, key, _ in server.requests))

    def test_passing_failures_are_not_seen(self):
        server, source = self.server(), random.Random(7)
        faults = [s3_server.Fault(status=500), s3_server.Fault(status=503), s3_server.Fault(cut=True), s3_server.Fault(shorten=1)]
        # Lengths that agree are noticed for ranges only; other reads have a size or checksum of their own.
        server.plan = lambda method, key, query: (
            source.choice(faults if key.endswith("chunks/000001") else faults[:3]) if method == "GET" and source.random() < 0.2 else None)
        _, querier = self.store_and_querier("shaky", server)
        harness.wait_for(lambda: self.ask(querier, QUERIES[1])[1]["data"]["result"], "the store's answer")
        for query in QUERIES:
            self.assertIsNone(self.agrees(querier, query), query)

    def test_lies_give_warnings_or_errors(self):
        server = self.server()
        _, querier = self.store_and_querier("lying", server)
        harness.wait_for(lambda: self.ask(querier, QUERIES[1])[1]["data"]["result"], "the store's answer")
        for fault in (s3_server.Fault(flip=True), s3_server.Fault(shorten=10), s3_server.Fault(status=403)):
            server.plan = lambda method, key, query: fault if key.endswith("chunks/000001") else None
            status, body = self.ask(querier, QUERIES[0])
            if status == 200:
                self.assertTrue(body.get("warnings"), body)
                self.assertNotIn(s3_server.SECRET_KEY, str(body))
            self.assertNotEqual(self.ask(querier, QUERIES[0], "false")[0], 200)
        server.plan = lambda method, key, query: None
        self.assertIsNone(self.agrees(querier, QUERIES[0]))

    def test_sidecar_uploads_its_blocks(self):
        server, source = self.server(load=False), random.Random(11)
        server.plan = lambda method, key, query: s3_server.Fault(status=503) if source.random() < 0.2 else None
        directory = self.data / "prometheus-a"
        _, prometheus = self.cluster.prometheus("prometheus-a", directory, external_labels={"cluster": "x", "replica": "a"})
        sidecar, _, _ = self.cluster.sidecar("sidecar", prometheus, directory, [
            f"--objstore.config={server.config()}", "--shipper.upload-compacted"])
        blocks = sorted(path.parent for path in directory.glob("*/meta.json"))
        self.assertTrue(blocks)
        harness.wait_for(lambda: all(f"{b.name}/meta.json" in server.objects for b in blocks), "the upload of all blocks")
        for block in blocks:
            for name in ("index", "chunks/000001"):
                self.assertEqual(server.objects[f"{block.name}/{name}"], (block / name).read_bytes())
        self.assertEqual((server.refusals, server.uploads), ([], {}))
        sidecar.stop()
        # A store gateway finds them and serves what the Prometheus has.
        server.plan = lambda method, key, query: None
        _, querier = self.store_and_querier("uploaded", server)
        query = "count(temperature_celsius)"
        harness.wait_for(lambda: self.ask(querier, query)[1]["data"]["result"], "the store's answer")
        self.assertEqual(self.ask(querier, query)[1]["data"]["result"][0]["values"],
                         harness.get_json(prometheus + "/api/v1/query_range", {
                             "query": query, "start": START_S + 600, "end": START_S + HOURS * 3600, "step": 300})[1]["data"]["result"][0]["values"])

    def test_nothing_is_wrong_or_lost_while_everything_fails(self):
        seed = random.SystemRandom().randrange(1 << 32)
        self.addCleanup(lambda: print(f"seed {seed}"))
        server = self.server(load=False)
        server.plan = Faults(seed, 0.25)
        directory = self.cluster.path("faults") / "prometheus"
        shutil.copytree(self.data / "prometheus-a", directory)
        _, prometheus = self.cluster.prometheus("prometheus-faults", directory, external_labels={"cluster": "x", "replica": "a"})
        _, _, store = self.cluster.component("thanos-store", "store-faults", [
            f"--data-dir={self.cluster.path('faults-data')}", f"--objstore.config={server.config()}",
            "--sync-block-duration=1s"], wait=False)
        _, querier, _ = self.cluster.querier("query-faults", [store])
        sidecar, _, _ = self.cluster.sidecar("sidecar-faults", prometheus, directory, [
            f"--objstore.config={server.config()}", "--shipper.upload-compacted"])
        expected = {query: self.ask(prometheus, query)[1] for query in QUERIES}
        blocks = sorted(path.parent for path in directory.glob("*/meta.json"))
        self.assertTrue(blocks and all(body["data"]["result"] for body in expected.values()))

        def difference(query, partial="true"):
            """(None or what differs, whether the answer owned up to it)."""
            status, body = self.ask(querier, query, partial)
            if status != 200 or body.get("warnings"):
                return f"{status} {str(body)[:300]}", True
            return answers.difference(body, expected[query], drop_labels=("replica", "cluster")), False

        # While blocks appear, no answer has a sample that Prometheus has not.
        samples = self.raw_samples(prometheus)

        def is_uploaded():
            self.assertLessEqual(self.raw_samples(querier), samples)
            return all(f"{block.name}/meta.json" in server.objects for block in blocks)

        harness.wait_for(is_uploaded, "the upload of all blocks", 90)
        for block in blocks:
            for name in ("index", "chunks/000001"):
                self.assertEqual(server.objects[f"{block.name}/{name}"], (block / name).read_bytes())
        harness.wait_for(lambda: difference(QUERIES[0])[0] is None, "a complete answer through faults", 60)
        # From now on whatever is not the whole answer says so.
        server.plan = Faults(seed + 1, 0.6)
        owned_up = 0
        for i in range(12):
            text, is_said = difference(QUERIES[i % len(QUERIES)], "true" if i % 2 else "false")
            self.assertTrue(text is None or is_said, text)
            owned_up += is_said
        self.assertGreater(server.plan.count, 10)
        # And everything heals by itself.
        server.plan = lambda method, key, query: None
        for query in QUERIES:
            harness.wait_for(lambda: difference(query)[0] is None, f"the right answer to {query}", 60)
        harness.wait_for(lambda: not server.uploads, "the end of unfinished uploads")
        self.assertEqual(server.refusals, [])
        sidecar.stop()

    @staticmethod
    def raw_samples(url):
        """Samples of some series as they are stored, as a set; empty after an error."""
        status, body = harness.get_json(url + "/api/v1/query", {
            "query": f'temperature_celsius{{room=~"r-.*0"}}[{HOURS}h]', "time": START_S + HOURS * 3600, "dedup": "false"}, timeout_s=120)
        if status != 200:
            return set()
        return {(series["metric"]["room"], *sample) for series in body["data"]["result"] for sample in map(tuple, series["values"])}

    def test_keys_of_a_role_are_fetched_and_renewed(self):
        server = self.server()
        sts = s3_server.RoleServer(server, "arn:aws:iam::1:role/store", "pod-token")
        self.addCleanup(sts.close)
        token_file = self.cluster.path("role") / "token"
        token_file.write_text("pod-token\n")
        config = without_keys(server, f"  sts_endpoint: {sts.url}\n")
        with unittest.mock.patch.dict(os.environ, {
                "AWS_WEB_IDENTITY_TOKEN_FILE": str(token_file), "AWS_ROLE_ARN": "arn:aws:iam::1:role/store", "HOME": "/nonexistent"}):
            process, _, address = self.cluster.component("thanos-store", "store-role", [
                f"--data-dir={self.cluster.path('role-data')}", f"--objstore.config={config}"])
        _, querier, _ = self.cluster.querier("query-role", [address])
        harness.wait_for(lambda: self.agrees(querier, QUERIES[0]) is None, "the store's answer")
        self.assertEqual((sts.num_keys, server.refusals), (1, []))
        sts.expire(server)
        self.assertIsNone(self.agrees(querier, QUERIES[0]))
        self.assertEqual(sts.num_keys, 2)
        # An STS that fails is told of, and no more than that.
        sts.fails = True
        sts.expire(server)
        status, body = self.ask(querier, QUERIES[0])
        self.assertTrue(status != 200 or body.get("warnings"), body)
        self.assertNotIn("role-secret", str(body) + process.log_path.read_text())
        sts.fails = False
        harness.wait_for(lambda: self.agrees(querier, QUERIES[0]) is None, "the store's answer with new keys")

    def test_missing_credentials_are_said_at_start(self):
        config = without_keys(self.server())
        with unittest.mock.patch.dict(os.environ, {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}):
            process, _, _ = self.cluster.component("thanos-store", "store-keyless", [
                f"--data-dir={self.cluster.path('keyless-data')}", f"--objstore.config={config}"], wait=False)
        self.assertNotEqual(process.popen.wait(20), 0)
        self.assertIn("no S3 credentials", process.tail())
