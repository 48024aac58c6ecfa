"""The store gateway as a process: many blocks cost little time and memory, files that are cut short under it end no process,
and its limits answer as errors."""

import os
import shutil
import time
import unittest

from bench.macro import store_start
from tests.integration import harness, s3_server

START_S = 1_700_006_400
HOURS = 4
AT_S = START_S + 3600
NUM_BLOCKS = 200
MAX_RSS_MIB = 60
# Far above what it takes, because tests share their machine; bench/macro/store_start.py measures.
MAX_READY_S = 10


class StoreTest(harness.ClusterTest):
    @classmethod
    def start_cluster(cls):
        cls.data = cls.cluster.path("data")
        harness.make_blocks(cls.data, f"--start={START_S}", f"--hours={HOURS}", "--series=2000")
        cls.blocks = sorted(path.name for path in (cls.data / "bucket").iterdir() if (path / "meta.json").exists())

    def copy_of_bucket(self, name):
        target = self.cluster.directory / name
        shutil.copytree(self.data / "bucket", target)
        return target

    def querier(self, name, address):
        process, url, _ = self.cluster.querier("query-" + name, [address])
        self.addCleanup(process.kill)
        harness.wait_for(lambda: harness.get_json(url + "/api/v1/stores")[1]["data"], "the store in the querier")
        return url

    @staticmethod
    def ask(url, query="count(temperature_celsius)", partial="true", at_s=AT_S):
        return harness.get_json(url + "/api/v1/query", {"query": query, "time": at_s, "dedup": "false", "partial_response": partial})

    def test_many_blocks(self):
        many = self.cluster.path("many")
        store_start.copy_blocks(self.data / "bucket" / self.blocks[0], many, NUM_BLOCKS)
        for what in ("first start", "index-headers there"):
            began = time.monotonic()
            process, url, _ = self.cluster.store("store-many", many)
            took = time.monotonic() - began
            rss, _ = store_start.rss_mib(process)
            self.assertEqual(store_start.metric(url, "thanos_bucket_store_blocks_loaded"), NUM_BLOCKS)
            self.assertEqual(process.stop(), 0)
            self.assertLess(took, MAX_READY_S, what)
            self.assertLess(rss, MAX_RSS_MIB, what)

    def test_metas_behind_latency(self):
        template = store_start.json.loads((self.data / "bucket" / self.blocks[0] / "meta.json").read_text())
        slow = store_start.SlowMetas(template, 300, 0.02)
        self.addCleanup(slow.close)
        process, url, _ = self.cluster.component("thanos-store", "store-slow", [
            f"--data-dir={self.cluster.path('slow-data')}", f"--objstore.config={slow.config()}",
            "--store.index-header-lazy-download-strategy=lazy", "--block-meta-fetch-concurrency=16"])
        self.addCleanup(process.kill)
        self.assertEqual(store_start.metric(url, "thanos_bucket_store_blocks_loaded"), 300)
        # The listing, and one read each for meta and deletion mark; as many at a time as allowed.
        self.assertLessEqual(slow.num_requests, 2 * 300 + 5)
        self.assertLessEqual(slow.most_in_flight, 32)
        self.assertGreaterEqual(slow.most_in_flight, 8)

    def test_files_cut_short_under_a_running_store(self):
        bucket = self.copy_of_bucket("bucket-cut")
        process, _, address = self.cluster.store("store-cut", bucket)
        url = self.querier("cut", address)
        whole = self.ask(url)[1]
        self.assertFalse(whole.get("warnings"))
        self.assertTrue(whole["data"]["result"])
        for file, size in (("chunks/000001", 70_000), ("index", 5_000)):
            path = bucket / self.blocks[0] / file
            self.assertGreater(path.stat().st_size, size)
            os.truncate(path, size)
            status, body = self.ask(url, "count(count_over_time({__name__=~'.+'}[1h]))")
            self.assertEqual(status, 200, body)
            self.assertTrue(any(self.blocks[0] in warning for warning in body["warnings"]), body["warnings"])
            status, body = self.ask(url, "count(count_over_time({__name__=~'.+'}[1h]))", partial="false")
            self.assertNotEqual(status, 200)
            self.assertIn(self.blocks[0], body["error"])
            self.assertIsNone(process.popen.poll(), "the store lives")
        # The other block is served as before.
        later = START_S + 3 * 3600
        status, body = self.ask(url, at_s=later)
        self.assertEqual(status, 200)
        self.assertTrue(body["data"]["result"])
        # Its index-header may be lost too: it is built again.
        header = self.cluster.directory / "store-cut-data" / self.blocks[1] / "index-header"
        os.truncate(header, 100)
        harness.wait_for(lambda: not self.ask(url, at_s=later)[1].get("warnings"), "a new index-header")
        self.assertEqual(self.ask(url, at_s=later)[1]["data"], body["data"])
        self.assertGreater(header.stat().st_size, 100)

    def check_refused(self, name, flags, text, bucket_config=None):
        argv = [f"--data-dir={self.cluster.path(name + '-data')}", *flags,
                bucket_config or f"--objstore.config-file={self.cluster.bucket_config(self.data / 'bucket')}"]
        process, _, address = self.cluster.component("thanos-store", name, argv)
        self.addCleanup(process.kill)
        status, body = self.ask(self.querier(name, address), partial="false")
        self.assertNotEqual(status, 200, f"{flags} must be a limit")
        self.assertIn(text, body["error"])

    def test_limits_are_errors(self):
        self.check_refused("store-series", ["--store.limits.request-series=3"], "limit")
        self.check_refused("store-samples", ["--store.limits.request-samples=100"], "limit")
        self.check_refused("store-touched", ["--store.grpc.touched-series-limit=3"], "exceeded series limit")
        self.check_refused("store-bytes", ["--store.grpc.downloaded-bytes-limit=1KB"], "exceeded bytes limit")
        server = s3_server.S3Server()
        self.addCleanup(server.close)
        server.load(self.data / "bucket")
        self.check_refused("store-pool", ["--chunk-pool-size=1KB"], "chunk pool exhausted", f"--objstore.config={server.config()}")

    def test_time_partition(self):
        cut_s = START_S + 2 * 3600
        cut = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(cut_s))
        answers = {}
        for name, flag in (("store-old", f"--max-time={cut}"), ("store-new", f"--min-time={cut}")):
            process, _, address = self.cluster.store(name, self.data / "bucket", [flag])
            self.addCleanup(process.kill)
            url = self.querier(name, address)
            answers[name] = [bool(self.ask(url, at_s=at)[1]["data"]["result"]) for at in (cut_s - 1800, cut_s + 1800)]
        self.assertEqual(answers, {"store-old": [True, False], "store-new": [False, True]})


if __name__ == "__main__":
    unittest.main()
