"""A real S3 server, OpenStack Swift: the whole suite of what buckets must do, and blocks that a sidecar uploads there and a
store gateway serves from there."""

import os
import subprocess
import unittest

from tests.integration import answers, harness, swift_server

START_S = 1_700_006_400
HOURS = 4
RANGE = {"start": START_S + 600, "end": START_S + HOURS * 3600, "step": 300}
SUITE_TIMEOUT_S = 300


@unittest.skipIf(swift_server.missing(), swift_server.missing())
class SwiftTest(harness.ClusterTest):
    @classmethod
    def start_cluster(cls):
        cls.swift = swift_server.SwiftServer(cls.cluster, harness.free_port)

    def test_keeps_the_rules_of_buckets(self):
        self.swift.make_bucket("suite")
        suite = subprocess.run(
            [harness.TOOL_DIR / "objstore_test", "--gtest_filter=RealS3/*"], capture_output=True, text=True, timeout=SUITE_TIMEOUT_S,
            env={**os.environ, "THANOS_TEST_S3_ENDPOINT": self.swift.endpoint, "THANOS_TEST_S3_BUCKET": "suite",
                 "THANOS_TEST_S3_REGION": swift_server.REGION, "THANOS_TEST_S3_ACCESS_KEY": swift_server.ACCESS_KEY,
                 "THANOS_TEST_S3_SECRET_KEY": swift_server.SECRET_KEY})
        self.assertEqual(suite.returncode, 0, suite.stdout[-4000:] + suite.stderr[-2000:])
        self.assertRegex(suite.stdout, r"\[  PASSED  \] [1-9]\d+ tests")

    def test_wrong_keys_and_buckets_are_said_at_start(self):
        self.swift.make_bucket("blocks-refused")
        for config, text in ((self.swift.config("blocks-refused").replace(swift_server.SECRET_KEY + "\n", "wrong\n"), "SignatureDoesNotMatch"),
                             (self.swift.config("no-such-bucket"), "NoSuchBucket")):
            process, _, _ = self.cluster.component("thanos-store", f"store-{text}", [
                f"--data-dir={self.cluster.path('data-' + text)}", f"--objstore.config={config}"], wait=False)
            harness.wait_for(lambda: text in process.log_path.read_text(), f"{text} in the log")
            process.kill()

    def test_uploads_and_serves_blocks(self):
        self.swift.make_bucket("blocks")
        data = self.cluster.path("data")
        harness.make_blocks(data, f"--start={START_S}", f"--hours={HOURS}", "--series=100")
        directory = data / "prometheus-a"
        _, prometheus = self.cluster.prometheus("prometheus-a", directory, external_labels={"cluster": "x", "replica": "a"})
        # Large files go in parts, below a prefix.
        config = self.swift.config("blocks", "  part_size: 5242880\nprefix: some/folder\n")
        sidecar, _, _ = self.cluster.sidecar("sidecar", prometheus, directory, [
            f"--objstore.config={config}", "--shipper.upload-compacted"])
        blocks = sorted(path.parent for path in directory.glob("*/meta.json"))
        self.assertTrue(blocks)

        def is_uploaded(block):
            return self.swift.call("GET", f"blocks/some/folder/{block.name}/meta.json")[0] == 200

        harness.wait_for(lambda: all(is_uploaded(b) for b in blocks), "the upload of all blocks", 60)
        sidecar.stop()
        for block in blocks:
            for name in ("index", "chunks/000001"):
                self.assertEqual(self.swift.call("GET", f"blocks/some/folder/{block.name}/{name}")[1], (block / name).read_bytes())
        _, _, store = self.cluster.component("thanos-store", "store", [
            f"--data-dir={self.cluster.path('store-data')}", f"--objstore.config={config}"])
        _, querier, _ = self.cluster.querier("query", [store])
        for query in ("count(temperature_celsius)", "sum(temperature_celsius)", "avg_over_time(temperature_celsius[10m])"):
            _, expected = harness.get_json(prometheus + "/api/v1/query_range", {"query": query, **RANGE})
            self.assertTrue(expected["data"]["result"])
            status, body = harness.get_json(querier + "/api/v1/query_range", {"query": query, **RANGE, "partial_response": "false"})
            self.assertEqual((status, body.get("warnings")), (200, None), body)
            self.assertIsNone(answers.difference(body, expected, drop_labels=("cluster", "replica")), query)
