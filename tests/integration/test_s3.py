"""Blocks in an S3 bucket: what the sidecar uploads is what lies on its disk, what the store gateway serves from S3 is what it
serves from a directory, and a failing or lying server leads to warnings and errors, never to other numbers."""

import random

from tests.integration import answers, harness, s3_server

START_S = 1_700_006_400
HOURS = 4
QUERIES = ["sum by (replica) (temperature_celsius)", "count(temperature_celsius)", "avg_over_time(temperature_celsius[10m])"]


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

    def test_missing_credentials_are_said_at_start(self):
        config = self.server().config().replace("access_key", "# a").replace("secret_key", "# s")
        process, _, _ = self.cluster.component("thanos-store", "store-keyless", [
            f"--data-dir={self.cluster.path('keyless-data')}", f"--objstore.config={config}"], wait=False)
        self.assertNotEqual(process.popen.wait(20), 0)
        self.assertIn("no S3 credentials", process.tail())
